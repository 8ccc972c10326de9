#include "cacheismo/lua/bare_lua.h"

#include <cstdlib>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/marshal.h"
#include "cacheismo/lua/stored_table.h"

namespace cacheismo::lua {
namespace {

void* allocate(void*, void* block, std::size_t, std::size_t bytes) {
  if (bytes == 0) {
    std::free(block);
    return nullptr;
  }
  return std::realloc(block, bytes);
}

}  // namespace

struct BareLua::Parts {
  unsigned seed = 7;
  Charge charge{.left = 1'000'000'000, .on_exhausted = nullptr};
  lua_State* lua = nullptr;
  std::unique_ptr<StoredTables> tables;
};

BareLua::BareLua() : parts_(std::make_unique<Parts>()) {
  lua_State* lua = parts_->lua = lua_newstate(allocate, &parts_->seed);
  *static_cast<Charge**>(lua_getextraspace(lua)) = &parts_->charge;
  luaL_requiref(lua, "_G", luaopen_base, 1);
  luaL_requiref(lua, "string", luaopen_string, 1);
  luaL_requiref(lua, "table", luaopen_table, 0);
  parts_->tables = std::make_unique<StoredTables>(lua);
  add_marshal(lua, -1, *parts_->tables);
  lua_setglobal(lua, "table");
  const auto opened = host_.open("t$k", Access::update);
  CHECK(opened.has_value());
  state_ = opened->state;
  parts_->tables->push_root(lua, *state_, Access::update);
  lua_setglobal(lua, "stored");
  lua_settop(lua, 0);
}

BareLua::~BareLua() { lua_close(parts_->lua); }

std::string BareLua::run(const std::string& program) {
  lua_State* lua = parts_->lua;
  const bool failed =
      luaL_loadstring(lua, program.c_str()) != LUA_OK || lua_pcall(lua, 0, 1, 0) != LUA_OK;
  std::size_t size = 0;
  const char* text = luaL_tolstring(lua, -1, &size);
  std::string result = (failed ? "error " : "") + std::string(text, size);
  lua_settop(lua, 0);
  return result;
}

void BareLua::set(const char* name, Bytes value) {
  lua_pushlstring(parts_->lua, value.data(), value.size());
  lua_setglobal(parts_->lua, name);
}

}  // namespace cacheismo::lua
