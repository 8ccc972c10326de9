// Goal: whatever the network, the clock and the callers do, each call completes exactly once, with
// the reply to itself; what is said not to have been sent was not executed, and what may not be
// executed twice was not. Method: random orders to a link and to a peer that executes what arrives;
// the model is one record per call.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/cluster/peer_link.h"
#include "cacheismo/cluster/test_talk.h"

namespace cacheismo::cluster {
namespace {

using namespace std::chrono_literals;
using State = PeerLink::State;

struct Known {
  std::string key;
  bool read_only = false;
  bool cancelled = false;
  bool finished = false;
  int executed = 0;
};

/// The peer: executes whole lines, and has replies on their way back.
class PlayedPeer {
 public:
  explicit PlayedPeer(std::map<std::uint64_t, Known>& known) : known_(known) {}

  void receive(Bytes bytes) {
    input_ += bytes;
    for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      const std::string line = input_.substr(0, end - 1);
      input_.erase(0, end + 1);
      const std::uint64_t tag = std::stoull(line.substr(line.rfind('O') + 1));
      Known& call = known_.at(tag);
      ++call.executed;
      RC_ASSERT(line == "mg " + call.key + " v k O" + std::to_string(tag));
      if (tag % 5 == 0) {
        output_ += "SERVER_ERROR " + call.key + "\r\n";
      } else {
        output_ += value_reply(tag, call.key, "value of " + call.key);
      }
    }
  }
  std::string reply(std::size_t bytes) {
    std::string part = output_.substr(0, bytes);
    output_.erase(0, part.size());
    return part;
  }
  void reset() {
    input_.clear();
    output_.clear();
  }

 private:
  std::map<std::uint64_t, Known>& known_;
  std::string input_;
  std::string output_;
};

class Run final : public PeerEvents {
 public:
  explicit Run(std::uint64_t seed) : chance_(seed), link_(*this, 1000, Prng(seed)), peer_(known_) {}

  void step() {
    switch (chance_.below(14)) {
      case 0:
      case 1:
      case 2: submit(); break;
      case 3: cancel(); break;
      case 4: pass(Duration(chance_.below(400'000'000))); break;
      case 5:
      case 6: offer(); break;
      case 7:
      case 8: take(); break;
      case 9:
      case 10: reply(chance_.below(60)); break;
      case 11: connection(); break;
      case 12:
        if (chance_.chance(1, 3)) lose();
        break;
      case 13:
        if (chance_.chance(1, 20)) give_up();
        break;
    }
    check();
  }

