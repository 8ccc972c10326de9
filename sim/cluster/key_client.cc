#include "sim/cluster/key_client.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

using linear::Operation;
using linear::Outcome;
using linear::Verb;
using proto::ReplyPart;
using proto::ReplyWord;

constexpr Bytes cluster_error = "cluster: ";
constexpr Bytes unknown_error = "the outcome is unknown";
constexpr Bytes memory_error = "out of memory";
constexpr Bytes relayed_cluster_error = "script cluster: ";
constexpr Bytes coverage_error = "coverage does not add up";
constexpr std::uint64_t lives_label = 1;
constexpr std::uint64_t relays_label = 2;
constexpr std::uint64_t seconds_max = 2;

}  // namespace

KeyClient::KeyClient(SimIo& io, Recorder& recorder, Options options, Prng chance)
    : NodeClient(io, recorder.clockwork(), options, chance),
      recorder_(recorder),
      options_(std::move(options)),
      lives_(chance.derive(lives_label)),
      relays_(chance.derive(relays_label)),
      tokens_(recorder.keys().count()) {
  CHECK(options_.owners.empty() || options_.owners.size() == tokens_.size());
  tally_.foreign.resize(options_.nodes.size());
}

std::string KeyClient::under_way() const {
  if (under_way_.empty()) return "nothing";
  if (!under_way_.front().call.empty()) return "get " + under_way_.front().call;
  std::string text;
  for (const Part& part : under_way_.front().parts) {
    if (!text.empty()) text += ", ";
    text += recorder_.keys().name(part.handle.key) + ' ';
    text += linear::to_string(recorder_.at(part.handle));
  }
  return text;
}

void KeyClient::forget() {
  under_way_.clear();
  tokens_.assign(tokens_.size(), 0);
}

// ---- Asking -------------------------------------------------------------------------------------

