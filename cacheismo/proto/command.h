// Command: one parsed request line of the memcached text protocol, classic or meta.
//
// All views point into the bytes that were parsed and live as long as they do. A Command is reused
// from one parse to the next: fields that a verb does not name below are stale, not zero.
//
//   verb                         fields
//   get gets                     keys
//   gat gats                     exptime, keys
//   set add replace append
//     prepend                    key, client_flags, exptime, data_bytes, noreply
//   cas                          the same and cas
//   del                          key, noreply
//   incr decr                    key, delta, noreply
//   touch                        key, exptime, noreply
//   flush_all                    exptime (0 if absent), noreply
//   mg ms md ma me               key (decoded where `b` is given), meta; ms: data_bytes
//   verbosity                    delta (the level), noreply
//   lru_crawler cache_memlimit
//     shutdown                   arguments: the rest of the line, noreply (its token included)
//   stats watch                  arguments; noreply is one of them, not an order to be silent
//   version quit mn              none: whatever follows is ignored

#ifndef CACHEISMO_PROTO_COMMAND_H_
#define CACHEISMO_PROTO_COMMAND_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::proto {

enum class Verb : std::uint8_t {
  get,
  gets,
  gat,
  gats,
  set,
  add,
  replace,
  append,
  prepend,
  cas,
  del,
  incr,
  decr,
  touch,
  flush_all,
  version,
  verbosity,
  quit,
  stats,
  cache_memlimit,
  lru_crawler,
  watch,
  shutdown,
  mg,
  ms,
  md,
  ma,
  mn,
  me,
};

/// One meta flag as it was written: `T30` is {'T', "30"}.
struct MetaFlag {
  char letter = 0;
  Bytes argument;
};

/// The flags of a meta command: the tokens in request order, and their values checked and
/// converted.
struct Meta {
  std::array<MetaFlag, limits::meta_tokens_max> tokens;
  std::uint8_t count = 0;
  std::uint64_t letters = 0;  ///< bit (letter - 'A') for each flag present; use has()

  char mode = 0;                             ///< M of ms (S A P R E) and ma (I D), 0 if absent
  std::uint32_t client_flags = 0;            ///< F
  std::optional<std::int64_t> ttl;           ///< T
  std::optional<std::int64_t> vivify;        ///< N
  std::optional<std::int64_t> recache;       ///< R
  std::optional<std::uint64_t> compare_cas;  ///< C
  std::optional<std::uint64_t> assign_cas;   ///< E
  std::uint64_t delta = 1;                   ///< D
  std::uint64_t initial = 0;                 ///< J
  Bytes encoded_key;                         ///< the key as it was sent, for `k` replies
  bool base64 = false;                       ///< b
  bool quiet = false;                        ///< q

  [[nodiscard]] bool has(char letter) const { return (letters >> (letter - 'A')) & 1u; }
  [[nodiscard]] std::span<const MetaFlag> all() const { return {tokens.data(), count}; }
};

struct Command {
  Verb verb = Verb::get;
  bool noreply = false;
  Bytes key;
  Bytes keys;  ///< space-separated, each checked; walk it with KeyCursor
  Bytes arguments;
  std::uint32_t client_flags = 0;
  std::int64_t exptime = 0;      ///< as sent: relative, absolute or negative
  std::uint64_t data_bytes = 0;  ///< length of the data block, its \r\n not counted
  std::uint64_t cas = 0;
  std::uint64_t delta = 0;
  Meta meta;
};

/// Walks the tokens of a line, which only spaces separate: the keys of a multi-get, for one,
/// without storing them.
class KeyCursor {
 public:
  explicit KeyCursor(Bytes keys) : rest_(keys) {}
  /// The next key; empty when there is none.
  [[nodiscard]] Bytes next() {
    std::size_t start = 0;
    while (start < rest_.size() && rest_[start] == ' ') ++start;
    const std::size_t end = rest_.find(' ', start);
    const Bytes key = rest_.substr(start, end == Bytes::npos ? Bytes::npos : end - start);
    rest_ = end == Bytes::npos ? Bytes{} : rest_.substr(end);
    return key;
  }
  [[nodiscard]] Bytes rest() const { return rest_; }

 private:
  Bytes rest_;
};

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_COMMAND_H_
