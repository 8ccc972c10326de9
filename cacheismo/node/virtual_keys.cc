// Virtual keys: get, gets, mg, set and ms of TYPE:METHOD:KEY... -> a method's answer as reply
// bytes.
//
//   answer     get, gets               mg                    set, ms
//   value      VALUE key 0 n [0]       VA n / HD             STORED / HD
//   miss       nothing                 EN                    NOT_STORED / NS
//   error      SERVER_ERROR line, which ends a multi-get: no END follows it
//
//  1. Nothing is written before the whole answer is there.
//  2. A method runs once for a request, also where the output was full or the method waited, and
//     where its data block has come in parts, which are gone then.
//  3. set and ms answer NOT_STORED where the method returns nil or false, or the object is missing.

#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/decimal.h"
#include "cacheismo/proto/replies.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {

using lua::Answer;
using proto::Command;
using proto::MetaEcho;
using proto::MetaFacts;
using proto::Verb;
namespace replies = proto::replies;

const lua::Method* Dispatcher::method_of(Bytes key, Bytes& rest) const {
  if (node_.routing != nullptr) {
    if (const lua::Method* own = node_.routing->find(key, rest)) return own;
  }
  return node_.scripts == nullptr ? nullptr : node_.scripts->find(key, rest);
}

const lua::Method* Dispatcher::method_of_put(const Command& command, Bytes& rest) const {
  const bool sets = command.verb == Verb::set || (command.verb == Verb::ms && !command.meta.mode);
  return sets ? method_of(command.key, rest) : nullptr;
}

lua::Caller Dispatcher::peer_caller() const {
  if (!node_.hop) return {};
  const auto left = std::chrono::milliseconds(node_.hop->remaining_ms);
  return {.depth = node_.hop->depth,
          .deadline_ns = (node_.io.now().monotonic + left).time_since_epoch().count()};
}

Answer Dispatcher::call(const lua::Method& method, Bytes rest, std::optional<Bytes> data,
                        const lua::Caller& caller) {
  lua::Caller by = caller;
  by.as_owner = node_.routing != nullptr && (!node_.hop || node_.hop->epoch != 0);
  Answer answer = node_.routing != nullptr && node_.routing->owns(method)
                      ? call_cluster(rest, data)
                      : node_.scripts->call(method, rest, data, node_.caller, by);
  if (answer.is == Answer::Is::waiting || data) return answer;
  const bool hit = answer.is == Answer::Is::value || answer.is == Answer::Is::raw;
  ++node_.counters.cmd_get;
  ++(hit ? node_.counters.get_hits : node_.counters.get_misses);
  return answer;
}

Answer Dispatcher::call_cluster(Bytes rest, std::optional<Bytes> data) {
  constexpr Bytes flush = "flush:";
  if (data && rest == "replica") return node_.replicas->answer(*data);
  return rest.starts_with(flush) ? flush_for_peer(rest.substr(flush.size()))
                                 : node_.routing->call(rest, data);
}

void Dispatcher::append_raw(Bytes text, OutputBuffer& out) {
  if (text.size() < limits::send_in_place_bytes) {
    out.append(text);
  } else {
    out.append_copy(text);
  }
}

void Dispatcher::append_text(Bytes text, OutputBuffer& out) {
  append_raw(text, out);
  out.append("\r\n");
}

void Dispatcher::append_error(Bytes text, OutputBuffer& out) {
  out.append("SERVER_ERROR ");
  out.append(text.substr(0, limits::error_bytes_max));
  out.append("\r\n");
}

bool Dispatcher::virtual_get(const MultiGet& how, Bytes key, const lua::Method& method, Bytes rest,
                             OutputBuffer& out, MultiGetStep::Why& why) {
  if (!out.reply_room()) {
    why = MultiGetStep::Why::full;
    return false;
  }
  const Answer answer = call(method, rest, std::nullopt);
  if (answer.is == Answer::Is::waiting) {
    why = MultiGetStep::Why::waiting;
    return false;
  }
  if (node_.observed()) [[unlikely]]
    observe_get(key, answer.is == Answer::Is::value, answer.text.size());
  switch (answer.is) {
    case Answer::Is::error:
      append_error(answer.text, out);
      why = MultiGetStep::Why::failed;
      return false;
    case Answer::Is::value: {
      std::optional<std::uint64_t> cas;
      if (how.with_cas) cas = 0;
      out.advance_to(proto::put_value_header(out.cursor(), key, 0, answer.text.size(), cas));
      append_text(answer.text, out);
      return true;
    }
    case Answer::Is::raw:
      if (!answer.silent) append_raw(answer.text, out);
      return true;
    default: return true;
  }
}

