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

  /// Runs `what`, one of the functions below, with `call` inside of the Vm's limits.
  [[nodiscard]] Ended run(Call& call, lua_CFunction what);
  /// The method of call, whose State is open: default() or migrate() first where that is due, then
  /// the method itself; the answer goes into the call.
  static int run_method(lua_State* lua);
  /// Puts the method and its arguments onto call.thread.
  static int prepare_thread(lua_State* lua);
  /// Makes the answer of what call.thread has returned.
  static int take_answer_of_thread(lua_State* lua);

  /// How long the sleep() is that a thread has yielded for; nullopt: it yielded for nothing known.
  [[nodiscard]] static std::optional<double> seconds_slept(lua_State* thread);

  /// The version that an object was written with.
  [[nodiscard]] static std::int64_t version_of(State& state);
  /// Notes a version other than 1. False: no room.
  [[nodiscard]] static bool set_version(State& state, std::int64_t version);

 private:
  struct Loading;
  struct Environment;  ///< environment.cc: what scripts find among their globals
  friend struct Environment;
  friend struct Loading;

  Generation(Host& host, const EngineOptions& options) : host_(host), options_(options) {}

  Host& host_;
  EngineOptions options_;
  Types types_;  // before the Vm: its destructor may look at nothing
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<StoredTables> tables_;
  Call* call_ = nullptr;
  Loading* loading_ = nullptr;  ///< while load() runs
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_GENERATION_H_
