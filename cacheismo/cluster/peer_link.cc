#include "cacheismo/cluster/peer_link.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::cluster {
namespace {

using proto::ReplyPart;
using proto::ReplyWord;
using State = PeerLink::State;

/// State x Event -> State, in the order of the enums; nullopt is a programmer's error.
constexpr std::optional<State> never;
constexpr std::optional<State> edges[4][6] = {
    // connect_started  connected  connect_failed  lost            given_up        closed
    {State::connecting, never, never, never, State::down, never},      // down
    {never, State::up, State::closing, never, State::closing, never},  // connecting
    {never, never, never, State::closing, State::closing, never},      // up
    {never, never, never, never, State::closing, State::down},         // closing
};

/// An input buffer that grew beyond this for one long reply is not kept, bytes.
constexpr std::size_t kept_input_bytes = limits::receive_bytes;

bool is_opaque(Bytes text, std::uint32_t opaque) {
  char digits[std::numeric_limits<std::uint32_t>::digits10 + 1];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), opaque).ptr;
  return text == Bytes(digits, static_cast<std::size_t>(end - digits));
}

/// Whether the flags of a reply repeat the opaque and the key of its call.
bool repeat(Bytes flags, const PeerCall& call) {
  bool opaque = false;
  bool key = false;
  proto::KeyCursor cursor(flags);
  for (Bytes flag = cursor.next(); !flag.empty(); flag = cursor.next()) {
    if (flag.front() == 'O') {
      if (!is_opaque(flag.substr(1), call.opaque)) return false;
      opaque = true;
    } else if (flag.front() == 'k') {
      if (flag.substr(1) != call.key) return false;
      key = true;
    }
  }
  return opaque && key;
}

}  // namespace

PeerCounters& PeerCounters::operator+=(const PeerCounters& other) {
  calls += other.calls;
  replies += other.replies;
  for (std::size_t i = 0; i < failures.size(); ++i) failures[i] += other.failures[i];
  late_replies += other.late_replies;
  sent_again += other.sent_again;
  connections += other.connections;
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  return *this;
}

PeerLink::PeerLink(PeerEvents& events, std::size_t reply_bytes_max, Prng random)
    : events_(events),
      reply_bytes_max_(reply_bytes_max),
      circuit_(random),
      oldest_(calls_.end()),
      unsent_(calls_.end()) {}

void PeerLink::move(Event event) {
  const auto next = edges[static_cast<std::size_t>(state_)][static_cast<std::size_t>(event)];
  CHECK(next.has_value());
  state_ = *next;
}

// ---- The connection -----------------------------------------------------------------------------

void PeerLink::on_connecting() { move(Event::connect_started); }

void PeerLink::on_connected() {
  move(Event::connected);
  ++counters_.connections;
}

void PeerLink::on_connect_failed(Failure why, MonotonicTime now) {
  move(Event::connect_failed);
  failed(now);
  fail_all(why);
  deliver();
}

void PeerLink::on_lost(MonotonicTime now) {
  move(Event::lost);
  bool missed = false;
  for (auto next = calls_.begin(); next != calls_.end();) {
    const auto entry = next++;
    missed |= !entry->answered && !entry->timed_out;
    if (!entry->answered && !entry->abandoned) {
      if (may_go_again(*entry)) continue;
      fail(*entry, Failure::reset);
    }
    remove(entry);
  }
  if (missed) failed(now);
  deliver();
}

bool PeerLink::may_go_again(Entry& entry) {
  if (entry.again) return false;
  if (touched(entry)) {
    if (!entry.call.read_only || entry.call.bytes.empty() || again_ < again_cost) return false;
    again_ -= again_cost;
    entry.sent_before = true;
    ++counters_.sent_again;
  }
  entry.again = true;
  return true;
}

void PeerLink::give_up(Failure why) {
  if (probe_ != nullptr) circuit_.probe_withdrawn();
  probe_ = nullptr;
  move(Event::given_up);
  fail_all(why);
  deliver();
}

void PeerLink::on_closed() {
  move(Event::closed);
  pinned_.clear();
  input_ = {};
  wanted_ = 0;
  sending_ = false;
  rewind();
}

/// Every call that is left is to be sent from its start.
void PeerLink::rewind() {
  queued_bytes_ = 0;
  for (auto next = calls_.begin(); next != calls_.end();) {
    const auto entry = next++;
    entry->taken = 0;
    entry->offered = false;
    if (entry->abandoned) {  // while its bytes were still pinned
      calls_.erase(entry);
      continue;
    }
    queued_bytes_ += entry->size;
  }
  oldest_ = unsent_ = calls_.begin();
}

// ---- Sending ------------------------------------------------------------------------------------

std::size_t PeerLink::output(std::span<Bytes> views) {
  CHECK(!sending_);
  if (state_ != State::up) return 0;
  std::size_t count = 0;
  for (auto entry = unsent_; entry != calls_.end() && count < views.size(); ++entry) {
    views[count++] = Bytes(entry->call.bytes).substr(entry->taken);
    entry->offered = true;
  }
  sending_ = count > 0;
  return count;
}

void PeerLink::taken(std::size_t bytes) {
  CHECK(sending_);
  sending_ = false;
  counters_.bytes_sent += bytes;
  pinned_.clear();
  for (auto next = unsent_; next != calls_.end() && next->offered;) {
    const auto entry = next++;
    const std::size_t part = std::min(bytes, entry->size - entry->taken);
    bytes -= part;
    entry->taken += part;
    entry->offered = false;
    queued_bytes_ -= part;
    if (!whole(*entry)) {
      // Nobody waits for it any more, and it turns out that nothing of it was sent.
      if (!touched(*entry) && (entry->abandoned || entry->answered)) withdraw(entry);
      continue;
    }
    unsent_ = next;
    if (entry->answered) {
      calls_.erase(entry);
    } else if (!entry->call.read_only || entry->size > limits::line_bytes_max) {
      entry->call.bytes = {};
    }
  }
  CHECK_EQ(bytes, 0u);
}

