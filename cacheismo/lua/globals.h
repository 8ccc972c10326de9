// Globals: the tables that scripts see as their globals and as libraries.
//
//   globals, open:    { assert = ..., string = library, _G = itself, what the script defines }
//   globals, frozen:  { }  --__index--> store { all of these }  --__index--> "undefined global"
//                                                                               (or nil)
//                          --__newindex--> "cannot set"
//   library:          { }  --__index--> the functions           --__newindex--> "cannot set"
//
//  1. A frozen table holds no fields of its own, so that even a write without metamethods would
//     change nothing that another script sees.
//  2. Metatables are out of reach: getmetatable() gives false.
//
// What it is not: it decides not which functions there are (library.h).

#ifndef CACHEISMO_LUA_GLOBALS_H_
#define CACHEISMO_LUA_GLOBALS_H_

#include <lua.h>

namespace cacheismo::lua {

// Lua functions in form: to be called protected. They keep what they share in the registry.

/// Opens all libraries; once for each state.
int open_libraries(lua_State* lua);
/// -> a new table of globals, open.
int new_globals(lua_State* lua);
/// Freezes the globals that are its first argument, or raises Lua's memory error and changes
/// nothing. The second: whether reading an undefined one gives nil.
int freeze_globals(lua_State* lua);

/// Pushes the functions behind a library. Requires that there is one of this name.
void push_library_functions(lua_State* lua, const char* name);

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_GLOBALS_H_
