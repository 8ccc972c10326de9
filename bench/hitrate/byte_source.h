// ByteSource: a file's bytes from front to back, unpacked on the way if it is xz.
//
// What a file is shows in its first bytes, not in its name. Holds 64 KiB of the file and the
// decoder's dictionary (up to 64 MiB for xz -9), never the whole.

#ifndef CACHEISMO_BENCH_HITRATE_BYTE_SOURCE_H_
#define CACHEISMO_BENCH_HITRATE_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"

namespace cacheismo::hitrate {

class ByteSource {
 public:
  /// On failure a sentence with the path in front.
  [[nodiscard]] static Result<ByteSource, std::string> open(const std::string& path);
  ~ByteSource();
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;

  /// Fills `out` with what comes next; returns how many bytes that were, 0 only at the end.
  /// A file that breaks off or is damaged is an error.
  [[nodiscard]] Result<std::size_t, std::string> read(MutableBytes out);

  /// How much of the (packed) file has been read, 0 to 1: for progress bars.
  [[nodiscard]] double fraction() const;

 private:
  struct State;
  explicit ByteSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_BYTE_SOURCE_H_
