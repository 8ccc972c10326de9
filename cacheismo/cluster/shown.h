// shown: a stranger's text inside of a message: cut to a line's length, and only printable bytes.

#ifndef CACHEISMO_CLUSTER_SHOWN_H_
#define CACHEISMO_CLUSTER_SHOWN_H_

#include <cstddef>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::cluster {

inline constexpr std::size_t shown_bytes_max = 64;

/// In quotation marks. What is not printable ASCII becomes `?`; what is cut off, `...`.
[[nodiscard]] inline std::string shown(Bytes text) {
  std::string out = "\"";
  for (const char c : text.substr(0, shown_bytes_max)) out += c >= ' ' && c <= '~' ? c : '?';
  if (text.size() > shown_bytes_max) out += "...";
  return out + '"';
}

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_SHOWN_H_
