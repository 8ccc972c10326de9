// Vm: one sandboxed Lua state, in a heap of its own, whose runs always end.
//
//   Heap (a region) <--lua_Alloc-- lua_State: allow-listed libraries, frozen globals
//                                      |
//                 run(): steps, bytes, time --exhausted--> a kill that no script can catch
//
//  1. Only source text is loaded. No script reaches os, io, debug, load, the registry, a real
//     metatable of a library, another Vm, or an address.
//  2. A run that exceeds a limit ends with out_of_..., whatever pcall, coroutines, __close, error
//     objects or patterns it uses; the Vm is usable afterwards.
//  3. The same seed, the same heap size and the same runs give the same results, `pairs` order
//     included, in another process too if the heap's region has the same address modulo 4 GiB.
//  4. The collector runs in bounded steps, between runs or inside them, never as one full cycle.
//
// What it is not: it knows no object, no type and no host beyond the clock, the seed and the log.
// Files of this room throw Lua's errors through their own frames; nothing leaves through run().

#ifndef CACHEISMO_LUA_VM_H_
#define CACHEISMO_LUA_VM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/host.h"
#include "cacheismo/lua/limits.h"

namespace cacheismo::lua {

class Vm {
 public:
  /// `heap` and `host` outlive the Vm. nullptr: the heap has no room for one (about 100 KiB).
  [[nodiscard]] static std::unique_ptr<Vm> create(Heap& heap, std::uint64_t seed, Host& host);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  /// The main thread. Whoever uses it outside of run() must not cause an error, for want of memory
  /// neither: what allocates belongs into a C function that is run.
  [[nodiscard]] lua_State* state() const { return state_; }
  [[nodiscard]] Host& host() const;
  [[nodiscard]] Heap& heap() const;

  /// Pops a table of globals from state() and pushes the main function of a script that sees them.
  /// On an error nothing is pushed and the text says file and line. `name` is what messages show:
  /// "quota.lua".
  [[nodiscard]] Result<void, std::string> load(Bytes name, Bytes source);

  /// A new table of globals on top of state(): what the sandbox offers, to which a script and the
  /// host may add. freeze_globals() ends that: afterwards a write to any global, and a read of one
  /// that does not exist, is an error (or the latter is nil). It takes the table on top of the
  /// stack and leaves it there. False: no memory; nothing was pushed, nothing frozen.
  [[nodiscard]] bool push_new_globals();
  enum class Undefined : std::uint8_t { is_error, is_nil };
  [[nodiscard]] bool freeze_globals(Undefined undefined = Undefined::is_error);

  /// Pushes the table behind a library ("table", "string", ...), to which the host may add. What
  /// scripts see of it is read-only, and the same in all globals of this Vm.
  void push_library(const char* name);

  /// Calls the function below `arguments` values on top of `thread` (the main thread, or one made
  /// by new_thread(); to resume one that has yielded, the values alone), and leaves its results
  /// there, all of them (as many as `*results`), or nothing after an error. begin() gives the run
  /// its limits; without it a run goes on with what the last one left. A C function may call run()
  /// for another thread.
  void begin(const Limits& limits);
  [[nodiscard]] Ended run(lua_State* thread, int arguments, int* results);
  /// The same for a C function of one light userdata and no results, in the main thread.
  [[nodiscard]] Ended run(lua_CFunction function, void* argument);

  /// A coroutine for methods that may yield, anchored until free_thread(); nullptr: no memory.
  [[nodiscard]] lua_State* new_thread();
  void free_thread(lua_State* thread);

  /// The thread that the run that is going on was given; nullptr between runs. A C function that
  /// wants to yield to the host can do so only where it is called from this one.
  [[nodiscard]] lua_State* running_thread() const;

  /// After an Ended other than returned and yielded: one line, "quota.lua:42: message", and the
  /// traceback, a line for each function. Valid until the next run.
  [[nodiscard]] Bytes message() const;
  [[nodiscard]] Bytes traceback() const;

  /// From here on, while `pure`, clocks and random numbers are errors: what runs must depend on its
  /// arguments alone. Returns what was so before.
  bool set_pure(bool pure);
  [[nodiscard]] bool is_pure() const;

  /// Steps that were spent since begin().
  [[nodiscard]] std::int64_t steps() const;
  /// When the stopwatch was looked at first since begin(), nanoseconds; nullopt: the run was so
  /// short that it was not.
  [[nodiscard]] std::optional<std::int64_t> timed_since_ns() const;

  /// Collects garbage for about as long as 100 microseconds at most. True: more is waiting.
  bool collect_some();

 private:
  struct Parts;
  explicit Vm(std::unique_ptr<Parts> parts);

  [[nodiscard]] bool run_protected(lua_CFunction function, int arguments, int results);
  void keep_error(lua_State* thread);
  [[nodiscard]] Ended leave(lua_State* outer, int status);

  std::unique_ptr<Parts> parts_;
  lua_State* state_ = nullptr;
};

/// A C function as a value that scripts may hold: unlike lua_pushcfunction's, it lies in the Lua
/// heap, so that tables do not order it by an address of code. Raises Lua's memory error.
void push_function(lua_State* lua, lua_CFunction function);

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_VM_H_
