// Connection, second part: received bytes -> commands, executed one behind the other.
//
//   run()      feeds: first what was kept, topped up to one whole request, then the leased bytes
//   consume()  loops over requests in one run of bytes, until something stops it
//   step()     exactly one request, or nothing
//
// Rules 2, 5, 8, 13, 14, 16 and 32 of the protocol notes (docs/PROTOCOL.md) are kept here.

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/node/connection.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/lookahead.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::node {

using proto::Command;
using proto::Parsed;
using proto::Verb;
using store::Outcome;
namespace replies = proto::replies;

namespace {

constexpr Bytes line_end = "\r\n";
constexpr char binary_magic = static_cast<char>(0x80);

bool has_data_block(Verb verb) {
  return (verb >= Verb::set && verb <= Verb::cas) || verb == Verb::ms;
}

bool is_multi_get(Verb verb) { return verb <= Verb::gats; }

bool needs_silence(Verb verb) {
  return verb == Verb::stats || verb == Verb::lru_crawler || verb == Verb::watch;
}

static_assert(static_cast<int>(Verb::gats) == 3 && static_cast<int>(Verb::set) == 4);
static_assert(static_cast<int>(Verb::cas) == 9);

}  // namespace

// ---- Feeding ------------------------------------------------------------------------------------

void Connection::run(Bytes leased) {
  node_->caller = slot_;
  node_->hop.reset();
  output_.lease(node_->outputs);
  while (!closing_ && !close_when_sent_ && !watching_) {
    if (drafting_) {
      feed_draft(leased);
      if (drafting_) return;
      if (!waits_for_call_) continue;
      if (!leased.empty()) keep(leased);
      return;
    }
    if (input_.empty()) {
      const Consumed done = consume(leased);
      leased.remove_prefix(done.bytes);
      if (done.why == Stop::draft) {
        start_draft(leased);
        continue;
      }
      if (closing_ || close_when_sent_ || watching_) break;
      partial_ = done.why == Stop::need_more;
      if (!leased.empty()) keep(leased);
      return;
    }
    if (partial_ && !top_up(leased)) return;
    const Consumed done = consume(input_.bytes());
    input_.remove_prefix(node_->inputs, done.bytes);
    partial_ = done.why == Stop::need_more;
    if (done.why == Stop::draft) {
      start_draft(leased);
    } else if (done.why == Stop::wait && !closing_ && !close_when_sent_ && !watching_) {
      keep(leased);
      return;
    }
  }
  input_.clear(node_->inputs);
}

bool Connection::keep(Bytes bytes) {
  if (input_.append(node_->inputs, bytes)) return true;
  ++node_->counters.input_refused;
  node_->log.write(Level::warn, "connection_closed", "reason=input_memory");
  close("error");
  return false;
}

/// Appends as much of `leased` to the kept part of a request as may complete it, and no more, so
/// that what follows is executed in place. False: it is still not complete, nothing is left to do.
bool Connection::top_up(Bytes& leased) {
  if (leased.empty()) return false;
  std::size_t take = leased.size();
  bool worth_a_look = true;
  if (need_ > input_.size()) {
    take = std::min<std::size_t>(take, need_ - input_.size());
    worth_a_look = input_.size() + take == need_;
  } else if (const std::size_t newline = leased.find('\n'); newline != Bytes::npos) {
    take = newline + 1;
  } else {
    // A multi-get line was judged when it passed 2048 bytes. Looking through it again at each
    // arrival would be quadratic.
    worth_a_look = input_.size() <= limits::line_bytes_max ||
                   input_.size() + take > limits::multiget_line_bytes_max;
  }
  if (!keep(leased.substr(0, take))) return false;
  leased.remove_prefix(take);
  return worth_a_look;
}

Connection::Consumed Connection::consume(Bytes in) {
  const std::size_t all = in.size();
  std::size_t ahead = 0;  // bytes whose keys have been looked at
  Consumed done;
  while (!in.empty()) {
    std::size_t used = 0;
    {
      const Behind behind(*this);
      used = step(in, done.why);
    }
    in.remove_prefix(used);
    if (used == 0 || done.why == Stop::wait) break;
    done.why = Stop::need_more;
    // Behind the first request, so that an unpipelined one pays nothing for it.
    if (used < ahead) {
      ahead -= used;
    } else if (swallow_ == 0 && multiget_left_ == 0) {
      ahead = look_ahead(node_->store, in);
    }
  }
  // A report or a multi-get's END may still be due when no input is left.
  if (in.empty() && done.why == Stop::need_more && !finish_report()) done.why = Stop::wait;
  done.bytes = all - in.size();
  return done;
}

bool Connection::finish_report() {
  if (!report_.active()) return true;
  switch (continue_report(*node_, report_, output_)) {
    case ReportStep::ended: return true;
    case ReportStep::full: break;
    case ReportStep::turn_over:
      // What was found is sent at once; then others have had their turn, too.
      if (output_.empty()) wait_for_turn();
      break;
  }
  // Whoever reads a long report says nothing for a long time, and is not idle.
  last_active_ = node_->now;
  node_->connections->touch(slot_);
  return false;
}

// ---- One request --------------------------------------------------------------------------------

std::size_t Connection::step(Bytes in, Stop& why) {
  if (!finish_report()) {
    why = Stop::wait;
    return 0;
  }
  if (swallow_ > 0) {
    const auto dropped = static_cast<std::size_t>(std::min<std::uint64_t>(swallow_, in.size()));
    swallow_ -= dropped;
    return dropped;
  }
  if (multiget_left_ > 0) {
    const std::size_t left = multiget_left_;
    CHECK_LE(left, in.size());
    Bytes keys = in.substr(0, left - 1);
    if (!keys.empty() && keys.back() == '\r') keys.remove_suffix(1);
    return step_keys(keys, left, why);
  }
  if (!output_.reply_room() || (owes() && replies_->full())) {
    why = Stop::wait;
    return 0;
  }
  if (fresh_) {
    fresh_ = false;
    if (in.front() == binary_magic) {
      output_.append(replies::no_binary);
      close_when_sent_ = true;
      why = Stop::wait;
      return in.size();
    }
  }
  if (budget_ == 0) {
    ++node_->counters.conn_yields;
    wait_for_turn();
    why = Stop::wait;
    return 0;
  }
  if (!authenticated_) return step_login(in, why);
  const Parsed parsed = node_->parser.parse(in);
  switch (parsed.kind) {
    case Parsed::Kind::command: --budget_; return step_command(in, parsed, why);
    case Parsed::Kind::need_more:
      need_ = 0;
      why = Stop::need_more;
      return 0;
    case Parsed::Kind::reject:
      --budget_;
      if (!parsed.reply.empty()) output_.append(parsed.reply);
      swallow_ = parsed.swallow;
      return parsed.consumed;
    case Parsed::Kind::hang_up: break;
  }
  if (!parsed.reply.empty()) output_.append(parsed.reply);
  close_when_sent_ = true;
  why = Stop::wait;
  return in.size();
}

std::size_t Connection::step_command(Bytes in, const Parsed& parsed, Stop& why) {
  const Command& command = node_->parser.command();
  node_->hop = Routing::hop_of(command);
  // One connection of another node stands for many clients.
  if (node_->hop) ++budget_;
  Dispatcher dispatcher(*node_);
  const lua::Method* script = nullptr;
  if (is_multi_get(command.verb)) script = dispatcher.taken_over(command.verb);
  if (script != nullptr) {
    if (dispatcher.run_taken_over(command, *script, {}, output_) == After::waiting) {
      waits_for_call_ = true;
      ++budget_;
      why = Stop::wait;
      return 0;
    }
    return parsed.consumed;
  }
  if (is_multi_get(command.verb)) {
    multiget_ = dispatcher.multi_get(command);
    multiget_group_ = 0;
    const auto before = static_cast<std::size_t>(command.keys.data() - in.data());
    return before + step_keys(command.keys, parsed.consumed - before, why);
  }
  if (has_data_block(command.verb)) return step_value(in, parsed, why);
  // What says more than one reply, or goes on for long, comes behind everything that is owed.
  if (owes() && needs_silence(command.verb)) {
    ++budget_;
    why = Stop::wait;
    return 0;
  }
  switch (route(command, {})) {
    case Routed::here: break;
    case Routed::answered: return parsed.consumed;
    case Routed::wait:
      ++budget_;
      why = Stop::wait;
      return 0;
  }
  switch (dispatcher.execute(command, !output_.empty(), output_, report_)) {
    case After::go_on:
    case After::report: break;
    case After::close:
      close_when_sent_ = true;
      why = Stop::wait;
      break;
    case After::watch:
      watching_ = node_->watchers.add(slot_, *Watchers::parse_topics(command.arguments), &output_);
      output_.append(watching_ ? replies::ok : replies::too_many_watchers);
      if (watching_) why = Stop::wait;
      break;
    case After::waiting: waits_for_call_ = true; [[fallthrough]];
    case After::needs_empty:
      ++budget_;
      why = Stop::wait;
      return 0;
  }
  return parsed.consumed;
}

std::size_t Connection::step_keys(Bytes keys, std::size_t line_left, Stop& why) {
  if (node_->routing != nullptr) return step_keys_routed(keys, line_left, why);
  const MultiGetStep done = Dispatcher(*node_).multi_get(multiget_, keys, output_);
  if (done.why == MultiGetStep::Why::finished || done.why == MultiGetStep::Why::failed) {
    multiget_left_ = 0;
    return line_left;
  }
  multiget_left_ = static_cast<std::uint32_t>(line_left - done.used);
  if (done.why == MultiGetStep::Why::turn_over) wait_for_turn();
  if (done.why == MultiGetStep::Why::waiting) waits_for_call_ = true;
  why = Stop::wait;
  return done.used;
}

std::size_t Connection::step_value(Bytes in, const Parsed& parsed, Stop& why) {
  const Command& command = node_->parser.command();
  Dispatcher dispatcher(*node_);
  if (waits_with_line_) {
    waits_with_line_ = false;
    dispatcher.finish_put(command, output_);
    return parsed.consumed;
  }
  const std::uint64_t whole = parsed.consumed + command.data_bytes + line_end.size();
  if (whole <= in.size()) {
    const auto length = static_cast<std::size_t>(command.data_bytes);
    const Bytes value = in.substr(parsed.consumed, length);
    if (in.substr(parsed.consumed + length, line_end.size()) == line_end) {
      const Routed routed = route(command, value);
      if (routed == Routed::answered) return static_cast<std::size_t>(whole);
      if (routed == Routed::wait || dispatcher.put(command, value, output_) == After::waiting) {
        waits_for_call_ = true;
        ++budget_;
        why = Stop::wait;
        return 0;
      }
    } else if (dispatcher.bad_chunk(command, output_)) {
      forget_at_owner(command);
    }
    return static_cast<std::size_t>(whole);
  }
  ++budget_;  // counted when it is executed
  need_ = whole;
  if (whole > limits::pending_input_bytes && command.data_bytes > 0) {
    if (received_early_) {  // what it brings is leased: the value can begin behind that only
      need_ = in.size() + 1;
      why = Stop::need_more;
      return 0;
    }
    // A value that arrives in parts cannot wait when it is whole, so that its key is settled first.
    if (node_->routing != nullptr && !node_->routing->settle(command.key, slot_)) {
      waits_for_call_ = true;
      why = Stop::wait;
      return 0;
    }
    const Result<store::Draft, Outcome> draft = dispatcher.begin(command);
    if (!draft) {
      --budget_;
      dispatcher.refuse(command, draft.error(), output_);
      forget_at_owner(command);
      swallow_ = command.data_bytes + line_end.size();
      return parsed.consumed;
    }
    draft_ = *draft;
    draft_total_ = static_cast<std::uint32_t>(command.data_bytes);
    draft_line_ = static_cast<std::uint32_t>(parsed.consumed);
    why = Stop::draft;
    return 0;
  }
  why = Stop::need_more;
  return 0;
}

}  // namespace cacheismo::node
