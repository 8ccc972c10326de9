#include "sim/cluster/copy_client.h"

#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"
#include "sim/cluster/census.h"

namespace cacheismo::sim {
namespace {

using proto::ReplyPart;
using proto::ReplyWord;
using Told = CopiedKey::Told;

constexpr Duration reconnect_pause = std::chrono::milliseconds(20);
constexpr Duration connect_timeout = std::chrono::milliseconds(200);
// Of replicate.lua: a delete reads first, from two nodes if need be, and each wait is 0.5 s.
constexpr Duration patience = std::chrono::milliseconds(1500 + 100);
constexpr Bytes census_key = "mapreduce:prefixes:all:3";
constexpr Bytes script_error = "replicate: ";
constexpr Bytes copies_text = " copies are written, ";
constexpr Bytes uncertain_text = " is not certain: ";

}  // namespace

std::string copy_request(const std::string& key, Bytes value) {
  std::string text = "append " + key + " 0 0 " + std::to_string(value.size()) + "\r\n";
  text += value;
  return text + "\r\n";
}

std::optional<Told> told_of_write(const ReplyPart& part) {
  switch (part.word) {
    case ReplyWord::stored:
    case ReplyWord::deleted:
    case ReplyWord::not_found: return Told::complete;
    default: break;
  }
  if (!part.is_error()) return std::nullopt;
  if (!part.text.starts_with(script_error) || part.text.find(copies_text) == Bytes::npos)
    return Told::nothing;
  const Bytes number = part.text.substr(script_error.size());
  std::uint32_t written = 0;
  (void)std::from_chars(number.data(), number.data() + number.size(), written);
  return written > 0 ? Told::partly : Told::nothing;
}

CopyClient::CopyClient(SimIo& io, const Clockwork& clockwork, std::vector<CopiedKey>& keys,
                       Options options, Prng chance)
    : io_(io), clockwork_(clockwork), keys_(keys), options_(std::move(options)), chance_(chance) {
  CHECK(!options_.nodes.empty());
  CHECK(!keys_.empty());
  tally_.foreign.resize(options_.nodes.size());
}

void CopyClient::set_timer(Duration after) {
  clear_timer();
  timer_ = io_.set_timer(io_.now().monotonic + after, *this);
}

void CopyClient::clear_timer() {
  if (timer_ != io::TimerId{}) (void)io_.cancel_timer(timer_);
  timer_ = {};
}

void CopyClient::on_timer(io::TimerId) {
  timer_ = {};
  switch (state_) {
    case State::waiting: return connect();
    case State::thinking: return ask();
    case State::asking:
      tally_.timeouts++;
      if (began_ns_ >= options_.late_from_ns) violation("deadline: heard nothing in time");
      return close();
    default: CHECK(false);
  }
}

void CopyClient::violation(const std::string& what) {
  violations_.push_back("copy client " + std::to_string(options_.number) + " at n" +
                        std::to_string(node_ + 1) + ", " + what +
                        "; it asked: " + sending_.substr(0, sending_.find('\r')));
}

// ---- Connections --------------------------------------------------------------------------------

void CopyClient::start() {
  const auto bound = static_cast<std::uint64_t>(reconnect_pause.count());
  set_timer(Duration(static_cast<std::int64_t>(chance_.below(bound))));
}

void CopyClient::connect() {
  if (stopping_) {
    state_ = State::stopped;
    return;
  }
  state_ = State::connecting;
  began_ns_ = clockwork_.now_ns;
  asked_here_ = 0;
  input_.clear();
  node_ = chance_.below(options_.nodes.size());
  stream_ = io_.connect(options_.nodes[node_], io_.now().monotonic + connect_timeout, *this);
}

void CopyClient::on_connected(io::StreamId, Result<void, io::Error> result) {
  if (!result) {
    if (began_ns_ >= options_.calm_from_ns) violation("calm: cannot connect");
    return close();
  }
  io_.receive(stream_);
  think();
}

void CopyClient::close() {
  CHECK(state_ != State::closing);
  state_ = State::closing;
  clear_timer();
  io_.close(stream_);
}

void CopyClient::lost() {
  tally_.lost++;
  if (began_ns_ >= options_.calm_from_ns) violation("calm: lost its connection");
  close();
}

void CopyClient::on_closed(io::StreamId) {
  state_ = State::waiting;
  start();
}

// ---- Asking -------------------------------------------------------------------------------------

void CopyClient::think() {
  if (stopping_ || asked_here_ >= options_.requests_per_connection) return close();
  state_ = State::thinking;
  const auto bound = static_cast<std::uint64_t>(2 * options_.think.count());
  set_timer(Duration(1 + static_cast<std::int64_t>(chance_.below(bound))));
}

std::string CopyClient::new_value() {
  std::string value = 'x' + std::to_string(options_.number) + '-' + std::to_string(++values_);
  if (options_.value_bytes_max > value.size() && chance_.chance(1, options_.long_one_in))
    value.resize(chance_.between(value.size(), options_.value_bytes_max), '.');
  return value;
}

void CopyClient::ask() {
  if (stopping_) return close();
  state_ = State::asking;
  began_ns_ = clockwork_.now_ns;
  sent_ = 0;
  value_.reset();
  key_ = static_cast<std::uint32_t>(chance_.below(keys_.size()));
  CopiedKey& key = keys_[key_];
  const std::uint64_t draw = chance_.below(100);
  what_ = draw < 48 ? What::read : draw < 82 ? What::set : draw < 96 ? What::remove : What::census;
  switch (what_) {
    case What::read: sending_ = "prepend " + key.name() + " 0 0 0\r\n\r\n"; break;
    case What::census:
      sending_ = "get " + std::string(census_key) + "\r\n";
      tally_.foreign[node_] += options_.census_owner == node_ ? 0u : 1u;
      break;
    case What::remove:
      write_ = key.begin_write(std::nullopt, began_ns_);
      sending_ = "decr " + key.name() + " 1\r\n";
      break;
    case What::set: {
      const std::string value = new_value();
      write_ = key.begin_write(value, began_ns_);
      sending_ = copy_request(key.name(), value);
      break;
    }
  }
  asked_here_++;
  tally_.asked++;
  set_timer(patience);
  send_rest();
}

void CopyClient::send_rest() {
  const Bytes view = Bytes(sending_).substr(sent_);
  io_.send(stream_, {&view, 1});
}

void CopyClient::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) return lost();
  sent_ += *result;
  if (sent_ < sending_.size()) return send_rest();
  parse();
}