// ---- Receiving ----------------------------------------------------------------------------------

bool PeerLink::on_received(Bytes bytes, MonotonicTime now) {
  CHECK_EQ(state_, State::up);
  counters_.bytes_received += bytes.size();
  bool broken = false;
  if (input_.empty()) {
    const std::size_t done = consume(bytes, now, broken);
    if (state_ == State::up && !broken) input_.assign(bytes.substr(done));
  } else {
    input_.append(bytes);
    if (input_.size() < wanted_) return false;
    const std::size_t done = consume(input_, now, broken);
    if (done == input_.size() && input_.capacity() > kept_input_bytes) {
      input_ = {};
    } else {
      input_.erase(0, done);
    }
  }
  if (state_ != State::up) return true;
  if (broken) break_off(Failure::protocol, now);
  deliver();
  return broken;
}

/// Answers calls with the whole replies at the front of `bytes`; how many bytes those were.
std::size_t PeerLink::consume(Bytes bytes, MonotonicTime now, bool& broken) {
  std::size_t done = 0;
  ReplyPart reply;
  while (done < bytes.size()) {
    const auto parsed = proto::parse_reply(bytes.substr(done), reply);
    if (parsed.kind == proto::ReplyParsed::Kind::need_more) {
      wanted_ = parsed.wanted;
      broken = wanted_ > reply_bytes_max_;
      return done;
    }
    broken = parsed.kind == proto::ReplyParsed::Kind::malformed || !answer(reply, now);
    if (broken) return done;
    done += parsed.consumed;
    if (state_ != State::up) return done;  // given up meanwhile
  }
  return done;
}

bool PeerLink::fits(const ReplyPart& reply, const PeerCall& call) {
  if (reply.is_error()) return true;
  switch (reply.word) {
    case ReplyWord::meta_hit:
    case ReplyWord::meta_value:
    case ReplyWord::meta_not_found:
    case ReplyWord::meta_not_stored:
    case ReplyWord::meta_exists:
    case ReplyWord::meta_miss: {
      if (!call.echoes) return reply.word == ReplyWord::meta_miss && reply.flags.empty();
      return repeat(reply.flags, call);
    }
    case ReplyWord::meta_debug: return !call.echoes && reply.key == call.key;
    case ReplyWord::meta_noop: return !call.echoes && call.key.empty();
    default: return false;
  }
}

/// False: it is not the reply of the oldest call.
bool PeerLink::answer(const ReplyPart& reply, MonotonicTime now) {
  const auto entry = oldest_;
  if (entry == calls_.end() || !touched(*entry) || !fits(reply, entry->call)) return false;
  if (!entry->timed_out) succeeded();
  ++oldest_;
  oldest_since_ = now;
  const std::uint64_t tag = entry->call.tag;
  const bool late = entry->abandoned;
  if (whole(*entry)) {
    remove(entry);
  } else {
    entry->answered = true;
  }
  if (late) {
    ++counters_.late_replies;
  } else {
    by_tag_.erase(tag);
  }
  due_ = std::min(due_, stuck_at());
  if (!late) {
    ++counters_.replies;
    events_.on_reply(tag, reply);
  }
  return true;
}

// ---- Audit --------------------------------------------------------------------------------------

std::optional<std::string> PeerLink::audit() const {
  if (auto broken = circuit_.audit()) return broken;
  std::size_t live = 0;
  std::size_t queued = 0;
  bool probing = false;
  bool replied = true;
  bool sent = true;
  for (auto entry = calls_.begin(); entry != calls_.end(); ++entry) {
    if (entry == oldest_) replied = false;
    if (entry == unsent_) sent = false;
    if (entry->answered != replied) return "peer_link: the oldest call is not the oldest";
    if (whole(*entry) != sent) return "peer_link: a call was sent out of order";
    if (entry->answered && sent) return "peer_link: a finished call is kept";
    if (entry->abandoned && !touched(*entry)) return "peer_link: an unsent call was abandoned";
    if (entry->offered && !sending_) return "peer_link: pinned without a send";
    probing |= &*entry == probe_;
    queued += entry->size - entry->taken;
    if (entry->answered || entry->abandoned) continue;
    ++live;
    const auto found = by_tag_.find(entry->call.tag);
    if (found == by_tag_.end() || found->second != entry) return "peer_link: a call is lost";
    if (entry->call.deadline < due_) return "peer_link: a deadline will be missed";
  }
  if (probing != (circuit_.state() == Circuit::State::half_open))
    return "peer_link: half open without a probe, or the other way round";
  if (live != by_tag_.size()) return "peer_link: somebody waits for no call";
  if (queued != queued_bytes_) return "peer_link: queued bytes do not add up";
  if (calls_.size() > limits::peer_calls_max) return "peer_link: too many calls";
  if (stuck_at() < due_) return "peer_link: a stuck peer will be missed";
  if (!sending_ && !pinned_.empty()) return "peer_link: keeps bytes that nobody reads";
  if (state_ == State::down && sending_) return "peer_link: sends without a connection";
  return std::nullopt;
}

const char* to_string(State state) {
  switch (state) {
    case State::down: return "down";
    case State::connecting: return "connecting";
    case State::up: return "up";
    case State::closing: return "closing";
  }
  CHECK(false);
}

}  // namespace cacheismo::cluster
