#include "cacheismo/node/replicas.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/hash.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::node {
namespace {

constexpr Bytes newer_text = "replica: newer ";

std::uint64_t microseconds(WallTime time) {
  const auto count = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, count));
}

/// 0: it does not expire.
store::Seconds expiry_after(std::uint32_t ttl_seconds, store::Seconds now) {
  if (ttl_seconds == 0) return store::never;
  const std::uint64_t at = std::uint64_t{now.value} + ttl_seconds;
  return {static_cast<std::uint32_t>(std::min<std::uint64_t>(at, UINT32_MAX))};
}

Bytes next_word(Bytes& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const Bytes word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

}  // namespace

struct Replicas::Packed {
  Version version;
  Bytes key;
  bool removed = false;
  std::uint32_t client_flags = 0;
  std::uint32_t ttl_seconds = 0;
  Bytes value;
};

std::string Replicas::head_of(const Packed& packed) {
  return fmt::format("{} {} {} {} {}\n{}", to_string(packed.version), packed.key.size(),
                     packed.removed ? 'd' : 'v', packed.client_flags, packed.ttl_seconds,
                     packed.key);
}

Replicas::Replicas(NodeState& node)
    : node_(node),
      self_(hash64(node.config.cluster.node_name, 0)),
      started_us_(microseconds(node.io.now().wall)),
      last_counter_(started_us_),
      versions_(
          {.entries_max = replica_versions_max, .seconds_max = replica_versions_seconds_max}) {}

std::uint64_t Replicas::wall_us() const { return microseconds(node_.io.now().wall); }

std::uint64_t Replicas::epoch() const {
  return node_.routing == nullptr ? 0 : node_.routing->ring().epoch();
}

Version Replicas::next_version() {
  last_counter_ = std::max(last_counter_ + 1, wall_us());
  return {.epoch = epoch(), .counter = last_counter_, .node = self_};
}

// ---- Sending ------------------------------------------------------------------------------------

Result<lua::Host::PackedItem, std::string> Replicas::pack(Bytes item_key) {
  const store::Key stored = node_.store.key(item_key);
  const auto item = node_.store.peek(stored, node_.now);
  if (item && item->is_object()) return failure(std::string("objects cannot be replicated"));
  const Version version = next_version();
  versions_.take(version, stored.hash, node_.now);
  ++counters_.packed;
  if (!item)
    return lua::Host::PackedItem{head_of({.version = version, .key = item_key, .removed = true}),
                                 false};
  const store::Seconds expiry = item->expiry();
  std::string text = head_of(
      {.version = version,
       .key = item_key,
       .client_flags = item->client_flags(),
       .ttl_seconds = expiry == store::never ? 0 : std::max(1U, expiry.value - node_.now.value)});
  const std::size_t head = text.size();
  text.resize(head + item->value_bytes());
  node_.store.copy_value(*item, 0, MutableBytes(text.data() + head, item->value_bytes()));
  return lua::Host::PackedItem{std::move(text), true};
}

lua::Host::PackedItem Replicas::pack(Bytes item_key, const lua::Host::NewValue& value) {
  const Packed packed{.version = next_version(),
                      .key = item_key,
                      .client_flags = value.client_flags,
                      .ttl_seconds = value.ttl_seconds,
                      .value = value.value};
  ++counters_.packed;
  bool here = false;
  if (value.store) {
    versions_.take(packed.version, node_.store.key(item_key).hash, node_.now);
    here = store(packed) == store::Outcome::stored;
  }
  return {head_of(packed).append(packed.value), here};
}

void Replicas::saw(Bytes error) {
  const std::size_t at = error.find(newer_text);
  if (at == Bytes::npos) return;
  const auto version = parse_version(error.substr(at + newer_text.size()));
  if (version) static_cast<void>(check(*version));
}

// ---- Receiving ----------------------------------------------------------------------------------

