// Generation: one set of scripts, loaded: a Vm, the types they declare, and what their code may ask
// for beyond the sandbox (environment.cc).
//
//  1. While a method runs, call() is the Call that it belongs to; otherwise there is none.
//
// What it is not: it decides nothing about answers; Engine does.

#ifndef CACHEISMO_LUA_GENERATION_H_
#define CACHEISMO_LUA_GENERATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/lua/call.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/stored_table.h"
#include "cacheismo/lua/types.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo::lua {

class Generation {
 public:
  /// Loads and runs every script. The text of a failure says file and line.
  [[nodiscard]] static Result<std::shared_ptr<Generation>, std::string> load(
      std::span<const Script> scripts, Heap& heap, Host& host, const EngineOptions& options,
      std::uint64_t seed);

  [[nodiscard]] Vm& vm() { return *vm_; }
  [[nodiscard]] StoredTables& tables() { return *tables_; }
  [[nodiscard]] const Types& types() const { return types_; }
  [[nodiscard]] const EngineOptions& options() const { return options_; }

  [[nodiscard]] Call* call() const { return call_; }
  void set_call(Call* call) { call_ = call; }

  /// What the original interface (original.h) keeps here: a reference, and the last Call::serial.
  struct OriginalParts {
    int helpers = LUA_NOREF;
    std::uint64_t last_serial = 0;
  };
  [[nodiscard]] OriginalParts& original() { return original_; }
  /// What remote.lua returns (remote_library.h): a reference.
  [[nodiscard]] int& remote_helpers() { return remote_helpers_; }

  /// Runs `what`, one of the functions below, with `call` inside of the Vm's limits.
  [[nodiscard]] Ended run(Call& call, lua_CFunction what);
  /// The method of call, whose State is open: default() or migrate() first where that is due, then
  /// the method itself; the answer goes into the call.
  static int run_method(lua_State* lua);
  /// Puts the method and its arguments onto call.thread.
  static int prepare_thread(lua_State* lua);
  /// Makes the answer of what call.thread has returned.
  static int take_answer_of_thread(lua_State* lua);
  /// Puts what the type's route returns for an object's key into `made`, inside of the Vm's limits.
  [[nodiscard]] Ended route(const Type& type, Bytes key, std::string& made);
  /// The same inside of a run: pushes it. Raises Lua's errors.
  void push_route(lua_State* lua, const Type& type, Bytes key);
  /// Before the running call changes the object at `item_key` after a wait: raises an error where
  /// the node was its owner and may not change it any more.
  void check_owner(lua_State* lua, Bytes item_key);
  /// Appends what the value at `index` is as an answer: text, number, true, false, JSON. False:
  /// nil.
  [[nodiscard]] bool append_result(lua_State* lua, int index, std::string& out);

  /// How long a thread that has yielded waits at most, nanoseconds: its sleep(), or the timeout of
  /// call.remote; nullopt: it yielded for nothing known.
  [[nodiscard]] static std::optional<std::int64_t> wait_of(lua_State* thread, const Call& call);
  /// Whether the C function that runs in `lua` may let other calls run before it goes on.
  [[nodiscard]] static bool can_pause(lua_State* lua, const Call& call);
  /// Does so: `return pause(...)`. Afterwards `then` runs on the same stack. With a RemoteWait in
  /// the call it waits for the replies to that.
  static int pause(lua_State* lua, lua_KContext context, lua_KFunction then);

  /// The version that an object was written with.
  [[nodiscard]] static std::int64_t version_of(State& state);
  /// Notes a version other than 1. False: no room.
  [[nodiscard]] static bool set_version(State& state, std::int64_t version);

 private:
  struct Loading;
  struct Environment;  ///< environment.cc: what scripts find among their globals
  class Seclusion;     ///< route.cc
  friend struct Environment;
  friend struct Loading;

  Generation(Host& host, const EngineOptions& options) : host_(host), options_(options) {}

  Host& host_;
  EngineOptions options_;
  Types types_;  // before the Vm: its destructor may look at nothing
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<StoredTables> tables_;
  Call* call_ = nullptr;
  OriginalParts original_;
  int remote_helpers_ = LUA_NOREF;
  Loading* loading_ = nullptr;  ///< while load() runs
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_GENERATION_H_
