// ChangeLog: the keys of items that have changed, in order, for those who copy a store while it is
// in use. Kept while somebody listens, and not at all else.
//
//   position:  begin()                                     end()
//              | 3 a b c | 1 k | 0 | 5 h e l l o | ... |     --note()-->
//                                ^ a flush: everything
//
//  1. A change of an item is told behind every position that was end() before it. What the item is
//     by now is for the reader to ask: the log has keys alone.
//  2. It has a bound. What is oldest goes for what is new, and whoever has not read it finds its
//     position below begin(): it knows that it has missed something.
//  3. A key that is changed again before anybody was told is not told twice, as far as the
//     `recent_` table remembers it. So a counter takes one entry, not a thousand.
//  4. Reading changes nothing but that; any number may read, each by a position of its own.
//
// Cost: a change copies its key. Where nobody listens: one comparison (Table::note).

#ifndef CACHEISMO_STORE_CHANGE_LOG_H_
#define CACHEISMO_STORE_CHANGE_LOG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::store {

class ChangeLog {
 public:
  /// The first change is told at `begin`. Requires begin > 0 and a capacity that is a power of two
  /// and holds two keys.
  explicit ChangeLog(std::uint64_t begin, std::size_t capacity = limits::change_log_bytes);

  /// The item of `key` has become another one, or is gone. Requires 1 to key_bytes_max bytes.
  void note(Bytes key, std::uint64_t hash);
  /// All items that there were are gone.
  void note_flush();

  [[nodiscard]] std::uint64_t begin() const { return begin_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }

  struct Change {
    std::string key;         ///< empty: a flush
    std::uint64_t next = 0;  ///< position of the change behind it
  };
  /// The change at `position`; nullopt: there is none, or it was forgotten.
  [[nodiscard]] std::optional<Change> at(std::uint64_t position) const;
  /// Somebody knows what stands before `position`: keys in there are told anew when they change.
  void told(std::uint64_t position);

  /// Walks everything; the first broken invariant.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  /// Keys that are remembered to stand in the log already, by their hash; one at most each.
  static constexpr std::size_t recent_keys = 4096;

  [[nodiscard]] bool stands_there(std::uint64_t position, Bytes key) const;
  void append(Bytes key);
  [[nodiscard]] char byte_at(std::uint64_t position) const {
    return bytes_[static_cast<std::size_t>(position & (bytes_.size() - 1))];
  }
  [[nodiscard]] std::size_t size_at(std::uint64_t position) const {
    return 1 + static_cast<std::size_t>(static_cast<unsigned char>(byte_at(position)));
  }

  std::vector<char> bytes_;  ///< position modulo its size
  std::uint64_t begin_;
  std::uint64_t end_;
  std::uint64_t untold_;  ///< nobody has been told of what stands from here on
  std::array<std::uint64_t, recent_keys> recent_{};  ///< position of a key; 0: none
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_CHANGE_LOG_H_
