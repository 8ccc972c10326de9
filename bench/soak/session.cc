#include "bench/soak/session.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::soak {
namespace {

constexpr std::uint64_t batch_max = 8;
constexpr std::size_t batch_bytes = 64 * 1024;

/// A value that has expired may be seen until the server's clock and this one agree on it: a second
/// each for what they round, and one for how long this one is not looked at.
constexpr std::uint32_t expiry_slack_s = 3;

void append_key(std::string& out, std::uint64_t key) {
  fmt::format_to(std::back_inserter(out), "key:{:012}", key);
}

}  // namespace

Session::Session(int descriptor, std::uint64_t number, std::uint64_t sessions, std::uint64_t seed,
                 Course& course)
    : descriptor_(descriptor),
      number_(number),
      sessions_(sessions),
      prng_(Prng(seed).derive(number)),
      course_(course),
      input_(16 * 1024) {}

Session::~Session() { close(descriptor_); }

// ---- Requests
// ------------------------------------------------------------------------------------

void Session::start_batch() {
  const std::uint64_t count = prng_.between(1, batch_max);
  for (std::uint64_t i = 0; i < count && course_.started < course_.operations; ++i) {
    const bool flushes = Ledger::flushes(course_.started, course_.operations);
    ++course_.started;
    if (flushes) {
      make_flush();
    } else {
      make_request();
    }
    // Nothing behind it may depend on a cas, whose outcome is not known yet.
    if (expected_.back().ask == Ask::cas || output_.size() > batch_bytes) break;
  }
  send();
}

void Session::make_request() {
  const std::uint64_t draw = prng_.below(100);
  if (draw < 40) return make_store(any_key());
  if (draw < 78) return make_get(any_key(), false);
  if (draw < 81) return make_get(any_key(), true);
  if (draw < 84 && cas_key_) return make_cas();
  if (draw < 90) return make_remove(any_key());
  if (draw < 94) return make_touch(any_key());
  if (draw < 97) return make_append(any_key());
  make_count();
}

/// Half of the requests go to a hundredth of the keys.
std::uint64_t Session::any_key() {
  const std::uint64_t keys = course_.ledger.keys() / sessions_;
  const std::uint64_t drawn = prng_.below(prng_.chance(1, 2) ? keys : (keys + 99) / 100);
  return drawn * sessions_ + number_;
}

KeyState& Session::current(std::uint64_t key) {
  KeyState& state = course_.ledger.at(key);
  if (state.gone_at_s != 0 && course_.now_s >= state.gone_at_s + expiry_slack_s) state = {};
  return state;
}

std::uint32_t Session::any_ttl() {
  const Phase& phase = Ledger::phase(course_.started, course_.operations);
  if (!prng_.chance(phase.expiring_percent, 100)) return 0;
  return static_cast<std::uint32_t>(prng_.between(1, phase.ttl_s_max));
}

void Session::expect(Ask ask, std::uint64_t key) {
  const KeyState& state = current(key);
  expected_.push_back({ask, key, state, state.version == 0, true});
}

void Session::put_value(std::uint64_t key, const KeyState& state, std::uint32_t from) {
  output_ += course_.ledger.value(key, state.version, state.bytes).substr(from);
  output_ += "\r\n";
  course_.value_bytes += state.bytes - from;
  ++course_.stores;
}

void Session::make_store(std::uint64_t key) {
  const Phase& phase = Ledger::phase(course_.started, course_.operations);
  const std::uint32_t ttl = any_ttl();
  const KeyState state{static_cast<std::uint32_t>(++version_), Ledger::draw_bytes(phase, prng_), 0};
  course_.ledger.at(key) = state;
  output_ += "set ";
  append_key(output_, key);
  // Client flags take room in an item only when there are any.
  fmt::format_to(std::back_inserter(output_), " {} {} {}\r\n", state.version % 8 == 0 ? 7 : 0, ttl,
                 state.bytes);
  put_value(key, state, 0);
  expect(Ask::store, key);
  expected_.back().ttl_s = ttl;
}

