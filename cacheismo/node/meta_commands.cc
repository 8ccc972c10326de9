// The meta commands: mg, ms, md, ma, me. (mn is answered where commands are told apart.)
//
// memcached's statuses: HD done, VA value follows, EN miss, NF not found, NS not stored, EX exists.
// `q` hides the ordinary success (mg: the miss); failures and errors still appear.

#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/transfer.h"
#include "cacheismo/proto/replies.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {

using proto::Command;
using proto::Meta;
using proto::MetaEcho;
using proto::MetaFacts;
using store::Outcome;
namespace replies = proto::replies;

namespace {

Bytes status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::stored: return "HD";
    case Outcome::not_found: return "NF";
    case Outcome::exists: return "EX";
    default: return "NS";
  }
}

void append_line(Bytes status, const Meta& meta, MetaEcho echo, const MetaFacts& facts,
                 OutputBuffer& out) {
  out.advance_to(proto::put_meta_line(out.cursor(), status, meta, echo, facts));
}

}  // namespace

std::optional<store::Seconds> Dispatcher::expiry_of(std::optional<std::int64_t> ttl) const {
  if (!ttl) return std::nullopt;
  return node_.clock.expiry(*ttl, node_.now);
}

// ---- ms -----------------------------------------------------------------------------------------

store::PutRule Dispatcher::meta_put_rule(const Command& command) const {
  const Meta& meta = command.meta;
  store::PutRule rule;
  rule.client_flags = meta.client_flags;
  rule.expiry = node_.clock.expiry(meta.ttl.value_or(0), node_.now);
  rule.assign_cas = meta.assign_cas;
  rule.invalidate = meta.has('I');
  rule.compare_cas = meta.compare_cas;
  switch (meta.mode) {
    case 'E':
      rule.mode = store::Mode::add;
      rule.compare_cas.reset();  // an add looks at no CAS value: there must be no item at all
      break;
    case 'A': rule.mode = store::Mode::append; break;
    case 'P': rule.mode = store::Mode::prepend; break;
    case 'R': rule.mode = store::Mode::replace; break;
    default: break;
  }
  if (rule.mode == store::Mode::append || rule.mode == store::Mode::prepend) {
    rule.vivify = expiry_of(meta.vivify);
    // Here memcached takes a CAS value of 0 for none at all; for set and replace it never matches.
    if (rule.compare_cas == std::uint64_t{0}) rule.compare_cas.reset();
  }
  return rule;
}

void Dispatcher::reply_meta_put(const Command& command, store::PutResult& result,
                                OutputBuffer& out) {
  const Meta& meta = command.meta;
  ++node_.counters.cmd_meta;
  if (meta.compare_cas && (meta.mode == 0 || meta.mode == 'S' || meta.mode == 'R'))
    count_cas(result.outcome);
  const bool stored = result.outcome == Outcome::stored;
  if (stored && meta.quiet) return;
  MetaFacts facts;
  facts.key = command.key;
  facts.value_bytes = stored ? result.item.value_bytes() : command.data_bytes;
  if (stored && meta.has('c')) facts.cas = cas_of(result.item);
  const bool joins = meta.mode == 'A' || meta.mode == 'P';
  // An append to a missing item is not stored, whatever CAS value was to be compared.
  const Outcome shown =
      joins && result.outcome == Outcome::not_found ? Outcome::not_stored : result.outcome;
  append_line(status_of(shown), meta, MetaEcho::stored, facts, out);
}

// ---- mg -----------------------------------------------------------------------------------------

After Dispatcher::meta_get(const Command& command, OutputBuffer& out) {
  const Meta& meta = command.meta;
  if (node_.hop && node_.transfer->reads(command)) {
    transfer_get(command, out);
    return After::go_on;
  }
  if (Bytes rest; const lua::Method* method = method_of(command.key, rest)) [[unlikely]]
    return virtual_meta_get(command, *method, rest, out);
  if (node_.hop && node_.hop->wants == cluster::Hop::Wants::plain) {
    plain_get(command, out);
    return After::go_on;
  }
  store::MetaGetRule rule;
  rule.bump = !meta.has('u');
  rule.last_access = meta.has('l');
  rule.vivify = expiry_of(meta.vivify);
  rule.new_expiry = expiry_of(meta.ttl);
  rule.assign_cas = meta.assign_cas;
  if (const auto recache = expiry_of(meta.recache); recache && recache->value > node_.now.value)
    rule.recache_below_seconds = recache->value - node_.now.value;
  store::MetaGet got = node_.store.meta_get(node_.store.key(command.key), rule, node_.now);

  Counters& counters = node_.counters;
  ++counters.cmd_meta;
  const bool counted_hit = got.hit && !got.vivified;
  if (rule.new_expiry) {
    ++counters.cmd_touch;
    ++(counted_hit ? counters.touch_hits : counters.touch_misses);
  } else {
    ++counters.cmd_get;
    ++(counted_hit ? counters.get_hits : counters.get_misses);
  }
  if (node_.observed()) [[unlikely]]
    observe_get(command.key, counted_hit, got.hit ? got.item.value_bytes() : 0);

  MetaFacts facts;
  facts.key = command.key;
  if (!got.hit) {
    if (!meta.quiet) append_line("EN", meta, MetaEcho::name_only, facts, out);
    return After::go_on;
  }
  facts.ttl_seconds_before = Clock::ttl(got.before.expiry(), node_.now);
  facts.idle_seconds = node_.now.value - got.before.last_access().value;
  facts.fetched = got.before.fetched();
  if (meta.has('c')) facts.cas = cas_of(got.item);
  facts.value_bytes = got.item.value_bytes();
  facts.client_flags = got.item.client_flags();
  facts.ttl_seconds = Clock::ttl(got.item.expiry(), node_.now);
  facts.token_sent = got.token_sent;
  facts.stale = got.stale;
  facts.won = got.won;
  if (!meta.has('v')) {
    append_line("HD", meta, MetaEcho::hit, facts, out);
    return After::go_on;
  }
  out.advance_to(proto::put_meta_value_line(out.cursor(), meta, MetaEcho::hit, facts));
  append_value(got.item, out);
  return After::go_on;
}

