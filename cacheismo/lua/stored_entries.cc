#include "cacheismo/lua/stored_entries.h"

#include <cmath>

#include <lauxlib.h>

#include "cacheismo/lua/charge.h"

namespace cacheismo::lua {
namespace {

/// In the bookkeeping table: the next table number that is free.
constexpr Bytes next_number_key = "n";

void erase_table(lua_State* lua, State& state, TableNumber table) {
  const KeyBytes start(table);
  while (const auto entry = state.first_from(start.bytes())) {
    if (!key_within(entry->key, table)) return;
    const Value value = decode_value(entry->value);
    char copy[entry_key_bytes_max];
    const Bytes key(copy, entry->key.copy(copy, sizeof copy));
    charge(lua, entry_steps);
    if (!state.erase(key).done) raise_too_large(lua);
    erase_referred(lua, state, value);
  }
}

}  // namespace

void erase_referred(lua_State* lua, State& state, const Value& value) {
  if (const auto* table = std::get_if<TableValue>(&value)) erase_table(lua, state, table->table);
  if (const auto* text = std::get_if<LongString>(&value)) erase_table(lua, state, text->table);
}

Bytes string_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return {text, size};
}

void set_key(lua_State* lua, int index, KeyBytes& key) {
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
      if (lua_isinteger(lua, index)) {
        key.set_integer(lua_tointeger(lua, index));
      } else {
        const double number = lua_tonumber(lua, index);
        if (std::isnan(number)) luaL_error(lua, "a key of a stored table cannot be NaN");
        key.set_float(number);
      }
      return;
    case LUA_TSTRING: {
      const Bytes text = string_at(lua, index);
      if (text.size() > key_string_bytes_max)
        luaL_error(lua, "a key of a stored table may have at most %d bytes, not %d",
                   static_cast<int>(key_string_bytes_max), static_cast<int>(text.size()));
      key.set_string(text);
      return;
    }
    case LUA_TBOOLEAN: key.set_boolean(lua_toboolean(lua, index) != 0); return;
    default: luaL_error(lua, "a %s cannot be a key of a stored table", luaL_typename(lua, index));
  }
}

void push_key(lua_State* lua, const Scalar& key) {
  if (const auto* integer = std::get_if<std::int64_t>(&key)) {
    lua_pushinteger(lua, *integer);
  } else if (const auto* text = std::get_if<Bytes>(&key)) {
    lua_pushlstring(lua, text->data(), text->size());
  } else if (const auto* real = std::get_if<double>(&key)) {
    lua_pushnumber(lua, *real);
  } else if (const auto* flag = std::get_if<bool>(&key)) {
    lua_pushboolean(lua, *flag ? 1 : 0);
  } else {
    luaL_error(lua, "the object's memory holds what no script has written");
  }
}

[[noreturn]] void raise_too_large(lua_State* lua) {
  luaL_error(lua, "the object, or what one call changes of it, becomes too large");
}

void put_entry(lua_State* lua, State& state, Bytes key, Bytes value) {
  charge(lua, entry_steps);
  if (!state.put(key, value)) raise_too_large(lua);
}

TableNumber take_number(lua_State* lua, State& state) {
  KeyBytes key(bookkeeping_table);
  key.set_string(next_number_key);
  TableNumber number = root_table + 1;
  if (const auto stored = state.find(key.bytes())) {
    const Value value = decode_value(*stored);
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      number = static_cast<TableNumber>(*integer);
  }
  ValueBytes next;
  next.set_integer(static_cast<std::int64_t>(number + 1));
  put_entry(lua, state, key.bytes(), next.bytes());
  return number;
}

void push_long_string(lua_State* lua, State& state, const LongString& text) {
  luaL_Buffer buffer;
  luaL_buffinit(lua, &buffer);
  KeyBytes start(text.table);
  auto entry = state.first_from(start.bytes());
  char key[entry_key_bytes_max];
  while (entry && key_within(entry->key, text.table)) {
    charge(lua, entry_steps);
    const Value value = decode_value(entry->value);
    const auto* piece = std::get_if<Bytes>(&value);
    if (piece == nullptr) break;
    luaL_addlstring(&buffer, piece->data(), piece->size());
    const Bytes last(key, entry->key.copy(key, sizeof key));
    entry = state.first_after(last);
  }
  luaL_pushresult(&buffer);
}

}  // namespace cacheismo::lua
