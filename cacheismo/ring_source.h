// RingFileSource: a node's ring from a file, with names turned into addresses; and what
// node::EtcdRing needs for the same.
//
//   file ------ changed() each second: is it another one? ------> read() -> RingView
//   resolver -- every 10th: what do the names stand for now? --'
//
//  1. What the file says is taken whole or refused; a node keeps the ring that it has.
//  2. A name that is not found has no address, and the ring is good nevertheless: the node behind
//     it may not have started yet. One that was found keeps its address until there is another.
//  3. Names are looked up in a thread of their own. read() waits for it only when the file has
//     names that it had not before, and for lookup_wait at most.
//  4. A change is made to what the file says now. Two nodes that change one file at the same time
//     may undo each other: a file cannot be compared and swapped.
//
// Names without an address are looked up at each changed(), numeric addresses never. What the ring
// hashes is the text of the host: a name keeps its keys wherever it moves.

#ifndef CACHEISMO_RING_SOURCE_H_
#define CACHEISMO_RING_SOURCE_H_

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring_change.h"
#include "cacheismo/flags.h"
#include "cacheismo/io/name_lookup.h"
#include "cacheismo/io/resolve.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/etcd_ring.h"

namespace cacheismo {

/// How many changed(), one a second, pass from one lookup to the next. CoreDNS in Kubernetes lets
/// names live for 5 s, dnsmasq for what the authority says: more often would find nothing new.
inline constexpr int asks_per_lookup = 10;

/// How long read() waits for addresses of names that are new in the file: for what a resolver on
/// this machine or this network needs. Nothing else is served meanwhile.
inline constexpr Duration lookup_wait = std::chrono::milliseconds(500);

class RingFileSource final : public node::RingSource {
 public:
  /// `resolve` is called in another thread.
  explicit RingFileSource(std::string path, io::NameLookup::Resolve resolve = io::resolve_remote,
                          Duration wait = lookup_wait)
      : path_(std::move(path)), lookup_(std::move(resolve)), wait_(wait) {}
  Result<node::RingView, std::string> read() override;
  bool changed() override;
  /// Writes the file again, at once and whole; comments in it are lost.
  Result<void, std::string> change(const cluster::RingChange& change) override;
  std::string report() override { return report_; }

 private:
  void learn(const std::vector<std::string>& names);
  bool collect(Duration patience);
  void look_up();

  std::string path_;
  std::string stamp_;  ///< of the file when it was read
  io::NameLookup lookup_;
  Duration wait_;
  std::map<std::string, std::string> addresses_;  ///< of the file's names; empty: not found so far
  int asks_ = 0;                                  ///< since the last lookup
  std::string report_ = "none";
};

/// What a ring in etcd needs. Looks the endpoints up, which blocks; the failure names the one that
/// has no address.
[[nodiscard]] Result<node::EtcdRingOptions, std::string> etcd_options(const EtcdFlags& flags,
                                                                      const std::string& node_name);

}  // namespace cacheismo

#endif  // CACHEISMO_RING_SOURCE_H_
