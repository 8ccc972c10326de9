// The collector's side of large tables: they are marked in slices, so that none of its steps takes
// as long as a table is large.
//
//   gray list --> global_State::sliced, sliced_at --> slice, slice, ... --> the next gray object
//
// third_party/lua.BUILD puts this into lgc.c, in front of what takes objects from the gray list.
//
//  1. A table is black from its first slice on, and stays it: what is written into it is marked at
//     once (lgc.h), so that nothing of it is left for the end of the cycle.
//  2. What only moves inside of the table is looked after, too (ltable.c): when it gets another
//     size it is marked from its beginning, and an entry that a new key drives out of its place is
//     marked at once.
//  3. No other object is marked before its last slice.
//
// What it is not: for weak tables or the generational mode; scripts have neither.

#ifndef CACHEISMO_LUA_MARK_IN_SLICES_H_
#define CACHEISMO_LUA_MARK_IN_SLICES_H_

#include <algorithm>

namespace cacheismo::lua {

/// Less than a step of the collector marks anyway (Vm).
inline constexpr unsigned mark_slice_entries = 512;

/// Begins with a table that was taken from the gray list. Requires that none is in progress.
inline void begin_slices(global_State* state, Table* table) {
  state->sliced = obj2gco(table);
  state->sliced_at = 0;
  markobjectN(state, table->metatable);
}

/// The next slice of the table in progress; what it cost, in the collector's units.
inline lu_mem mark_slice(global_State* state) {
  Table* const table = gco2t(state->sliced);
  const unsigned in_array = luaH_realasize(table);
  const unsigned all = in_array + static_cast<unsigned>(allocsizenode(table));
  const unsigned from = state->sliced_at;
  const unsigned to = std::min(all, from + mark_slice_entries);
  unsigned i = from;
  for (; i < std::min(to, in_array); ++i) markvalue(state, &table->array[i]);
  for (; i < to; ++i) {
    Node* const node = gnode(table, i - in_array);
    if (isempty(gval(node))) {
      clearkey(node);
    } else {
      markkey(state, node);
      markvalue(state, gval(node));
    }
  }
  state->sliced_at = to;
  if (to == all) state->sliced = nullptr;
  return 1 + 2 * (to - from);
}

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_MARK_IN_SLICES_H_
