#include "cacheismo/store/hot_keys.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"

namespace cacheismo::store {
namespace {

constexpr std::uint64_t hash_seed = 0x686F746B657973;

/// What the sample has seen less often may be anything.
constexpr std::uint32_t told_uses_min = 2;

}  // namespace

void HotKeys::note(Bytes key, Seconds now) {
  CHECK_LE(key.size(), limits::key_bytes_max);
  fade(now);
  const std::uint64_t hash = hash64(key, hash_seed);
  Set& set = sets_[hash % sets];
  const auto short_hash = static_cast<std::uint32_t>(hash >> 32);
  std::size_t least = 0;
  for (std::size_t i = 0; i < ways; ++i) {
    if (set.hashes[i] == short_hash && set.kept[i].uses > 0 && set.kept[i].name() == key) {
      ++set.kept[i].uses;
      return;
    }
    if (set.kept[i].uses < set.kept[least].uses) least = i;
  }
  Kept& taken = set.kept[least];
  set.hashes[least] = short_hash;
  taken.missed = taken.uses++;
  taken.key_bytes = static_cast<std::uint8_t>(key.size());
  std::memcpy(taken.key.data(), key.data(), key.size());
}

void HotKeys::fade(Seconds now) {
  if (now.value - faded_.value < half_life_seconds) return;
  const std::uint32_t halves = std::min((now.value - faded_.value) / half_life_seconds, 31u);
  faded_ = now;
  for (Set& set : sets_) {
    for (Kept& kept : set.kept) {
      kept.missed >>= halves;
      kept.uses >>= halves;
    }
  }
}

std::vector<HotKey> HotKeys::list(std::size_t limit, Seconds now) {
  fade(now);
  std::vector<HotKey> list;
  for (const Set& set : sets_) {
    for (const Kept& kept : set.kept) {
      const std::uint32_t seen = kept.uses - kept.missed;
      if (seen >= told_uses_min) list.push_back({.key = std::string(kept.name()), .uses = seen});
    }
  }
  std::sort(list.begin(), list.end(), [](const HotKey& a, const HotKey& b) {
    return a.uses != b.uses ? a.uses > b.uses : a.key < b.key;
  });
  if (list.size() > limit) list.resize(limit);
  return list;
}

std::optional<std::string> HotKeys::audit() const {
  for (std::size_t number = 0; number < sets; ++number) {
    const Set& set = sets_[number];
    for (std::size_t i = 0; i < ways; ++i) {
      const Kept& kept = set.kept[i];
      if (kept.missed > kept.uses) return "a hot key has missed more than it has";
      if (kept.uses == 0) continue;
      const std::uint64_t hash = hash64(kept.name(), hash_seed);
      if (hash % sets != number) return "a hot key is in another set";
      if (set.hashes[i] != static_cast<std::uint32_t>(hash >> 32))
        return "a hot key has another hash";
    }
  }
  return std::nullopt;
}

}  // namespace cacheismo::store
