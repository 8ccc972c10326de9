// Cuts: a byte stream in pieces, as a network may deliver it, chosen by the stream's own bytes.
//
// The fuzzer owns every byte of its input; taking the cuts from a hash of it keeps the input a
// plain stream, so that seeds are readable files and a finding can be sent to a server as it is.

#ifndef CACHEISMO_FUZZ_CUTS_H_
#define CACHEISMO_FUZZ_CUTS_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/base/prng.h"

namespace cacheismo::fuzz {

/// Streams up to this long are also delivered byte by byte. For longer ones that costs too much, as
/// a partial line is looked at again with every piece.
inline constexpr std::size_t byte_by_byte_bytes_max = 512;

/// The longest pieces to deliver `stream` in, one delivery each.
inline std::array<std::size_t, 3> piece_bytes_maxima(Bytes stream) {
  return {stream.size() <= byte_by_byte_bytes_max ? std::size_t{1} : std::size_t{40}, 300, 1500};
}

/// Hands `stream` to `receive` in pieces of 1 to `piece_bytes_max` bytes.
template <class Receive>
void deliver_in_pieces(Bytes stream, std::size_t piece_bytes_max, Receive receive) {
  Prng prng(hash64(stream, piece_bytes_max));
  while (!stream.empty()) {
    const auto size = std::min<std::size_t>(prng.between(1, piece_bytes_max), stream.size());
    receive(stream.substr(0, size));
    stream.remove_prefix(size);
  }
}

}  // namespace cacheismo::fuzz

#endif  // CACHEISMO_FUZZ_CUTS_H_
