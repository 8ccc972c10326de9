#include "cacheismo/io/conformance.h"

#include <chrono>
#include <utility>

#include "cacheismo/base/limits.h"

namespace cacheismo::io {

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>((i * 2654435761u + (i >> 12)) >> 3);
  }
  return bytes;
}

// ---- Watcher ------------------------------------------------------------------------------------

void Watcher::callback(const std::function<void()>& body) {
  EXPECT_FALSE(inside_call_) << "a completion ran inside a call";
  EXPECT_FALSE(inside_callback_) << "a completion ran inside another one";
  const Now before = io_.now();
  EXPECT_GE(before.monotonic, last_) << "monotonic time went back";
  last_ = before.monotonic;
  inside_callback_ = true;
  body();
  inside_callback_ = false;
  EXPECT_EQ(before.monotonic, io_.now().monotonic) << "now() changed within a callback";
  EXPECT_EQ(before.wall, io_.now().wall) << "now() changed within a callback";
}

// ---- Endpoint -----------------------------------------------------------------------------------

void Endpoint::connect(const Address& address, MonotonicTime deadline) {
  connecting_ = alive = true;
  id = watcher_.forbid([&] { return watcher_.io().connect(address, deadline, *this); });
}

void Endpoint::attach(StreamId stream) {
  id = stream;
  alive = true;
  watcher_.forbid([&] { watcher_.io().attach(stream, *this); });
}

void Endpoint::receive() {
  receiving = leased_ = true;
  watcher_.forbid([&] { watcher_.io().receive(id); });
}

void Endpoint::receive_into(std::vector<MutableBytes> windows) {
  receiving = true;
  leased_ = false;
  watcher_.forbid([&] { watcher_.io().receive_into(id, windows); });
  // The span itself is copied: the windows behind it may go.
  for (MutableBytes& window : windows) window = {};
}

void Endpoint::send(std::vector<Bytes> views) {
  sending = true;
  watcher_.forbid([&] { watcher_.io().send(id, views); });
  for (Bytes& view : views) view = {};
}

void Endpoint::shutdown() {
  watcher_.forbid([&] { watcher_.io().shutdown(id); });
}

void Endpoint::cancel() {
  watcher_.forbid([&] { watcher_.io().cancel(id); });
}

void Endpoint::close() {
  closing = true;
  watcher_.forbid([&] { watcher_.io().close(id); });
}

void Endpoint::send_all(std::string bytes, std::function<void()> done) {
  outgoing_ = std::move(bytes);
  outgoing_done_ = 0;
  when_sent = [this, done = std::move(done)] {
    if (!sends.back()) return;
    outgoing_done_ += *sends.back();
    if (outgoing_done_ < outgoing_.size()) {
      if (!closing) send(Bytes(outgoing_).substr(outgoing_done_));
      return;
    }
    // The hook may replace itself.
    const auto run = done;
    when_sent = {};
    if (run) run();
  };
  send(Bytes(outgoing_));
}

void Endpoint::receive_all() {
  when_received = [this] {
    if (receives.back() && !closing) receive();
  };
  receive();
}

std::optional<Error> Endpoint::receive_error() const {
  if (receives.empty() || receives.back()) return std::nullopt;
  return receives.back().error();
}

std::optional<Error> Endpoint::send_error() const {
  if (sends.empty() || sends.back()) return std::nullopt;
  return sends.back().error();
}

namespace {

void run_hook(const std::function<void()>& hook) {
  const std::function<void()> copy = hook;  // a hook may replace itself while it runs
  if (copy) copy();
}

}  // namespace

void Endpoint::on_connected(StreamId stream, Result<void, Error> result) {
  watcher_.callback([&] {
    EXPECT_EQ(stream, id);
    EXPECT_TRUE(alive && connecting_) << "nothing was asked for";
    connecting_ = false;
    connects.push_back(result);
    run_hook(when_connected);
  });
}

void Endpoint::on_received(StreamId stream, Result<Received, Error> result) {
  watcher_.callback([&] {
    EXPECT_EQ(stream, id);
    EXPECT_TRUE(alive && receiving) << "nothing was asked for";
    receiving = false;
    if (result) {
      EXPECT_GE(result->count, 1u);
      if (leased_) {
        EXPECT_LE(result->count, limits::receive_bytes);
        EXPECT_EQ(result->count, result->leased.size());
        received.append(result->leased);
      }
      receives.emplace_back(result->count);
    } else {
      const Error error = result.error();
      EXPECT_TRUE(error == Error::eof || error == Error::reset || error == Error::cancelled)
          << to_string(error);
      receives.emplace_back(failure(error));
    }
    run_hook(when_received);
  });
}

void Endpoint::on_sent(StreamId stream, Result<std::size_t, Error> result) {
  watcher_.callback([&] {
    EXPECT_EQ(stream, id);
    EXPECT_TRUE(alive && sending) << "nothing was asked for";
    sending = false;
    if (result) {
      EXPECT_GE(*result, 1u);
    } else {
      const Error error = result.error();
      EXPECT_TRUE(error == Error::reset || error == Error::cancelled) << to_string(error);
    }
    sends.push_back(result);
    run_hook(when_sent);
  });
}

