// TestTalk: a PeerLink, a clock, and what came of the calls as lines, for tests with values alone.
//
//   talk.get(1, "k");  talk.connect();  talk.send();  talk.receive("EN O1 kk\r\n");
//   talk.lines() == {"1 EN"}
//
// The audit runs after every step.

#ifndef CACHEISMO_CLUSTER_TEST_TALK_H_
#define CACHEISMO_CLUSTER_TEST_TALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/failure.h"
#include "cacheismo/cluster/peer_link.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::cluster {

/// `mg key v k O<tag>`, which is due in limits::peer_timeout from the start of the clock.
inline PeerCall get_call(std::uint64_t tag, const std::string& key) {
  return {.bytes = "mg " + key + " v k O" + std::to_string(tag) + "\r\n",
          .opaque = static_cast<std::uint32_t>(tag),
          .key = key,
          .deadline = MonotonicTime(limits::peer_timeout),
          .tag = tag};
}

/// What a peer answers to it.
inline std::string value_reply(std::uint64_t tag, const std::string& key,
                               const std::string& value) {
  return "VA " + std::to_string(value.size()) + " k" + key + " O" + std::to_string(tag) + "\r\n" +
         value + "\r\n";
}
inline std::string miss_reply(std::uint64_t tag, const std::string& key) {
  return "EN k" + key + " O" + std::to_string(tag) + "\r\n";
}

class TestTalk final : public PeerEvents {
 public:
  static constexpr std::size_t reply_bytes_max = 100'000;

  TestTalk() : link_(*this, reply_bytes_max, Prng(1)) {}

  // ---- Calls ------------------------------------------------------------------------------------

  std::optional<Failure> submit(PeerCall call) {
    const auto result = link_.submit(std::move(call), now_);
    check();
    return result ? std::nullopt : std::optional(result.error());
  }
  std::optional<Failure> get(std::uint64_t tag, const std::string& key = "k") {
    PeerCall call = get_call(tag, key);
    call.deadline = now_ + limits::peer_timeout;
    return submit(std::move(call));
  }
  std::optional<Failure> get_read_only(std::uint64_t tag, const std::string& key = "k") {
    PeerCall call = get_call(tag, key);
    call.deadline = now_ + limits::peer_timeout;
    call.read_only = true;
    return submit(std::move(call));
  }
  void cancel(std::uint64_t tag) {
    const std::size_t before = lines_.size();
    link_.cancel(tag, now_);
    EXPECT_EQ(lines_.size(), before) << "completed inside cancel()";
    check();
  }

  // ---- The world --------------------------------------------------------------------------------

  void connect() {
    ASSERT_TRUE(link_.wants_connect());
    link_.on_connecting();
    check();
    link_.on_connected();
    check();
  }
  void refuse(Failure why = Failure::refused) {
    ASSERT_TRUE(link_.wants_connect());
    link_.on_connecting();
    link_.on_connect_failed(why, now_);
    check();
    closed();
  }
  void closed() {
    link_.on_closed();
    check();
  }
  void lose() {
    link_.on_lost(now_);
    check();
    closed();
  }
  /// Views of what is to be sent, up to `views_max`; taken() must follow if there were any.
  std::string offer(std::size_t views_max = limits::send_views_max) {
    std::vector<Bytes> views(views_max);
    const std::size_t count = link_.output(views);
    check();
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += views[i];
    return all;
  }
  /// Sends everything; what that was.
  std::string send() {
    std::string all;
    for (std::string part = offer(); !part.empty(); part = offer()) {
      link_.taken(part.size());
      check();
      all += part;
    }
    return all;
  }
  /// True: the link wants its connection closed.
  bool receive(Bytes bytes) {
    const std::string copy(bytes);  // so that a view that is kept is found
    const bool close = link_.on_received(copy, now_);
    check();
    return close;
  }
  bool receive_byte_by_byte(Bytes bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (receive(bytes.substr(i, 1))) return true;
    }
    return false;
  }
  /// Lets time pass; true: the link wants its connection closed.
  bool pass(Duration time) {
    now_ += time;
    const bool close = link_.expire(now_);
    check();
    return close;
  }

  // ---- Facts ------------------------------------------------------------------------------------

  /// "3 VA value", "4 timeout", "5 reset sent"; forgets them.
  std::vector<std::string> lines() { return std::exchange(lines_, {}); }
  [[nodiscard]] PeerLink& link() { return link_; }
  [[nodiscard]] MonotonicTime now() const { return now_; }
  /// Runs inside each completion, with its tag.
  std::function<void(std::uint64_t)> meanwhile;

  void on_reply(std::uint64_t tag, const proto::ReplyPart& reply) override {
    lines_.push_back(std::to_string(tag) + " " + word(reply));
    if (meanwhile) meanwhile(tag);
  }
  void on_failure(std::uint64_t tag, Failure failure, bool sent) override {
    lines_.push_back(std::to_string(tag) + " " + to_string(failure) + (sent ? " sent" : ""));
    if (meanwhile) meanwhile(tag);
  }

 private:
  static std::string word(const proto::ReplyPart& reply) {
    using proto::ReplyWord;
    switch (reply.word) {
      case ReplyWord::meta_hit: return "HD";
      case ReplyWord::meta_value: return "VA " + std::string(reply.value);
      case ReplyWord::meta_miss: return "EN";
      case ReplyWord::meta_not_found: return "NF";
      case ReplyWord::meta_not_stored: return "NS";
      case ReplyWord::meta_exists: return "EX";
      case ReplyWord::meta_noop: return "MN";
      case ReplyWord::meta_debug: return "ME " + std::string(reply.text);
      case ReplyWord::error:
      case ReplyWord::client_error:
      case ReplyWord::server_error: return reply.error_line();
      default: return "a reply of another kind";
    }
  }
  void check() { EXPECT_EQ(link_.audit(), std::nullopt); }

  PeerLink link_;
  MonotonicTime now_{};
  std::vector<std::string> lines_;
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_TEST_TALK_H_
