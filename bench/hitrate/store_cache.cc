#include "bench/hitrate/store_cache.h"

#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {
namespace {

char* zeroed(std::uint64_t bytes) {
  char* memory = static_cast<char*>(std::calloc(bytes, 1));
  CHECK(memory != nullptr);
  return memory;
}

}  // namespace

StoreCache::StoreCache(const store::StoreOptions& options)
    : region_(zeroed(options.limit_bytes)),
      store_({region_.get(), options.limit_bytes}, options),
      upkeep_due_(limits::upkeep_interval) {}

/// The upkeep that is due before this request, and its key.
store::Key StoreCache::begin(const Request& request) {
  const Duration now = std::chrono::seconds(request.time_seconds);
  while (upkeep_due_ <= now) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(upkeep_due_).count();
    const bool busy = store_.maintain({.items = limits::upkeep_items},
                                      {static_cast<std::uint32_t>(whole) + first_second});
    upkeep_due_ += busy ? limits::busy_upkeep_interval : limits::upkeep_interval;
  }
  now_ = {request.time_seconds + first_second};
  write_key(request.key_id, request.key_bytes, key_);
  return store_.key(key_);
}

bool StoreCache::get(const Request& request) {
  const std::optional<store::ItemView> item = store_.get(begin(request), now_);
  if (!item) return false;
  if (item->value_bytes() >= limits::send_in_place_bytes) store_.unpin(store_.pin(*item));
  return true;
}

void StoreCache::set(const Request& request) {
  const store::Key key = begin(request);
  const store::Outcome outcome = put(key, request);
  if (outcome == store::Outcome::stored) return;
  ++refused_;
  static_cast<void>(store_.remove(key, {}, now_));
}

store::Outcome StoreCache::put(const store::Key& key, const Request& request) {
  store::PutRule rule;
  if (request.ttl_seconds > 0) rule.expiry = {now_.value + request.ttl_seconds};
  if (value_.size() < request.value_bytes) value_.resize(request.value_bytes);
  char digits[20];
  const auto length = [&](std::uint64_t number) {
    return static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr -
                                    digits);
  };
  // "set <key> 0 <ttl> <length>\r\n<value>\r\n": what does not arrive at once becomes a draft.
  const std::size_t line =
      4 + key.bytes.size() + 3 + length(request.ttl_seconds) + 1 + length(request.value_bytes) + 2;
  if (line + request.value_bytes + 2 > limits::receive_bytes) return draft(key, request, rule);
  return store_.put(key, rule, Bytes(value_).substr(0, request.value_bytes), now_).outcome;
}

store::Outcome StoreCache::draft(const store::Key& key, const Request& request,
                                 const store::PutRule& rule) {
  const auto begun = store_.begin(key, request.value_bytes, now_);
  if (!begun) return begun.error();
  std::uint64_t offset = 0;
  while (offset < request.value_bytes) {
    std::array<MutableBytes, limits::send_views_max> windows;
    const std::size_t count = store_.windows(*begun, offset, windows, now_);
    if (count == 0) {
      store_.abandon(*begun);
      return store::Outcome::no_memory;
    }
    for (std::size_t i = 0; i < count; ++i) offset += windows[i].size();
  }
  return store_.commit(*begun, rule, now_).outcome;
}

void StoreCache::remove(const Request& request) {
  static_cast<void>(store_.remove(begin(request), {}, now_));
}

}  // namespace cacheismo::hitrate
