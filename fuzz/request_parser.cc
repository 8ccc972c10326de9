// Door: the bytes a client sends, up to the command that they mean.
//
// The input is the stream of one connection. It must give the same commands whole and in pieces,
// down to single bytes; transcript.h checks progress and bounds on the way. The one exception is
// memcached's own: a line above limits::line_bytes_max that arrives with its end is parsed, and one
// that is cut before its end makes the server hang up.

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/transcript.h"
#include "fuzz/cuts.h"

namespace cacheismo {
namespace {

bool has_long_run_without_newline(Bytes stream) {
  while (stream.size() > limits::line_bytes_max) {
    const std::size_t newline = stream.find('\n');
    if (newline > limits::line_bytes_max) return true;  // npos is larger than any
    stream.remove_prefix(newline + 1);
  }
  return false;
}

void compare(const proto::RequestTranscript& whole, const proto::RequestTranscript& cut,
             Bytes stream) {
  if (whole.text() == cut.text() && whole.closed() == cut.closed()) return;
  CHECK(has_long_run_without_newline(stream));
  CHECK(cut.closed());
  CHECK(whole.text().starts_with(cut.text()));
}

}  // namespace
}  // namespace cacheismo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  const Bytes stream(reinterpret_cast<const char*>(data), size);
  proto::RequestTranscript whole;
  whole.receive(stream);
  for (const std::size_t piece_bytes_max : fuzz::piece_bytes_maxima(stream)) {
    proto::RequestTranscript cut;
    fuzz::deliver_in_pieces(stream, piece_bytes_max, [&](Bytes piece) { cut.receive(piece); });
    compare(whole, cut, stream);
  }
  return 0;
}
