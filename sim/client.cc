#include "sim/client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"

namespace cacheismo::sim {
namespace {

using proto::ReplyPart;
using proto::ReplyWord;

constexpr Bytes turned_away_text = "Too many open connections";
constexpr std::uint64_t reconnect_ns = 20'000'000;

template <class Number>
std::optional<Number> to_number(std::optional<Bytes> text) {
  Number number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

bool is_meta(Op op) {
  return op == Op::mg || op == Op::ms || op == Op::md || op == Op::ma || op == Op::call_mg;
}

/// Errors carry no opaque, so that one behind a silent request could also be its successor's. A
/// silent request that can fail is therefore followed by one that cannot.
bool is_followed_by_mn(const Request& request) {
  return request.silent && (request.op == Op::ms || request.op == Op::ma);
}

}  // namespace

Client::Client(SimIo& io, Clockwork& clockwork, Oracle& oracle, Options options, Prng chance)
    : io_(io),
      clockwork_(clockwork),
      oracle_(oracle),
      options_(std::move(options)),
      chance_(chance),
      keys_(options_.number, options_.keys, oracle),
      objects_(options_.number, oracle),
      workload_(chance_.derive(1), options_.workload, keys_, objects_, oracle) {}

void Client::violation(const std::string& what) {
  oracle_.violation(now_ns(), "client " + std::to_string(options_.number) + " (" +
                                  options_.manner.name + "): " + what);
}

void Client::set_timer(io::TimerId& timer, std::uint64_t after_ns) {
  clear_timer(timer);
  timer = io_.set_timer(io_.now().monotonic + Duration(static_cast<std::int64_t>(after_ns)), *this);
}

void Client::clear_timer(io::TimerId& timer) {
  if (timer.value != 0) (void)io_.cancel_timer(timer);
  timer = {};
}

void Client::on_timer(io::TimerId timer) {
  if (timer == deadline_timer_) {
    deadline_timer_ = {};
    return timed_out();
  }
  if (timer == read_timer_) {
    read_timer_ = {};
    return receive();
  }
  if (timer == send_timer_) {
    send_timer_ = {};
    return send_piece();
  }
  CHECK(timer == step_timer_);
  step_timer_ = {};
  if (state_ == State::waiting) return connect();
  if (state_ == State::thinking) return start_batch();
  oracle_.count(Tally::resets);
  close(true);
}

// ---- Connections --------------------------------------------------------------------------------

void Client::start() { set_timer(step_timer_, chance_.below(reconnect_ns)); }

void Client::connect() {
  if (stopping_) {
    state_ = State::stopped;
    return;
  }
  state_ = State::connecting;
  began_ns_ = now_ns();
  batches_ = 0;
  input_.clear();
  partial_ = {};
  broken_ = false;
  const Duration timeout(static_cast<std::int64_t>(options_.manner.timeout_ns));
  stream_ = io_.connect(options_.server, io_.now().monotonic + timeout, *this);
}

void Client::on_connected(io::StreamId, Result<void, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) {
    oracle_.count(Tally::connect_failures);
    if (oracle_.calm_since(began_ns_) && !options_.manner.impatient) {
      violation(std::string("connect failed: ") + io::to_string(result.error()));
    }
    return close(false);
  }
  oracle_.count(Tally::connections);
  if (!options_.manner.never_reads) receive();
  start_batch();
}

void Client::end_connection() {
  CHECK(waiting_.empty());
  close(false);
}

void Client::close(bool reset) {
  for (io::TimerId* timer : {&step_timer_, &deadline_timer_, &read_timer_, &send_timer_}) {
    clear_timer(*timer);
  }
  doubt_everything();
  state_ = State::closing;
  if (reset) io_.reset_on_close(stream_);
  io_.close(stream_);
}

void Client::doubt_everything() {
  for (const Request& request : waiting_) {
    if (is_call(request.op)) {
      objects_.doubt(request);
    } else {
      keys_.doubt(request);
    }
  }
  waiting_.clear();
}

void Client::on_closed(io::StreamId) {
  state_ = State::waiting;
  sending_.clear();
  sent_ = 0;
  if (stopping_) {
    state_ = State::stopped;
    return;
  }
  set_timer(step_timer_, chance_.below(reconnect_ns));
}

/// A node that sees an eof while a method waits takes its client for gone, and ends the call.
bool Client::has_left_a_call() const {
  return state_ == State::draining &&
         std::any_of(waiting_.begin(), waiting_.end(), [](const Request& request) {
           return std::any_of(request.calls.begin(), request.calls.end(), [](const auto& call) {
             return call.method == ObjectMethod::patient_incr;
           });
         });
}

void Client::lost(io::Error error) {
  const bool idle = waiting_.empty();
  oracle_.count(idle ? Tally::closed_while_idle : Tally::connections_lost);
  const bool by_itself = options_.may_be_cut || (error == io::Error::eof && has_left_a_call());
  if (oracle_.calm_since(began_ns_) && !by_itself) {
    violation(std::string("connection ended without reason: ") + io::to_string(error));
  }
  close(false);
}

void Client::timed_out() {
  if (options_.manner.never_reads) {
    oracle_.count(Tally::stalls);
  } else {
    oracle_.count(Tally::timeouts);
    if (oracle_.calm_since(began_ns_) && !options_.manner.impatient) {
      violation(std::to_string(waiting_.size()) + " requests outlived their deadline, the first " +
                (waiting_.empty() ? "none" : to_string(waiting_.front().op)));
    }
  }
  close(chance_.chance(1, 2));
}

// ---- Requests -----------------------------------------------------------------------------------

void Client::think() {
  state_ = State::thinking;
  began_ns_ = now_ns();
  set_timer(step_timer_, chance_.below(2 * options_.manner.think_ns + 1));
}

void Client::start_batch() {
  if (stopping_) return end_connection();
  state_ = State::batch;
  began_ns_ = now_ns();
  batches_++;
  const std::uint64_t count = chance_.between(1, options_.manner.pipeline_max);
  sending_.clear();
  sent_ = 0;
  for (std::uint64_t i = 0; i < count; i++) {
    waiting_.push_back(workload_.next(now_ns()));
    workload_.encode(waiting_.back(), sending_);
    if (is_followed_by_mn(waiting_.back()) || (i + 1 == count && waiting_.back().silent)) {
      waiting_.push_back(workload_.noop(now_ns()));
      workload_.encode(waiting_.back(), sending_);
    }
  }
  oracle_.count(Tally::requests, waiting_.size());
  clockwork_.journal.note(now_ns(), Note::request, io_.number(), options_.number,
                          static_cast<std::uint32_t>(waiting_.size()), hash64(sending_, 0));
  set_timer(deadline_timer_, options_.manner.timeout_ns);
  const bool final_batch = batches_ >= options_.manner.batches_per_connection;
  if (options_.manner.resets && final_batch) {
    set_timer(step_timer_, chance_.below(2 * options_.manner.think_ns + 1));
  }
  send_piece();
}

/// A request that is refused may be answered before all of its bytes have left.
void Client::finish_batch_if_done() {
  const bool sent = sent_ == sending_.size() && !send_outstanding_;
  if (state_ != State::batch || !waiting_.empty() || !sent) return;
  clear_timer(deadline_timer_);
  if (stopping_ || batches_ >= options_.manner.batches_per_connection) return end_connection();
  think();
}

void Client::send_piece() {
  if (state_ != State::batch || broken_) return;
  Bytes piece = Bytes(sending_).substr(sent_);
  if (options_.manner.send_piece_bytes > 0)
    piece = piece.substr(0, options_.manner.send_piece_bytes);
  CHECK(!send_outstanding_);
  send_outstanding_ = true;
  io_.send(stream_, {&piece, 1});
}

void Client::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  send_outstanding_ = false;
  if (!open()) return;
  if (!result) {
    // What has arrived can still be read; the receive says how it ends.
    broken_ = true;
    if (options_.manner.never_reads) close(false);
    return;
  }
  sent_ += *result;
  if (sent_ < sending_.size()) {
    if (options_.manner.send_delay_ns > 0)
      return set_timer(send_timer_, options_.manner.send_delay_ns);
    return send_piece();
  }
  const bool final_batch = batches_ >= options_.manner.batches_per_connection;
  if (options_.manner.half_closes && final_batch && !waiting_.empty()) {
    state_ = State::draining;
    return io_.shutdown(stream_);
  }
  finish_batch_if_done();
}

