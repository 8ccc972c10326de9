#include "bench/hitrate/sim_cache.h"

#include <chrono>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "sim/world.h"

namespace cacheismo::hitrate {

SimCache::SimCache(std::uint64_t memory_bytes, std::uint64_t item_bytes_max, std::uint64_t seed)
    : wire_({.config = {.memory_bytes = memory_bytes, .item_bytes_max = item_bytes_max},
             .seed = seed}),
      connection_(wire_.connect()),
      started_unix_seconds_(static_cast<std::uint64_t>(
          std::chrono::floor<std::chrono::seconds>(wire_.node_io().now().wall.time_since_epoch())
              .count())) {
  wire_.run();
  CHECK(connection_.connected());
}

std::uint64_t SimCache::hash_seed(std::uint64_t seed) {
  // The first draw of the first host is the node's, at its birth.
  sim::World world(seed);
  return world.add_host("10.0.0.1").random().next();
}

void SimCache::begin(const Request& request) {
  const Duration time = std::chrono::seconds(request.time_seconds);
  if (time > now_) wire_.advance(time - now_);
  now_ = time;
  write_key(request.key_id, request.key_bytes, key_);
  out_.clear();
}

Reply::Kind SimCache::ask(Op op) {
  arrived_ = wire_.ask(connection_, out_);
  const Reply reply = read_reply(Protocol::classic, op, arrived_);
  CHECK_EQ(reply.consumed, arrived_.size());
  return reply.kind;
}

bool SimCache::get(const Request& request) {
  begin(request);
  append_get(Protocol::classic, key_, out_);
  const Reply::Kind kind = ask(Op::get);
  CHECK(kind == Reply::Kind::hit || kind == Reply::Kind::miss);
  return kind == Reply::Kind::hit;
}

void SimCache::set(const Request& request) {
  begin(request);
  if (value_.size() < request.value_bytes) value_.resize(request.value_bytes);
  std::uint64_t exptime = request.ttl_seconds;
  if (exptime > static_cast<std::uint64_t>(limits::relative_expiry_seconds_max)) {
    exptime += started_unix_seconds_ + request.time_seconds;
  }
  append_set(Protocol::classic, key_, Bytes(value_).substr(0, request.value_bytes),
             static_cast<std::uint32_t>(exptime), out_);
  const Reply::Kind kind = ask(Op::set);
  CHECK(kind == Reply::Kind::done || kind == Reply::Kind::refused);
  if (kind == Reply::Kind::refused) ++refused_;
}

void SimCache::remove(const Request& request) {
  begin(request);
  append_delete(Protocol::classic, key_, out_);
  CHECK(ask(Op::remove) == Reply::Kind::done);
}

}  // namespace cacheismo::hitrate
