#include "sim/cluster/key_client.h"

#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

using linear::Operation;
using linear::Outcome;
using linear::Verb;
using proto::ReplyPart;
using proto::ReplyWord;

constexpr Duration reconnect_pause = std::chrono::milliseconds(20);
constexpr Bytes no_number_text = "cannot increment or decrement non-numeric value";

/// What a one-line reply says to `verb`; nullopt: nothing that it could.
std::optional<Outcome> outcome_of(Verb verb, const ReplyPart& part) {
  Outcome outcome = Outcome::unknown;
  switch (part.word) {
    case ReplyWord::end: outcome = Outcome::miss; break;
    case ReplyWord::stored: outcome = Outcome::stored; break;
    case ReplyWord::not_stored: outcome = Outcome::not_stored; break;
    case ReplyWord::exists: outcome = Outcome::exists; break;
    case ReplyWord::deleted: outcome = Outcome::deleted; break;
    case ReplyWord::not_found: outcome = Outcome::not_found; break;
    case ReplyWord::number: outcome = Outcome::number; break;
    case ReplyWord::client_error:
      if (!part.text.starts_with(no_number_text)) return std::nullopt;
      outcome = Outcome::not_a_number;
      break;
    default: return std::nullopt;
  }
  if (!linear::fits(verb, outcome)) return std::nullopt;
  return outcome;
}

}  // namespace

std::string encoded(const std::string& key, const Operation& operation) {
  const std::string stored = ' ' + key + " 0 0 " + std::to_string(operation.value.size());
  const std::string data = "\r\n" + operation.value + "\r\n";
  switch (operation.verb) {
    case Verb::get: return "get " + key + "\r\n";
    case Verb::gets: return "gets " + key + "\r\n";
    case Verb::set: return "set" + stored + data;
    case Verb::add: return "add" + stored + data;
    case Verb::cas: return "cas" + stored + ' ' + std::to_string(operation.token) + data;
    case Verb::remove: return "delete " + key + "\r\n";
    case Verb::incr: return "incr " + key + ' ' + std::to_string(operation.number) + "\r\n";
    case Verb::forget: break;
  }
  CHECK(false);
  return {};
}

KeyClient::KeyClient(SimIo& io, Recorder& recorder, Options options, Prng chance)
    : io_(io),
      recorder_(recorder),
      options_(std::move(options)),
      chance_(chance),
      tokens_(recorder.keys()) {
  CHECK(!options_.nodes.empty());
}

void KeyClient::set_timer(Duration after) {
  clear_timer();
  timer_ = io_.set_timer(io_.now().monotonic + after, *this);
}

void KeyClient::clear_timer() {
  if (timer_ != io::TimerId{}) (void)io_.cancel_timer(timer_);
  timer_ = {};
}

void KeyClient::on_timer(io::TimerId) {
  timer_ = {};
  switch (state_) {
    case State::waiting: return connect();
    case State::thinking: return ask();
    case State::asking: tally_.timeouts++; return close();
    default: CHECK(false);
  }
}

// ---- Connections --------------------------------------------------------------------------------

void KeyClient::start() {
  const auto bound = static_cast<std::uint64_t>(reconnect_pause.count());
  set_timer(Duration(static_cast<std::int64_t>(chance_.below(bound))));
}

void KeyClient::connect() {
  if (stopping_) {
    state_ = State::stopped;
    return;
  }
  state_ = State::connecting;
  asked_here_ = 0;
  input_.clear();
  tokens_.assign(tokens_.size(), 0);
  const io::Address& node = options_.nodes[chance_.below(options_.nodes.size())];
  stream_ = io_.connect(node, io_.now().monotonic + options_.connect_timeout, *this);
}

void KeyClient::on_connected(io::StreamId, Result<void, io::Error> result) {
  if (!result) {
    tally_.connect_failures++;
    return close();
  }
  io_.receive(stream_);
  think();
}

void KeyClient::close() {
  CHECK(state_ != State::closing);
  state_ = State::closing;
  clear_timer();
  under_way_.reset();
  read_.reset();
  io_.close(stream_);
}

void KeyClient::lost() {
  tally_.lost++;
  close();
}

void KeyClient::on_closed(io::StreamId) {
  state_ = State::waiting;
  start();
}

// ---- Asking -------------------------------------------------------------------------------------

void KeyClient::think() {
  if (stopping_ || asked_here_ == options_.operations_per_connection) return close();
  state_ = State::thinking;
  const auto bound = static_cast<std::uint64_t>(2 * options_.think.count());
  set_timer(Duration(1 + static_cast<std::int64_t>(chance_.below(bound))));
}

