// The classic commands: get and its kin, the storage commands, delete, touch, incr and decr.
//
// Wording and order of checks are memcached 1.6.45's; docs/PROTOCOL.md lists where we differ.

#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/lookahead.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/replies.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {

using proto::Command;
using proto::Verb;
using store::Outcome;
namespace replies = proto::replies;

namespace {

void answer(const Command& command, Bytes text, OutputBuffer& out) {
  if (!command.noreply) out.append(text);
}

store::Mode mode_of(Verb verb) {
  switch (verb) {
    case Verb::add: return store::Mode::add;
    case Verb::replace: return store::Mode::replace;
    case Verb::append: return store::Mode::append;
    case Verb::prepend: return store::Mode::prepend;
    default: return store::Mode::set;
  }
}

Bytes name_of(Verb verb) {
  switch (verb) {
    case Verb::add: return "add";
    case Verb::replace: return "replace";
    case Verb::append: return "append";
    case Verb::prepend: return "prepend";
    case Verb::cas: return "cas";
    default: return "set";
  }
}

Bytes status_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::stored: return "stored";
    case Outcome::not_found: return "not_found";
    case Outcome::exists: return "exists";
    case Outcome::too_large: return "too_large";
    case Outcome::no_memory: return "no_memory";
    case Outcome::not_stored:
    case Outcome::not_numeric: break;
  }
  return "not_stored";
}

Bytes put_reply(Outcome outcome) {
  switch (outcome) {
    case Outcome::stored: return replies::stored;
    case Outcome::not_found: return replies::not_found;
    case Outcome::exists: return replies::exists;
    case Outcome::too_large: return replies::too_large;
    case Outcome::no_memory: return replies::no_memory;
    case Outcome::not_stored:
    case Outcome::not_numeric: break;
  }
  return replies::not_stored;
}

}  // namespace

// ---- Storage ------------------------------------------------------------------------------------

store::PutRule Dispatcher::put_rule(const Command& command) const {
  if (command.verb == Verb::ms) return meta_put_rule(command);
  store::PutRule rule;
  rule.mode = mode_of(command.verb);
  rule.client_flags = command.client_flags;
  rule.expiry = node_.clock.expiry(command.exptime, node_.now);
  // Without CAS values (-C) nothing can match; no item has the value 0.
  if (command.verb == Verb::cas) rule.compare_cas = node_.config.cas ? command.cas : 0;
  return rule;
}

After Dispatcher::put(const Command& command, Bytes value, OutputBuffer& out) {
  if (is_transfer(command)) [[unlikely]] {
    transfer_put(command, value, out);
    return After::go_on;
  }
  if (Bytes rest; const lua::Method* method = method_of_put(command, rest)) [[unlikely]]
    return virtual_put(command, *method, rest, value, out);
  if (const lua::Method* script = taken_over(command.verb)) [[unlikely]]
    return run_taken_over(command, *script, std::string(value), out);
  store::PutResult result =
      node_.store.put(node_.store.key(command.key), put_rule(command), value, node_.now);
  reply_put(command, result, out);
  return After::go_on;
}

Result<store::Draft, Outcome> Dispatcher::begin(const Command& command) {
  return node_.store.begin(node_.store.key(command.key), command.data_bytes, node_.now);
}

After Dispatcher::commit(const Command& command, store::Draft draft, OutputBuffer& out) {
  if (is_transfer(command)) [[unlikely]] {
    transfer_put(command, take_data(command, draft), out);
    return After::go_on;
  }
  if (Bytes rest; const lua::Method* method = method_of_put(command, rest)) [[unlikely]]
    return virtual_put(command, *method, rest, take_data(command, draft), out);
  if (const lua::Method* script = taken_over(command.verb)) [[unlikely]]
    return run_taken_over(command, *script, take_data(command, draft), out);
  store::PutResult result = node_.store.commit(draft, put_rule(command), node_.now);
  reply_put(command, result, out);
  return After::go_on;
}

void Dispatcher::finish_put(const Command& command, OutputBuffer& out) {
  const Scripts::Finished finished = node_.scripts->take(node_.caller);
  if (finished.of_command) {
    reply_taken_over(command, finished.answer, out);
  } else {
    reply_virtual_put(command, finished.answer, out);
  }
}

void Dispatcher::reply_put(const Command& command, store::PutResult& result, OutputBuffer& out) {
  if (result.outcome == Outcome::too_large || result.outcome == Outcome::no_memory) {
    if (!joins_too_much(command)) return refuse(command, result.outcome, out);
    result.outcome = Outcome::not_stored;
  }
  ++node_.counters.cmd_set;
  if (node_.observed()) [[unlikely]]
    observe_store(command, result.outcome);
  if (command.verb == Verb::ms) {
    reply_meta_put(command, result, out);
    return;
  }
  if (command.verb == Verb::cas) count_cas(result.outcome);
  answer(command, put_reply(result.outcome), out);
}