void Endpoint::on_closed(StreamId stream) {
  watcher_.callback([&] {
    EXPECT_EQ(stream, id);
    EXPECT_TRUE(alive && closing) << "nothing was asked for";
    EXPECT_FALSE(connecting_) << "closed with a connect outstanding";
    EXPECT_FALSE(receiving) << "closed with a receive outstanding";
    EXPECT_FALSE(sending) << "closed with a send outstanding";
    alive = false;
    closed = true;
    run_hook(when_closed);
  });
}

// ---- Acceptor -----------------------------------------------------------------------------------

Result<void, Error> Acceptor::listen(const Address& address, ListenOptions options) {
  const auto result =
      watcher_.forbid([&] { return watcher_.io().listen(address, options, *this); });
  if (!result) return failure(result.error());
  id = *result;
  open = true;
  return {};
}

void Acceptor::accept() {
  accepting = true;
  watcher_.forbid([&] { watcher_.io().accept(id); });
}

void Acceptor::close() {
  open = false;
  watcher_.forbid([&] { watcher_.io().close_listener(id); });
}

Address Acceptor::address() { return watcher_.io().local_address(id); }

void Acceptor::on_accepted(ListenerId listener, Result<Accepted, Error> result) {
  watcher_.callback([&] {
    EXPECT_EQ(listener, id);
    EXPECT_TRUE(accepting) << "nothing was asked for";
    accepting = false;
    if (!result) {
      errors.push_back(result.error());
      return;
    }
    accepted.push_back(std::make_unique<Endpoint>(watcher_));
    Endpoint& endpoint = *accepted.back();
    endpoint.attach(result->stream);
    if (accept_always && open) accept();
    if (when_accepted) when_accepted(endpoint);
  });
}

// ---- Alarm --------------------------------------------------------------------------------------

TimerId Alarm::set(MonotonicTime deadline) {
  const TimerId id = watcher_.forbid([&] { return watcher_.io().set_timer(deadline, *this); });
  EXPECT_NE(id.value, 0u);
  pending_.emplace_back(id, deadline);
  return id;
}

void Alarm::on_timer(TimerId timer) {
  watcher_.callback([&] {
    bool known = false;
    std::erase_if(pending_, [&](const auto& pending) {
      if (!(pending.first == timer)) return false;
      EXPECT_GE(watcher_.io().now().monotonic, pending.second) << "a timer fired early";
      return known = true;
    });
    EXPECT_TRUE(known) << "a timer fired twice, or was never set";
    fired.push_back(timer);
    if (when_fired) when_fired(timer);
  });
}

// ---- Conformance --------------------------------------------------------------------------------

Conformance::Conformance() : backend_(GetParam()()), watcher_(backend_->io()) {}

void Conformance::TearDown() {
  std::vector<Endpoint*> all;
  for (const auto& acceptor : acceptors_) {
    if (acceptor->open) acceptor->close();
    for (const auto& endpoint : acceptor->accepted) all.push_back(endpoint.get());
  }
  for (const auto& endpoint : endpoints_) all.push_back(endpoint.get());
  for (Endpoint* endpoint : all) {
    endpoint->when_connected = endpoint->when_received = {};
    endpoint->when_sent = endpoint->when_closed = {};
    if (endpoint->alive && !endpoint->closing) endpoint->close();
  }
  EXPECT_TRUE(run_until([&] {
    for (const auto& acceptor : acceptors_) {
      if (acceptor->accepting) return false;
    }
    for (const Endpoint* endpoint : all) {
      if (endpoint->alive) return false;
    }
    return true;
  })) << "an operation never completed";
  // A completion that came late would be reported by its recorder.
  backend_->run_for(std::chrono::milliseconds(1));
}

Acceptor& Conformance::make_acceptor() {
  acceptors_.push_back(std::make_unique<Acceptor>(watcher_));
  return *acceptors_.back();
}

Endpoint& Conformance::make_endpoint() {
  endpoints_.push_back(std::make_unique<Endpoint>(watcher_));
  return *endpoints_.back();
}

Conformance::Pair Conformance::make_pair() {
  if (pair_acceptor_ == nullptr) {
    pair_acceptor_ = &make_acceptor();
    EXPECT_TRUE(pair_acceptor_->listen(backend_->listen_address()));
    pair_acceptor_->accept();
  }
  const std::size_t before = pair_acceptor_->accepted.size();
  Endpoint& client = make_endpoint();
  client.connect(pair_acceptor_->address(), in(std::chrono::minutes(1)));
  EXPECT_TRUE(run_until(
      [&] { return client.connected() && pair_acceptor_->accepted.size() == before + 1; }));
  return {client, *pair_acceptor_->accepted.at(before)};
}

std::size_t Conformance::fill(Endpoint& from, const std::string& chunk) {
  std::size_t taken = 0;
  // TCP buffers hold up to about 10 MB here (net.ipv4.tcp_wmem, tcp_rmem).
  constexpr std::size_t bound = 256 * MiB;
  from.when_sent = [&] {
    if (!from.sends.back()) return;
    taken += *from.sends.back();
    if (taken < bound) from.send(chunk);
  };
  from.send(chunk);
  for (std::size_t before = taken + 1; before != taken;) {
    before = taken;
    settle();
  }
  from.when_sent = {};
  EXPECT_TRUE(from.sending) << "an unread stream took " << taken << " bytes";
  return taken;
}

}  // namespace cacheismo::io
