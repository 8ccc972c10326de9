// PrefixStats: `stats detail`: gets, hits, sets and deletes by the part of the key before a
// delimiter.
//
//   user:42, user:43 -> PREFIX user get 2 hit 1 set 0 del 0
//
//  1. Off by default and free while off. Counts survive `off`; `stats reset` clears them.
//  2. At most limits::prefixes_max prefixes are told apart; operations on further ones are counted
//     under none.
//  3. Listed in the order of their bytes, so that two runs print the same.

#ifndef CACHEISMO_NODE_PREFIX_STATS_H_
#define CACHEISMO_NODE_PREFIX_STATS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/node/output_buffer.h"

namespace cacheismo::node {

class PrefixStats {
 public:
  PrefixStats(char delimiter, bool enabled) : delimiter_(delimiter), enabled_(enabled) {}

  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] char delimiter() const { return delimiter_; }
  void enable(bool on) { enabled_ = on; }
  void clear() { rows_.clear(); }

  void record_get(Bytes key, bool hit);
  void record_set(Bytes key);
  void record_delete(Bytes key);

  /// Appends lines from the `cursor`-th prefix on while there is room; advances `cursor`. True:
  /// that was all (END is not appended).
  [[nodiscard]] bool dump(std::uint64_t& cursor, OutputBuffer& out) const;

 private:
  struct Row {
    std::uint64_t gets = 0;
    std::uint64_t hits = 0;
    std::uint64_t sets = 0;
    std::uint64_t deletes = 0;
  };
  /// nullptr: off, the key has no delimiter, or there are too many prefixes.
  Row* row(Bytes key);

  char delimiter_;
  bool enabled_;
  std::map<std::string, Row, std::less<>> rows_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_PREFIX_STATS_H_
