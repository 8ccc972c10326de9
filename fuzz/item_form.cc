// Door: the items that another program sends to a node, `ms cluster:items`.
//
// What is read is written again exactly as it came; what the node stores of it, it tells again so,
// and its store stays sound.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/item_copy.h"
#include "cacheismo/node/item_form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  constexpr std::size_t arena_bytes = 1 * MiB;
  constexpr store::Seconds now{100};
  const std::unique_ptr<char, decltype(&std::free)> arena(
      static_cast<char*>(std::calloc(arena_bytes, 1)), std::free);
  store::Store store(std::span(arena.get(), arena_bytes),
                     {.limit_bytes = arena_bytes, .item_bytes_max = 64 * KiB, .hash_seed = 1});
  Bytes rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const Bytes before = rest;
    const auto item = node::take_item(rest);
    if (!item) break;
    std::string again;
    node::append_item(*item, again);
    CHECK(again == before.substr(0, before.size() - rest.size()));
    if (!node::store_form(store, *item, now) || item->kind == node::ItemForm::Kind::gone) continue;
    const std::uint32_t seconds = item->seconds_to_live.value_or(1);
    if (seconds == 0 || seconds >= 1u << 31) continue;
    std::string told;
    CHECK(node::append_form(store, item->key, node::FormOf::item, arena_bytes, now, told));
    CHECK(told == again);
  }
  CHECK(!store.audit().has_value());
  return 0;
}