// ---- Replies ------------------------------------------------------------------------------------

void CopyClient::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) return lost();
  input_.append(result->leased);
  io_.receive(stream_);
  parse();
}

void CopyClient::parse() {
  while (!input_.empty()) {
    const bool waits = state_ == State::asking;
    if (waits && sent_ < sending_.size()) return;
    ReplyPart part;
    const proto::ReplyParsed parsed = proto::parse_reply(input_, part);
    if (parsed.kind == proto::ReplyParsed::Kind::need_more) return;
    const bool is_part = parsed.kind == proto::ReplyParsed::Kind::part;
    // Turned away, or told why the connection ends.
    if (is_part && !waits && part.is_error()) return lost();
    if (!is_part || !waits || !take(part)) {
      violation("replies: was told " + input_.substr(0, 80));
      return close();
    }
    input_.erase(0, parsed.consumed);
  }
}

bool CopyClient::take(const ReplyPart& part) {
  const bool fits = what_ == What::read     ? take_read(part)
                    : what_ == What::census ? take_census(part)
                                            : take_written(part);
  if (!fits) return false;
  if (part.is_error()) take_error(part);
  if (part.word == ReplyWord::value) return true;
  think();
  return true;
}

bool CopyClient::take_read(const ReplyPart& part) {
  CopiedKey& key = keys_[key_];
  if (part.word == ReplyWord::value) {
    if (value_ || part.key != key.name()) return false;
    value_ = std::string(part.value);
    return true;
  }
  if (part.is_error()) return !value_;
  if (part.word != ReplyWord::end) return false;
  (value_ ? tally_.hits : tally_.misses)++;
  key.read(began_ns_, clockwork_.now_ns, value_);
  return true;
}

bool CopyClient::take_census(const ReplyPart& part) {
  if (part.is_error()) return !value_;
  if (part.word == ReplyWord::end) return value_.has_value();
  if (part.word != ReplyWord::value || value_ || part.key != census_key) return false;
  value_ = std::string(part.value);
  const auto census = parse_census(*value_, options_.nodes.size());
  if (!census) {
    violation("coverage: was told " + *value_);
    return true;
  }
  const bool all = census->answered == census->asked;
  (all ? tally_.censuses : tally_.partial_censuses)++;
  if (!all && began_ns_ >= options_.calm_from_ns) violation("calm: was told " + *value_);
  return true;
}

bool CopyClient::take_written(const ReplyPart& part) {
  const auto told = told_of_write(part);
  const bool removes =
      part.word == ReplyWord::deleted || part.word == ReplyWord::not_found || part.is_error();
  const bool stores = part.word == ReplyWord::stored || part.is_error();
  if (!told || !(what_ == What::remove ? removes : stores)) return false;
  tally_.complete += *told == Told::complete ? 1u : 0u;
  tally_.partly += *told == Told::partly ? 1u : 0u;
  keys_[key_].end_write(write_, *told, clockwork_.now_ns);
  return true;
}

void CopyClient::take_error(const ReplyPart& part) {
  tally_.errors++;
  tally_.uncertain += part.text.find(uncertain_text) != Bytes::npos ? 1u : 0u;
  if (began_ns_ < options_.calm_from_ns) return;
  if (what_ != What::census && !options_.can_write()) return;
  violation("calm: was told " + std::string(part.text));
}

}  // namespace cacheismo::sim