  /// From now on nothing goes wrong: everything must complete.
  void finish() {
    for (int i = 0; i < 200 && !(link_.idle() && link_.state() != State::closing); ++i) {
      connection();
      take();
      offer();
      take();
      reply(100'000);
      pass(100ms);
      check();
    }
    RC_ASSERT(link_.idle());
    for (const auto& [tag, call] : known_) RC_ASSERT(call.finished != call.cancelled);
  }

  void on_reply(std::uint64_t tag, const proto::ReplyPart& reply) override {
    Known& call = complete(tag);
    RC_ASSERT(call.executed > 0);
    if (tag % 5 == 0) {
      RC_ASSERT(reply.text == call.key);
    } else {
      RC_ASSERT(reply.value == "value of " + call.key);
    }
    maybe_call();
  }
  void on_failure(std::uint64_t tag, Failure failure, bool sent) override {
    Known& call = complete(tag);
    RC_ASSERT(failure != Failure::protocol);
    if (!sent) {
      RC_ASSERT(call.executed == 0);
      call.executed = -1000;  // nor may it be later
    }
    maybe_call();
  }

 private:
  void submit() {
    const std::uint64_t tag = ++last_tag_;
    Known& call = known_[tag];
    call.key = "k" + std::to_string(chance_.below(3));
    call.read_only = chance_.chance(1, 2);
    PeerCall made = get_call(tag, call.key);
    made.read_only = call.read_only;
    made.deadline = now_ + Duration(chance_.between(0, 2'000'000'000));
    inside_ = true;
    if (!link_.submit(made, now_)) known_.erase(tag);
    inside_ = false;
  }
  void cancel() {
    std::vector<std::uint64_t> unfinished;
    for (const auto& [tag, call] : known_) {
      if (!call.finished && !call.cancelled) unfinished.push_back(tag);
    }
    if (unfinished.empty()) return;
    const std::uint64_t tag = unfinished[chance_.below(unfinished.size())];
    inside_ = true;
    link_.cancel(tag, now_);
    inside_ = false;
    known_.at(tag).cancelled = true;
  }
  /// What scripts do inside completions.
  void maybe_call() {
    if (draining_) return;
    if (chance_.chance(1, 4)) submit();
    if (chance_.chance(1, 4)) cancel();
  }
  Known& complete(std::uint64_t tag) {
    RC_ASSERT(!inside_);
    Known& call = known_.at(tag);
    RC_ASSERT(!call.finished);
    RC_ASSERT(!call.cancelled);
    call.finished = true;
    return call;
  }

  void pass(Duration time) {
    now_ += time;
    const auto next = link_.next_deadline();
    if (!next || *next > now_) return;
    if (link_.expire(now_)) RC_ASSERT(link_.state() == State::closing);
  }
  void connection() {
    if (link_.wants_connect()) {
      link_.on_connecting();
    } else if (link_.state() == State::connecting) {
      if (draining_ || chance_.chance(2, 3)) {
        link_.on_connected();
      } else {
        link_.on_connect_failed(Failure::refused, now_);
      }
    } else if (link_.state() == State::closing) {
      // What was pinned may still have left.
      peer_.receive(Bytes(offered_).substr(0, chance_.below(offered_.size() + 1)));
      offered_.clear();
      peer_.reset();
      link_.on_closed();
    }
  }
  void offer() {
    if (link_.state() != State::up || !offered_.empty()) return;
    std::vector<Bytes> views(chance_.between(1, 4));
    const std::size_t count = link_.output(views);
    for (std::size_t i = 0; i < count; ++i) offered_ += views[i];
  }
  void take() {
    if (link_.state() != State::up || offered_.empty()) return;
    const std::size_t bytes = draining_ ? offered_.size() : chance_.between(1, offered_.size());
    peer_.receive(Bytes(offered_).substr(0, bytes));
    offered_.clear();
    // The replies may come before the send is known to have ended.
    if (chance_.chance(1, 2)) reply(100'000);
    if (link_.state() == State::up) link_.taken(bytes);
  }
  void reply(std::size_t bytes) {
    if (link_.state() != State::up) return;
    const std::string part = peer_.reply(bytes);
    if (!part.empty()) RC_ASSERT(!link_.on_received(part, now_));
  }
  void lose() {
    if (link_.state() == State::up) link_.on_lost(now_);
  }
  void give_up() { link_.give_up(Failure::cancelled); }

  void check() {
    const auto broken = link_.audit();
    if (broken) RC_FAIL(*broken);
    for (const auto& [tag, call] : known_) RC_ASSERT(call.executed <= (call.read_only ? 2 : 1));
  }

 public:
  void drain() { draining_ = true; }

 private:
  Prng chance_;
  std::map<std::uint64_t, Known> known_;
  PeerLink link_;
  PlayedPeer peer_;
  MonotonicTime now_{};
  std::string offered_;
  std::uint64_t last_tag_ = 0;
  bool inside_ = false;
  bool draining_ = false;
};

RC_GTEST_PROP(PeerLink, EachCallCompletesOnceWithItsOwnReply, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto steps = *rc::gen::inRange(1, 2000);
  Run run(seed);
  for (int i = 0; i < steps; ++i) run.step();
  run.drain();
  run.finish();
}

}  // namespace
}  // namespace cacheismo::cluster