/// Whether an append failed for the size of what it would make: memcached (do_store_item) says
/// NOT_STORED then, and keeps its errors for a block that is too large in itself.
bool Dispatcher::joins_too_much(const Command& command) {
  const store::Mode mode = put_rule(command).mode;
  if (mode != store::Mode::append && mode != store::Mode::prepend) return false;
  if (command.data_bytes == 0) return true;
  const Result<store::Draft, Outcome> draft = begin(command);
  if (draft) node_.store.abandon(*draft);
  return draft.has_value();
}

void Dispatcher::refuse(const Command& command, Outcome why, OutputBuffer& out) {
  if (why == Outcome::too_large) {
    ++node_.counters.store_too_large;
  } else {
    ++node_.counters.store_no_memory;
  }
  if (node_.observed()) [[unlikely]]
    observe_store(command, why);
  // The client believes that it has overwritten the old value; it must not read it again.
  if (command.verb == Verb::set || command.verb == Verb::ms)
    static_cast<void>(node_.store.remove(node_.store.key(command.key), {}, node_.now));
  if (command.verb == Verb::ms) {
    out.append(put_reply(why));
  } else {
    answer(command, put_reply(why), out);
  }
}

bool Dispatcher::bad_chunk(const Command& command, OutputBuffer& out) {
  if (command.data_bytes > 0) {
    const Result<store::Draft, Outcome> draft = begin(command);
    if (!draft && draft.error() == Outcome::too_large) {
      refuse(command, draft.error(), out);
      return true;
    }
    if (draft) node_.store.abandon(*draft);
  }
  ++node_.counters.cmd_set;
  if (command.verb == Verb::ms) {
    out.append(replies::bad_chunk);
  } else {
    answer(command, replies::bad_chunk, out);
  }
  return false;
}

void Dispatcher::count_cas(Outcome outcome) {
  if (outcome == Outcome::stored) ++node_.counters.cas_hits;
  if (outcome == Outcome::exists) ++node_.counters.cas_badval;
  if (outcome == Outcome::not_found) ++node_.counters.cas_misses;
}

std::uint64_t Dispatcher::cas_of(store::ItemView& item) {
  return node_.config.cas ? node_.store.cas(item) : 0;
}

// ---- Reading ------------------------------------------------------------------------------------

MultiGet Dispatcher::multi_get(const Command& command) const {
  MultiGet how;
  how.with_cas = command.verb == Verb::gets || command.verb == Verb::gats;
  how.touch = command.verb == Verb::gat || command.verb == Verb::gats;
  if (how.touch) how.expiry = node_.clock.expiry(command.exptime, node_.now);
  return how;
}

std::int64_t Dispatcher::exptime_of(const MultiGet& how) const {
  if (how.expiry == store::never) return 0;
  if (how.expiry <= node_.now) return -1;
  // Relative where that can be said: the other node's calendar may differ.
  const std::int64_t left = how.expiry.value - node_.now.value;
  return left <= limits::relative_expiry_seconds_max ? left : node_.clock.unix_seconds(how.expiry);
}

MultiGetStep Dispatcher::multi_get(const MultiGet& how, Bytes keys, OutputBuffer& out) {
  store::Store& store = node_.store;
  proto::KeyCursor cursor(keys);
  store::Key batch[keys_ahead];
  std::size_t looked_up = 0;
  for (;;) {
    std::size_t count = 0;
    while (count < keys_ahead) {
      const Bytes key = cursor.next();
      if (key.empty()) break;
      batch[count++] = store.key(key);
    }
    if (count > 1) store.prefetch(std::span<const store::Key>(batch, count));
    for (std::size_t i = 0; i < count; ++i) {
      const auto used = static_cast<std::size_t>(batch[i].bytes.data() - keys.data());
      if (Bytes rest; const lua::Method* method = method_of(batch[i].bytes, rest)) [[unlikely]] {
        MultiGetStep::Why why = MultiGetStep::Why::full;
        if (how.touch || virtual_get(how, batch[i].bytes, *method, rest, out, why)) continue;
        return {why, why == MultiGetStep::Why::failed ? keys.size() : used};
      }
      // A touch must not happen twice, so room for any value is asked for before it.
      if (!out.cut_room() || (how.touch && !out.reply_room()))
        return {MultiGetStep::Why::full, used};
      std::optional<store::ItemView> item =
          how.touch ? store.touch(batch[i], how.expiry, node_.now) : store.get(batch[i], node_.now);
      // An object has been touched, but has no value to be shown.
      if (item && item->is_object()) item.reset();
      if (item && !append_hit(how, batch[i], *item, out)) return {MultiGetStep::Why::full, used};
      if (how.touch) {
        ++node_.counters.cmd_touch;
        ++(item ? node_.counters.touch_hits : node_.counters.touch_misses);
      } else {
        ++node_.counters.cmd_get;
        ++(item ? node_.counters.get_hits : node_.counters.get_misses);
      }
      if (node_.observed()) [[unlikely]]
        observe_get(batch[i].bytes, item.has_value(), item ? item->value_bytes() : 0);
    }
    looked_up += count;
    const std::size_t used = keys.size() - cursor.rest().size();
    if (count < keys_ahead) {
      if (!how.ends) return {MultiGetStep::Why::finished, used};
      if (out.room() < replies::end.size()) return {MultiGetStep::Why::full, used};
      out.append(replies::end);
      return {MultiGetStep::Why::finished, used};
    }
    if (looked_up >= limits::multiget_keys_per_turn) return {MultiGetStep::Why::turn_over, used};
  }
}

