// CopyProgress: how far a copy has come, on stderr.
//
//   a terminal   copy [=========>          ]  46%  4600/10000 items  12.3 MiB  6.1 MiB/s  ETA 0:02
//                one line, written over four times a second
//   a file       the same without the bar, a line every five seconds

#ifndef CACHEISMO_COPY_PROGRESS_H_
#define CACHEISMO_COPY_PROGRESS_H_

#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"

namespace cacheismo {

class CopyProgress {
 public:
  explicit CopyProgress(bool terminal) : terminal_(terminal) {}

  /// A pass begins: `name` is "copy" or "compare", of about `items` items.
  void begin(Bytes name, std::uint64_t items, MonotonicTime now);
  /// Says it, if it is time to. `bytes`: that went to TO.
  void at(std::uint64_t items, std::uint64_t bytes, MonotonicTime now);
  /// Leaves the line, for something else to be said.
  void end();

  /// The line as it would be said.
  [[nodiscard]] std::string line(std::uint64_t items, std::uint64_t bytes, MonotonicTime now) const;

 private:
  bool terminal_;
  bool said_ = false;  ///< the terminal's line has something on it
  std::string name_;
  std::uint64_t items_all_ = 0;
  MonotonicTime begun_;
  MonotonicTime next_;
};

[[nodiscard]] bool stderr_is_terminal();

/// "12.3 MiB"
[[nodiscard]] std::string shown_bytes(std::uint64_t bytes);

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_PROGRESS_H_
