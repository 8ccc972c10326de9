// Fields: what the interpreter asks of stored tables where a field is plain data, so that it need
// not call a metamethod for it.
//
//   self.used            --get--> 17                         no call frame, nothing on the stack
//   self.used = 18       --set--> an entry of the State
//   anything else        --false--> __index or __newindex is called, as Lua does
//
//  1. What get() and set() do is exactly what the metamethods would have done, or nothing: then
//     they return false, and whatever is wrong is said by the metamethod.
//  2. Neither raises an error but Lua's memory error.
//
// What it is not: it does not know Lua's own structures (fields_in_interpreter.h), nor a State.

#ifndef CACHEISMO_LUA_FIELDS_H_
#define CACHEISMO_LUA_FIELDS_H_

#include <cstdint>

#include <lua.h>

#include "cacheismo/base/bytes.h"

namespace cacheismo::lua {

struct FieldKey {
  bool is_text = false;
  std::int64_t integer = 0;
  Bytes text;
};

struct FieldValue {
  enum class Is : std::uint8_t {
    nil,
    boolean,
    integer,
    real,
    text,    ///< get(): borrowed until the State changes
    pushed,  ///< get(): it lies on top of the stack
  };
  Is is = Is::nil;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  Bytes text;
};

struct Fields {
  /// The metamethods that are stood in for.
  lua_CFunction index;
  lua_CFunction new_index;
  /// `userdata` is what the metamethods get as their first argument. get() pushes one value at
  /// most; set() is not asked to store nil.
  bool (*get)(lua_State* lua, void* userdata, const FieldKey& key, FieldValue& found);
  bool (*set)(lua_State* lua, void* userdata, const FieldKey& key, const FieldValue& value);
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_FIELDS_H_
