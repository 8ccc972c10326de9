// CopySink: where a copy puts items: blocks of them to TO, a few under way at a time.
//
//   add(form) --> block --ms cluster:items--> TO       an item longer than a block goes in parts
//
//  1. Blocks arrive in the order of add().
//  2. An item that TO refuses is counted and the rest goes on; TO being full ends the copy.

#ifndef CACHEISMO_COPY_SINK_H_
#define CACHEISMO_COPY_SINK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/copy_wire.h"
#include "cacheismo/node/item_form.h"

namespace cacheismo {

/// Bytes of one request to TO: long enough that a round trip costs little, short enough that TO's
/// other clients wait no longer than for one large value.
inline constexpr std::size_t copy_block_bytes = 256 * KiB;

/// Blocks that are sent ahead of their replies.
inline constexpr std::size_t copy_blocks_ahead = 4;

class CopySink {
 public:
  /// `item_bytes_max`: TO's -I.
  CopySink(CopyWire& wire, std::uint64_t item_bytes_max);

  [[nodiscard]] Result<void, std::string> add(const node::ItemForm& item);
  /// Until TO has answered for everything.
  [[nodiscard]] Result<void, std::string> finish();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// What TO said about blocks with items that it refused; the first few.
  [[nodiscard]] const std::vector<std::string>& refusals() const { return refusals_; }
  /// Blocks with items that it refused, so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  [[nodiscard]] Result<void, std::string> flush();
  [[nodiscard]] Result<void, std::string> send_parts(Bytes form);
  [[nodiscard]] Result<void, std::string> take_replies(std::size_t left);
  void send_block(Bytes key, Bytes data);

  static constexpr std::size_t refusals_max = 10;

  CopyWire& wire_;
  std::size_t block_bytes_max_;
  std::string block_;
  std::size_t under_way_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<std::string> refusals_;
};

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_SINK_H_
