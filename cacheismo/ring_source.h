// RingFileSource: a node's ring from a file, with names turned into addresses; and what
// node::EtcdRing needs for the same.
//
//   file ----- changed() each second: is it another one? ----> read() -> RingView
//   NameBook -- do its names stand for other addresses now? --'
//
//  1. What the file says is taken whole or refused; a node keeps the ring that it has.
//  2. A name that is not found has no address, and the ring is good nevertheless: the node behind
//     it may not have started yet.
//  3. Only the first read(), before anything is served, waits for a resolver, and for lookup_wait
//     at most. Names that are new in the file later are looked up before changed() tells of it, but
//     for one call of it at most.
//  4. A change is made to what the file says now. Two nodes that change one file at the same time
//     may undo each other: a file cannot be compared and swapped.
//
// What the ring hashes is the text of the host: a name keeps its keys wherever it moves.

#ifndef CACHEISMO_RING_SOURCE_H_
#define CACHEISMO_RING_SOURCE_H_

#include <chrono>
#include <string>
#include <utility>

#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_change.h"
#include "cacheismo/flags.h"
#include "cacheismo/io/name_lookup.h"
#include "cacheismo/io/resolve.h"
#include "cacheismo/name_book.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/etcd_ring.h"

namespace cacheismo {

/// How long the first read() waits for addresses: for what a resolver on this machine or this
/// network needs.
inline constexpr Duration lookup_wait = std::chrono::milliseconds(500);

class RingFileSource final : public node::RingSource {
 public:
  /// `resolve` is called in another thread.
  explicit RingFileSource(std::string path, io::NameLookup::Resolve resolve = io::resolve_remote,
                          Duration wait = lookup_wait)
      : path_(std::move(path)), names_(std::move(resolve)), wait_(wait) {}
  Result<node::RingView, std::string> read() override;
  bool changed() override;
  /// Writes the file again, at once and whole; comments in it are lost.
  Result<void, std::string> change(const cluster::RingChange& change) override;
  std::string report() override { return report_; }

 private:
  [[nodiscard]] Result<cluster::RingSpec, std::string> parse() const;
  [[nodiscard]] bool awaits_names();

  std::string path_;
  std::string stamp_;    ///< of the file when it was read
  std::string awaited_;  ///< of the one whose new names changed() has begun to look up
  NameBook names_;
  Duration wait_;
  std::string report_ = "none";
};

/// What a ring in etcd needs. `names` outlives it.
[[nodiscard]] node::EtcdRingOptions etcd_options(const EtcdFlags& flags,
                                                 const std::string& node_name,
                                                 node::HostNames& names);

}  // namespace cacheismo

#endif  // CACHEISMO_RING_SOURCE_H_
