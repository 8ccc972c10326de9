#include "sim/cluster/inspection.h"

#include <charconv>
#include <utility>

#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::sim {
namespace {

using linear::Operation;
using linear::Outcome;
using linear::Verb;
using proto::ReplyPart;
using proto::ReplyWord;

constexpr Duration step = std::chrono::milliseconds(1);
constexpr Bytes end_line = "END\r\n";

/// Of a `STAT name N` line; 0 if there is none. The sum over all peers, if `name` begins with ':'.
std::uint64_t stat(const std::string& text, const std::string& name) {
  const std::string wanted = (name.starts_with(':') ? "" : "STAT ") + name + ' ';
  std::uint64_t sum = 0;
  for (std::size_t at = text.find(wanted); at != std::string::npos;
       at = text.find(wanted, at + 1)) {
    std::uint64_t value = 0;
    (void)std::from_chars(text.data() + at + wanted.size(), text.data() + text.size(), value);
    sum += value;
  }
  return sum;
}

}  // namespace

void Inspection::violation(std::size_t node, const std::string& what) {
  violations_.push_back("n" + std::to_string(node + 1) + ", " + what);
}

void Inspection::run(bool closed) {
  closed_ = closed;
  seen_ = {};
  answers_.assign(recorder_.keys().count(), std::nullopt);
  options_.foreign.resize(options_.nodes.size());
  for (std::size_t node = 0; node < options_.nodes.size(); node++) {
    RawConnection connection(io_, options_.nodes[node], options_.timeout);
    ask_for_keys(node, connection);
    look_at_items(node, connection);
    look_at_counters(node, connection);
    connection.close();
    const Duration end = world_.now() + options_.timeout;
    while (!connection.closed() && world_.now() < end) world_.run_for(step);
    if (!connection.closed()) return violation(node, "healed: does not let go of a connection");
  }
}

/// What comes until a line `end` or an error; whatever has come, if neither does in time.
std::string Inspection::ask(RawConnection& connection, Bytes request, Bytes end) {
  connection.write(request);
  const Duration until = world_.now() + options_.timeout;
  const auto complete = [&] {
    const std::string& arrived = connection.arrived();
    return arrived.ends_with(end) ||
           (arrived.starts_with("SERVER_ERROR") && arrived.ends_with("\r\n"));
  };
  while (!complete() && !connection.ended() && world_.now() < until) world_.run_for(step);
  return connection.take();
}

// ---- Keys ---------------------------------------------------------------------------------------

std::optional<Operation> Inspection::read(std::uint32_t key, std::size_t node,
                                          RawConnection& connection) {
  Operation told{.client = options_.client, .verb = Verb::get};
  if (options_.ring_changed || options_.owners[key] != node) options_.foreign[node]++;
  const auto handle = recorder_.begin(key, told);
  const std::string reply = ask(connection, recorder_.keys().encoded(key, told), end_line);
  Bytes rest = reply;
  ReplyPart part;
  auto parsed = proto::parse_reply(rest, part);
  if (parsed.kind != proto::ReplyParsed::Kind::part) return std::nullopt;
  if (part.word == ReplyWord::value) {
    if (!recorder_.keys().hear_value(key, part, told)) return std::nullopt;
    rest = rest.substr(parsed.consumed);
    if (rest != end_line) return std::nullopt;
  } else if (!recorder_.keys().hear_end(key, part, told)) {
    violation(node, "healed: says about " + recorder_.keys().name(key) + ": " + reply);
    return std::nullopt;
  }
  seen_.values += told.outcome == Outcome::hit ? 1u : 0u;
  recorder_.end(handle, told);
  return told;
}

void Inspection::ask_for_keys(std::size_t node, RawConnection& connection) {
  for (std::uint32_t key = 0; key < recorder_.keys().count(); key++) {
    const auto answer = read(key, node, connection);
    if (!answer)
      return violation(node, "healed: does not answer for " + recorder_.keys().name(key));
    if (!answers_[key]) answers_[key] = answer;
    const Operation& first = *answers_[key];
    if (first.outcome == answer->outcome && first.value == answer->value) continue;
    violation(node, "agreement: answers for " + recorder_.keys().name(key) +
                        " as no other node does: " + linear::to_string(*answer) + " and not " +
                        linear::to_string(first));
  }
}

// ---- Items --------------------------------------------------------------------------------------

void Inspection::look_at_items(std::size_t node, RawConnection& connection) {
  const std::string dump = ask(connection, "lru_crawler mgdump all\r\n", "EN\r\n");
  if (!dump.ends_with("EN\r\n"))
    return violation(node, "placement: does not say what it holds: " + dump);
  const std::string lines = "\r\n" + dump;
  for (std::uint32_t key = 0; key < recorder_.keys().count(); key++) {
    const std::string item = recorder_.keys().item(key);
    if (lines.find("\nmg " + item + "\r\n") == std::string::npos) continue;
    seen_.items++;
    const std::size_t owner = options_.owners[key];
    if (owner != node)
      violation(node,
                "placement: holds " + item + ", which n" + std::to_string(owner + 1) + " owns");
  }
}

void Inspection::look_at_counters(std::size_t node, RawConnection& connection) {
  const std::string text = ask(connection, "stats cluster\r\n", end_line);
  if (text.find("STAT forwarded ") == std::string::npos) {
    return violation(node, "hops: has no cluster stats: " + text);
  }
  const std::uint64_t forwarded = stat(text, "forwarded");
  const std::uint64_t answered = stat(text, "answered");
  const std::uint64_t failed = stat(text, "failed");
  const std::uint64_t foreign = options_.foreign[node];
  seen_.forwarded += forwarded;
  seen_.answered += answered;
  seen_.failed += failed;
  seen_.foreign += foreign;
  const auto more = [&](const char* what, std::uint64_t than, const char* other) {
    violation(node, "hops: " + std::to_string(forwarded) + " forwarded, " + what +
                        std::to_string(than) + other);
  };
  if (forwarded > foreign) more("clients asked it for ", foreign, " that are not its own");
  if (answered + failed > forwarded) more("and ", answered + failed, " answered or failed");
  const std::uint64_t calls = stat(text, ":calls");
  const bool asks_itself = options_.scripts_ask || options_.ring_changed;
  if (!asks_itself && calls > forwarded + stat(text, "retried"))
    more("and ", calls, " sent to peers");
  if (stat(text, ":in_flight") > 0) violation(node, "healed: waits for a peer that nobody asked");
  if (!asks_itself && stat(text, "wrong_owner_sent") > 0) {
    violation(node, "hops: was asked by a node for what is not its own, by a ring that all have");
  }
  look_at_handover(node, text);
  const std::string all = ask(connection, "stats\r\n", end_line);
  seen_.evictions += stat(all, "evictions");
  seen_.expired += stat(all, "get_expired") + stat(all, "expired_unfetched");
}

void Inspection::look_at_handover(std::size_t node, const std::string& text) {
  seen_.taken += stat(text, "handover_taken");
  seen_.received += stat(text, "handover_received");
  seen_.received_late += stat(text, "handover_received_late");
  seen_.inherited += stat(text, "handover_inherited");
  seen_.no_room += stat(text, "handover_no_room");
  seen_.wrong_owner += stat(text, "wrong_owner_sent");
  seen_.copies_taken += stat(text, "replicas_taken");
  seen_.copies_older += stat(text, "replicas_older");
  if (stat(text, "handover_active") > 0) violation(node, "drained: has still something to give");
  if (closed_ && stat(text, "handover_open") > 0)
    violation(node, "drained: does not forget the rings before");
}

}  // namespace cacheismo::sim
