#include "cacheismo/lua/remote_asking.h"

#include <algorithm>
#include <span>
#include <utility>

#include <lauxlib.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/original.h"
#include "cacheismo/lua/remote_results.h"

namespace cacheismo::lua::remote {
namespace {

int push_results(lua_State* lua, const RemoteWait& wait, std::span<const RemoteReply> replies,
                 Shape shape) {
  luaL_checkstack(lua, 8, nullptr);
  switch (shape) {
    case Shape::one: return push_result(lua, wait.requests.front(), replies.front());
    case Shape::one_first:
      lua_pop(lua, push_result(lua, wait.requests.front(), replies.front()) - 1);
      return 1;
    case Shape::table:
      push_values(lua, wait.requests, replies);
      push_coverage(lua, wait.requests, replies);
      return 2;
    case Shape::table_first: push_values(lua, wait.requests, replies); return 1;
    case Shape::coverage: push_coverage(lua, wait.requests, replies); return 1;
  }
  __builtin_unreachable();
}

int go_on(lua_State* lua, int, lua_KContext context) {
  Call& call = *generation_of(lua).call();
  CHECK(call.remote.has_value());
  const RemoteWait wait = *std::exchange(call.remote, std::nullopt);
  lua_settop(lua, 0);
  return push_results(lua, wait, call.replies, static_cast<Shape>(context));
}

}  // namespace

Generation& generation_of(lua_State* lua) { return original::generation_of(lua); }

Call& asking_call(lua_State* lua, const char* name) {
  Call* call = generation_of(lua).call();
  if (call == nullptr || !Generation::can_pause(lua, *call))
    luaL_error(lua,
               "%s works in an async method or a handler itself, not while loading, in a read, an "
               "update, an atomically or a coroutine",
               name);
  return *call;
}

int ask(lua_State* lua, Call& call, std::vector<RemoteRequest> requests, const Options& options,
        Shape shape) {
  charge(lua, request_steps * static_cast<std::int64_t>(requests.size()));
  const std::int64_t left_ns = call.caller.deadline_ns - call.host().monotonic_ns();
  RemoteWait wait{.requests = std::move(requests),
                  .wanted = options.wanted,
                  .timeout_ns = std::min(options.timeout_ns, left_ns),
                  .depth = call.caller.depth + 1};
  wait.wanted = std::min(wait.wanted, wait.requests.size());
  const bool nested = wait.depth > limits::remote_depth_max;
  if (wait.requests.empty() || nested || wait.timeout_ns <= 0) {
    RemoteReply none;
    none.code = nested ? RemoteReply::Code::loop : RemoteReply::Code::timeout;
    if (!nested) none.text = "no time is left of the call's own";
    const std::vector<RemoteReply> replies(wait.requests.size(), none);
    return push_results(lua, wait, replies, shape);
  }
  lua_settop(lua, 0);
  call.remote = std::move(wait);
  return Generation::pause(lua, static_cast<lua_KContext>(shape), go_on);
}

}  // namespace cacheismo::lua::remote
