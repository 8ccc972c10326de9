#include "cacheismo/lua/stored_table.h"

#include <algorithm>
#include <cmath>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/fields.h"
#include "cacheismo/lua/stored_entries.h"
#include "cacheismo/lua/stored_proxy.h"

namespace cacheismo::lua {

// ---- Proxies ------------------------------------------------------------------------------------

/// The metamethods, and what they are made of.
struct StoredTables::Meta {
  static Proxy& proxy(lua_State* lua, int index) {
    auto& proxy = *static_cast<Proxy*>(lua_touserdata(lua, index));
    if (proxy.has_ended())
      luaL_error(lua,
                 "this object belongs to a call that has ended, or to the time before a yield");
    return proxy;
  }
  static Proxy& writable(lua_State* lua, int index) {
    Proxy& found = proxy(lua, index);
    if (found.access != Access::update)
      luaL_error(lua, "a read method cannot write: declare it under .update");
    return found;
  }
  /// For functions that a script may call with anything.
  static Proxy& checked(lua_State* lua, int index, const StoredTables& owner) {
    if (!owner.is_proxy(lua, index))
      luaL_error(lua, "an object was expected, not a %s", luaL_typename(lua, index));
    return proxy(lua, index);
  }
  static StoredTables& owner(lua_State* lua) {
    return *static_cast<StoredTables*>(lua_touserdata(lua, lua_upvalueindex(1)));
  }

  static void push_value(lua_State* lua, const Proxy& in, Bytes bytes) {
    const Value value = decode_value(bytes);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      lua_pushinteger(lua, *integer);
    } else if (const auto* text = std::get_if<Bytes>(&value)) {
      lua_pushlstring(lua, text->data(), text->size());
    } else if (const auto* table = std::get_if<TableValue>(&value)) {
      in.owner->push_proxy(lua, *in.state, table->table, in.access);
    } else if (const auto* real = std::get_if<double>(&value)) {
      lua_pushnumber(lua, *real);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      lua_pushboolean(lua, *flag ? 1 : 0);
    } else if (const auto* cut = std::get_if<LongString>(&value)) {
      push_long_string(lua, *in.state, *cut);
    } else {
      luaL_error(lua, "the object's memory holds what no script has written");
    }
  }

  static void write(lua_State* lua, State& state, const KeyBytes& key, int index, int depth,
                    const StoredTables& owner);
  static void write_fields(lua_State* lua, State& state, TableNumber table, int index, int depth,
                           const StoredTables& owner);
  static void write_string(lua_State* lua, State& state, const KeyBytes& key, Bytes text);
  static void copy_fields(lua_State* lua, const Proxy& from, int depth);

  static int index(lua_State* lua);
  static int new_index(lua_State* lua);
  static int length(lua_State* lua);
  static int pairs(lua_State* lua);
  static int next(lua_State* lua);
  static int equal(lua_State* lua);
  static int to_string(lua_State* lua);
};

StoredTables::StoredTables(lua_State* lua) {
  lua_createtable(lua, 0, 4);
  methods_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_createtable(lua, 0, 10);
  const auto set = [&](const char* name, lua_CFunction function) {
    lua_pushlightuserdata(lua, this);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
  };
  set("__index", Meta::index);
  set("__newindex", Meta::new_index);
  set("__len", Meta::length);
  set("__pairs", Meta::pairs);
  set("__eq", Meta::equal);
  set("__tostring", Meta::to_string);
  lua_pushliteral(lua, "table");
  lua_setfield(lua, -2, "__name");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  metatable_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  for (std::size_t i = 0; i < pool_size; ++i) {
    pool_[i] = static_cast<Proxy*>(lua_newuserdatauv(lua, sizeof(Proxy), 0));
    *pool_[i] = Proxy{.owner = this, .state = nullptr, .table = 0, .serial = 0, .access = {}};
    lua_rawgeti(lua, LUA_REGISTRYINDEX, metatable_);
    lua_setmetatable(lua, -2);
    pool_refs_[i] = luaL_ref(lua, LUA_REGISTRYINDEX);
  }
  static constexpr Fields plain_fields{.index = Meta::index,
                                       .new_index = Meta::new_index,
                                       .get = PlainFields::get,
                                       .set = PlainFields::set};
  charge_of(lua).fields = &plain_fields;
}

bool StoredTables::push_pooled(lua_State* lua, State& state, TableNumber table, Access access) {
  if (in_use_ == pool_size) return false;
  *pool_[in_use_] =
      Proxy{.owner = this, .state = &state, .table = table, .serial = serial_, .access = access};
  lua_rawgeti(lua, LUA_REGISTRYINDEX, pool_refs_[in_use_++]);
  return true;
}

void StoredTables::push_proxy(lua_State* lua, State& state, TableNumber table, Access access) {
  luaL_checkstack(lua, 3, nullptr);
  if (push_pooled(lua, state, table, access)) return;
  auto* proxy = static_cast<Proxy*>(lua_newuserdatauv(lua, sizeof(Proxy), 0));
  *proxy =
      Proxy{.owner = this, .state = &state, .table = table, .serial = serial_, .access = access};
  lua_rawgeti(lua, LUA_REGISTRYINDEX, metatable_);
  lua_setmetatable(lua, -2);
}

