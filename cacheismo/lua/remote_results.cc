#include "cacheismo/lua/remote_results.h"

#include <string>

namespace cacheismo::lua::remote {
namespace {

using Code = RemoteReply::Code;

void push(lua_State* lua, const std::string& text) {
  lua_pushlstring(lua, text.data(), text.size());
}

void push_failure(lua_State* lua, const RemoteRequest& request, const RemoteReply& reply) {
  lua_createtable(lua, 0, 5);
  lua_pushstring(lua, name_of(reply.code));
  lua_setfield(lua, -2, "code");
  lua_pushboolean(lua, reply.sent ? 1 : 0);
  lua_setfield(lua, -2, "sent");
  push(lua, request.server);
  lua_setfield(lua, -2, "server");
  push(lua, request.key);
  lua_setfield(lua, -2, "key");
  push(lua, reply.text.empty() ? explanation_of(reply.code) : reply.text);
  lua_setfield(lua, -2, "text");
}

}  // namespace

int push_result(lua_State* lua, const RemoteRequest& request, const RemoteReply& reply) {
  switch (reply.code) {
    case Code::value:
      push(lua, reply.value);
      lua_pushinteger(lua, reply.flags);
      return 2;
    case Code::done: lua_pushboolean(lua, 1); return 1;
    case Code::not_stored: lua_pushboolean(lua, 0); return 1;
    case Code::miss:
      if (request.op == RemoteRequest::Op::remove) {
        lua_pushboolean(lua, 0);
      } else {
        lua_pushnil(lua);
      }
      return 1;
    default:
      lua_pushnil(lua);
      push_failure(lua, request, reply);
      return 2;
  }
}

void push_values(lua_State* lua, std::span<const RemoteRequest> requests,
                 std::span<const RemoteReply> replies) {
  lua_createtable(lua, 0, 0);
  // Requests to one server follow each other.
  for (std::size_t first = 0, end = 0; first < requests.size(); first = end) {
    push(lua, requests[first].server);
    lua_createtable(lua, 0, 0);
    for (end = first; end < requests.size() && requests[end].server == requests[first].server;
         ++end) {
      if (replies[end].code != Code::value) continue;
      push(lua, requests[end].key);
      push(lua, replies[end].value);
      lua_rawset(lua, -3);
    }
    lua_rawset(lua, -3);
  }
}

void push_coverage(lua_State* lua, std::span<const RemoteRequest> requests,
                   std::span<const RemoteReply> replies) {
  lua_createtable(lua, 0, 3);
  lua_createtable(lua, 0, 0);
  lua_Integer missing = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (is_answer(replies[i].code)) continue;
    push_failure(lua, requests[i], replies[i]);
    lua_rawseti(lua, -2, ++missing);
  }
  lua_setfield(lua, -2, "missing");
  lua_pushinteger(lua, static_cast<lua_Integer>(requests.size()) - missing);
  lua_setfield(lua, -2, "answered");
  lua_pushinteger(lua, static_cast<lua_Integer>(requests.size()));
  lua_setfield(lua, -2, "asked");
}

}  // namespace cacheismo::lua::remote
