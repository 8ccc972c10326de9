// Fields of stored tables as the interpreter asks for them: what lies in one entry and refers to
// nothing else. The metamethods of stored_table.cc do the rest, and say what is wrong.

#include <algorithm>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/fields.h"
#include "cacheismo/lua/stored_entries.h"
#include "cacheismo/lua/stored_proxy.h"

namespace cacheismo::lua {
namespace {

bool encode(const FieldKey& key, KeyBytes& bytes) {
  if (!key.is_text) {
    bytes.set_integer(key.integer);
    return true;
  }
  if (key.text.size() > key_string_bytes_max) return false;
  bytes.set_string(key.text);
  return true;
}

bool encode(const FieldValue& value, ValueBytes& bytes) {
  switch (value.is) {
    case FieldValue::Is::boolean: bytes.set_boolean(value.boolean); return true;
    case FieldValue::Is::integer: bytes.set_integer(value.integer); return true;
    case FieldValue::Is::real: bytes.set_float(value.real); return true;
    case FieldValue::Is::text:
      if (value.text.size() > short_string_bytes_max) return false;
      bytes.set_string(value.text);
      return true;
    case FieldValue::Is::nil:
    case FieldValue::Is::pushed: break;
  }
  return false;
}

}  // namespace

bool StoredTables::has_method(Bytes name) const {
  return std::find(method_names_.begin(), method_names_.end(), name) != method_names_.end();
}

bool StoredTables::PlainFields::get(lua_State* lua, void* userdata, const FieldKey& key,
                                    FieldValue& found) {
  const Proxy& self = *static_cast<const Proxy*>(userdata);
  KeyBytes bytes(self.table);
  if (self.has_ended() || !encode(key, bytes)) return false;
  StoredTables& owner = *self.owner;
  if (const auto stored = self.state->find(bytes.bytes())) {
    const Value value = decode_value(*stored);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      found.is = FieldValue::Is::integer;
      found.integer = *integer;
    } else if (const auto* text = std::get_if<Bytes>(&value)) {
      found.is = FieldValue::Is::text;
      found.text = *text;
    } else if (const auto* table = std::get_if<TableValue>(&value)) {
      if (!owner.push_pooled(lua, *self.state, table->table, self.access)) return false;
      found.is = FieldValue::Is::pushed;
    } else if (const auto* real = std::get_if<double>(&value)) {
      found.is = FieldValue::Is::real;
      found.real = *real;
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      found.is = FieldValue::Is::boolean;
      found.boolean = *flag;
    } else {
      return false;
    }
  } else if (self.table == root_table && key.is_text && owner.has_method(key.text)) {
    return false;
  }
  spend(lua, entry_steps);
  return true;
}

bool StoredTables::PlainFields::set(lua_State* lua, void* userdata, const FieldKey& key,
                                    const FieldValue& value) {
  const Proxy& self = *static_cast<const Proxy*>(userdata);
  KeyBytes key_bytes(self.table);
  ValueBytes value_bytes;
  if (self.has_ended() || self.access != Access::update || !encode(key, key_bytes) ||
      !encode(value, value_bytes))
    return false;
  // What refers to others must be erased with all that it refers to.
  if (self.state->put_unless(key_bytes.bytes(), value_bytes.bytes(), refers) != State::Put::done)
    return false;
  spend(lua, entry_steps);
  return true;
}

}  // namespace cacheismo::lua