void StoredTables::push_root(lua_State* lua, State& state, Access access) {
  push_proxy(lua, state, root_table, access);
}

void StoredTables::set_method(lua_State* lua, const char* name) {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, methods_);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, name);
  lua_pop(lua, 1);
  method_names_.emplace_back(name);
}

bool StoredTables::is_proxy(lua_State* lua, int index) const {
  if (lua_type(lua, index) != LUA_TUSERDATA || lua_getmetatable(lua, index) == 0) return false;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, metatable_);
  const bool same = lua_rawequal(lua, -1, -2) != 0;
  lua_pop(lua, 2);
  return same;
}

State& StoredTables::state_of_root(lua_State* lua, int index, Access access) {
  Proxy& proxy = Meta::checked(lua, index, *this);
  if (proxy.table != root_table) luaL_error(lua, "a method of the object itself, not of a part");
  if (access == Access::update) static_cast<void>(Meta::writable(lua, index));
  return *proxy.state;
}

// ---- Reading ------------------------------------------------------------------------------------

int StoredTables::Meta::index(lua_State* lua) {
  const Proxy& self = proxy(lua, 1);
  charge(lua, entry_steps);
  const int type = lua_type(lua, 2);
  if (type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN) {
    const bool fits = type != LUA_TSTRING || lua_rawlen(lua, 2) <= key_string_bytes_max;
    const bool number = type != LUA_TNUMBER || !std::isnan(lua_tonumber(lua, 2));
    if (fits && number) {
      KeyBytes key(self.table);
      set_key(lua, 2, key);
      if (const auto value = self.state->find(key.bytes())) {
        push_value(lua, self, *value);
        return 1;
      }
    }
  }
  if (self.table == root_table && type == LUA_TSTRING) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, self.owner->methods_);
    lua_pushvalue(lua, 2);
    lua_rawget(lua, -2);
    return 1;
  }
  lua_pushnil(lua);
  return 1;
}

int StoredTables::Meta::length(lua_State* lua) {
  const Proxy& self = proxy(lua, 1);
  KeyBytes end(self.table);
  end.set_after_numbers();
  char copy[entry_key_bytes_max];
  Bytes before = end.bytes();
  while (true) {
    charge(lua, entry_steps);
    const auto entry = self.state->last_before(before);
    const auto rest = entry ? key_within(entry->key, self.table) : std::nullopt;
    if (!rest) break;
    const Scalar key = decode_key(*rest);
    if (const auto* integer = std::get_if<std::int64_t>(&key)) {
      lua_pushinteger(lua, std::max<std::int64_t>(*integer, 0));
      return 1;
    }
    before = Bytes(copy, entry->key.copy(copy, sizeof copy));
  }
  lua_pushinteger(lua, 0);
  return 1;
}

int StoredTables::Meta::pairs(lua_State* lua) {
  static_cast<void>(proxy(lua, 1));
  lua_pushlightuserdata(lua, &owner(lua));
  lua_pushcclosure(lua, next, 1);
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

int StoredTables::Meta::next(lua_State* lua) {
  const Proxy& self = checked(lua, 1, owner(lua));
  lua_settop(lua, 2);
  charge(lua, entry_steps);
  KeyBytes key(self.table);
  const bool start = lua_isnil(lua, 2);
  if (!start) set_key(lua, 2, key);
  const auto entry =
      start ? self.state->first_from(key.bytes()) : self.state->first_after(key.bytes());
  const auto rest = entry ? key_within(entry->key, self.table) : std::nullopt;
  if (!rest) {
    lua_pushnil(lua);
    return 1;
  }
  push_key(lua, decode_key(*rest));
  push_value(lua, self, entry->value);
  return 2;
}

int StoredTables::Meta::equal(lua_State* lua) {
  const StoredTables& tables = owner(lua);
  bool same = false;
  if (tables.is_proxy(lua, 1) && tables.is_proxy(lua, 2)) {
    const Proxy& a = proxy(lua, 1);
    const Proxy& b = proxy(lua, 2);
    same = a.state == b.state && a.table == b.table;
  }
  lua_pushboolean(lua, same ? 1 : 0);
  return 1;
}

int StoredTables::Meta::to_string(lua_State* lua) {
  lua_pushliteral(lua, "table");
  return 1;
}

// ---- Writing ------------------------------------------------------------------------------------

int StoredTables::Meta::new_index(lua_State* lua) {
  const Proxy& self = writable(lua, 1);
  KeyBytes key(self.table);
  set_key(lua, 2, key);
  write(lua, *self.state, key, 3, 0, *self.owner);
  return 0;
}

void StoredTables::Meta::write(lua_State* lua, State& state, const KeyBytes& key, int index,
                               int depth, const StoredTables& owner) {
  Value old;
  bool refers_to_others = false;
  if (const auto found = state.find(key.bytes())) {
    old = decode_value(*found);
    refers_to_others = refers(*found);
  }
  ValueBytes value;
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
      if (std::holds_alternative<std::monostate>(old)) return;
      charge(lua, entry_steps);
      if (!state.erase(key.bytes()).done) raise_too_large(lua);
      if (refers_to_others) erase_referred(lua, state, old);
      return;
    case LUA_TBOOLEAN: value.set_boolean(lua_toboolean(lua, index) != 0); break;
    case LUA_TNUMBER:
      if (lua_isinteger(lua, index)) {
        value.set_integer(lua_tointeger(lua, index));
      } else {
        value.set_float(lua_tonumber(lua, index));
      }
      break;
    case LUA_TSTRING: {
      const Bytes text = string_at(lua, index);
      if (text.size() > short_string_bytes_max) {
        write_string(lua, state, key, text);
        if (refers_to_others) erase_referred(lua, state, old);
        return;
      }
      value.set_string(text);
      break;
    }
    case LUA_TUSERDATA:
    case LUA_TTABLE: {
      if (lua_type(lua, index) == LUA_TUSERDATA && !owner.is_proxy(lua, index))
        luaL_error(lua, "a userdata cannot be stored");
      if (depth >= table_depth_max)
        luaL_error(lua, "tables that are nested deeper than %d cannot be stored (a cycle?)",
                   table_depth_max);
      const TableNumber number = take_number(lua, state);
      write_fields(lua, state, number, index, depth + 1, owner);
      value.set_table(number);
      break;
    }
    default: luaL_error(lua, "a %s cannot be stored", luaL_typename(lua, index));
  }
  put_entry(lua, state, key.bytes(), value.bytes());
  if (refers_to_others) erase_referred(lua, state, old);
}