Result<Replicas::Packed, std::string> Replicas::parse(Bytes block) {
  const auto malformed = [] { return failure("replica: the block is malformed"); };
  const std::size_t line_end = block.find('\n');
  if (line_end == Bytes::npos) return malformed();
  Bytes line = block.substr(0, line_end);
  const auto version = parse_version(next_word(line));
  const auto key_bytes = proto::parse_unsigned(next_word(line));
  const Bytes kind = next_word(line);
  const auto flags = proto::parse_unsigned(next_word(line));
  const auto ttl = proto::parse_unsigned(next_word(line));
  const Bytes rest = block.substr(line_end + 1);
  const bool numbers = version && key_bytes && flags && ttl && line.empty();
  if (!numbers || *flags > UINT32_MAX || *ttl > UINT32_MAX) return malformed();
  if (*key_bytes == 0 || *key_bytes > std::min(limits::key_bytes_max, rest.size()))
    return malformed();
  Packed packed{.version = *version,
                .key = rest.substr(0, *key_bytes),
                .removed = kind == "d",
                .client_flags = static_cast<std::uint32_t>(*flags),
                .ttl_seconds = static_cast<std::uint32_t>(*ttl),
                .value = rest.substr(*key_bytes)};
  if (packed.removed ? !packed.value.empty() : kind != "v") return malformed();
  return packed;
}

Result<void, std::string> Replicas::check(const Version& version) {
  if (version.epoch > epoch() && node_.routing != nullptr) static_cast<void>(node_.routing->load());
  if (version.epoch > epoch())
    return failure(fmt::format("replica: the ring of epoch {} is not known here", version.epoch));
  const auto ahead =
      std::chrono::duration_cast<std::chrono::microseconds>(replica_clock_ahead_max).count();
  if (version.counter > wall_us() + static_cast<std::uint64_t>(ahead))
    return failure("replica: the writer's clock is more than an hour ahead of this node's");
  last_counter_ = std::max(last_counter_, version.counter);
  return {};
}

Result<void, std::string> Replicas::refused(std::string why) {
  ++counters_.refused;
  return failure(std::move(why));
}

Result<void, std::string> Replicas::take(Bytes block) {
  const auto packed = parse(block);
  if (!packed) return refused(packed.error());
  if (auto believed = check(packed->version); !believed) return refused(believed.error());
  const std::uint64_t hash = node_.store.key(packed->key).hash;
  // What was sent to the node that was here before may be older than what that one had.
  const bool of_before = packed->version.counter <= started_us_;
  const auto newer = of_before ? std::optional(Version{epoch(), started_us_, self_})
                               : versions_.newer_than(packed->version, hash);
  if (newer) {
    ++counters_.older;
    return failure(std::string(newer_text) + to_string(*newer));
  }
  versions_.take(packed->version, hash, node_.now);
  if (store(*packed) != store::Outcome::stored) return refused("replica: no memory");
  ++counters_.taken;
  return {};
}

lua::Answer Replicas::answer(Bytes block) {
  const auto taken = take(block);
  if (taken) return {.is = lua::Answer::Is::value, .text = "OK"};
  text_ = taken.error();
  return {.is = lua::Answer::Is::error, .text = text_};
}

store::Outcome Replicas::store(const Packed& packed) {
  const store::Key stored = node_.store.key(packed.key);
  if (!packed.removed) {
    store::PutRule rule;
    rule.client_flags = packed.client_flags;
    rule.expiry = expiry_after(packed.ttl_seconds, node_.now);
    const store::Outcome outcome = node_.store.put(stored, rule, packed.value, node_.now).outcome;
    if (outcome == store::Outcome::stored) return outcome;
    // What it replaces is out of date in any case.
    static_cast<void>(node_.store.remove(stored, {}, node_.now));
    return outcome;
  }
  static_cast<void>(node_.store.remove(stored, {}, node_.now));
  return store::Outcome::stored;
}

}  // namespace cacheismo::node
