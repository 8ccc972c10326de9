// RingFileSource: a node's ring from a file, with names turned into addresses.
//
//  1. What the file says is taken whole or refused; a node keeps the ring that it has.
//  2. Names are looked up when the file is read, which blocks: use numeric addresses where a
//     resolver may be slow.

#ifndef CACHEISMO_RING_SOURCE_H_
#define CACHEISMO_RING_SOURCE_H_

#include <string>
#include <utility>

#include "cacheismo/base/result.h"
#include "cacheismo/node/config.h"

namespace cacheismo {

class RingFileSource final : public node::RingSource {
 public:
  explicit RingFileSource(std::string path) : path_(std::move(path)) {}
  Result<node::RingView, std::string> read() override;
  bool changed() override;

 private:
  std::string path_;
  std::string stamp_;  ///< of the file when it was read
};

}  // namespace cacheismo

#endif  // CACHEISMO_RING_SOURCE_H_