void Dispatcher::plain_get(const Command& command, OutputBuffer& out) {
  const Meta& meta = command.meta;
  const store::Key key = node_.store.key(command.key);
  Counters& counters = node_.counters;
  std::optional<store::ItemView> item =
      meta.ttl ? node_.store.touch(key, *expiry_of(meta.ttl), node_.now)
               : node_.store.get(key, node_.now);
  if (item && item->is_object() && meta.has('v')) item.reset();
  if (meta.ttl) {
    ++counters.cmd_touch;
    ++(item ? counters.touch_hits : counters.touch_misses);
  } else {
    ++counters.cmd_get;
    ++(item ? counters.get_hits : counters.get_misses);
  }
  if (node_.observed()) [[unlikely]]
    observe_get(command.key, item.has_value(), item ? item->value_bytes() : 0);
  MetaFacts facts;
  facts.key = command.key;
  if (!item) return append_line("EN", meta, MetaEcho::name_only, facts, out);
  if (meta.has('c')) facts.cas = cas_of(*item);
  facts.value_bytes = item->value_bytes();
  facts.client_flags = item->client_flags();
  if (!meta.has('v')) return append_line("HD", meta, MetaEcho::hit, facts, out);
  out.advance_to(proto::put_meta_value_line(out.cursor(), meta, MetaEcho::hit, facts));
  append_value(*item, out);
}

// ---- md, ma, me ---------------------------------------------------------------------------------

void Dispatcher::meta_delete(const Command& command, OutputBuffer& out) {
  const Meta& meta = command.meta;
  store::RemoveRule rule;
  rule.compare_cas = meta.compare_cas;
  rule.assign_cas = meta.assign_cas;
  rule.invalidate = meta.has('I');
  rule.clear_value = meta.has('x');
  if (meta.has('F')) rule.client_flags = meta.client_flags;
  rule.new_expiry = expiry_of(meta.ttl);
  const Outcome outcome = node_.store.remove(node_.store.key(command.key), rule, node_.now);
  const bool hit = outcome == Outcome::stored;
  ++node_.counters.cmd_meta;
  ++(hit ? node_.counters.delete_hits : node_.counters.delete_misses);
  if (node_.observed()) [[unlikely]]
    observe_delete(command.key, "md", hit);
  if (hit && meta.quiet) return;
  append_line(status_of(outcome), meta, MetaEcho::name_only, {.key = command.key}, out);
}

void Dispatcher::meta_arithmetic(const Command& command, OutputBuffer& out) {
  const Meta& meta = command.meta;
  store::ArithmeticRule rule;
  rule.increment = meta.mode != 'D' && meta.mode != 'd' && meta.mode != '-';
  rule.delta = meta.delta;
  rule.initial = meta.initial;
  // As for append, 0 is no CAS value to compare with.
  if (meta.compare_cas && *meta.compare_cas != 0) rule.compare_cas = meta.compare_cas;
  rule.assign_cas = meta.assign_cas;
  rule.vivify = expiry_of(meta.vivify);
  rule.new_expiry = expiry_of(meta.ttl);
  store::ArithmeticResult result =
      node_.store.arithmetic(node_.store.key(command.key), rule, node_.now);
  ++node_.counters.cmd_meta;
  count_arithmetic(rule.increment, result.outcome);
  MetaFacts facts;
  facts.key = command.key;
  switch (result.outcome) {
    case Outcome::not_numeric: out.append(replies::non_numeric); return;
    case Outcome::no_memory: out.append(replies::no_memory); return;
    case Outcome::too_large: out.append(replies::too_large); return;
    case Outcome::stored: break;
    default: append_line(status_of(result.outcome), meta, MetaEcho::name_only, facts, out); return;
  }
  if (meta.quiet) return;
  if (meta.has('c')) facts.cas = cas_of(result.item);
  facts.ttl_seconds = Clock::ttl(result.item.expiry(), node_.now);
  facts.ttl_seconds_before = facts.ttl_seconds;
  facts.client_flags = result.item.client_flags();
  if (!meta.has('v')) {
    append_line("HD", meta, MetaEcho::arithmetic, facts, out);
    return;
  }
  char digits[proto::decimal_bytes_max];
  const Bytes number(digits,
                     static_cast<std::size_t>(proto::put_decimal(digits, result.number) - digits));
  facts.value_bytes = number.size();
  char* p = proto::put_meta_value_line(out.cursor(), meta, MetaEcho::arithmetic, facts);
  out.advance_to(proto::put_crlf(proto::put(p, number)));
}

void Dispatcher::meta_debug(const Command& command, OutputBuffer& out) {
  ++node_.counters.cmd_meta;
  std::optional<store::ItemView> item = node_.store.peek(node_.store.key(command.key), node_.now);
  if (!item) {
    out.append(replies::meta_miss);
    return;
  }
  proto::ItemFacts facts;
  facts.key = command.key;
  facts.cas = cas_of(*item);
  facts.expiry = Clock::ttl(item->expiry(), node_.now);
  facts.last_access = node_.now.value - item->last_access().value;
  facts.fetched = item->fetched();
  facts.item_bytes = item->key().size() + item->value_bytes();
  facts.client_flags = item->client_flags();
  out.advance_to(proto::put_me_line(out.cursor(), facts, command.meta.base64));
}

}  // namespace cacheismo::node
