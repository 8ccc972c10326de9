#include "cacheismo/lua/marshal.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <lauxlib.h>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/codec.h"

namespace cacheismo::lua {
namespace {

constexpr char form = '\xD1';

// The tags of codec.h that are followed by something else here.
constexpr char string_tag = 0x03;
constexpr char table_tag = 0x05;

/// So many bytes of a string cost as much as one field.
constexpr std::size_t bytes_per_step = 64;

/// A table that is about to be read is given room for so many fields at most: the input may lie.
constexpr std::uint64_t fields_expected_max = 256;

Bytes string_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return {text, size};
}

void append_size(std::string& out, std::uint64_t size) {
  for (; size >= 0x80; size >>= 7) out += static_cast<char>(0x80 | (size & 0x7F));
  out += static_cast<char>(size);
}

/// What a key becomes behind its table's number. Raises an error if it can be none.
std::string key_bytes(lua_State* lua, int index) {
  KeyBytes key(root_table);
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
      if (lua_isinteger(lua, index)) {
        key.set_integer(lua_tointeger(lua, index));
      } else {
        key.set_float(lua_tonumber(lua, index));
      }
      break;
    case LUA_TSTRING: {
      const Bytes text = string_at(lua, index);
      if (text.size() > key_string_bytes_max)
        luaL_error(lua, "marshal: a key may have at most %d bytes, not %d",
                   static_cast<int>(key_string_bytes_max), static_cast<int>(text.size()));
      key.set_string(text);
      break;
    }
    case LUA_TBOOLEAN: key.set_boolean(lua_toboolean(lua, index) != 0); break;
    default: luaL_error(lua, "marshal: a %s cannot be a key", luaL_typename(lua, index));
  }
  return std::string(*key_within(key.bytes(), root_table));
}

/// Pushes a number, a string or a boolean.
void push(lua_State* lua, const Scalar& scalar) {
  if (const auto* integer = std::get_if<std::int64_t>(&scalar)) {
    lua_pushinteger(lua, *integer);
  } else if (const auto* text = std::get_if<Bytes>(&scalar)) {
    lua_pushlstring(lua, text->data(), text->size());
  } else if (const auto* real = std::get_if<double>(&scalar)) {
    lua_pushnumber(lua, *real);
  } else {
    lua_pushboolean(lua, std::get<bool>(scalar) ? 1 : 0);
  }
}

// ---- Writing ------------------------------------------------------------------------------------

class Writer {
 public:
  Writer(lua_State* lua, StoredTables& tables) : lua_(lua), tables_(tables) {}

  std::string whole(int index) && {
    out_ += form;
    fields(index, 1);
    return std::move(out_);
  }

 private:
  /// The plain table or the proxy at `index`. Keeps the stack.
  void fields(int index, int depth) {
    if (depth > table_depth_max)
      luaL_error(lua_, "marshal: tables are nested deeper than %d (a cycle?)", table_depth_max);
    luaL_checkstack(lua_, 8, nullptr);
    tables_.push_copy(lua_, index);
    const int table = lua_gettop(lua_);
    std::vector<std::string> keys;
    lua_pushnil(lua_);
    while (lua_next(lua_, table) != 0) {
      charge(lua_, 1);
      lua_pop(lua_, 1);
      keys.push_back(key_bytes(lua_, -1));
    }
    std::sort(keys.begin(), keys.end());
    append_size(out_, keys.size());
    for (const std::string& key : keys) {
      append_size(out_, key.size());
      out_ += key;
      push(lua_, decode_key(key));
      lua_rawget(lua_, table);
      value(depth);
      lua_pop(lua_, 1);
    }
    lua_pop(lua_, 1);
  }

  /// The value on top of the stack.
  void value(int depth) {
    ValueBytes coded;
    switch (lua_type(lua_, -1)) {
      case LUA_TBOOLEAN: coded.set_boolean(lua_toboolean(lua_, -1) != 0); break;
      case LUA_TNUMBER:
        if (lua_isinteger(lua_, -1)) {
          coded.set_integer(lua_tointeger(lua_, -1));
        } else {
          const double real = lua_tonumber(lua_, -1);
          coded.set_float(std::isnan(real) ? std::numeric_limits<double>::quiet_NaN() : real);
        }
        break;
      case LUA_TSTRING: string(string_at(lua_, -1)); return;
      case LUA_TTABLE: table(depth); return;
      default:
        if (tables_.is_proxy(lua_, -1)) {
          table(depth);
          return;
        }
        luaL_error(lua_, "marshal: a %s is no data", luaL_typename(lua_, -1));
    }
    out_ += coded.bytes();
    check_size(0);
  }

  void string(Bytes text) {
    check_size(text.size());
    charge(lua_, static_cast<std::int64_t>(text.size() / bytes_per_step));
    out_ += string_tag;
    append_size(out_, text.size());
    out_ += text;
  }

  void table(int depth) {
    out_ += table_tag;
    fields(lua_gettop(lua_), depth + 1);
  }

  void check_size(std::size_t more) {
    if (out_.size() + more > marshalled_bytes_max) luaL_error(lua_, "marshal: it is too large");
  }

  lua_State* lua_;
  StoredTables& tables_;
  std::string out_;
};

// ---- Reading ------------------------------------------------------------------------------------

class Reader {
 public:
  Reader(lua_State* lua, Bytes bytes) : lua_(lua), rest_(bytes) {}

  void whole() {
    if (rest_.empty() || rest_.front() != form) fail();
    rest_.remove_prefix(1);
    fields(1);
    if (!rest_.empty()) fail();
  }

