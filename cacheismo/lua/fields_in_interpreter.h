// The interpreter's side of Fields: Lua's values as plain ones and back.
//
// third_party/lua.BUILD puts this into lvm.c, behind Lua's own headers, whose macros it uses; it
// compiles nowhere else. Both functions are tried before a metamethod is called; false: nothing was
// done.
//
//  1. The stack may have moved when a value has been made: `result` is found again by its offset.
//  2. At most one value lies above the frame's top meanwhile, in the room that Lua keeps for
//     metamethods (EXTRA_STACK).
//
// What it is not: it decides nothing; whose metamethods are meant, Charge::fields says.

#ifndef CACHEISMO_LUA_FIELDS_IN_INTERPRETER_H_
#define CACHEISMO_LUA_FIELDS_IN_INTERPRETER_H_

#include <cstddef>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/fields.h"

namespace cacheismo::lua {

inline bool calls(const TValue* metamethod, lua_CFunction function) {
  return ttisCclosure(metamethod) && clCvalue(metamethod)->f == function;
}

inline bool key_of(const TValue* key, FieldKey& plain) {
  if (ttisstring(key)) {
    plain.is_text = true;
    plain.text = Bytes(svalue(key), vslen(key));
    return true;
  }
  if (!ttisinteger(key)) return false;
  plain.integer = ivalue(key);
  return true;
}

inline bool value_of(const TValue* value, FieldValue& plain) {
  switch (ttypetag(value)) {
    case LUA_VFALSE:
    case LUA_VTRUE:
      plain.is = FieldValue::Is::boolean;
      plain.boolean = ttistrue(value);
      return true;
    case LUA_VNUMINT:
      plain.is = FieldValue::Is::integer;
      plain.integer = ivalue(value);
      return true;
    case LUA_VNUMFLT:
      plain.is = FieldValue::Is::real;
      plain.real = fltvalue(value);
      return true;
    case LUA_VSHRSTR:
    case LUA_VLNGSTR:
      plain.is = FieldValue::Is::text;
      plain.text = Bytes(svalue(value), vslen(value));
      return true;
    default: return false;
  }
}

/// Takes the value on top of the stack to where it belongs.
inline void pop_to(lua_State* L, ptrdiff_t result) {
  StkId to = restorestack(L, result);
  L->top--;
  setobjs2s(L, to, L->top);
}

inline bool read_field(lua_State* L, const TValue* metamethod, const TValue* object,
                       const TValue* key, StkId to) {
  const Fields* fields = charge_of(L).fields;
  FieldKey plain_key;
  FieldValue found;
  const ptrdiff_t result = savestack(L, to);
  if (fields == nullptr || !calls(metamethod, fields->index) || !key_of(key, plain_key) ||
      !fields->get(L, getudatamem(uvalue(object)), plain_key, found))
    return false;
  switch (found.is) {
    case FieldValue::Is::nil: setnilvalue(s2v(to)); break;
    case FieldValue::Is::boolean:
      if (found.boolean) {
        setbtvalue(s2v(to));
      } else {
        setbfvalue(s2v(to));
      }
      break;
    case FieldValue::Is::integer: setivalue(s2v(to), found.integer); break;
    case FieldValue::Is::real: setfltvalue(s2v(to), found.real); break;
    case FieldValue::Is::text: {
      TString* text = luaS_newlstr(L, found.text.data(), found.text.size());
      setsvalue2s(L, L->top, text);
      L->top++;
      luaC_checkGC(L);
      pop_to(L, result);
      break;
    }
    case FieldValue::Is::pushed: pop_to(L, result); break;
  }
  return true;
}

inline bool write_field(lua_State* L, const TValue* metamethod, const TValue* object,
                        const TValue* key, const TValue* value) {
  const Fields* fields = charge_of(L).fields;
  FieldKey plain_key;
  FieldValue plain;
  return fields != nullptr && calls(metamethod, fields->new_index) && key_of(key, plain_key) &&
         value_of(value, plain) && fields->set(L, getudatamem(uvalue(object)), plain_key, plain);
}

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_FIELDS_IN_INTERPRETER_H_