std::string KeyClient::new_value(std::uint32_t key) {
  const std::uint64_t number = ++values_;
  if (recorder_.keys().kind(key) != Keys::Kind::number) {
    std::string value = 'c' + std::to_string(options_.number) + '-' + std::to_string(number);
    if (options_.value_bytes_max > value.size() && chance().chance(1, options_.long_one_in)) {
      value.resize(chance().between(value.size(), options_.value_bytes_max), '.');
    }
    return value;
  }
  // Far enough from each other that what is added to one does not reach the next.
  return std::to_string((options_.number * 10'000'000 + number) * 10'000);
}

Operation KeyClient::draw_operation(std::uint32_t key) {
  Operation operation;
  operation.client = options_.number;
  operation.verb = recorder_.keys().draw_verb(key, chance());
  if (operation.verb == Verb::cas && tokens_[key] == 0) operation.verb = Verb::gets;
  if (operation.verb == Verb::cas) operation.token = tokens_[key];
  if (operation.verb == Verb::incr || operation.verb == Verb::count) operation.number = 1;
  const bool makes_map =
      operation.verb == Verb::set && recorder_.keys().kind(key) == Keys::Kind::map;
  if (linear::writes_value(operation.verb) && !makes_map) operation.value = new_value(key);
  if (options_.mortal) make_mortal(key, operation);
  return operation;
}

/// Some gets touch, and some writes are for a while.
void KeyClient::make_mortal(std::uint32_t key, Operation& operation) {
  const Keys::Kind kind = recorder_.keys().kind(key);
  if (kind == Keys::Kind::counter || kind == Keys::Kind::map || !lives_.chance(1, 3)) return;
  if (operation.verb == Verb::get) operation.verb = lives_.chance(1, 2) ? Verb::gat : Verb::touch;
  if (!linear::sets_seconds(operation.verb)) return;
  operation.seconds = static_cast<std::uint32_t>(lives_.between(0, seconds_max));
  tally_.mortal += operation.seconds > 0 ? 1u : 0u;
}

void KeyClient::add_part(Asked& asked, std::uint32_t key, const Operation& operation) {
  count_asked();
  tally_.asked++;
  const bool foreign = options_.owners.empty() || options_.owners[key] != node();
  tally_.foreign[node()] += foreign && !asked.relayed ? 1u : 0u;
  tally_.relayed += asked.relayed ? 1u : 0u;
  asked.parts.push_back({recorder_.begin(key, operation), operation});
}

void KeyClient::ask_one(std::string& text) {
  const auto key = static_cast<std::uint32_t>(chance().below(recorder_.keys().count()));
  const Operation operation = draw_operation(key);
  Asked asked;
  asked.is_get = !recorder_.keys().asked_by_get(key, operation.verb).empty();
  const std::string relayed = relays() ? recorder_.keys().relayed(key, operation) : "";
  asked.relayed = !relayed.empty();
  add_part(asked, key, operation);
  under_way_.push_back(std::move(asked));
  text += relayed.empty() ? recorder_.keys().encoded(key, operation) : relayed;
}

/// A get of distinct keys, in any order.
void KeyClient::ask_several(std::uint32_t count, std::string& text) {
  Asked asked;
  asked.is_get = true;
  asked.relayed = relays();
  std::string names;
  const std::uint32_t keys = recorder_.keys().count();
  auto key = static_cast<std::uint32_t>(chance().below(keys));
  for (std::uint32_t i = 0; i < std::min(count, keys); i++, key = (key + 1) % keys) {
    Operation operation = draw_operation(key);
    std::string name;
    if (operation.verb != Verb::gets && operation.verb != Verb::gat) {
      name = recorder_.keys().asked_by_get(key, operation.verb);
    }
    if (name.empty() || asked.relayed) {
      operation = {.client = options_.number, .verb = Verb::get};
      name = recorder_.keys().asked_by_get(key, operation.verb);
    }
    if (i > 0) names += asked.relayed ? ',' : ' ';
    names += name;
    add_part(asked, key, operation);
  }
  tally_.multi_gets++;
  text += (asked.relayed ? "get relay:all:" : "get ") + names + "\r\n";
  under_way_.push_back(std::move(asked));
}

/// Of all keys; each is a part of it.
void KeyClient::ask_flush(std::string& text) {
  Asked asked;
  const Operation flush{.client = options_.number, .verb = Verb::flush};
  for (std::uint32_t key = 0; key < recorder_.keys().count(); key++) add_part(asked, key, flush);
  // One request for each of the others.
  tally_.foreign[node()] += options_.nodes.size();
  tally_.flushes++;
  under_way_.push_back(std::move(asked));
  text += recorder_.keys().encoded(0, flush);
}

void KeyClient::ask_call(std::string& text) {
  Asked asked;
  asked.call = drawn_call(options_.calls[chance().below(options_.calls.size())], chance());
  count_asked();
  tally_.calls++;
  // Whose they are is not known here: all may be another node's.
  tally_.foreign[node()] +=
      1 + static_cast<std::uint64_t>(std::count(asked.call.begin(), asked.call.end(), ' '));
  text += "get " + asked.call + "\r\n";
  under_way_.push_back(std::move(asked));
}

Duration KeyClient::ask(std::string& text) {
  const auto requests = static_cast<std::uint32_t>(chance().between(1, options_.pipeline_max));
  for (std::uint32_t i = 0; i < requests; i++) {
    if (!options_.calls.empty() && chance().chance(1, 2)) {
      ask_call(text);
      continue;
    }
    if (options_.flush_one_in > 0 && lives_.chance(1, options_.flush_one_in)) {
      ask_flush(text);
      continue;
    }
    if (options_.keys_per_get_max > 1 && chance().chance(1, 4)) {
      ask_several(static_cast<std::uint32_t>(chance().between(2, options_.keys_per_get_max)), text);
    } else {
      ask_one(text);
    }
  }
  return options_.timeout;
}

// ---- Replies ------------------------------------------------------------------------------------

bool KeyClient::take(const ReplyPart& part) {
  Asked& asked = under_way_.front();
  if (!asked.call.empty()) return take_call(part, asked);
  if (part.word == ReplyWord::value) return take_value(part, asked);
  if (take_end(part, asked)) {
    finish();
    return true;
  }
  if (!part.is_error()) return false;
  take_error(part, asked);
  return true;
}

bool KeyClient::take_call(const ReplyPart& part, const Asked& asked) {
  if (part.word == ReplyWord::value) return asked.call.find(part.key) != std::string::npos;
  if (part.is_error() && part.text.starts_with(cluster_error)) {
    tally_.errors++;
    if (calm()) violation("calm: was told " + std::string(part.text));
  } else if (part.is_error()) {
    tally_.call_errors++;
    if (call_error_.empty()) call_error_ = std::string(part.text);
  } else if (part.word != ReplyWord::end) {
    return false;
  }
  finish();
  return true;
}

bool KeyClient::take_value(const ReplyPart& part, Asked& asked) {
  if (!asked.is_get) return false;
  // Keys of which nothing is said are not there.
  while (asked.heard < asked.parts.size()) {
    Part& one = asked.parts[asked.heard++];
    if (recorder_.keys().hear_value(one.handle.key, part, one.told)) return true;
  }
  return false;
}

bool KeyClient::take_end(const ReplyPart& part, Asked& asked) {
  for (Part& one : asked.parts) {
    if (one.told.outcome != Outcome::unknown) {
      if (part.word != ReplyWord::end) return false;
    } else if (!recorder_.keys().hear_end(one.handle.key, part, one.told)) {
      return false;
    }
  }
  return true;
}

void KeyClient::take_error(const ReplyPart& part, Asked& asked) {
  tally_.errors++;
  const bool no_memory = options_.short_of_memory && part.text.starts_with(memory_error);
  tally_.no_memory += no_memory ? 1u : 0u;
  if (calm() && !no_memory) violation("calm: was told " + std::string(part.text));
  // Of a get of several, each may have been asked of another node.
  if (part.text.find(coverage_error) != Bytes::npos) violation("coverage: does not add up");
  tally_.relayed_errors += asked.relayed ? 1u : 0u;
  const Bytes head = asked.relayed ? relayed_cluster_error : cluster_error;
  const bool certain = asked.parts.size() == 1 && part.text.starts_with(head) &&
                       part.text.find(unknown_error) == Bytes::npos;
  for (Part& one : asked.parts) one.told.outcome = Outcome::unknown;
  if (certain) {
    tally_.withdrawn++;
    recorder_.withdraw(asked.parts.front().handle);
  }
  finish();
}

/// The request at the front has its reply.
void KeyClient::finish() {
  for (const Part& one : under_way_.front().parts) {
    if (one.told.outcome == Outcome::unknown) continue;
    tally_.answered++;
    recorder_.end(one.handle, one.told);
    if (one.told.verb == Verb::gets) tokens_[one.handle.key] = one.told.token;
  }
  under_way_.pop_front();
  if (under_way_.empty()) think();
}

}  // namespace cacheismo::sim
