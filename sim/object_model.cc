#include "sim/object_model.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

/// The type of an object is its index modulo types; these are the methods of each.
constexpr std::uint32_t types = 5;
constexpr std::uint32_t objects_per_client = 2 * types;
constexpr std::pair<ObjectMethod, ObjectMethod> methods_of[types] = {
    {ObjectMethod::counter_incr, ObjectMethod::counter_get},
    {ObjectMethod::map_new, ObjectMethod::map_count},
    {ObjectMethod::queue_push, ObjectMethod::queue_len},
    {ObjectMethod::set_new, ObjectMethod::set_count},
    {ObjectMethod::patient_incr, ObjectMethod::patient_incr}};

constexpr std::uint64_t members = 12;
constexpr std::size_t queue_length_max = 30;
constexpr std::size_t argument_bytes_max = 24;  // a percent-encoded key still has room for it
constexpr std::size_t states_max = 8;           // then the client takes a new object

bool is_new(ObjectMethod method) {
  return method == ObjectMethod::map_new || method == ObjectMethod::set_new;
}

bool counts(ObjectMethod method) {
  return method == ObjectMethod::counter_incr || method == ObjectMethod::counter_decr ||
         method == ObjectMethod::patient_incr;
}

std::string draw_bytes(Prng& chance, std::size_t bytes_max) {
  std::string bytes(chance.below(bytes_max + 1), '\0');
  random_bytes(chance, bytes, 0);
  return bytes;
}

std::string shown(const std::optional<std::string>& answer) {
  if (!answer) return "nothing";
  const bool plain =
      std::all_of(answer->begin(), answer->end(), [](char c) { return c > ' ' && c <= '~'; });
  return plain && answer->size() < 40 ? *answer : std::to_string(answer->size()) + " bytes";
}

}  // namespace

ObjectModel::ObjectModel(std::uint32_t client, Oracle& oracle)
    : client_(client), oracle_(oracle), objects_(objects_per_client) {
  for (std::uint32_t index = 0; index < objects_per_client; index++) rename(index);
}

void ObjectModel::rename(std::uint32_t index) {
  Object fresh;
  fresh.generation = objects_[index].generation + 1;
  fresh.name = "o" + std::to_string(client_) + "." + std::to_string(fresh.generation) + ":" +
               std::to_string(index);
  fresh.states.emplace_back();
  objects_[index] = std::move(fresh);
}

void ObjectModel::wrong(const ObjectCall& call, std::int64_t now_ns, const std::string& what) {
  oracle_.violation(now_ns, "client " + std::to_string(client_) + " " +
                                virtual_key(call).substr(0, 60) + ": " + what);
}

// ---- Asking -------------------------------------------------------------------------------------

ObjectMethod ObjectModel::draw_method(Prng& chance, std::uint32_t index) const {
  const ObjectState& state = objects_[index].states.front();
  const auto [first, last] = methods_of[index % types];
  if (is_new(first) && !state.exists && chance.chance(7, 8)) return first;
  if (state.queue.size() >= queue_length_max) return ObjectMethod::queue_pop;
  while (true) {
    const auto method = static_cast<ObjectMethod>(
        chance.between(static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last)));
    if (!is_new(method) || chance.chance(1, 10)) return method;
  }
}

ObjectCall ObjectModel::draw(Prng& chance, std::size_t data_bytes_max) {
  ObjectCall call;
  if (data_bytes_max == 0 && chance.chance(1, 12)) {
    call.method = ObjectMethod::shared_incr;
    call.object = static_cast<std::uint32_t>(chance.below(Oracle::shared_counters));
    call.name = "all" + std::to_string(call.object);
    call.seen = oracle_.ask_shared_counter(call.object);
    return call;
  }
  do {
    call.object = static_cast<std::uint32_t>(chance.below(objects_per_client));
    call.method = draw_method(chance, call.object);
  } while (data_bytes_max > 0 && facts_of(call.method).arguments == 0);
  call.name = objects_[call.object].name;
  const std::size_t arguments = facts_of(call.method).arguments;
  for (std::size_t i = 0; i < arguments; i++) {
    const bool is_data = data_bytes_max > 0 && i + 1 == arguments;
    const bool is_value = call.method == ObjectMethod::queue_push || i == 1;
    if (counts(call.method)) {
      call.arguments.push_back(std::to_string(chance.below(1000)));
    } else if (is_value) {
      const bool large = is_data && chance.chance(1, 8);
      call.arguments.push_back(draw_bytes(chance, large ? data_bytes_max : argument_bytes_max));
    } else {
      call.arguments.push_back("m:" + std::to_string(chance.below(members)));
    }
  }
  return call;
}

// ---- Judging ------------------------------------------------------------------------------------

