#include "bench/hitrate/pfoo.h"

#include <algorithm>
#include <limits>

#include "cacheismo/base/check.h"

namespace cacheismo::hitrate {
namespace {

using Cost = unsigned __int128;  // 2^36 bytes x 2^32 requests do not fit 64 bits

struct Offer {
  Cost cost;
  std::uint64_t bytes;  ///< of the request that hits
};

/// What an item may be at its last use, over all histories of hits and misses.
struct Possible {
  std::uint32_t last_use = 0;
  std::uint64_t bytes_least = 0;
  std::uint64_t expiry_most = 0;
  bool exists = false;
};

}  // namespace

PfooL::PfooL(std::span<const Request> requests, std::uint32_t keys) : requests_(requests) {
  CHECK_LT(requests.size(), std::numeric_limits<std::uint32_t>::max());
  std::vector<Possible> items(keys);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    Possible& item = items[request.key_id];
    if (request.op == Op::remove) {
      item.exists = false;
      continue;
    }
    const std::uint64_t expiry = request.ttl_seconds == 0
                                     ? std::numeric_limits<std::uint64_t>::max()
                                     : std::uint64_t{request.time_seconds} + request.ttl_seconds;
    const auto now = static_cast<std::uint32_t>(i);
    const bool can_hit =
        request.op == Op::get && item.exists && request.time_seconds < item.expiry_most;
    if (can_hit) {
      intervals_.push_back({item.last_use, now, item.bytes_least});
      item.bytes_least = std::min(item.bytes_least, request.bytes());
      item.expiry_most = std::max(item.expiry_most, expiry);
    } else {
      item = {.bytes_least = request.bytes(), .expiry_most = expiry, .exists = true};
    }
    item.last_use = now;
  }
}

Tally PfooL::bound(std::uint64_t capacity_bytes, std::size_t from, std::size_t to) const {
  Tally tally;
  for (std::size_t i = from; i < to; ++i) {
    if (requests_[i].op == Op::get) tally.count(requests_[i], false);
  }
  std::vector<Offer> offers;
  for (const Interval& interval : intervals_) {
    if (interval.end < from || interval.end >= to || interval.stored_bytes > capacity_bytes)
      continue;
    const std::size_t first = std::max<std::size_t>(interval.begin + 1, from);
    offers.push_back({Cost{interval.stored_bytes} * (interval.end - first + 1),
                      requests_[interval.end].bytes()});
  }
  const Cost space = Cost{capacity_bytes} * (to - from);

  std::sort(offers.begin(), offers.end(),
            [](const Offer& a, const Offer& b) { return a.cost < b.cost; });
  Cost left = space;
  for (const Offer& offer : offers) {
    if (offer.cost > left) break;
    left -= offer.cost;
    ++tally.hits;
  }

  const auto per_byte = [](const Offer& offer) {
    return static_cast<double>(offer.cost) / static_cast<double>(offer.bytes);
  };
  std::sort(offers.begin(), offers.end(),
            [&](const Offer& a, const Offer& b) { return per_byte(a) < per_byte(b); });
  left = space;
  for (const Offer& offer : offers) {
    if (offer.cost > left) {
      const double part = static_cast<double>(left) / static_cast<double>(offer.cost);
      tally.hit_bytes += static_cast<std::uint64_t>(part * static_cast<double>(offer.bytes)) + 1;
      break;
    }
    left -= offer.cost;
    tally.hit_bytes += offer.bytes;
  }
  return tally;
}

}  // namespace cacheismo::hitrate
