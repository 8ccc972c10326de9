// Routes: what the objects of a type are placed by, as their type says it.
//
//   function t.route(key) return "user:" .. key end       t$7 is placed by "user:7"
//
//  1. A route sees the key and constants: no call is running for it, even where a method that runs
//     has asked, so that neither store, objects nor ring can be reached; nor a clock or a draw.
//     Every node that has the script then places an object the same, whenever it is asked.
//  2. What it returns is a string of 1 to 250 bytes, or an error is raised.
//
// A local of the script that a route itself changes is seen by it all the same: that is not found
// out.

#include <utility>

#include <lauxlib.h>

#include "cacheismo/lua/environment.h"

namespace cacheismo::lua {

/// While one lives, what runs sees nothing but its arguments. Ends with an error that is raised,
/// too.
class Generation::Seclusion {
 public:
  explicit Seclusion(Generation& generation)
      : generation_(generation),
        call_(std::exchange(generation.call_, nullptr)),
        pure_(generation.vm_->set_pure(true)) {}
  ~Seclusion() {
    generation_.call_ = call_;
    generation_.vm_->set_pure(pure_);
  }
  Seclusion(const Seclusion&) = delete;
  Seclusion& operator=(const Seclusion&) = delete;

 private:
  Generation& generation_;
  Call* call_;
  bool pure_;
};

void Generation::push_route(lua_State* lua, const Type& type, Bytes key) {
  luaL_checkstack(lua, 3, nullptr);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, type.route->function);
  lua_pushlstring(lua, key.data(), key.size());
  {
    const Seclusion seclusion(*this);
    lua_call(lua, 1, 1);
  }
  const bool is_text = lua_type(lua, -1) == LUA_TSTRING;
  const auto size = is_text ? lua_rawlen(lua, -1) : lua_Unsigned{0};
  if (is_text && size > 0 && size <= ObjectKey::bytes_max) return;
  const char* name = type.name.c_str();
  constexpr int most = ObjectKey::bytes_max;
  if (is_text)
    luaL_error(lua, "%s.route returns a string of 1 to %d bytes, not %d bytes", name, most,
               static_cast<int>(size));
  luaL_error(lua, "%s.route returns a string of 1 to %d bytes, not %s%s", name, most,
             lua_isnil(lua, -1) ? "" : "a ", luaL_typename(lua, -1));
}

void Generation::check_owner(lua_State* lua, Bytes item_key) {
  if (!call_->caller.as_owner || call_->method().kind != Kind::async) return;
  Bytes by = item_key;
  Bytes object;
  if (const Type* type = types_.routed(item_key, object)) {
    push_route(lua, *type, object);
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, -1, &size);
    by = {text, size};
  }
  const char* why = call_->host().why_not_owner(item_key, by);
  if (why != nullptr) luaL_error(lua, "%s", why);
}

Ended Generation::route(const Type& type, Bytes key, std::string& made) {
  return Environment::in_vm(*vm_, [&](lua_State* lua) {
    push_route(lua, type, key);
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, -1, &size);
    made.assign(text, size);
  });
}

}  // namespace cacheismo::lua