void ObjectModel::judge(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  const ObjectCall& call = request.calls.front();
  const bool no_memory = reply.verdict == Verdict::no_memory;
  if (no_memory) oracle_.count(Tally::calls_no_memory);
  if (reply.verdict == Verdict::other || (no_memory && oracle_.lossless()))
    return wrong(call, now_ns, "unexpected reply " + reply.text);
  if (request.op == Op::call) return judge_get(request, reply, now_ns);
  if (no_memory) return;
  if (request.op == Op::call_set) {
    const bool stored = reply.verdict == Verdict::done;
    if (!stored && reply.verdict != Verdict::not_stored)
      return wrong(call, now_ns, "neither STORED nor NOT_STORED");
    oracle_.count(Tally::calls);
    return advance(
        request, call, [&](const Answer& answer) { return is_stored(answer) == stored; },
        stored ? "STORED" : "NOT_STORED", now_ns);
  }
  CHECK(request.op == Op::call_mg);
  if (reply.verdict == Verdict::not_found) return judge_answer(request, call, std::nullopt, now_ns);
  if (reply.verdict != Verdict::values || reply.values.size() != 1 ||
      reply.values.front().key != virtual_key(call))
    return wrong(call, now_ns, "not a reply to this key");
  judge_answer(request, call, reply.values.front().value, now_ns);
}

/// Blocks come in the order of the keys; a nil has none. Want of memory ends the reply at a call of
/// which nobody says which it is, so that those without a block behind the last one are in doubt.
void ObjectModel::judge_get(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  const bool cut = reply.verdict == Verdict::no_memory;
  if (!cut && reply.verdict != Verdict::values)
    return wrong(request.calls.front(), now_ns, "not a reply to a get");
  std::size_t next = 0;
  for (const ObjectCall& call : request.calls) {
    const bool more = next < reply.values.size();
    if (cut && !more) {
      doubt(call);
    } else if (more && reply.values[next].key == virtual_key(call)) {
      judge_answer(request, call, reply.values[next++].value, now_ns);
    } else {
      judge_answer(request, call, std::nullopt, now_ns);
    }
  }
  if (next != reply.values.size())
    wrong(request.calls.front(), now_ns, "an answer that was not asked for");
}

void ObjectModel::judge_answer(const Request& request, const ObjectCall& call, const Answer& answer,
                               std::int64_t now_ns) {
  oracle_.count(Tally::calls);
  if (call.method == ObjectMethod::shared_incr) return judge_shared(call, answer, now_ns);
  if (!answer) oracle_.count(Tally::calls_missed);
  advance(
      request, call, [&](const Answer& expected) { return expected == answer; }, shown(answer),
      now_ns);
}

void ObjectModel::judge_shared(const ObjectCall& call, const Answer& answer, std::int64_t now_ns) {
  oracle_.count(Tally::shared_calls);
  const Bytes text = answer ? Bytes(*answer) : Bytes();
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  if (number == 0 || std::to_string(number) != text || number > oracle_.shared_counts(call.object))
    return wrong(call, now_ns, "an answer that no number of calls gives: " + shown(answer));
  const bool is_first = oracle_.hear_shared_counter(call.object, number);
  if (!oracle_.lossless() || oracle_.may_be_flushed(0)) return;
  if (!is_first) wrong(call, now_ns, "two calls had the answer " + *answer);
  if (number <= call.seen)
    wrong(call, now_ns, "answered " + *answer + " after " + std::to_string(call.seen));
}

void ObjectModel::advance(const Request& request, const ObjectCall& call, const Fits& fits,
                          const std::string& answer, std::int64_t now_ns) {
  Object& object = objects_[call.object];
  if (object.name != call.name) return;
  std::vector<ObjectState> possible = object.states;
  const std::size_t known = possible.size();
  if (!oracle_.lossless() || oracle_.may_be_flushed(object.updated_ns)) possible.emplace_back();
  std::vector<ObjectState> fitting;
  bool as_known = false;
  std::string expected;
  for (std::size_t i = 0; i < possible.size(); i++) {
    const Answer would_be = apply(call, possible[i]);
    expected += (i == 0 ? "" : " or ") + shown(would_be);
    if (!fits(would_be)) continue;
    as_known = as_known || i < known;
    if (std::find(fitting.begin(), fitting.end(), possible[i]) == fitting.end())
      fitting.push_back(std::move(possible[i]));
  }
  if (fitting.empty()) return wrong(call, now_ns, "answered " + answer + ", not " + expected);
  if (!as_known) oracle_.count(Tally::objects_gone);
  object.states = std::move(fitting);
  if (facts_of(call.method).is_update) object.updated_ns = request.issued_ns;
  if (object.states.size() > states_max) rename(call.object);
}

// ---- Doubt --------------------------------------------------------------------------------------

void ObjectModel::doubt(const ObjectCall& call) {
  if (!facts_of(call.method).is_update) return;
  oracle_.count(Tally::calls_in_doubt);
  if (call.name == objects_[call.object].name) rename(call.object);
}

void ObjectModel::doubt(const Request& request) {
  for (const ObjectCall& call : request.calls) doubt(call);
}

}  // namespace cacheismo::sim
