// Charge: what the script that is running may still spend, counted in steps.
//
//   lua_State (main) --extra space--> Charge <--extra space-- every coroutine of that state
//
//  1. A step is a jump, a call, a metamethod, or a piece of work of a library function; the build
//     rule of Lua (third_party/lua.BUILD) has the interpreter count the first three, with no hook
//     set. A loop or a recursion of any kind therefore spends steps.
//  2. All coroutines of a state spend from the same Charge, so a new one does not start afresh.
//  3. Below zero, refill() is asked for more. Once it has none, every further step calls
//     on_exhausted, which raises an error: so an error that is caught is raised again at once.
//
// What it is not: it measures no time, and it does not know what a call is.

#ifndef CACHEISMO_LUA_CHARGE_H_
#define CACHEISMO_LUA_CHARGE_H_

#include <cstdint>

#include <lua.h>

namespace cacheismo::lua {

struct Fields;

struct Charge {
  std::int64_t left = 0;
  bool (*refill)(Charge&) = nullptr;           ///< true: `left` is above zero again; null: never
  void (*on_exhausted)(lua_State*) = nullptr;  ///< does not return
  void (*on_no_memory)(lua_State*) = nullptr;  ///< an allocation has failed; null: no matter
  const Fields* fields = nullptr;  ///< of the state's stored tables (fields.h); null: it has none
};

/// Requires that the state's main thread was given a Charge before anything ran in it.
inline Charge& charge_of(lua_State* state) {
  return **static_cast<Charge**>(lua_getextraspace(state));
}

/// Spends `steps` where no error may be raised; the next step raises it. Requires steps >= 0.
inline void spend(lua_State* state, std::int64_t steps) { charge_of(state).left -= steps; }

inline bool is_exhausted(Charge& charge) {
  return charge.left < 0 && (charge.refill == nullptr || !charge.refill(charge));
}

/// Spends `steps`, raises an error when they are used up. Requires steps >= 0.
inline void charge(lua_State* state, std::int64_t steps) {
  Charge& charge = charge_of(state);
  charge.left -= steps;
  if (is_exhausted(charge)) [[unlikely]]
    charge.on_exhausted(state);
}

/// The same for the interpreter, which must save its registers before an error: true where an
/// error is due.
inline bool spend_step(lua_State* state) {
  Charge& charge = charge_of(state);
  --charge.left;
  return is_exhausted(charge);
}

inline void no_memory(lua_State* state) {
  const Charge& charge = charge_of(state);
  if (charge.on_no_memory != nullptr) charge.on_no_memory(state);
}

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_CHARGE_H_