std::string KeyClient::new_value(std::uint32_t key) {
  const std::uint64_t number = ++values_;
  if (!Recorder::is_number(key)) {
    return 'c' + std::to_string(options_.number) + '-' + std::to_string(number);
  }
  // Far enough from each other that what is added to one does not reach the next.
  return std::to_string((options_.number * 10'000'000 + number) * 10'000);
}

Operation KeyClient::draw_operation(std::uint32_t key) {
  Operation operation;
  operation.client = options_.number;
  const std::uint64_t draw = chance_.below(100);
  operation.verb = draw < 35   ? Verb::get
                   : draw < 50 ? Verb::gets
                   : draw < 65 ? Verb::set
                   : draw < 75 ? Verb::add
                   : draw < 85 ? Verb::remove
                               : Verb::cas;
  if (operation.verb == Verb::cas && Recorder::is_number(key)) operation.verb = Verb::incr;
  if (operation.verb == Verb::cas && tokens_[key] == 0) operation.verb = Verb::gets;
  if (operation.verb == Verb::cas) operation.token = tokens_[key];
  if (operation.verb == Verb::incr) operation.number = 1;
  if (operation.verb == Verb::set || operation.verb == Verb::add || operation.verb == Verb::cas) {
    operation.value = new_value(key);
  }
  return operation;
}

void KeyClient::ask() {
  if (stopping_) return close();
  state_ = State::asking;
  asked_here_++;
  tally_.asked++;
  const auto key = static_cast<std::uint32_t>(chance_.below(recorder_.keys()));
  const Operation operation = draw_operation(key);
  under_way_ = recorder_.begin(key, operation);
  sending_ = encoded(Recorder::name(key), operation);
  sent_ = 0;
  set_timer(options_.timeout);
  send_rest();
}

void KeyClient::send_rest() {
  const Bytes view = Bytes(sending_).substr(sent_);
  io_.send(stream_, {&view, 1});
}

void KeyClient::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) return lost();
  sent_ += *result;
  if (sent_ < sending_.size()) return send_rest();
  parse();  // a node that answers early is not believed before everything has left
}

// ---- Replies ------------------------------------------------------------------------------------

void KeyClient::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) return lost();
  input_.append(result->leased);
  io_.receive(stream_);
  parse();
}

void KeyClient::parse() {
  while (!input_.empty()) {
    if (state_ == State::asking && sent_ < sending_.size()) return;
    ReplyPart part;
    const proto::ReplyParsed parsed = proto::parse_reply(input_, part);
    if (parsed.kind == proto::ReplyParsed::Kind::need_more) return;
    // Turned away, or told why the connection ends.
    if (parsed.kind == proto::ReplyParsed::Kind::part && !under_way_ && part.is_error()) {
      return lost();
    }
    const bool fits = parsed.kind == proto::ReplyParsed::Kind::part && under_way_ && take(part);
    if (!fits) {
      const std::string asked = under_way_ ? linear::to_string(recorder_.at(*under_way_)) : "none";
      violations_.push_back("client " + std::to_string(options_.number) + " was told " +
                            input_.substr(0, 80) + "; under way: " + asked);
      return close();
    }
    if (state_ == State::closing) return;
    input_.erase(0, parsed.consumed);
  }
}

bool KeyClient::take(const ReplyPart& part) {
  Operation told = recorder_.at(*under_way_);
  if (part.word == ReplyWord::value) return take_value(part, told);
  const std::optional<Outcome> outcome = outcome_of(told.verb, part);
  if (!outcome) {
    if (!part.is_error()) return false;
    tally_.errors++;
    under_way_.reset();
    read_.reset();
    think();
    return true;
  }
  if (read_) {
    if (part.word != ReplyWord::end) return false;
    told = *read_;
  } else {
    told.outcome = *outcome;
    told.result = part.number;
  }
  answered(told);
  return true;
}

bool KeyClient::take_value(const ReplyPart& part, Operation& told) {
  const bool reads = told.verb == Verb::get || told.verb == Verb::gets;
  if (!reads || read_ || part.key != Recorder::name(under_way_->key)) return false;
  if (part.cas.has_value() != (told.verb == Verb::gets)) return false;
  told.outcome = Outcome::hit;
  told.value = std::string(part.value);
  told.token = part.cas.value_or(0);
  if (part.cas == 0) return false;
  read_ = told;
  return true;
}

void KeyClient::answered(const Operation& told) {
  tally_.answered++;
  recorder_.end(*under_way_, told);
  if (told.verb == Verb::gets) tokens_[under_way_->key] = told.token;
  under_way_.reset();
  read_.reset();
  think();
}

}  // namespace cacheismo::sim
