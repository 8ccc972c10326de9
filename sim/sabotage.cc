#include "sim/sabotage.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/base/prng.h"
#include "sim/peer_sabotage.h"

namespace cacheismo::sim {
namespace {

constexpr const char* names[] = {
    "none",         "drop_byte",       "flip_bit",        "swap_replies",   "repeat_send",
    "swallow_send", "lose_completion", "corrupt_request", "stop_accepting", "leak_stream",
    "slow_clock",   "run_twice",       "lose_change",     "swap_values",    "ask_twice",
    "stale_value",  "odd_ring",        "odd_ring_hop",    "resurrect",      "write_unowned",
    "lose_moved",   "refuse_gifts",    "late_flush",      "early_ack",      "lose_copy",
    "old_copy",     "relay_twice"};
static_assert(sizeof(names) / sizeof(names[0]) == sabotages_count);

constexpr std::uint64_t rarity = 200;     // one operation in so many is sabotaged
constexpr std::uint64_t peer_rarity = 8;  // and one of those that a cluster's bugs look at
constexpr std::uint64_t copy_rarity = 3;
constexpr int accepts_before_stop = 5;
constexpr Duration moment = std::chrono::milliseconds(1);
constexpr std::int64_t slowness = 10;

class SabotagedIo final : public io::Io,
                          private io::StreamEvents,
                          private io::ListenerEvents,
                          private io::TimerEvents {
 public:
  SabotagedIo(io::Io& inner, Sabotage sabotage, std::uint64_t seed)
      : inner_(inner), sabotage_(sabotage), chance_(seed), start_(inner.now().monotonic) {}

  MonotonicTime stopwatch() const override { return now().monotonic; }
  io::Now now() const override {
    io::Now now = inner_.now();
    if (sabotage_ == Sabotage::slow_clock) {
      now.monotonic = start_ + (now.monotonic - start_) / slowness;
    }
    return now;
  }
  Prng& random() override { return inner_.random(); }
  io::Usage usage() const override { return inner_.usage(); }

  Result<io::ListenerId, io::Error> listen(const io::Address& address,
                                           const io::ListenOptions& options,
                                           io::ListenerEvents& events) override {
    listener_events_ = &events;
    return inner_.listen(address, options, *this);
  }
  io::Address local_address(io::ListenerId listener) const override {
    return inner_.local_address(listener);
  }
  void accept(io::ListenerId listener) override {
    if (sabotage_ == Sabotage::stop_accepting && ++accepts_ > accepts_before_stop) {
      withheld_.push_back(listener);
      return;
    }
    inner_.accept(listener);
  }
  void close_listener(io::ListenerId listener) override {
    for (const io::ListenerId withheld : withheld_) {
      if (withheld == listener) inner_.accept(listener);
    }
    inner_.close_listener(listener);
  }

  io::StreamId connect(const io::Address& address, MonotonicTime deadline,
                       io::StreamEvents& events) override {
    const io::StreamId stream = inner_.connect(address, real(deadline), *this);
    at(stream) = {&events, {}, 0, 0, false, false};
    return stream;
  }
  void attach(io::StreamId stream, io::StreamEvents& events) override {
    at(stream) = {&events, {}, 0, 0, false, false};
    inner_.attach(stream, *this);
  }
  io::Address peer_address(io::StreamId stream) const override {
    return inner_.peer_address(stream);
  }
  void receive(io::StreamId stream) override { inner_.receive(stream); }
  void receive_into(io::StreamId stream, std::span<const MutableBytes> windows) override {
    inner_.receive_into(stream, windows);
  }
  void send(io::StreamId stream, std::span<const Bytes> views) override;
  void shutdown(io::StreamId stream) override { inner_.shutdown(stream); }
  void cancel(io::StreamId stream) override { inner_.cancel(stream); }
  void close(io::StreamId stream) override;

  io::TimerId set_timer(MonotonicTime deadline, io::TimerEvents& events) override {
    return inner_.set_timer(real(deadline), events);
  }
  bool cancel_timer(io::TimerId timer) override { return inner_.cancel_timer(timer); }

 private:
  struct Stream {
    io::StreamEvents* owner = nullptr;
    std::string bytes;          // what really leaves
    std::size_t left = 0;       // of `bytes`, already taken
    std::size_t promised = 0;   // what the owner hears when all of `bytes` has left; 0: no sabotage
    bool lost_receive = false;  // a completion is owed
    bool leaked = false;
  };
  struct Owed {
    io::TimerId timer;
    io::StreamId stream;
    bool closed;
  };

  Stream& at(io::StreamId stream) {
    if (streams_.size() <= stream.slot) streams_.resize(stream.slot + 1);
    return streams_[stream.slot];
  }
  MonotonicTime real(MonotonicTime deadline) const {
    if (sabotage_ != Sabotage::slow_clock) return deadline;
    return start_ + (deadline - start_) * slowness;
  }
  bool strikes(Sabotage sabotage, std::uint64_t how_rarely = rarity) {
    return sabotage_ == sabotage && chance_.chance(1, how_rarely);
  }
  bool spoil(std::string& bytes);
  void owe(io::StreamId stream, bool closed) {
    owed_.push_back({inner_.set_timer(inner_.now().monotonic + moment, *this), stream, closed});
  }

  void on_accepted(io::ListenerId listener, Result<io::Accepted, io::Error> result) override {
    listener_events_->on_accepted(listener, result);
  }
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override {
    at(stream).owner->on_connected(stream, result);
  }
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;
  void on_timer(io::TimerId timer) override;

  io::Io& inner_;
  Sabotage sabotage_;
  Prng chance_;
  PeerSabotage peers_;
  MonotonicTime start_;
  io::ListenerEvents* listener_events_ = nullptr;
  std::deque<Stream> streams_;
  std::vector<io::ListenerId> withheld_;
  std::vector<Owed> owed_;
  int accepts_ = 0;
};

/// Changes the bytes of a send; false: left as they are.
bool SabotagedIo::spoil(std::string& bytes) {
  if (strikes(Sabotage::drop_byte)) {
    bytes.erase(chance_.below(bytes.size()), 1);
  } else if (strikes(Sabotage::flip_bit)) {
    bytes[chance_.below(bytes.size())] ^= static_cast<char>(1u << chance_.below(8));
  } else if (strikes(Sabotage::repeat_send)) {
    bytes += std::string(bytes);
  } else if (strikes(Sabotage::swap_replies)) {
    const std::size_t line = bytes.find("\r\n");
    if (line == std::string::npos || line + 2 == bytes.size()) return false;
    bytes = bytes.substr(line + 2) + bytes.substr(0, line + 2);
  } else if (strikes(Sabotage::swallow_send)) {
    bytes.clear();
  } else if (strikes(Sabotage::swap_values, peer_rarity)) {
    return PeerSabotage::swap_values(bytes);
  } else if (strikes(Sabotage::ask_twice, peer_rarity)) {
    return PeerSabotage::ask_twice(bytes);
  } else if (sabotage_ == Sabotage::stale_value) {
    return peers_.stale_value(bytes, chance_);
  } else if (sabotage_ == Sabotage::odd_ring_hop) {
    return PeerSabotage::forget_hop(bytes);
  } else if (sabotage_ == Sabotage::resurrect) {
    return PeerSabotage::resurrect(bytes);
  } else if (sabotage_ == Sabotage::write_unowned) {
    return PeerSabotage::forget_epoch(bytes);
  } else if (sabotage_ == Sabotage::lose_moved) {
    return PeerSabotage::lose_moved(bytes);
  } else if (sabotage_ == Sabotage::late_flush) {
    return PeerSabotage::late_flush(bytes);
  } else if (strikes(Sabotage::lose_copy, copy_rarity)) {
    return PeerSabotage::lose_copy(bytes);
  } else if (sabotage_ == Sabotage::old_copy) {
    return peers_.old_copy(bytes, chance_);
  } else if (sabotage_ == Sabotage::refuse_gifts) {
    return PeerSabotage::refuse_gifts(bytes);
  } else {
    return false;
  }
  return true;
}

void SabotagedIo::send(io::StreamId id, std::span<const Bytes> views) {
  Stream& stream = at(id);
  std::string bytes;
  for (const Bytes view : views) bytes += view;
  const std::size_t promised = bytes.size();
  if (!spoil(bytes)) return inner_.send(id, views);
  stream.bytes = std::move(bytes);
  stream.left = 0;
  stream.promised = promised;
  if (stream.bytes.empty()) return owe(id, false);
  const Bytes view = stream.bytes;
  inner_.send(id, {&view, 1});
}

void SabotagedIo::on_sent(io::StreamId id, Result<std::size_t, io::Error> result) {
  Stream& stream = at(id);
  if (stream.promised == 0) return stream.owner->on_sent(id, result);
  if (result) {
    stream.left += *result;
    if (stream.left < stream.bytes.size()) {
      const Bytes view = Bytes(stream.bytes).substr(stream.left);
      return inner_.send(id, {&view, 1});
    }
  }
  const std::size_t promised = std::exchange(stream.promised, 0);
  stream.owner->on_sent(id, result ? Result<std::size_t, io::Error>(promised) : result);
}

void SabotagedIo::on_received(io::StreamId id, Result<io::Received, io::Error> result) {
  Stream& stream = at(id);
  if (result && strikes(Sabotage::lose_completion)) {
    stream.lost_receive = true;
    return;
  }
  if (result && !result->leased.empty() && strikes(Sabotage::corrupt_request)) {
    std::string bytes(result->leased);
    bytes[chance_.below(bytes.size())] ^= 0x20;
    return stream.owner->on_received(id, io::Received{bytes, bytes.size()});
  }
  stream.owner->on_received(id, result);
}

void SabotagedIo::close(io::StreamId id) {
  if (sabotage_ == Sabotage::leak_stream && at(id).owner != nullptr && chance_.chance(1, 8)) {
    at(id).leaked = true;
    inner_.cancel(id);
    return owe(id, true);
  }
  inner_.close(id);
}

void SabotagedIo::on_closed(io::StreamId id) {
  Stream& stream = at(id);
  if (std::exchange(stream.lost_receive, false)) {
    stream.owner->on_received(id, failure(io::Error::cancelled));
  }
  if (std::exchange(stream.promised, 0) > 0) {
    stream.owner->on_sent(id, failure(io::Error::cancelled));
  }
  stream.owner->on_closed(id);
}

void SabotagedIo::on_timer(io::TimerId timer) {
  for (std::size_t i = 0; i < owed_.size(); i++) {
    if (!(owed_[i].timer == timer)) continue;
    const Owed owed = owed_[i];
    owed_.erase(owed_.begin() + static_cast<std::ptrdiff_t>(i));
    Stream& stream = at(owed.stream);
    if (owed.closed) return on_closed(owed.stream);
    if (stream.promised == 0) return;  // the stream was closed meanwhile
    const std::size_t promised = std::exchange(stream.promised, 0);
    return stream.owner->on_sent(owed.stream, promised);
  }
}

}  // namespace

const char* to_string(Sabotage sabotage) { return names[static_cast<std::size_t>(sabotage)]; }

std::optional<Sabotage> parse_sabotage(Bytes name) {
  for (std::size_t i = 0; i < sabotages_count; i++) {
    if (name == names[i]) return static_cast<Sabotage>(i);
  }
  return std::nullopt;
}

std::unique_ptr<io::Io> make_sabotaged_io(io::Io& inner, Sabotage sabotage, std::uint64_t seed) {
  return std::make_unique<SabotagedIo>(inner, sabotage, seed);
}

}  // namespace cacheismo::sim
