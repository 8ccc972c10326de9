// ObjectCall: one call of an object's method by a simulated client: its virtual key, and the method
// as it ought to be.
//
//   get map:put:o3.1:m2:x         {method: map_put, object: 7, arguments: {"m2", "x"}}
//
//  1. apply() is what the shipped scripts say about themselves, written down a second time.
//
// What it is not: it knows no client and no reply; ObjectModel does.

#ifndef CACHEISMO_SIM_OBJECT_CALL_H_
#define CACHEISMO_SIM_OBJECT_CALL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {

enum class ObjectMethod : std::uint8_t {
  counter_incr,
  counter_decr,
  counter_get,
  map_new,
  map_put,
  map_get,
  map_delete,
  map_count,
  queue_push,
  queue_pop,
  queue_peek,
  queue_len,
  set_new,
  set_put,
  set_exist,
  set_delete,
  set_count,
  patient_incr,  ///< of a type that is the simulator's own (object_scripts.h): waits, then counts
  shared_incr,   ///< counter:incr of a counter that all clients share
};
inline constexpr std::size_t object_methods =
    static_cast<std::size_t>(ObjectMethod::shared_incr) + 1;

struct ObjectMethodFacts {
  const char* type;
  const char* name;
  std::size_t arguments;  ///< how many there are behind the key
  bool is_update;
};
[[nodiscard]] const ObjectMethodFacts& facts_of(ObjectMethod method);

struct ObjectCall {
  ObjectMethod method = ObjectMethod::counter_get;
  std::uint32_t object = 0;            ///< index of the client's objects, or of shared counters
  std::string name;                    ///< of the object when the call was drawn
  std::vector<std::string> arguments;  ///< behind the key
  std::uint64_t seen = 0;  ///< of a shared counter: the largest answer that anybody had before
};

/// "map:put:NAME:m%3A2:x"; with `data` the last argument is left out.
[[nodiscard]] std::string virtual_key(const ObjectCall& call, bool data = false);

/// What an object holds; that of a type with a default() is never missing.
struct ObjectState {
  bool exists = false;  ///< of a map or a set
  std::int64_t number = 0;
  std::map<std::string, std::string> items;
  std::deque<std::string> queue;

  bool operator==(const ObjectState&) const = default;
};

/// The answer of the method, nullopt for nil, and what it does to the object. Requires that it is
/// not shared_incr.
[[nodiscard]] std::optional<std::string> apply(const ObjectCall& call, ObjectState& state);

/// Whether a set or ms with this answer is STORED.
[[nodiscard]] bool is_stored(const std::optional<std::string>& answer);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_OBJECT_CALL_H_
