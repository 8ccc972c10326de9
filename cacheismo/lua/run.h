// Run: what the run that is going on in a Vm may still use, and how it is ended.
//
//   steps:   | ........ reserve ........ | left |     `left` is a slice of at most slice_steps
//                                                     that is refilled; each refill looks at the
//                                                     stopwatch, the first one starts it
//   bytes:   used of the heap <= used_bytes_max, or the allocation fails
//
//   refill has nothing more --> kill(): message and traceback are written where it happened
//                           --> raise(): an error that nothing keeps (calls.cc)
//
//  1. A run that was killed stays so until begin(); until then every step raises.
//  2. Bytes that are allocated cost steps too, one for bytes_per_step.
//  3. Outside of enter() and leave() nothing is counted and nothing is killed: there the heap's end
//     is an ordinary Lua error.
//  4. Nothing here allocates in the Lua heap.
//
// What it is not: it calls nothing in Lua.

#ifndef CACHEISMO_LUA_RUN_H_
#define CACHEISMO_LUA_RUN_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/host.h"
#include "cacheismo/lua/limits.h"

namespace cacheismo::lua {

struct Run : Charge {
  Run(Heap& its_heap, Host& its_host, std::uint64_t seed);

  void begin(const Limits& limits);
  /// Around what scripts do; may be nested.
  void enter();
  void leave();

  [[nodiscard]] bool is_killed() const { return killed != Ended::returned; }
  [[nodiscard]] std::int64_t spent() const;

  /// Ends the run: `lua` is where it happens. Does nothing if it has been ended already.
  void kill(lua_State* lua, Ended how);

  Heap& heap;
  Host& host;
  Prng prng;
  Limits limits;
  Ended killed = Ended::returned;
  int depth = 0;                 ///< of enter()
  std::int64_t budget = 0;       ///< steps that are left, while depth is 0
  std::int64_t reserve = 0;      ///< steps behind `left`, otherwise
  std::int64_t started_ns = 0;   ///< of the stopwatch; 0: it was not looked at
  std::int64_t deadline_ns = 0;  ///< 0: likewise
  std::size_t used_bytes_max = ~std::size_t{0};
  Ended verdict = Ended::out_of_steps;  ///< why refill() had nothing
  lua_State* thread = nullptr;          ///< the one that was given to Vm::run()
  bool pure = false;                    ///< neither clocks nor random numbers
  int log_lines = 0;
  std::string message;
  std::string traceback;
};

inline Run& run_of(lua_State* lua) { return static_cast<Run&>(charge_of(lua)); }

/// Raises the error that ends a killed run, where something has caught it.
inline void raise_if_killed(lua_State* lua) {
  Run& run = run_of(lua);
  if (run.is_killed()) [[unlikely]]
    run.on_exhausted(lua);
}

/// Before `function` looks at what is no argument of the script's.
void refuse_if_pure(lua_State* lua, const char* function);

/// For lua_newstate; `user_data` is an AllocatorData.
void* allocate(void* user_data, void* block, std::size_t old_bytes, std::size_t new_bytes);

/// Lua takes the seed of its string hashes from the first word (third_party/lua.BUILD).
struct AllocatorData {
  unsigned hash_seed = 0;
  Run* run = nullptr;
};

/// "quota.lua:42: " of the innermost function of a script, or nothing.
[[nodiscard]] std::string place(lua_State* lua);
/// A line for each function that is active in `lua`, without addresses, innermost first but for the
/// first `skipped`.
[[nodiscard]] std::string traceback_of(lua_State* lua, int skipped = 0);
/// `text` on one line, at most message_bytes_max bytes; control characters become spaces.
[[nodiscard]] std::string one_line(Bytes text);

inline constexpr std::size_t message_bytes_max = 400;

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_RUN_H_