void Session::make_get(std::uint64_t key, bool with_cas) {
  output_ += with_cas ? "gets" : "get";
  const std::uint64_t keys = !with_cas && prng_.chance(1, 16) ? prng_.between(2, 20) : 1;
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::uint64_t next = i == 0 ? key : any_key();
    output_ += ' ';
    append_key(output_, next);
    expect(with_cas ? Ask::gets : Ask::get, next);
    expected_.back().last = i + 1 == keys;
  }
  output_ += "\r\n";
}

void Session::make_cas() {
  const std::uint64_t key = *std::exchange(cas_key_, std::nullopt);
  KeyState state = current(key);
  if (state.version != cas_version_) return make_get(key, false);
  state.version = static_cast<std::uint32_t>(++version_);
  state.gone_at_s = 0;
  output_ += "cas ";
  append_key(output_, key);
  fmt::format_to(std::back_inserter(output_), " 0 0 {} {}\r\n", state.bytes, cas_);
  put_value(key, state, 0);
  expect(Ask::cas, key);
  expected_.back().state = state;
}

void Session::make_remove(std::uint64_t key) {
  output_ += "delete ";
  append_key(output_, key);
  output_ += "\r\n";
  expect(Ask::remove, key);
  course_.ledger.at(key) = {};
}

void Session::make_touch(std::uint64_t key) {
  const std::uint32_t ttl = any_ttl();
  output_ += "touch ";
  append_key(output_, key);
  fmt::format_to(std::back_inserter(output_), " {}\r\n", ttl);
  expect(Ask::touch, key);
  expected_.back().ttl_s = ttl;
  course_.ledger.at(key).gone_at_s = 0;
}