namespace {

/// What a handler has written as a VALUE block, as a value; a miss if it has written none.
Answer value_of(const Answer& answer) {
  if (answer.is != Answer::Is::raw) return answer;
  if (answer.silent) return {};
  const std::size_t line_end = answer.text.find("\r\n");
  if (!answer.text.starts_with("VALUE ") || line_end == Bytes::npos) return {};
  const Bytes line = answer.text.substr(0, line_end);
  const auto bytes = proto::parse_unsigned(line.substr(line.rfind(' ') + 1));
  if (!bytes) return {};
  return {.is = Answer::Is::value, .text = answer.text.substr(line_end + 2, *bytes)};
}

}  // namespace

After Dispatcher::virtual_meta_get(const Command& command, const lua::Method& method, Bytes rest,
                                   OutputBuffer& out) {
  const proto::Meta& meta = command.meta;
  const Answer answer = value_of(call(method, rest, std::nullopt, peer_caller()));
  if (answer.is == Answer::Is::waiting) return After::waiting;
  ++node_.counters.cmd_meta;
  if (node_.observed()) [[unlikely]]
    observe_get(command.key, answer.is == Answer::Is::value, answer.text.size());
  MetaFacts facts;
  facts.key = command.key;
  if (answer.is == Answer::Is::error) {
    append_error(answer.text, out);
  } else if (answer.is == Answer::Is::miss) {
    if (!meta.quiet)
      out.advance_to(proto::put_meta_line(out.cursor(), "EN", meta, MetaEcho::name_only, facts));
  } else {
    facts.value_bytes = answer.text.size();
    facts.ttl_seconds = facts.ttl_seconds_before = -1;
    if (meta.has('c')) facts.cas = 0;
    if (meta.has('v')) {
      out.advance_to(proto::put_meta_value_line(out.cursor(), meta, MetaEcho::hit, facts));
      append_text(answer.text, out);
    } else {
      out.advance_to(proto::put_meta_line(out.cursor(), "HD", meta, MetaEcho::hit, facts));
    }
  }
  return After::go_on;
}

After Dispatcher::virtual_put(const Command& command, const lua::Method& method, Bytes rest,
                              Bytes data, OutputBuffer& out) {
  const Answer answer = call(method, rest, data, peer_caller());
  if (answer.is == Answer::Is::waiting) return After::waiting;
  reply_virtual_put(command, answer, out);
  return After::go_on;
}

void Dispatcher::reply_virtual_put(const Command& command, const Answer& given, OutputBuffer& out) {
  const Answer answer = value_of(given);
  ++node_.counters.cmd_set;
  const bool stored = answer.is == Answer::Is::value && answer.text != "ERROR_CACHE_MISS" &&
                      answer.text != "NOT_CREATED" && answer.text != "false";
  if (node_.observed()) [[unlikely]]
    observe_store(command, stored ? store::Outcome::stored : store::Outcome::not_stored);
  if (command.verb == Verb::ms) ++node_.counters.cmd_meta;
  if (answer.is == Answer::Is::error) {
    if (!command.noreply) append_error(answer.text, out);
  } else if (command.verb == Verb::ms) {
    MetaFacts facts;
    facts.key = command.key;
    facts.value_bytes = command.data_bytes;
    if (!stored || !command.meta.quiet)
      out.advance_to(proto::put_meta_line(out.cursor(), stored ? "HD" : "NS", command.meta,
                                          MetaEcho::stored, facts));
  } else if (!command.noreply) {
    out.append(stored ? replies::stored : replies::not_stored);
  }
}

std::string Dispatcher::take_data(const Command& command, store::Draft draft) {
  std::string data;
  data.reserve(command.data_bytes);
  while (data.size() < command.data_bytes) {
    MutableBytes window;
    const std::size_t count =
        node_.store.windows(draft, data.size(), std::span<MutableBytes>(&window, 1), node_.now);
    CHECK_EQ(count, 1u);
    data.append(window.data(), window.size());
  }
  node_.store.abandon(draft);
  return data;
}

}  // namespace cacheismo::node