 private:
  [[noreturn]] void fail() {
    luaL_error(lua_, "unmarshal: the bytes are not what table.marshal writes");
  }

  std::uint64_t size() {
    std::uint64_t size = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      if (rest_.empty()) fail();
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      size |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte >= 0x80) continue;
      if (byte == 0 && shift > 0) fail();
      return size;
    }
    fail();
  }

  Bytes bytes(std::uint64_t size) {
    if (size > rest_.size()) fail();
    const Bytes taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  void fields(int depth) {
    if (depth > table_depth_max)
      luaL_error(lua_, "unmarshal: tables are nested deeper than %d", table_depth_max);
    luaL_checkstack(lua_, 4, nullptr);
    const std::uint64_t count = size();
    if (count > rest_.size()) fail();
    lua_createtable(lua_, 0, static_cast<int>(std::min(count, fields_expected_max)));
    Bytes before;
    for (std::uint64_t i = 0; i < count; ++i) {
      charge(lua_, 1);
      const Bytes coded = bytes(size());
      if (coded <= before) fail();
      before = coded;
      key(coded);
      value(depth);
      lua_rawset(lua_, -3);
    }
  }

  /// Pushes a key, if it is spelled as marshal() spells it.
  void key(Bytes coded) {
    if (coded.size() > 1 + key_string_bytes_max) fail();
    const Scalar scalar = decode_key(coded);
    if (std::holds_alternative<std::monostate>(scalar)) fail();
    const auto* real = std::get_if<double>(&scalar);
    if (real != nullptr && std::isnan(*real)) fail();
    push(lua_, scalar);
    if (key_bytes(lua_, -1) != coded) fail();
  }

  /// Pushes a value, if it is spelled as marshal() spells it.
  void value(int depth) {
    const Bytes start = rest_;
    const char tag = bytes(1).front();
    if (tag == table_tag) {
      fields(depth + 1);
    } else if (tag == string_tag) {
      const Bytes text = bytes(size());
      charge(lua_, static_cast<std::int64_t>(text.size() / bytes_per_step));
      lua_pushlstring(lua_, text.data(), text.size());
    } else {
      const auto payload = scalar_payload_bytes(static_cast<unsigned char>(tag));
      if (!payload) fail();
      static_cast<void>(bytes(*payload));
      scalar(start.substr(0, 1 + *payload));
    }
  }

  void scalar(Bytes coded) {
    ValueBytes again;
    const Value value = decode_value(coded);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      again.set_integer(*integer);
      lua_pushinteger(lua_, *integer);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      again.set_boolean(*flag);
      lua_pushboolean(lua_, *flag ? 1 : 0);
    } else if (const auto* real = std::get_if<double>(&value)) {
      again.set_float(std::isnan(*real) ? std::numeric_limits<double>::quiet_NaN() : *real);
      lua_pushnumber(lua_, *real);
    } else {
      fail();
    }
    if (again.bytes() != coded) fail();
  }

  /// Bytes behind the tag of a boolean or a number; nullopt: the tag is of neither.
  static std::optional<std::size_t> scalar_payload_bytes(unsigned tag) {
    if (tag >= 0x80 || tag == 0x01 || tag == 0x02) return 0;
    if (tag == 0x20) return 8;
    if (tag > 0x10 && tag <= 0x18) return tag - 0x10;
    return std::nullopt;
  }

  lua_State* lua_;
  Bytes rest_;
};

// ---- Functions of scripts -----------------------------------------------------------------------

StoredTables& tables_of(lua_State* lua) {
  return *static_cast<StoredTables*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

/// Where the argument is: behind the library itself in `table:marshal(t)`.
int argument(lua_State* lua) {
  return lua_gettop(lua) > 1 && lua_rawequal(lua, 1, lua_upvalueindex(2)) != 0 ? 2 : 1;
}

int checked_table(lua_State* lua) {
  const int index = argument(lua);
  if (!tables_of(lua).is_proxy(lua, index)) luaL_checktype(lua, index, LUA_TTABLE);
  return index;
}

int library_marshal(lua_State* lua) {
  const std::string bytes = marshal(lua, checked_table(lua), tables_of(lua));
  lua_pushlstring(lua, bytes.data(), bytes.size());
  return 1;
}

int library_unmarshal(lua_State* lua) {
  const int index = argument(lua);
  luaL_checktype(lua, index, LUA_TSTRING);
  unmarshal(lua, string_at(lua, index));
  return 1;
}

int library_clone(lua_State* lua) {
  const std::string bytes = marshal(lua, checked_table(lua), tables_of(lua));
  unmarshal(lua, bytes);
  return 1;
}

}  // namespace

std::string marshal(lua_State* lua, int index, StoredTables& tables) {
  return Writer(lua, tables).whole(lua_absindex(lua, index));
}

void unmarshal(lua_State* lua, Bytes bytes) { Reader(lua, bytes).whole(); }

void add_marshal(lua_State* lua, int library, StoredTables& tables) {
  luaL_checkstack(lua, 3, nullptr);
  library = lua_absindex(lua, library);
  for (const auto& [name, function] : {luaL_Reg{"marshal", library_marshal},
                                       {"unmarshal", library_unmarshal},
                                       {"clone", library_clone}}) {
    lua_pushlightuserdata(lua, &tables);
    lua_pushvalue(lua, library);
    lua_pushcclosure(lua, function, 2);
    lua_setfield(lua, -2, name);
  }
}

}  // namespace cacheismo::lua
