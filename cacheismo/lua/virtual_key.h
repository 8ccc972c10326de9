// VirtualKey: TYPE:METHOD:KEY:ARG..., cut and percent-decoded.
//
//   quota:addandcheck:alice%3A7:10   ->   key "alice:7", arguments "10"
//
// A part is decoded after the cut, so %3A is a colon inside a part; `%` without two hexadecimal
// digits behind it stands for itself.
//
// What it is not: it does not know which types and methods exist (types.h).

#ifndef CACHEISMO_LUA_VIRTUAL_KEY_H_
#define CACHEISMO_LUA_VIRTUAL_KEY_H_

#include <cstddef>
#include <span>

#include "cacheismo/base/bytes.h"

namespace cacheismo::lua {

/// The parts behind TYPE:METHOD. The views point into what was cut, or, where something had to be
/// decoded, into this.
class VirtualKeyParts {
 public:
  /// Longest virtual key, bytes: memcached's longest key.
  static constexpr std::size_t bytes_max = 250;

  /// `rest` is what follows TYPE:METHOD, its colon included; empty if nothing does. It outlives
  /// this. Requires at most bytes_max bytes.
  explicit VirtualKeyParts(Bytes rest);
  VirtualKeyParts(const VirtualKeyParts&) = delete;
  VirtualKeyParts& operator=(const VirtualKeyParts&) = delete;

  /// KEY and then the arguments; an empty part is an empty string.
  [[nodiscard]] std::span<const Bytes> parts() const { return {parts_, count_}; }

 private:
  void add(Bytes part) { parts_[count_++] = part; }
  void decode(Bytes rest);

  char bytes_[bytes_max];
  union {
    Bytes parts_[bytes_max];  // the first count_ of them: to clear all takes longer than a cut
  };
  std::size_t count_ = 0;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_VIRTUAL_KEY_H_