void StoredTables::Meta::write_string(lua_State* lua, State& state, const KeyBytes& key,
                                      Bytes text) {
  const TableNumber number = take_number(lua, state);
  std::int64_t piece = 0;
  for (Bytes rest = text; !rest.empty();) {
    const Bytes part = rest.substr(0, piece_bytes);
    KeyBytes piece_key(number);
    piece_key.set_integer(++piece);
    ValueBytes value;
    value.set_string(part);
    put_entry(lua, state, piece_key.bytes(), value.bytes());
    rest.remove_prefix(part.size());
  }
  ValueBytes value;
  value.set_long_string(number, text.size());
  put_entry(lua, state, key.bytes(), value.bytes());
}

/// The fields of the table or proxy at `index`, into a table that is empty.
void StoredTables::Meta::write_fields(lua_State* lua, State& state, TableNumber table, int index,
                                      int depth, const StoredTables& owner) {
  luaL_checkstack(lua, 6, "tables are nested too deeply");
  index = lua_absindex(lua, index);
  if (lua_type(lua, index) == LUA_TUSERDATA) {
    // A copy first: the entries that are read move while those of the copy are written.
    const int top = lua_gettop(lua);
    lua_createtable(lua, 0, 0);
    copy_fields(lua, proxy(lua, index), depth);
    write_fields(lua, state, table, top + 1, depth, owner);
    lua_settop(lua, top);
    return;
  }
  lua_pushnil(lua);
  while (lua_next(lua, index) != 0) {
    KeyBytes key(table);
    set_key(lua, -2, key);
    write(lua, state, key, lua_gettop(lua), depth, owner);
    lua_pop(lua, 1);
  }
}

void StoredTables::fill(lua_State* lua, int index, State& state) {
  Meta::write_fields(lua, state, root_table, index, 0, *this);
}

// ---- Copies -------------------------------------------------------------------------------------

/// Adds the fields of `from` to the plain table on top of the stack.
void StoredTables::Meta::copy_fields(lua_State* lua, const Proxy& from, int depth) {
  if (depth > table_depth_max) luaL_error(lua, "tables are nested too deeply");
  luaL_checkstack(lua, 6, "tables are nested too deeply");
  KeyBytes start(from.table);
  char copy[entry_key_bytes_max];
  auto entry = from.state->first_from(start.bytes());
  while (entry) {
    const auto rest = key_within(entry->key, from.table);
    if (!rest) return;
    charge(lua, entry_steps);
    push_key(lua, decode_key(*rest));
    const Bytes last(copy, entry->key.copy(copy, sizeof copy));
    const Value value = decode_value(entry->value);
    if (const auto* table = std::get_if<TableValue>(&value)) {
      lua_createtable(lua, 0, 0);
      copy_fields(lua,
                  Proxy{.owner = from.owner,
                        .state = from.state,
                        .table = table->table,
                        .serial = from.serial,
                        .access = from.access},
                  depth + 1);
    } else {
      push_value(lua, from, entry->value);
    }
    lua_rawset(lua, -3);
    entry = from.state->first_after(last);
  }
}

void StoredTables::push_copy(lua_State* lua, int index) {
  if (!is_proxy(lua, index)) {
    lua_pushvalue(lua, index);
    return;
  }
  const Proxy from = Meta::proxy(lua, index);
  lua_createtable(lua, 0, 0);
  Meta::copy_fields(lua, from, 0);
}

}  // namespace cacheismo::lua
