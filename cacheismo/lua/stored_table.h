// StoredTables: objects' states as Lua tables. A proxy stands for one table of one object; reading
// and writing its fields reads and writes entries of the State.
//
//   self ------> Proxy{state, table 1}      entry (1, "limit")  -> 10
//   self.items-> Proxy{state, table 2}      entry (1, "items")  -> table 2
//                                           entry (2, "a")      -> "x"
//   bookkeeping                             entry (0, "n")      -> the next free table number
//
//  1. A field costs a look-up or two in the State, whatever the size of the table; pairs() one a
//     step. Fields that are plain data are read and written without a call (fields.h).
//  2. Assigning a table copies it: what is stored is data, never a reference, a function or a
//     cycle.
//  3. A string above short_string_bytes_max lies in a table of its own, cut into pieces.
//  4. A proxy works only in the call (or between the yields) that it was made in.
//  5. pairs() goes in the order of the codec, and a field that is erased or written meanwhile does
//     no harm. `#` is the largest integer key, if that is positive.
//
// What it is not: it opens, commits and releases nothing, and does not know the types.

#ifndef CACHEISMO_LUA_STORED_TABLE_H_
#define CACHEISMO_LUA_STORED_TABLE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <lauxlib.h>
#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/codec.h"
#include "cacheismo/lua/host.h"

namespace cacheismo::lua {

/// Deepest nesting of tables that is stored, copied or shown.
inline constexpr int table_depth_max = 32;

struct FieldKey;
struct FieldValue;

class StoredTables {
 public:
  /// Makes the metatable of proxies in `state` (the main thread of a Vm), which outlives this.
  /// Raises Lua's memory error.
  explicit StoredTables(lua_State* state);
  StoredTables(const StoredTables&) = delete;
  StoredTables& operator=(const StoredTables&) = delete;

  /// Ends every proxy made so far. `methods` of roots are looked up where a field of that name is
  /// missing.
  void end_proxies() { ++serial_, in_use_ = 0; }

  /// Pushes the root of an object. Until end_proxies(), `state` must stay open. Raises Lua's memory
  /// error, as everything below does.
  void push_root(lua_State* lua, State& state, Access access);

  /// A function that roots answer to as a method, on top of `lua`; popped.
  void set_method(lua_State* lua, const char* name);

  /// Writes the fields of the plain table at `index` into the root of `state`, which must be open
  /// for writing. Raises an error for what cannot be stored.
  void fill(lua_State* lua, int index, State& state);

  /// Pushes a plain copy of what the proxy at `index` stands for; anything else as it is.
  void push_copy(lua_State* lua, int index);

  /// Whether the value at `index` is a proxy of this.
  [[nodiscard]] bool is_proxy(lua_State* lua, int index) const;
  /// The open State behind the root proxy at `index`; raises an error if it is none that works.
  [[nodiscard]] State& state_of_root(lua_State* lua, int index, Access access);

 private:
  struct Proxy;
  struct Meta;
  friend struct Meta;
  /// What the interpreter reads and writes without calling a metamethod (stored_fields.cc).
  struct PlainFields {
    static bool get(lua_State* lua, void* userdata, const FieldKey& key, FieldValue& found);
    static bool set(lua_State* lua, void* userdata, const FieldKey& key, const FieldValue& value);
  };

  void push_proxy(lua_State* lua, State& state, TableNumber table, Access access);
  /// The same where one is there to be used again; false: nothing was pushed. Takes one slot.
  bool push_pooled(lua_State* lua, State& state, TableNumber table, Access access);
  [[nodiscard]] bool has_method(Bytes name) const;

  std::uint32_t serial_ = 1;
  /// Proxies are used again from call to call, so that most calls make none.
  static constexpr std::size_t pool_size = 8;
  std::array<Proxy*, pool_size> pool_{};
  std::array<int, pool_size> pool_refs_{};
  std::size_t in_use_ = 0;
  int methods_ = LUA_NOREF;
  std::vector<std::string> method_names_;
  int metatable_ = LUA_NOREF;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_STORED_TABLE_H_
