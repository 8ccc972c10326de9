// ObjectCheck: whether the entries of an object that a stranger has sent are what scripts could
// have stored, so that no method can be led astray by them.
//
//   entries in key order --take()--> (0,"n") 4 | (1,"items") table 2 | (2,"a") "x" | ... --finish()
//
//  1. Every key and value is spelt as codec.h spells it; the root and each table is reached once.
//  2. A table's number is above that of the table that it lies in, so there is no cycle, and below
//     the next free one.
//  3. A long string's pieces are numbered from 1 and come to the length that its entry tells.
//  4. Tables are nested at most checked_depth_max deep.
//
// What it is not: it knows no types; that the fields make sense to a method is the method's affair.
// Cost: memory in proportion to the tables that were named and whose entries have not come yet.

#ifndef CACHEISMO_LUA_OBJECT_CHECK_H_
#define CACHEISMO_LUA_OBJECT_CHECK_H_

#include <cstdint>
#include <map>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/codec.h"

namespace cacheismo::lua {

/// Deepest nesting of an object's tables that is taken from outside. A single assignment stores 32
/// (table_depth_max); an object that grew level by level is deeper. Erasing goes down by calls.
inline constexpr std::uint32_t checked_depth_max = 200;

class ObjectCheck {
 public:
  /// The next entry, in the order of keys, which the caller has checked. False: no script has
  /// stored it; the object must not be.
  [[nodiscard]] bool take(Bytes key, Bytes value);
  /// Whether the entries so far are a whole object.
  [[nodiscard]] bool finish() const;

 private:
  struct Table {
    std::uint32_t depth = 0;
    std::uint64_t text_bytes = 0;  ///< of a long string: what its pieces still have to come to
    std::int64_t pieces = 0;       ///< of a long string: seen so far
    bool text = false;
  };

  [[nodiscard]] bool enter(Bytes key, Bytes& rest);
  [[nodiscard]] bool take_bookkeeping(const Scalar& field, const Value& value);
  [[nodiscard]] bool take_piece(const Scalar& field, const Value& value);
  [[nodiscard]] bool refer(TableNumber table, const Table& what);

  TableNumber number_ = bookkeeping_table;  ///< of the table whose entries come
  Table table_;
  std::map<TableNumber, Table> named_;  ///< tables that were referred to and not entered yet
  TableNumber next_free_ = root_table + 1;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_OBJECT_CHECK_H_
