// RingFileSource: a node's ring from a file, with names turned into addresses; and what
// node::EtcdRing needs for the same.
//
//  1. What the file says is taken whole or refused; a node keeps the ring that it has.
//  2. A change is made to what the file says now. Two nodes that change one file at the same time
//     may undo each other: a file cannot be compared and swapped.
//  3. Names are looked up when the file is read, which blocks: use numeric addresses where a
//     resolver may be slow.

#ifndef CACHEISMO_RING_SOURCE_H_
#define CACHEISMO_RING_SOURCE_H_

#include <string>
#include <utility>

#include "cacheismo/base/result.h"
#include "cacheismo/cluster/ring_change.h"
#include "cacheismo/flags.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/etcd_ring.h"

namespace cacheismo {

class RingFileSource final : public node::RingSource {
 public:
  explicit RingFileSource(std::string path) : path_(std::move(path)) {}
  Result<node::RingView, std::string> read() override;
  bool changed() override;
  /// Writes the file again, at once and whole; comments in it are lost.
  Result<void, std::string> change(const cluster::RingChange& change) override;
  std::string report() override { return report_; }

 private:
  std::string path_;
  std::string stamp_;  ///< of the file when it was read
  std::string report_ = "none";
};

/// What a ring in etcd needs. Looks the endpoints up, which blocks; the failure names the one that
/// has no address.
[[nodiscard]] Result<node::EtcdRingOptions, std::string> etcd_options(const EtcdFlags& flags,
                                                                      const std::string& node_name);

}  // namespace cacheismo

#endif  // CACHEISMO_RING_SOURCE_H_
