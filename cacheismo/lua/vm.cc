#include "cacheismo/lua/vm.h"

#include <algorithm>
#include <utility>

#include <lauxlib.h>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/globals.h"
#include "cacheismo/lua/run.h"

namespace cacheismo::lua {
namespace {

// The collector. A step marks or sweeps some 4,000 slots, about 30 microseconds, and one is due for
// every 4 KiB that are allocated: a cycle over 60 MB of live objects is over after 5 MB.
constexpr int step_speed = 16;
constexpr int step_bytes_log2 = 12;

/// Garbage that is waited for before a cycle begins, in proportion to what is alive.
constexpr std::size_t slack_bytes(std::size_t live_bytes) {
  return std::clamp(live_bytes / 8, std::size_t{64} << 10, std::size_t{1} << 20);
}

int panic(lua_State*) {
  CHECK(false && "a Lua error outside of Vm::run()");
  return 0;
}

int keep_traceback(lua_State* lua) {
  Run& run = run_of(lua);
  if (!run.is_killed()) run.traceback = traceback_of(lua, 1);
  return 1;
}

int text_of_error(lua_State* lua) {
  if (luaL_callmeta(lua, 1, "__tostring") == 0 || lua_type(lua, -1) != LUA_TSTRING)
    lua_pushfstring(lua, "(error object is a %s)", luaL_typename(lua, 1));
  return 1;
}

int anchored_thread(lua_State* lua) {
  lua_State* thread = lua_newthread(lua);
  lua_pushvalue(lua, -1);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, thread);
  return 1;
}

const char* read_once(lua_State*, void* source, std::size_t* bytes) {
  auto& rest = *static_cast<Bytes*>(source);
  *bytes = rest.size();
  return std::exchange(rest, Bytes(rest.data(), 0)).data();
}

bool failed(int status) { return status != LUA_OK && status != LUA_YIELD; }

}  // namespace

struct Vm::Parts {
  Parts(Heap& heap, std::uint64_t seed, Host& host) : run(heap, host, seed) {
    allocator.hash_seed = static_cast<unsigned>(run.prng.derive(1).next());
    allocator.run = &run;
  }

  AllocatorData allocator;
  Run run;
  bool is_collecting = false;
  std::size_t collect_above_bytes = 0;
};

// ---- Life ---------------------------------------------------------------------------------------

std::unique_ptr<Vm> Vm::create(Heap& heap, std::uint64_t seed, Host& host) {
  std::unique_ptr<Vm> vm(new Vm(std::make_unique<Parts>(heap, seed, host)));
  vm->state_ = lua_newstate(allocate, &vm->parts_->allocator);
  if (vm->state_ == nullptr) return nullptr;
  Charge* charge = &vm->parts_->run;
  *static_cast<Charge**>(lua_getextraspace(vm->state_)) = charge;
  lua_atpanic(vm->state_, panic);
  lua_gc(vm->state_, LUA_GCINC, 0, step_speed, step_bytes_log2);
  if (!vm->run_protected(open_libraries, 0, 0)) return nullptr;
  return vm;
}

