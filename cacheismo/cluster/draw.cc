#include "cacheismo/cluster/draw.h"

#include <array>
#include <bit>
#include <cstddef>

namespace cacheismo::cluster {
namespace {

using Wide = unsigned __int128;

// log2(m) for m = 1.xxx is taken as log2(c) + log2(1 + r), where c is m cut to 8 bits behind the
// point and r = (m - c) / c < 2^-8. The series of ln(1 + r) is cut behind -r^4 / 4, so that what is
// left out, r^5 / 5, makes a cost too high and never negative.
constexpr unsigned segment_bits = 8;
constexpr std::uint64_t one = std::uint64_t{1} << 63;  // 1.0 with 63 bits behind the point

/// 1 / ln 2 with 62 bits behind the point.
constexpr std::uint64_t per_ln2 = 0x5C551D94AE0BF85D;

struct Segment {
  std::uint64_t log2 = 0;     ///< log2(c), draw_fraction_bits behind the point
  std::uint64_t inverse = 0;  ///< 1 / c, 63 bits behind the point
};

/// log2 of m in [1, 2), 63 bits behind its point: squaring m moves one bit of it before the point.
constexpr std::uint64_t log2_by_squaring(std::uint64_t m) {
  std::uint64_t bits = 0;
  for (unsigned n = 0; n < draw_fraction_bits; ++n) {
    Wide square = (Wide{m} * m) >> 63;
    const bool carried = square >= Wide{one} * 2;
    if (carried) square >>= 1;
    bits = bits << 1 | (carried ? 1 : 0);
    m = static_cast<std::uint64_t>(square);
  }
  return bits;
}

constexpr auto segments = [] {
  std::array<Segment, std::size_t{1} << segment_bits> all;
  for (std::uint64_t i = 0; i < all.size(); ++i) {
    const std::uint64_t c = one + (i << (63 - segment_bits));
    all[i] = {log2_by_squaring(c), static_cast<std::uint64_t>((Wide{one} << 63) / c)};
  }
  return all;
}();

constexpr std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>((Wide{a} * b) >> 63);
}

}  // namespace

std::uint64_t draw_cost(std::uint64_t u) {
  if (u == 0) u = 1;
  const auto zeros = static_cast<unsigned>(std::countl_zero(u));
  const std::uint64_t m = u << zeros;
  const std::uint64_t behind_point = m & (one - 1);
  const Segment& segment = segments[behind_point >> (63 - segment_bits)];
  const std::uint64_t rest = behind_point & ((one >> segment_bits) - 1);
  const std::uint64_t r = times(rest, segment.inverse);
  const std::uint64_t r2 = times(r, r);
  const std::uint64_t ln = r - r2 / 2 + times(r2, r) / 3 - times(r2, r2) / 4;
  const auto log2 =
      static_cast<std::uint64_t>((Wide{ln} * per_ln2) >> (63 + 62 - draw_fraction_bits));
  return (std::uint64_t{zeros + 1} << draw_fraction_bits) - (segment.log2 + log2);
}

}  // namespace cacheismo::cluster