void Session::make_append(std::uint64_t key) {
  KeyState& state = current(key);
  const std::uint32_t before = state.bytes;
  if (state.version == 0 || before > 20'000) return make_get(key, false);
  state.bytes += static_cast<std::uint32_t>(prng_.below(300));
  output_ += "append ";
  append_key(output_, key);
  fmt::format_to(std::back_inserter(output_), " 0 0 {}\r\n", state.bytes - before);
  put_value(key, state, before);
  expect(Ask::append, key);
}

void Session::make_count() {
  if (counter_) {
    fmt::format_to(std::back_inserter(output_), "incr counter:{} 1\r\n", number_);
    ++*counter_;
  } else {
    fmt::format_to(std::back_inserter(output_), "set counter:{} 0 0 1\r\n0\r\n", number_);
    counter_ = 0;
  }
  // The version says what the number must be.
  expected_.push_back(
      {Ask::count, number_, {static_cast<std::uint32_t>(*counter_), 0, 0}, false, true});
}

void Session::make_flush() {
  output_ += "flush_all\r\n";
  expected_.push_back({Ask::flush, 0, {}, false, true});
  // Of this connection's keys it is certain in which order the two come.
  for (std::uint64_t key = number_; key < course_.ledger.keys(); key += sessions_)
    course_.ledger.at(key) = {};
  ++course_.flushes;
}

void Session::send() {
  while (sent_ < output_.size()) {
    const ssize_t sent =
        ::send(descriptor_, output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) fail(fmt::format("send: {}", std::strerror(errno)));
      return;
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  output_.clear();
  sent_ = 0;
}

// ---- Replies
// -------------------------------------------------------------------------------------

void Session::receive() {
  if (input_end_ == input_.size()) input_.resize(input_.size() * 2);
  const ssize_t got = recv(descriptor_, input_.data() + input_end_, input_.size() - input_end_, 0);
  if (got <= 0) {
    if (got == 0) return fail("the server closed a connection");
    if (errno != EAGAIN && errno != EINTR) fail(fmt::format("recv: {}", std::strerror(errno)));
    return;
  }
  input_end_ += static_cast<std::size_t>(got);
  std::size_t done = 0;
  while (done < input_end_ && course_.error.empty()) {
    const Bytes rest(input_.data() + done, input_end_ - done);
    proto::ReplyPart part;
    const proto::ReplyParsed parsed = proto::parse_reply(rest, part);
    if (parsed.kind == proto::ReplyParsed::Kind::need_more) break;
    if (parsed.kind == proto::ReplyParsed::Kind::malformed)
      return fail(fmt::format("no reply: {:.60}", rest));
    if (expected_.empty()) return fail(fmt::format("a reply that nobody asked for: {:.60}", rest));
    check(part);
    done += parsed.consumed;
  }
  input_end_ -= done;
  std::memmove(input_.data(), input_.data() + done, input_end_);
}

void Session::check(const proto::ReplyPart& part) {
  if (part.is_error()) return fail(fmt::format("the server answered an error: {}", part.text));
  const Ask ask = expected_.front().ask;
  if (part.word == proto::ReplyWord::value) return check_value(part);
  if (ask == Ask::get || ask == Ask::gets) {
    if (part.word != proto::ReplyWord::end) return fail("a get without an END");
    return check_end();
  }
  if (ask == Ask::count) {
    check_count(part);
  } else {
    check_word(part);
  }
  expected_.pop_front();
  ++course_.finished;
}

/// A value may be that of a later key of the same get: those before it are misses.
void Session::check_value(const proto::ReplyPart& part) {
  std::string name;
  while (true) {
    const Expected& next = expected_.front();
    if (next.ask != Ask::get && next.ask != Ask::gets) return fail("a value nobody asked for");
    name.clear();
    append_key(name, next.key);
    if (part.key == name && !next.answered) break;
    if (next.last)
      return fail(fmt::format("a value of a key that was not asked for: {}", part.key));
    ++course_.misses;
    expected_.pop_front();
  }
  Expected& found = expected_.front();
  if (found.missing) return fail(fmt::format("{} should be gone", part.key));
  if (part.value != course_.ledger.value(found.key, found.state.version, found.state.bytes)) {
    return fail(fmt::format("{} has a wrong value: {} bytes instead of {}", part.key,
                            part.value.size(), found.state.bytes));
  }
  if (found.ask == Ask::gets && part.cas) {
    cas_key_ = found.key;
    cas_ = *part.cas;
    cas_version_ = found.state.version;
  }
  ++course_.hits;
  course_.value_bytes += part.value.size();
  if (found.last) {
    found.answered = true;
    return;
  }
  expected_.pop_front();
}

void Session::check_end() {
  while (true) {
    const Expected next = expected_.front();
    if (!next.answered) ++course_.misses;
    expected_.pop_front();
    if (next.last) break;
  }
  ++course_.finished;
}

void Session::check_word(const proto::ReplyPart& part) {
  using Word = proto::ReplyWord;
  const Expected& asked = expected_.front();
  KeyState& state = course_.ledger.at(asked.key);
  // The server has counted from before now; what a later request of the batch changes, it settles.
  const bool timed = (asked.ask == Ask::store && part.word == Word::stored) ||
                     (asked.ask == Ask::touch && part.word == Word::touched);
  if (timed && state.version == asked.state.version)
    state.gone_at_s = asked.ttl_s == 0 ? 0 : course_.now_s + asked.ttl_s;
  bool right = false;
  switch (asked.ask) {
    case Ask::store: right = part.word == Word::stored; break;
    case Ask::cas:
      right =
          part.word == Word::stored || part.word == Word::exists || part.word == Word::not_found;
      if (part.word == Word::stored) state = asked.state;
      if (part.word == Word::not_found) state = {};
      break;
    case Ask::remove:
      right = part.word == Word::not_found || (part.word == Word::deleted && !asked.missing);
      break;
    case Ask::touch:
      right = part.word == Word::not_found || (part.word == Word::touched && !asked.missing);
      break;
    case Ask::append: right = part.word == Word::stored || part.word == Word::not_stored; break;
    default: right = part.word == Word::ok;
  }
  if (!right) {
    fail(fmt::format("wrong reply (word {}) to request kind {} for key {}",
                     static_cast<int>(part.word), static_cast<int>(asked.ask), asked.key));
  }
}

void Session::check_count(const proto::ReplyPart& part) {
  using Word = proto::ReplyWord;
  const std::uint32_t number = expected_.front().state.version;
  if (part.word == Word::stored && number == 0) return;
  if (part.word == Word::number && part.number == number) return;
  // Evicted: later ones of this batch find nothing either.
  if (part.word == Word::not_found && number > 0) {
    counter_.reset();
    return;
  }
  fail(fmt::format("counter {} should be {}, not {}", number_, number, part.number));
}

void Session::fail(std::string why) {
  if (course_.error.empty()) course_.error = std::move(why);
}

}  // namespace cacheismo::soak
