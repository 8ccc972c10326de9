#include "cacheismo/node/versions.h"

#include <algorithm>

#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::node {

std::string to_string(const Version& version) {
  return fmt::format("{}.{}.{}", version.epoch, version.counter, version.node);
}

std::optional<Version> parse_version(Bytes text) {
  Version version;
  std::uint64_t* const parts[] = {&version.epoch, &version.counter, &version.node};
  for (std::uint64_t* part : parts) {
    const bool last = part == parts[2];
    const std::size_t end = last ? text.size() : text.find('.');
    if (end == Bytes::npos || text.starts_with('+')) return std::nullopt;
    const auto number = proto::parse_unsigned(text.substr(0, end));
    if (!number) return std::nullopt;
    *part = *number;
    text.remove_prefix(last ? end : end + 1);
  }
  return version;
}

std::optional<Version> VersionTable::newer_than(const Version& version, std::uint64_t key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (version <= floor_) return floor_;
    return std::nullopt;
  }
  const Version& known = found->second->version;
  if (version < known) return known;
  return std::nullopt;  // the same one once more changes nothing
}

std::optional<Version> VersionTable::of(std::uint64_t key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second->version;
}

void VersionTable::take(const Version& version, std::uint64_t key, store::Seconds now) {
  CHECK(!newer_than(version, key));
  forget(now);
  const auto [at, is_new] = by_key_.try_emplace(key, entries_.end());
  if (is_new) {
    if (entries_.size() == bounds_.entries_max) forget_oldest();
    at->second = entries_.insert(entries_.end(), Entry{.key = key, .version = {}, .at = now});
  } else {
    entries_.splice(entries_.end(), entries_, at->second);
  }
  at->second->version = version;
  at->second->at = now;
}

void VersionTable::forget(store::Seconds now) {
  while (!entries_.empty() && now.value - entries_.front().at.value > bounds_.seconds_max)
    forget_oldest();
}

void VersionTable::forget_oldest() {
  const Entry& oldest = entries_.front();
  floor_ = std::max(floor_, oldest.version);
  by_key_.erase(oldest.key);
  entries_.pop_front();
}

std::optional<std::string> VersionTable::audit() const {
  if (entries_.size() != by_key_.size()) return "versions: an entry has no key";
  if (entries_.size() > bounds_.entries_max) return "versions: more entries than allowed";
  store::Seconds before;
  for (const Entry& entry : entries_) {
    const auto found = by_key_.find(entry.key);
    if (found == by_key_.end() || &*found->second != &entry) return "versions: a key is misplaced";
    if (entry.at < before) return "versions: entries are not in the order of their time";
    before = entry.at;
  }
  return std::nullopt;
}

}  // namespace cacheismo::node