bool Dispatcher::append_hit(const MultiGet& how, const store::Key& key, store::ItemView& item,
                            OutputBuffer& out) {
  const std::uint64_t value_bytes = item.value_bytes();
  const std::size_t copied = value_bytes < limits::send_in_place_bytes ? value_bytes : 0;
  if (out.room() < proto::value_header_bytes_max + copied + 2) return false;
  std::optional<std::uint64_t> cas;
  if (how.with_cas) cas = cas_of(item);
  out.advance_to(
      proto::put_value_header(out.cursor(), key.bytes, item.client_flags(), value_bytes, cas));
  append_value(item, out);
  return true;
}

void Dispatcher::append_value(const store::ItemView& item, OutputBuffer& out) {
  const std::uint64_t value_bytes = item.value_bytes();
  if (value_bytes >= limits::send_in_place_bytes) {
    out.append_pinned(node_.store.pin(item), value_bytes);
    out.append("\r\n");
    return;
  }
  char* p = out.cursor();
  if (const std::optional<Bytes> value = item.contiguous()) {
    p = proto::put(p, *value);
  } else {
    const auto size = static_cast<std::size_t>(value_bytes);
    node_.store.copy_value(item, 0, MutableBytes(p, size));
    p += size;
  }
  out.advance_to(proto::put_crlf(p));
}

// ---- The others ---------------------------------------------------------------------------------

void Dispatcher::del(const Command& command, OutputBuffer& out) {
  const bool hit =
      node_.store.remove(node_.store.key(command.key), {}, node_.now) == Outcome::stored;
  ++(hit ? node_.counters.delete_hits : node_.counters.delete_misses);
  if (node_.observed()) [[unlikely]]
    observe_delete(command.key, "delete", hit);
  answer(command, hit ? replies::deleted : replies::not_found, out);
}

void Dispatcher::touch(const Command& command, OutputBuffer& out) {
  const store::Seconds expiry = node_.clock.expiry(command.exptime, node_.now);
  const bool hit = node_.store.touch(node_.store.key(command.key), expiry, node_.now).has_value();
  ++node_.counters.cmd_touch;
  ++(hit ? node_.counters.touch_hits : node_.counters.touch_misses);
  answer(command, hit ? replies::touched : replies::not_found, out);
}

void Dispatcher::arithmetic(const Command& command, OutputBuffer& out) {
  store::ArithmeticRule rule;
  rule.increment = command.verb == Verb::incr;
  rule.delta = command.delta;
  const store::ArithmeticResult result =
      node_.store.arithmetic(node_.store.key(command.key), rule, node_.now);
  count_arithmetic(rule.increment, result.outcome);
  if (command.noreply) return;
  switch (result.outcome) {
    case Outcome::stored:
      out.advance_to(proto::put_crlf(proto::put_decimal(out.cursor(), result.number)));
      return;
    case Outcome::not_numeric: out.append(replies::non_numeric); return;
    case Outcome::no_memory: out.append(replies::no_memory); return;
    case Outcome::too_large: out.append(replies::too_large); return;
    default: out.append(replies::not_found); return;
  }
}

void Dispatcher::count_arithmetic(bool increment, Outcome outcome) {
  Counters& counters = node_.counters;
  if (outcome == Outcome::stored) ++(increment ? counters.incr_hits : counters.decr_hits);
  if (outcome == Outcome::not_found) ++(increment ? counters.incr_misses : counters.decr_misses);
}

// ---- Watchers and prefixes ----------------------------------------------------------------------

void Dispatcher::observe_get(Bytes key, bool hit, std::uint64_t size) {
  node_.prefixes.record_get(key, hit);
  if (node_.watchers.any(Watchers::fetchers))
    node_.watchers.item_get(node_.io.now().wall, key, hit, node_.caller, size, node_.counters);
}

void Dispatcher::observe_store(const Command& command, Outcome outcome) {
  node_.prefixes.record_set(command.key);
  if (!node_.watchers.any(Watchers::mutations)) return;
  const std::int64_t ttl =
      command.verb == Verb::ms ? command.meta.ttl.value_or(0) : command.exptime;
  node_.watchers.item_store(node_.io.now().wall, command.key, status_name(outcome),
                            name_of(command.verb), ttl, node_.caller, command.data_bytes,
                            node_.counters);
}

void Dispatcher::observe_delete(Bytes key, Bytes command, bool hit) {
  node_.prefixes.record_delete(key);
  if (hit && node_.watchers.any(Watchers::deletions))
    node_.watchers.item_delete(node_.io.now().wall, key, command, node_.caller, node_.counters);
}

}  // namespace cacheismo::node
