// Door: the bytes that a peer sends, up to the completions of the calls that are in flight.
//
// The input is what one peer sent to a node that had asked `requests` below, in this order, and
// had cancelled some. Whole, in pieces and byte by byte it must complete the same calls in the same
// way. When the deadlines have passed, each call is complete, once.

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/cluster/peer_link.h"
#include "cacheismo/proto/transcript.h"
#include "fuzz/cuts.h"

namespace cacheismo {
namespace {

struct Asked {
  const char* line;
  const char* key;
  bool echoes = true;
  bool cancelled = false;
};

/// Their opaques are 1, 2, ... in this order.
constexpr Asked requests[] = {
    {.line = "mg k v k O1\r\n", .key = "k"},
    {.line = "ms set 1 k O2\r\nx\r\n", .key = "set"},
    {.line = "mg a v k O3\r\n", .key = "a", .cancelled = true},
    {.line = "me k\r\n", .key = "k", .echoes = false},
    {.line = "mg AAE= b v k O5\r\n", .key = "AAE="},
    {.line = "mn\r\n", .key = "", .echoes = false},
    {.line = "me a\r\n", .key = "a", .echoes = false, .cancelled = true},
    {.line = "ma n k O8\r\n", .key = "n"},
    {.line = "md k k O9\r\n", .key = "k"},
    {.line = "mg k v k O10\r\n", .key = "k"},
};

class Talk final : public cluster::PeerEvents {
 public:
  Talk() : link_(*this, reply_bytes_max, Prng(1)) {
    std::uint32_t number = 0;
    for (const Asked& one : requests) {
      ++number;
      cluster::PeerCall call{.bytes = one.line,
                             .opaque = number,
                             .key = one.key,
                             .echoes = one.echoes,
                             .deadline = MonotonicTime(limits::peer_timeout),
                             .tag = number};
      CHECK(link_.submit(call, MonotonicTime()).has_value());
      waiting_.insert(number);
    }
    link_.on_connecting();
    link_.on_connected();
    std::array<Bytes, std::size(requests)> views;
    CHECK_EQ(link_.output(views), std::size(requests));
    std::size_t bytes = 0;
    for (const Bytes view : views) bytes += view.size();
    link_.taken(bytes);
    for (std::uint32_t i = 0; i < std::size(requests); ++i) {
      if (!requests[i].cancelled) continue;
      link_.cancel(i + 1, MonotonicTime());
      waiting_.erase(i + 1);
    }
    check();
  }

  /// Ignored once the link has hung up.
  void receive(Bytes bytes) {
    if (closed_) return;
    const std::string copy(bytes);  // in memory of its own, so that a sanitizer sees who keeps it
    closed_ = link_.on_received(copy, MonotonicTime());
    check();
  }

  void end() {
    text_ += closed_ ? "closed\n" : "open\n";
    (void)link_.expire(MonotonicTime(limits::peer_timeout));
    check();
    CHECK(waiting_.empty());
    if (!closed_) link_.on_lost(MonotonicTime(limits::peer_timeout));
    link_.on_closed();
    check();
    CHECK(link_.idle());
  }

  [[nodiscard]] const std::string& text() const { return text_; }

  void on_reply(std::uint64_t tag, const proto::ReplyPart& reply) override {
    complete(tag, proto::described(reply));
  }
  void on_failure(std::uint64_t tag, cluster::Failure failure, bool sent) override {
    CHECK(sent);
    complete(tag, cluster::to_string(failure));
  }

 private:
  static constexpr std::size_t reply_bytes_max = 8 * KiB;

  void complete(std::uint64_t tag, const std::string& how) {
    CHECK_EQ(waiting_.erase(tag), 1u);
    text_ += std::to_string(tag) + " " + how + "\n";
  }
  void check() { CHECK(!link_.audit().has_value()); }

  cluster::PeerLink link_;
  std::set<std::uint64_t> waiting_;
  std::string text_;
  bool closed_ = false;
};

}  // namespace
}  // namespace cacheismo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  const Bytes stream(reinterpret_cast<const char*>(data), size);
  Talk whole;
  whole.receive(stream);
  whole.end();
  for (const std::size_t piece_bytes_max : fuzz::piece_bytes_maxima(stream)) {
    Talk cut;
    fuzz::deliver_in_pieces(stream, piece_bytes_max, [&](Bytes piece) { cut.receive(piece); });
    cut.end();
    CHECK(whole.text() == cut.text());
  }
  return 0;
}
