// Commands that scripts have taken over: a script runs instead, and its text is the reply.
//
//   set, get, ... --> script --> reply bytes --> client
//                                     |
//                                     +--> counters of `stats`, as the ordinary command counts
//
//  1. A command is counted once, when its script has ended, and also where the client wants no
//     reply.
//  2. What it is counted as, its reply says: a get's keys are hits where there is a VALUE block of
//     that key; an error, or words that the ordinary command does not have, are no hit.

#include <algorithm>
#include <utility>
#include <vector>

#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::node {

using lua::Answer;
using proto::Command;
using proto::ReplyWord;
using proto::Verb;

namespace {

std::optional<lua::Verb> verb_of(Verb verb) {
  switch (verb) {
    case Verb::get: return lua::Verb::get;
    case Verb::gets: return lua::Verb::gets;
    case Verb::set: return lua::Verb::set;
    case Verb::add: return lua::Verb::add;
    case Verb::replace: return lua::Verb::replace;
    case Verb::append: return lua::Verb::append;
    case Verb::prepend: return lua::Verb::prepend;
    case Verb::cas: return lua::Verb::cas;
    case Verb::del: return lua::Verb::remove;
    case Verb::incr: return lua::Verb::incr;
    case Verb::decr: return lua::Verb::decr;
    case Verb::touch: return lua::Verb::touch;
    default: return std::nullopt;
  }
}

/// Fields that a verb does not have are stale in a Command, and stay 0 here.
lua::CommandData data_of(const Command& command, lua::Verb verb, std::string data) {
  lua::CommandData made;
  made.verb = verb;
  made.data = std::move(data);
  if (verb == lua::Verb::get || verb == lua::Verb::gets) {
    proto::KeyCursor keys(command.keys);
    for (Bytes key = keys.next(); !key.empty(); key = keys.next()) made.keys.emplace_back(key);
    if (made.keys.size() == 1) {
      made.key = std::move(made.keys.front());
      made.keys.clear();
    }
    return made;
  }
  made.key = std::string(command.key);
  made.noreply = command.noreply;
  const bool counts = verb == lua::Verb::incr || verb == lua::Verb::decr;
  if (counts) made.delta = command.delta;
  if (!counts && verb != lua::Verb::remove) made.exptime = command.exptime;
  if (verb <= lua::Verb::cas && verb >= lua::Verb::set) made.flags = command.client_flags;
  if (verb == lua::Verb::cas) made.cas = command.cas;
  return made;
}

/// The keys of the VALUE blocks that a reply begins with, sorted.
std::vector<Bytes> keys_of_blocks(Bytes reply) {
  std::vector<Bytes> keys;
  proto::ReplyPart part;
  while (true) {
    const proto::ReplyParsed parsed = proto::parse_reply(reply, part);
    if (parsed.kind != proto::ReplyParsed::Kind::part || part.word != ReplyWord::value) break;
    keys.push_back(part.key);
    reply.remove_prefix(parsed.consumed);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

/// The first word of a reply; nullopt: it is none that memcached has.
std::optional<ReplyWord> word_of(Bytes reply) {
  proto::ReplyPart part;
  if (proto::parse_reply(reply, part).kind != proto::ReplyParsed::Kind::part) return std::nullopt;
  return part.word;
}

}  // namespace

// ---- What `stats` says of them ------------------------------------------------------------------

void Dispatcher::count_taken_over_get(const Command& command, Bytes reply) {
  const std::vector<Bytes> found = keys_of_blocks(reply);
  proto::KeyCursor keys(command.keys);
  for (Bytes key = keys.next(); !key.empty(); key = keys.next()) {
    const bool hit = std::binary_search(found.begin(), found.end(), key);
    ++node_.counters.cmd_get;
    ++(hit ? node_.counters.get_hits : node_.counters.get_misses);
  }
}

/// `reply`: empty for a script that failed.
void Dispatcher::count_taken_over(const Command& command, Bytes reply) {
  Counters& counters = node_.counters;
  if (command.verb == Verb::get || command.verb == Verb::gets)
    return count_taken_over_get(command, reply);
  const auto word = word_of(reply);
  const bool not_found = word == ReplyWord::not_found;
  switch (command.verb) {
    case Verb::del:
      if (word == ReplyWord::deleted) ++counters.delete_hits;
      if (not_found) ++counters.delete_misses;
      return;
    case Verb::incr:
    case Verb::decr: {
      const bool increment = command.verb == Verb::incr;
      if (word == ReplyWord::number) ++(increment ? counters.incr_hits : counters.decr_hits);
      if (not_found) ++(increment ? counters.incr_misses : counters.decr_misses);
      return;
    }
    case Verb::touch:
      ++counters.cmd_touch;
      ++(word == ReplyWord::touched ? counters.touch_hits : counters.touch_misses);
      return;
    default: break;
  }
  ++counters.cmd_set;
  if (command.verb != Verb::cas) return;
  if (word == ReplyWord::stored) ++counters.cas_hits;
  if (word == ReplyWord::exists) ++counters.cas_badval;
  if (not_found) ++counters.cas_misses;
}

// ---- Running them -------------------------------------------------------------------------------

const lua::Method* Dispatcher::taken_over(Verb verb) const {
  if (node_.scripts == nullptr) return nullptr;
  const auto name = verb_of(verb);
  return name ? node_.scripts->takes_over(*name) : nullptr;
}

After Dispatcher::run_taken_over(const Command& command, const lua::Method& method,
                                 std::string data, OutputBuffer& out) {
  const Answer answer = node_.scripts->call_command(
      method, data_of(command, *verb_of(command.verb), std::move(data)), node_.caller);
  if (answer.is == Answer::Is::waiting) return After::waiting;
  reply_taken_over(command, answer, out);
  return After::go_on;
}

void Dispatcher::reply_taken_over(const Command& command, const Answer& answer, OutputBuffer& out) {
  const bool failed = answer.is == Answer::Is::error;
  count_taken_over(command, failed ? Bytes() : answer.text);
  if (failed) {
    append_error(answer.text, out);
  } else if (!answer.silent) {
    append_raw(answer.text, out);
  }
}

}  // namespace cacheismo::node
