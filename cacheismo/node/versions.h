// Versions: which state of a replicated key is the newest that this node knows.
//
//   (epoch, counter, node)   compared in this order: the ring's epoch, a clock that only goes up,
//                            and the hash of the writer's name, so that no two are equal
//
//   VersionTable   key --> version      forgets the oldest first, and then for all forgotten keys:
//                  forgotten --> floor  nothing at or below it is taken
//
//  1. A key's version only grows, also across being forgotten: older never wins over newer. What is
//     forgotten costs writers with slow clocks a second try, and nobody a value.
//  2. A delete is a version whose key has no item: the table is where tombstones are.
//  3. Entries and their age are bounded.
//
// What it is not: it holds no values, and knows no clock.
//
// Cost: one hash look-up; about 150 bytes for a key.

#ifndef CACHEISMO_NODE_VERSIONS_H_
#define CACHEISMO_NODE_VERSIONS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "cacheismo/base/bytes.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {

struct Version {
  std::uint64_t epoch = 0;
  std::uint64_t counter = 0;  ///< microseconds since 1970, or more
  std::uint64_t node = 0;
  auto operator<=>(const Version&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// "7.1764132345000000.12345"
[[nodiscard]] std::string to_string(const Version& version);
[[nodiscard]] std::optional<Version> parse_version(Bytes text);

class VersionTable {
 public:
  struct Bounds {
    std::size_t entries_max = 0;
    std::uint32_t seconds_max = 0;  ///< that an entry is kept
  };
  explicit VersionTable(const Bounds& bounds) : bounds_(bounds) {}
  VersionTable(const VersionTable&) = delete;
  VersionTable& operator=(const VersionTable&) = delete;

  /// What `version` of a key loses to; nullopt: it may be taken. `key` is a hash.
  [[nodiscard]] std::optional<Version> newer_than(const Version& version, std::uint64_t key) const;
  /// The version of a key; nullopt: it is not known, or not any more.
  [[nodiscard]] std::optional<Version> of(std::uint64_t key) const;
  /// The key's state has this version from now on. Requires that it may be taken.
  void take(const Version& version, std::uint64_t key, store::Seconds now);
  /// Forgets what is too old.
  void forget(store::Seconds now);

  [[nodiscard]] std::size_t size() const { return by_key_.size(); }
  [[nodiscard]] const Version& floor() const { return floor_; }
  /// The first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Entry {
    std::uint64_t key = 0;
    Version version;
    store::Seconds at;
  };
  using Entries = std::list<Entry>;

  void forget_oldest();

  Version floor_;  ///< the newest version that was forgotten
  Bounds bounds_;
  Entries entries_;  ///< by when they were taken, oldest first
  std::unordered_map<std::uint64_t, Entries::iterator> by_key_;  ///< never iterated in order
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_VERSIONS_H_
