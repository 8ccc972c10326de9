// Door: the store, through every verb it has (store_play.h says what must hold).

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "fuzz/orders.h"
#include "fuzz/store_play.h"

namespace {

/// An audit walks the whole region after each: what comes behind so many would take minutes.
constexpr int orders_max = 300;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  fuzz::Orders orders(Bytes(reinterpret_cast<const char*>(data), size));
  fuzz::StorePlay play(orders);
  for (int i = 0; i < orders_max && !orders.empty(); ++i) play.obey();
  play.finish();
  return 0;
}
