#include "bench/load/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::load {
namespace {

/// One read takes at most what is free of the input buffer; it doubles for values that do not fit.
constexpr std::size_t input_bytes_first = 64 * 1024;

}  // namespace

Connection::Connection(int descriptor, Protocol protocol, const Dataset& dataset, const Call* call,
                       std::size_t in_flight_max)
    : descriptor_(descriptor),
      protocol_(protocol),
      dataset_(dataset),
      call_(call),
      ring_(in_flight_max),
      input_(input_bytes_first) {
  CHECK_GE(descriptor, 0);
  CHECK_GT(in_flight_max, 0u);
}

Connection::~Connection() {
  if (!lost()) close(descriptor_);
}

void Connection::start(Operation operation, std::span<const std::uint64_t> ids,
                       std::uint64_t due_ns, bool measured) {
  CHECK(has_room());
  std::size_t slot = oldest_ + in_flight_;
  if (slot >= ring_.size()) slot -= ring_.size();
  Request& request = ring_[slot];
  request.operation = operation;
  request.measured = measured;
  request.due_ns = due_ns;
  request.ids.assign(ids.begin(), ids.end());
  ++in_flight_;
  if (operation == Operation::get) {
    append_get(protocol_, dataset_, ids, output_);
    return;
  }
  CHECK_EQ(ids.size(), 1u);
  if (operation == Operation::call) {
    CHECK(call_ != nullptr);
    append_call(protocol_, dataset_, *call_, ids[0], output_);
  } else {
    append_set(protocol_, dataset_, ids[0], output_);
  }
}

void Connection::flush(Tally& tally) {
  while (!lost() && sent_ < output_.size()) {
    const ssize_t sent =
        send(descriptor_, output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      return lose(fmt::format("send: {}", std::strerror(errno)), tally);
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  output_.clear();
  sent_ = 0;
}

bool Connection::read_once(Tally& tally) {
  if (lost()) return false;
  const std::size_t kept = input_end_ - input_begin_;
  if (kept == 0) {
    input_begin_ = input_end_ = 0;
  } else if (input_.size() - input_end_ < input_.size() / 4) {
    if (kept > input_.size() / 2) input_.resize(input_.size() * 2);
    std::memmove(input_.data(), input_.data() + input_begin_, kept);
    input_begin_ = 0;
    input_end_ = kept;
  }
  const ssize_t got = recv(descriptor_, input_.data() + input_end_, input_.size() - input_end_, 0);
  if (got > 0) {
    input_end_ += static_cast<std::size_t>(got);
    return true;
  }
  if (got == 0) {
    lose("the server closed a connection", tally);
  } else if (errno != EAGAIN && errno != EINTR) {
    lose(fmt::format("recv: {}", std::strerror(errno)), tally);
  }
  return false;
}

void Connection::answer(std::uint64_t now_ns, bool counting, Tally& tally) {
  while (input_begin_ < input_end_) {
    const Bytes input(input_.data() + input_begin_, input_end_ - input_begin_);
    if (in_flight_ == 0) {
      return lose(fmt::format("bytes without a request: {:.60}", input), tally);
    }
    const Request& request = ring_[oldest_];
    const Step step = read_step(
        protocol_,
        {.operation = request.operation, .keys = request.ids.size(), .answered = answered_}, input);
    switch (step.kind) {
      case Step::Kind::need_more: return;
      case Step::Kind::broken:
        return lose(fmt::format("not a reply to what was asked: {:.60}", step.value), tally);
      case Step::Kind::refused:
        ++tally.refused;
        tally.note_error(fmt::format("the server answered: {}", step.value));
        break;
      case Step::Kind::value:
        if (request.operation == Operation::call) {
          take_answer(step, counting, tally);
        } else {
          take_value(step, counting, tally);
        }
        break;
      case Step::Kind::miss: take_misses(1, counting, tally); break;
      case Step::Kind::end: take_misses(request.ids.size() - answered_, counting, tally); break;
      case Step::Kind::stored: break;
    }
    input_begin_ += step.consumed;
    if (step.last) finish(now_ns, counting, tally);
  }
}

/// Matches a value with the next key that was asked for; keys that were passed over are misses.
void Connection::take_value(const Step& step, bool counting, Tally& tally) {
  const Request& request = ring_[oldest_];
  std::size_t at = answered_;
  if (!step.key.empty()) {
    const std::optional<std::uint64_t> id = dataset_.id_of(step.key);
    while (at < request.ids.size() && request.ids[at] != id) ++at;
  }
  if (at >= request.ids.size()) {
    ++tally.wrong_values;
    tally.note_error(fmt::format("a value for a key that was not asked for: {}", step.key));
    return;
  }
  if (step.value != dataset_.value(request.ids[at])) {
    ++tally.wrong_values;
    tally.note_error(fmt::format("a wrong value for key {}", request.ids[at]));
  }
  if (counting) {
    tally.misses += at - answered_;
    ++tally.hits;
  }
  answered_ = at + 1;
}

void Connection::take_answer(const Step& step, bool counting, Tally& tally) {
  const std::uint64_t id = ring_[oldest_].ids[0];
  const bool right_key = step.key.empty() || call_->is_request(dataset_, id, step.key);
  if (answered_ > 0 || !right_key || !call_->is_answer(dataset_, id, step.value)) {
    ++tally.wrong_values;
    std::string request;
    call_->append_request(dataset_, id, request);
    tally.note_error(fmt::format("a wrong answer to {}: {:.80}", request, step.value));
  }
  answered_ = 1;
  if (counting) ++tally.hits;
}

/// The next `keys` keys have no value. A call always has an answer, so for it that is wrong.
void Connection::take_misses(std::size_t keys, bool counting, Tally& tally) {
  answered_ += keys;
  if (counting) tally.misses += keys;
  if (keys == 0 || ring_[oldest_].operation != Operation::call) return;
  ++tally.wrong_values;
  std::string request;
  call_->append_request(dataset_, ring_[oldest_].ids[0], request);
  tally.note_error(fmt::format("no answer to {}", request));
}

void Connection::finish(std::uint64_t now_ns, bool counting, Tally& tally) {
  const Request& request = ring_[oldest_];
  if (request.measured) {
    tally.latencies(request.operation).record(now_ns - request.due_ns);
  }
  if (counting) ++tally.finished;
  if (++oldest_ == ring_.size()) oldest_ = 0;
  --in_flight_;
  answered_ = 0;
}

void Connection::lose(std::string reason, Tally& tally) {
  close(descriptor_);
  descriptor_ = -1;
  ++tally.lost;
  tally.unanswered += in_flight_;
  in_flight_ = 0;
  tally.note_error(std::move(reason));
}

}  // namespace cacheismo::load
