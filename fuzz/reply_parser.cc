// Door: the bytes a server sends, up to the replies that they mean.
//
// The input is what one server sent. It must give the same replies whole, in pieces and byte by
// byte; transcript.h checks progress and bounds on the way.

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/proto/transcript.h"
#include "fuzz/cuts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  const Bytes stream(reinterpret_cast<const char*>(data), size);
  proto::ReplyTranscript whole;
  whole.receive(stream);
  for (const std::size_t piece_bytes_max : fuzz::piece_bytes_maxima(stream)) {
    proto::ReplyTranscript cut;
    fuzz::deliver_in_pieces(stream, piece_bytes_max, [&](Bytes piece) { cut.receive(piece); });
    CHECK(whole.text() == cut.text());
    CHECK_EQ(whole.malformed(), cut.malformed());
  }
  return 0;
}
