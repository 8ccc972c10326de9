// Watchers: connections that asked with `watch` to be told what happens.
//
//   ts=1700000000.123456 gid=7 type=item_get key=foo status=found clsid=1 cfd=3 size=5
//
//  1. Free while nobody watches: one comparison per operation.
//  2. A line goes into the watcher's own output buffer or, if that is full, is dropped and counted;
//     nobody waits for a watcher. The next line that fits is preceded by "skipped=N".
//  3. At most limits::watchers_max watch; memcached answers WATCHER_TOO_MANY above 20.
//
// What it is not: it sends nothing. The node's tick sends what has gathered (node.cc).

#ifndef CACHEISMO_NODE_WATCHERS_H_
#define CACHEISMO_NODE_WATCHERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/counters.h"
#include "cacheismo/node/output_buffer.h"

namespace cacheismo::node {

class Watchers {
 public:
  /// What a watcher may ask for; a bit each.
  enum Topic : std::uint8_t { fetchers = 1, mutations = 2, connection_events = 4, deletions = 8 };

  /// The topics that the words of a `watch` line name; fetchers if there are none. nullopt: a word
  /// that names nothing known.
  [[nodiscard]] static std::optional<std::uint8_t> parse_topics(Bytes arguments);

  [[nodiscard]] bool any() const { return count_ != 0; }
  [[nodiscard]] bool any(Topic topic) const { return (topics_ & topic) != 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::uint32_t slot(std::size_t i) const { return watchers_[i].slot; }

  /// False: there are too many. `out` must be leased and live until remove(slot).
  [[nodiscard]] bool add(std::uint32_t slot, std::uint8_t topics, OutputBuffer* out);
  void remove(std::uint32_t slot);

  // ---- Events; `cfd` is the slot of the connection that caused them
  // ------------------------------

  void item_get(WallTime now, Bytes key, bool hit, std::uint32_t cfd, std::uint64_t size,
                Counters& counters);
  void item_store(WallTime now, Bytes key, Bytes status, Bytes command, std::int64_t ttl,
                  std::uint32_t cfd, std::uint64_t size, Counters& counters);
  void item_delete(WallTime now, Bytes key, Bytes command, std::uint32_t cfd, Counters& counters);
  void connection_event(WallTime now, Bytes type, Bytes address, Bytes reason, std::uint32_t cfd,
                        Counters& counters);

 private:
  struct Watcher {
    std::uint32_t slot = 0;
    std::uint8_t topics = 0;
    std::uint64_t skipped = 0;
    OutputBuffer* out = nullptr;
  };
  void publish(Topic topic, Bytes line, Counters& counters);
  /// `ts=... gid=... type=TYPE key=KEY`.
  char* begin_line(char* p, WallTime now, Bytes type);

  std::array<Watcher, limits::watchers_max> watchers_;
  std::size_t count_ = 0;
  std::uint8_t topics_ = 0;
  std::uint64_t line_number_ = 0;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_WATCHERS_H_