// ---- Replies ------------------------------------------------------------------------------------

void Client::receive() {
  if (!open() && state_ != State::connecting) return;
  CHECK(!receive_outstanding_);
  receive_outstanding_ = true;
  io_.receive(stream_);
}

void Client::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  receive_outstanding_ = false;
  if (!open()) return;
  if (!result) {
    if (state_ == State::draining && waiting_.empty() && result.error() == io::Error::eof) {
      oracle_.count(Tally::half_closes);
      return close(false);
    }
    return lost(result.error());
  }
  input_.append(result->leased);
  parse();
  if (!open()) return;
  if (options_.manner.read_delay_ns > 0)
    return set_timer(read_timer_, options_.manner.read_delay_ns);
  receive();
}

void Client::parse() {
  std::size_t done = 0;
  while (open()) {
    ReplyPart part;
    const proto::ReplyParsed parsed = proto::parse_reply(Bytes(input_).substr(done), part);
    if (parsed.kind == proto::ReplyParsed::Kind::need_more) break;
    if (parsed.kind == proto::ReplyParsed::Kind::malformed) {
      violation("not a reply: " + input_.substr(done, 60));
      close(true);
      break;
    }
    on_part(part);
    done += parsed.consumed;
  }
  input_.erase(0, done);
}

void Client::on_part(const ReplyPart& part) {
  if (part.word == ReplyWord::value) {
    partial_.values.push_back(
        {std::string(part.key), std::string(part.value), part.client_flags, part.cas});
    return;
  }
  JudgedReply reply = std::exchange(partial_, {});
  reply.verdict = verdict_of(part);
  reply.number = part.number;
  reply.opaque = to_number<std::uint32_t>(part.flag('O'));
  if (reply.verdict == Verdict::other) reply.text = std::string(part.text);
  if (part.word == ReplyWord::error && part.text.starts_with(turned_away_text)) {
    oracle_.count(Tally::turned_away);
    return close(false);
  }
  if (part.word == ReplyWord::meta_value) {
    reply.values.push_back({std::string(part.flag('k').value_or(Bytes{})), std::string(part.value),
                            to_number<std::uint32_t>(part.flag('f')).value_or(0),
                            to_number<std::uint64_t>(part.flag('c'))});
  }
  on_reply(reply);
}

