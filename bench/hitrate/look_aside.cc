#include "bench/hitrate/look_aside.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::hitrate {
namespace {

/// Instead of a length: never stored or deleted since, so that a hit is impossible.
constexpr std::uint32_t absent = std::numeric_limits<std::uint32_t>::max();
/// A store was refused; servers differ in whether the old value stays.
constexpr std::uint32_t unknown = absent - 1;

/// Starts that values are told apart by; a prime, so that neighbours of any stride differ.
constexpr std::uint64_t starts = 4093;

}  // namespace

WireTally& WireTally::operator+=(const WireTally& other) {
  gets += other.gets;
  misses += other.misses;
  get_bytes += other.get_bytes;
  miss_bytes += other.miss_bytes;
  stores += other.stores;
  refused += other.refused;
  return *this;
}

LookAside::LookAside(const Options& options)
    : options_(options), stored_bytes_(options.keys, absent) {
  CHECK_GT(options.depth, 0u);
  // No period: the window at one start is no other's, not even for a few bytes.
  text_.resize(starts + options.value_bytes_max);
  std::uint64_t state = 1;
  for (char& c : text_) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    c = static_cast<char>('a' + (state >> 33) % 26);
  }
}

bool LookAside::may_take(std::uint64_t key_id) const {
  if (taken_ >= options_.depth) return false;
  for (const Flight& flight : flights_) {
    if (flight.op == Op::get && flight.key_id == key_id) return false;
  }
  return true;
}

void LookAside::take(const Request& request, std::uint64_t key_id, std::uint32_t ttl_seconds,
                     WireTally& tally) {
  CHECK_LT(key_id, stored_bytes_.size());
  CHECK_LE(request.value_bytes, options_.value_bytes_max);
  const Flight flight = {.request = request,
                         .op = request.op,
                         .fill = false,
                         .key_id = key_id,
                         .ttl_seconds = ttl_seconds,
                         .tally = &tally};
  ++taken_;
  switch (request.op) {
    case Op::get:
      ++tally.gets;
      tally.get_bytes += request.bytes();
      write_key(key_id, request.key_bytes, key_);
      append_get(options_.protocol, key_, output_);
      flights_.push_back(flight);
      break;
    case Op::set: send_set(flight); break;
    case Op::remove:
      write_key(key_id, request.key_bytes, key_);
      append_delete(options_.protocol, key_, output_);
      flights_.push_back(flight);
      break;
  }
}

void LookAside::send_set(const Flight& flight) {
  ++flight.tally->stores;
  write_key(flight.key_id, flight.request.key_bytes, key_);
  append_set(options_.protocol, key_, value_of(flight.key_id, flight.request.value_bytes),
             flight.ttl_seconds, output_);
  flights_.push_back(flight);
}

Bytes LookAside::value_of(std::uint64_t key_id, std::uint32_t value_bytes) const {
  return Bytes(text_).substr(key_id % starts, value_bytes);
}

Result<std::size_t, std::string> LookAside::answer(Bytes input) {
  std::size_t consumed = 0;
  while (consumed < input.size()) {
    if (flights_.empty()) {
      return failure(fmt::format("bytes without a request: {:.60}", input.substr(consumed)));
    }
    const Reply reply = read_reply(options_.protocol, flights_.front().op, input.substr(consumed));
    if (reply.kind == Reply::Kind::need_more) break;
    if (reply.kind == Reply::Kind::broken) {
      return failure(fmt::format("not a reply to what was asked: {:.60}", reply.value));
    }
    const Flight flight = flights_.front();
    flights_.pop_front();
    if (!flight.fill) --taken_;
    if (const auto settled = settle(reply, flight); !settled) return failure(settled.error());
    consumed += reply.consumed;
  }
  return consumed;
}

Result<void, std::string> LookAside::settle(const Reply& reply, const Flight& flight) {
  std::uint32_t& stored = stored_bytes_[flight.key_id];
  if (reply.kind == Reply::Kind::refused) {
    if (flight.op != Op::set) {
      return failure(fmt::format("the server answered a get or a delete with {}", reply.value));
    }
    if (first_refusal_.empty()) first_refusal_ = std::string(reply.value);
    ++flight.tally->refused;
    stored = unknown;
    return {};
  }
  if (reply.kind == Reply::Kind::hit) return check_hit(reply, flight);
  if (reply.kind == Reply::Kind::miss) {
    ++flight.tally->misses;
    flight.tally->miss_bytes += flight.request.bytes();
    Flight fill = flight;
    fill.op = Op::set;
    fill.fill = true;
    send_set(fill);
    return {};
  }
  stored = flight.op == Op::set ? flight.request.value_bytes : absent;
  return {};
}

Result<void, std::string> LookAside::check_hit(const Reply& reply, const Flight& flight) {
  const std::uint32_t stored = stored_bytes_[flight.key_id];
  write_key(flight.key_id, flight.request.key_bytes, key_);
  if (options_.protocol == Protocol::classic && reply.key != key_) {
    return failure(fmt::format("asked for {} and got {}", key_, reply.key));
  }
  if (stored == unknown) return {};
  if (stored == absent || reply.value != value_of(flight.key_id, stored)) {
    return failure(fmt::format("a wrong value for {}: {} bytes", key_, reply.value.size()));
  }
  return {};
}

}  // namespace cacheismo::hitrate