Vm::Vm(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Vm::~Vm() {
  if (state_ != nullptr) lua_close(state_);
}

Host& Vm::host() const { return parts_->run.host; }

Heap& Vm::heap() const { return parts_->run.heap; }

/// False: no memory; the arguments are gone.
bool Vm::run_protected(lua_CFunction function, int arguments, int results) {
  lua_pushcfunction(state_, function);
  lua_insert(state_, -(arguments + 1));
  if (lua_pcall(state_, arguments, results, 0) == LUA_OK) return true;
  lua_pop(state_, 1);
  return false;
}

// ---- Scripts ------------------------------------------------------------------------------------

Result<void, std::string> Vm::load(Bytes name, Bytes source) {
  const std::string chunk = "=" + std::string(name);
  if (lua_load(state_, read_once, &source, chunk.c_str(), "t") != LUA_OK) {
    std::size_t bytes = 0;
    const char* text = lua_tolstring(state_, -1, &bytes);
    std::string error(text, bytes);
    lua_pop(state_, 2);
    if (!Bytes(error).starts_with(name)) error = std::string(name) + ": " + error;
    return failure(one_line(error));
  }
  lua_insert(state_, -2);
  CHECK(lua_setupvalue(state_, -2, 1) != nullptr);
  return {};
}

bool Vm::push_new_globals() { return run_protected(new_globals, 0, 1); }

bool Vm::freeze_globals(Undefined undefined) {
  lua_pushvalue(state_, -1);
  lua_pushboolean(state_, undefined == Undefined::is_nil ? 1 : 0);
  return run_protected(lua::freeze_globals, 2, 0);
}

void Vm::push_library(const char* name) { push_library_functions(state_, name); }

void push_function(lua_State* lua, lua_CFunction function) {
  lua_pushboolean(lua, 0);
  lua_pushcclosure(lua, function, 1);
}

// ---- Runs ---------------------------------------------------------------------------------------

void Vm::begin(const Limits& limits) { parts_->run.begin(limits); }

Ended Vm::run(lua_State* thread, int arguments, int* results) {
  Run& run = parts_->run;
  run.enter();
  lua_State* outer = std::exchange(run.thread, thread);
  int status = LUA_OK;
  int base = 0;
  if (thread == state_) {
    base = lua_gettop(state_) - arguments;
    lua_pushcfunction(state_, keep_traceback);
    lua_insert(state_, base);
    status = lua_pcall(state_, arguments, LUA_MULTRET, base);
    lua_remove(state_, base);
    *results = lua_gettop(state_) - base + 1;
  } else {
    status = lua_resume(thread, state_, arguments, results);
  }
  if (failed(status) || run.is_killed()) [[unlikely]] {
    if (thread == state_ && !failed(status)) {
      lua_settop(state_, base - 1);
      lua_pushnil(state_);
    }
    keep_error(thread);
    *results = 0;
    status = LUA_ERRRUN;
  }
  return leave(outer, status);
}

Ended Vm::run(lua_CFunction function, void* argument) {
  Run& run = parts_->run;
  run.enter();
  lua_State* outer = std::exchange(run.thread, state_);
  const int below = lua_gettop(state_);
  lua_pushcfunction(state_, keep_traceback);
  lua_pushcfunction(state_, function);
  lua_pushlightuserdata(state_, argument);
  int status = lua_pcall(state_, 1, 0, below + 1);
  if (failed(status) || run.is_killed()) [[unlikely]] {
    if (!failed(status)) lua_pushnil(state_);
    keep_error(state_);
    status = LUA_ERRRUN;
  }
  lua_settop(state_, below);
  return leave(outer, status);
}

Ended Vm::leave(lua_State* outer, int status) {
  Run& run = parts_->run;
  run.thread = outer;
  run.leave();
  if (status == LUA_OK) return Ended::returned;
  if (status == LUA_YIELD) return Ended::yielded;
  return run.is_killed() ? run.killed : Ended::error;
}

/// Takes the error off `thread` and writes the message; still within the limits of the run, because
/// __close and __tostring are the script's.
void Vm::keep_error(lua_State* thread) {
  Run& run = parts_->run;
  if (thread != state_) {
    if (!run.is_killed()) run.traceback = traceback_of(thread);
    if (lua_closethread(thread, state_) != LUA_OK) {
      lua_xmove(thread, state_, 1);
    } else {
      lua_pushnil(state_);
    }
    lua_settop(thread, 0);
  }
  const char* type = luaL_typename(state_, -1);
  if (!run.is_killed() && lua_type(state_, -1) != LUA_TSTRING) {
    lua_pushcfunction(state_, text_of_error);
    lua_insert(state_, -2);
    static_cast<void>(lua_pcall(state_, 1, 1, 0));
  }
  if (!run.is_killed()) {
    std::size_t bytes = 0;
    const bool is_text = lua_type(state_, -1) == LUA_TSTRING;
    const char* text = is_text ? lua_tolstring(state_, -1, &bytes) : nullptr;
    run.message =
        is_text ? one_line({text, bytes}) : "(error object is a " + std::string(type) + ")";
  }
  lua_pop(state_, 1);
}

lua_State* Vm::new_thread() {
  if (!run_protected(anchored_thread, 0, 1)) return nullptr;
  lua_State* thread = lua_tothread(state_, -1);
  lua_pop(state_, 1);
  return thread;
}

void Vm::free_thread(lua_State* thread) {
  lua_pushnil(state_);
  lua_rawsetp(state_, LUA_REGISTRYINDEX, thread);
}

lua_State* Vm::running_thread() const { return parts_->run.thread; }

Bytes Vm::message() const { return parts_->run.message; }

Bytes Vm::traceback() const { return parts_->run.traceback; }

bool Vm::set_pure(bool pure) { return std::exchange(parts_->run.pure, pure); }

bool Vm::is_pure() const { return parts_->run.pure; }

std::int64_t Vm::steps() const { return parts_->run.spent(); }

std::optional<std::int64_t> Vm::timed_since_ns() const {
  const Run& run = parts_->run;
  return run.started_ns == 0 ? std::nullopt : std::optional(run.started_ns);
}

// ---- Garbage ------------------------------------------------------------------------------------

bool Vm::collect_some() {
  const Heap& heap = parts_->run.heap;
  if (!parts_->is_collecting) {
    if (heap.used_bytes() < parts_->collect_above_bytes) return false;
    parts_->is_collecting = true;
    // A run's own collecting begins somewhat later, so that a heap that is looked after needs none.
    const std::size_t used = heap.used_bytes();
    lua_gc(state_, LUA_GCSETPAUSE, static_cast<int>(100 + 200 * slack_bytes(used) / used));
  }
  if (lua_gc(state_, LUA_GCSTEP, 0) == 0) return true;
  parts_->is_collecting = false;
  parts_->collect_above_bytes = heap.used_bytes() + slack_bytes(heap.used_bytes());
  return false;
}

}  // namespace cacheismo::lua
