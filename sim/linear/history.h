// History: what clients asked about one key and what they were told, with the times of both.
//
//   client 1   |---- set a: stored ----|
//   client 2          |------- get: a -------|
//   client 3                |---- set b: ?  - - - - - - - -   (no reply: at any time, or never)
//
//  1. An operation takes effect at one instant between its call and its return.
//  2. One whose outcome is unknown has no return: it takes effect at some instant after its call,
//     or never.
//  3. A token names one written value: no two values of the key ever have the same.
//  4. A value with seconds to live dies at some instant of the last of them: its owner's clock
//     ticks in seconds.
//
// What it is not: it knows no connection; an operation that certainly was not executed (its connect
// failed) is left out by whoever records.

#ifndef CACHEISMO_SIM_LINEAR_HISTORY_H_
#define CACHEISMO_SIM_LINEAR_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace cacheismo::linear {

enum class Verb : std::uint8_t {
  get,      ///< hit or miss
  gets,     ///< the same; a hit also tells the token
  set,      ///< stored
  add,      ///< stored or not_stored
  replace,  ///< stored or not_stored
  remove,   ///< delete: deleted or not_found
  incr,     ///< number, not_found or not_a_number
  count,    ///< number or not_a_number: incr of an object, which begins at 0 if there is none
  cas,      ///< stored, exists or not_found
  touch,    ///< touched or not_found: sets the seconds to live
  gat,      ///< hit or miss: a get that sets them, too
  flush,    ///< of all keys; forgotten
  forget,   ///< the cache lost the key, whether it had it or not: a crash, an eviction; forgotten
};

enum class Outcome : std::uint8_t {
  unknown,
  hit,
  miss,
  stored,
  not_stored,
  exists,
  deleted,
  not_found,
  number,
  not_a_number,
  touched,
  forgotten,
};

struct Operation {
  std::uint32_t client = 0;
  Verb verb = Verb::get;
  Outcome outcome = Outcome::unknown;
  std::int64_t call_ns = 0;
  std::int64_t return_ns = 0;  ///< at least call_ns; no meaning if the outcome is unknown
  std::string value = {};      ///< of a write: what is written; get, gets: what a hit returned
  std::uint64_t token = 0;     ///< cas: what is asked for; gets: what a hit told
  std::uint64_t number = 0;    ///< incr, count: how much; never 0
  std::uint64_t result = 0;    ///< incr, count: the number that was returned
  std::uint32_t seconds = 0;   ///< a write, touch, gat: to live; 0: for ever
};

using History = std::vector<Operation>;

inline constexpr std::int64_t never_ns = INT64_MAX;

[[nodiscard]] inline bool is_known(const Operation& operation) {
  return operation.outcome != Outcome::unknown;
}

/// Whether `verb` writes the operation's value if it does what it says.
[[nodiscard]] inline bool writes_value(Verb verb) {
  return verb == Verb::set || verb == Verb::add || verb == Verb::replace || verb == Verb::cas;
}

/// Whether `verb` says how long the value lives from now on.
[[nodiscard]] inline bool sets_seconds(Verb verb) {
  return writes_value(verb) || verb == Verb::touch || verb == Verb::gat;
}

/// Whether `outcome` is one that `verb` can have.
[[nodiscard]] bool fits(Verb verb, Outcome outcome);

/// "12.5ms..13ms client 3 set "b": stored"; a long value is cut.
[[nodiscard]] std::string to_string(const Operation& operation);

}  // namespace cacheismo::linear

#endif  // CACHEISMO_SIM_LINEAR_HISTORY_H_
