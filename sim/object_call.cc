#include "sim/object_call.h"

#include <charconv>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr ObjectMethodFacts facts[] = {
    {"counter", "incr", 1, true}, {"counter", "decr", 1, true}, {"counter", "get", 0, false},
    {"map", "new", 0, true},      {"map", "put", 2, true},      {"map", "get", 1, false},
    {"map", "delete", 1, true},   {"map", "count", 0, false},   {"queue", "push", 1, true},
    {"queue", "pop", 0, true},    {"queue", "peek", 0, false},  {"queue", "len", 0, false},
    {"set", "new", 0, true},      {"set", "put", 1, true},      {"set", "exist", 1, false},
    {"set", "delete", 1, true},   {"set", "count", 0, false},   {"patient", "incr", 1, true},
    {"counter", "incr", 0, true},
};
static_assert(sizeof(facts) / sizeof(facts[0]) == object_methods);

constexpr const char* missing = "ERROR_CACHE_MISS";

void append_encoded(Bytes text, std::string& out) {
  constexpr const char* digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.') {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
}

std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  CHECK(error == std::errc() && end == text.data() + text.size());
  return number;
}

std::optional<std::string> apply_to_map(const ObjectCall& call, ObjectState& state) {
  if (call.method == ObjectMethod::map_new) {
    state = {};
    state.exists = true;
    return "CREATED";
  }
  if (!state.exists) return missing;
  switch (call.method) {
    case ObjectMethod::map_put: state.items[call.arguments[0]] = call.arguments[1]; break;
    case ObjectMethod::map_delete: state.items.erase(call.arguments[0]); break;
    case ObjectMethod::map_count: return std::to_string(state.items.size());
    default: {
      const auto at = state.items.find(call.arguments[0]);
      if (at == state.items.end()) return "NOT_FOUND";
      return at->first + " : " + at->second;
    }
  }
  return "SUCCESS";
}

std::optional<std::string> apply_to_set(const ObjectCall& call, ObjectState& state) {
  if (call.method == ObjectMethod::set_new) {
    state = {};
    state.exists = true;
    return "CREATED";
  }
  if (!state.exists) return missing;
  switch (call.method) {
    case ObjectMethod::set_put: state.items[call.arguments[0]]; break;
    case ObjectMethod::set_delete: state.items.erase(call.arguments[0]); break;
    case ObjectMethod::set_count: return std::to_string(state.items.size());
    default: return state.items.contains(call.arguments[0]) ? "EXISTS" : "NOT_FOUND";
  }
  return "SUCCESS";
}

std::optional<std::string> apply_to_queue(const ObjectCall& call, ObjectState& state) {
  std::deque<std::string>& queue = state.queue;
  if (call.method == ObjectMethod::queue_push) queue.push_back(call.arguments[0]);
  if (call.method == ObjectMethod::queue_push || call.method == ObjectMethod::queue_len)
    return std::to_string(queue.size());
  if (queue.empty()) return std::nullopt;
  std::string first = queue.front();
  if (call.method == ObjectMethod::queue_pop) queue.pop_front();
  return first;
}

}  // namespace

const ObjectMethodFacts& facts_of(ObjectMethod method) {
  return facts[static_cast<std::size_t>(method)];
}

std::string virtual_key(const ObjectCall& call, bool data) {
  const ObjectMethodFacts& method = facts_of(call.method);
  std::string key = method.type;
  key += ':';
  key += method.name;
  key += ':';
  append_encoded(call.name, key);
  for (std::size_t i = 0; i + (data ? 1 : 0) < call.arguments.size(); i++) {
    key += ':';
    append_encoded(call.arguments[i], key);
  }
  return key;
}

std::optional<std::string> apply(const ObjectCall& call, ObjectState& state) {
  switch (call.method) {
    case ObjectMethod::counter_incr:
    case ObjectMethod::patient_incr:
      return std::to_string(state.number += number_of(call.arguments[0]));
    case ObjectMethod::counter_decr:
      return std::to_string(state.number -= number_of(call.arguments[0]));
    case ObjectMethod::counter_get: return std::to_string(state.number);
    case ObjectMethod::map_new:
    case ObjectMethod::map_put:
    case ObjectMethod::map_get:
    case ObjectMethod::map_delete:
    case ObjectMethod::map_count: return apply_to_map(call, state);
    case ObjectMethod::queue_push:
    case ObjectMethod::queue_pop:
    case ObjectMethod::queue_peek:
    case ObjectMethod::queue_len: return apply_to_queue(call, state);
    case ObjectMethod::set_new:
    case ObjectMethod::set_put:
    case ObjectMethod::set_exist:
    case ObjectMethod::set_delete:
    case ObjectMethod::set_count: return apply_to_set(call, state);
    case ObjectMethod::shared_incr: break;
  }
  CHECK(call.method != ObjectMethod::shared_incr);
  return std::nullopt;
}

bool is_stored(const std::optional<std::string>& answer) { return answer && *answer != missing; }

}  // namespace cacheismo::sim
