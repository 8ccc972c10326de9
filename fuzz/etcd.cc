// Door: the bytes that an etcd, or whatever listens in its place, sends to a node.
//
// A channel that has asked once must take the same replies from the stream whole, in pieces and
// byte by byte, as whole replies and as the lines of a watch. A member that gets the stream as the
// answer to all that it asks must keep its invariants, and may write only with a lease.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/etcd_channel.h"
#include "cacheismo/cluster/etcd_member.h"
#include "cacheismo/cluster/etcd_wire.h"
#include "cacheismo/cluster/ring.h"
#include "fuzz/cuts.h"

namespace cacheismo {
namespace {

using cluster::EtcdChannel;
using cluster::EtcdMember;

/// What a channel makes of a stream.
class Talk {
 public:
  explicit Talk(EtcdChannel::Takes takes) : channel_(takes) {
    channel_.on_connecting();
    channel_.on_connected();
    channel_.ask("GET / HTTP/1.1\r\n\r\n");
    channel_.taken(channel_.output().size());
  }

  void receive(Bytes piece) {
    if (over_ || channel_.state() != EtcdChannel::State::up) return;
    channel_.on_received(std::string(piece));
    while (const auto reply = channel_.next_reply()) {
      over_ = reply->fault != nullptr;
      text_ += over_ ? reply->fault : std::to_string(reply->status) + ' ' + reply->body;
      text_ += reply->last ? ".\n" : "\n";
      if (over_) return;
      CHECK_LE(reply->body.size(), cluster::etcd_body_bytes_max);
      parse(reply->body);
    }
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static void parse(const std::string& body) {
    (void)cluster::etcd::parse_grant(body);
    (void)cluster::etcd::parse_keep_alive(body);
    (void)cluster::etcd::parse_read(body, "ring");
    (void)cluster::etcd::parse_swap(body, "ring");
    (void)cluster::etcd::parse_news(body, "ring");
    for (const char c : cluster::etcd::error_text(404, body)) CHECK(c >= ' ' && c <= '~');
  }

  EtcdChannel channel_;
  std::string text_;
  bool over_ = false;
};

void play_member(Bytes stream) {
  EtcdMember member(
      {.hosts = {"e:2379"}, .prefix = "", .self = {.name = "a", .host = "10.0.0.1"}, .joins = true},
      Prng(1));
  MonotonicTime now{std::chrono::hours(1)};
  bool open[] = {false, false};
  fuzz::deliver_in_pieces(stream, 700, [&](Bytes piece) {
    now += std::chrono::milliseconds(100);
    member.expire(now);
    for (const auto lane : EtcdMember::lanes) {
      bool& is_open = open[static_cast<std::size_t>(lane)];
      if (is_open && member.wants_close(lane)) {
        member.on_closed(lane);
        is_open = false;
      }
      if (member.wants_connect(lane, now)) {
        member.on_connecting(lane);
        member.on_connected(lane, now);
        is_open = true;
      }
      if (const Bytes output = member.output(lane); !output.empty())
        member.taken(lane, output.size(), now);
      const bool reads = is_open && !member.wants_close(lane) && lane == EtcdMember::Lane::calls;
      if (reads) member.on_received(lane, std::string(piece), now);
      CHECK(!member.audit().has_value());
    }
    for (const auto& note : member.take_notes()) {
      for (const char c : note.fields) CHECK(c >= ' ' && c <= '~');
    }
    if (member.ring()) CHECK_LE(member.ring()->members.size(), std::size_t{256});
  });
  CHECK(!member.may_write(now + std::chrono::seconds(5)));
}

}  // namespace
}  // namespace cacheismo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  const Bytes stream(reinterpret_cast<const char*>(data), size);
  for (const auto takes : {EtcdChannel::Takes::whole_replies, EtcdChannel::Takes::lines}) {
    Talk whole(takes);
    whole.receive(stream);
    for (const std::size_t piece_bytes_max : fuzz::piece_bytes_maxima(stream)) {
      Talk cut(takes);
      fuzz::deliver_in_pieces(stream, piece_bytes_max, [&](Bytes piece) { cut.receive(piece); });
      CHECK(whole.text() == cut.text());
    }
  }
  play_member(stream);
  return 0;
}