bool Client::belongs_to(const Request& request, const JudgedReply& reply) const {
  const bool error = reply.verdict == Verdict::other || reply.verdict == Verdict::no_memory;
  if (error && request.silent) return is_followed_by_mn(request);
  if (is_meta(request.op)) return error || reply.opaque == request.opaque;
  return !request.silent && !reply.opaque;
}

void Client::on_reply(const JudgedReply& reply) {
  while (!waiting_.empty()) {
    const Request request = std::move(waiting_.front());
    waiting_.pop_front();
    if (!belongs_to(request, reply)) {
      if (request.silent) {
        JudgedReply silence;
        silence.verdict = Verdict::silence;
        keys_.judge(request, silence, now_ns());
        continue;
      }
      violation(std::string("a reply that is not ") + to_string(request.op) + "'s");
      return close(true);
    }
    answer(request, reply);
    finish_batch_if_done();
    return;
  }
  violation("a reply that no request waits for");
  close(true);
}

void Client::answer(const Request& request, const JudgedReply& reply) {
  oracle_.count(Tally::replies);
  clockwork_.journal.note(now_ns(), Note::reply, io_.number(), options_.number,
                          static_cast<std::uint32_t>(request.op),
                          (static_cast<std::uint64_t>(reply.verdict) << 32) | reply.values.size());
  if (is_call(request.op)) return objects_.judge(request, reply, now_ns());
  if (request.op == Op::ma && reply.verdict == Verdict::values) {
    JudgedReply number = reply;
    number.verdict = Verdict::number;
    const Bytes digits = reply.values.front().value;
    number.number = to_number<std::uint64_t>(digits).value_or(0);
    return keys_.judge(request, number, now_ns());
  }
  keys_.judge(request, reply, now_ns());
}

}  // namespace cacheismo::sim
