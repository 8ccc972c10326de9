// Vm: one sandboxed Lua state, in a heap of its own, whose runs always end.
//
//   Heap (a region) <--lua_Alloc-- lua_State: allow-listed libraries, frozen globals
//                                      |
//                 run(): steps, bytes, time --exhausted--> a kill that no script can catch
//
//  1. Only source text is loaded. No script reaches os, io, debug, load, the registry, a real
//     metatable of a library, another Vm, or an address.
//  2. A run that exceeds a limit ends with Kill::..., whatever pcall, coroutines, __gc, __close,
//     error objects or patterns it uses; the Vm is usable afterwards.
//  3. The same seed, the same heap size and the same runs give the same results, `pairs` order
//     included, in another process too.
//  4. The collector runs in bounded steps, between runs or inside them, never as one full cycle.
//
// What it is not: it knows no object, no type and no host beyond the clock, the seed and the log.
// Files of this room throw Lua's errors through their own frames; nothing leaves through run().

#ifndef CACHEISMO_LUA_VM_H_
#define CACHEISMO_LUA_VM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/host.h"

namespace cacheismo::lua {

/// What one run may use. A run that is resumed goes on with what it has left.
struct Limits {
  std::int64_t steps = 1'000'000;
  std::int64_t time_ns = 50'000'000;
  std::size_t heap_bytes = 8u << 20;  ///< more than the heap held when the run began
};

enum class Ended : std::uint8_t {
  returned,
  yielded,  ///< threads only
  error,    ///< of the script: error(), a wrong type, a syntax error, ...
  out_of_steps,
  out_of_time,
  out_of_memory,  ///< the run's limit, or the heap's
};

class Vm {
 public:
  /// `heap` and `host` outlive the Vm. nullptr: the heap has no room for one (about 100 KiB).
  [[nodiscard]] static std::unique_ptr<Vm> create(Heap& heap, std::uint64_t seed, Host& host);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  /// The main thread. Whoever uses it outside of run() must not cause an error.
  [[nodiscard]] lua_State* state() const { return state_; }
  [[nodiscard]] Host& host() const { return host_; }

  /// Pushes the main function of a script onto state(), whose only upvalue is the table on top of
  /// the stack (which it pops) as its globals. On an error nothing is pushed and the text says file
  /// and line. `name` is what messages show: "quota.lua".
  [[nodiscard]] Result<void, std::string> load(Bytes name, Bytes source);

  /// A new table of globals on top of state(): what the sandbox offers. open_globals() lets a
  /// script define names of its own; freeze_globals() ends that: afterwards a write to any global,
  /// and a read of one that does not exist, is an error. Both take the table on top of the stack and
  /// leave it there.
  void push_new_globals();
  void freeze_globals();

  /// Calls the function below `arguments` values on top of `thread` (the main thread, or one made
  /// by new_thread()), and leaves its results there, all of them (as many as `*results`), or nothing
  /// after an error. begin() gives the run its limits; without it a run goes on with what the last
  /// one left.
  void begin(const Limits& limits);
  [[nodiscard]] Ended run(lua_State* thread, int arguments, int* results);

  /// A coroutine for methods that may yield, anchored until free_thread(); nullptr: no memory.
  [[nodiscard]] lua_State* new_thread();
  void free_thread(lua_State* thread);

  /// After an Ended other than returned and yielded: one line, "quota.lua:42: message", and the
  /// traceback. Valid until the next run.
  [[nodiscard]] Bytes message() const { return message_; }
  [[nodiscard]] Bytes traceback() const { return traceback_; }

  /// Steps that were spent since begin().
  [[nodiscard]] std::int64_t steps() const;

  /// Collects garbage for about as long as 100 microseconds at most. True: more is waiting.
  bool collect_some();

 private:
  struct Parts;
  Vm(std::unique_ptr<Parts> parts, Host& host);

  std::unique_ptr<Parts> parts_;
  lua_State* state_ = nullptr;
  Host& host_;
  std::string message_;
  std::string traceback_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_VM_H_
