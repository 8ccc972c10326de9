#include "cacheismo/node/item_copy.h"

#include <algorithm>
#include <optional>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/lua/object_check.h"

namespace cacheismo::node {
namespace {

using store::Object;
using store::ObjectAccess;
using store::Outcome;
using store::Seconds;
using store::Store;

/// How much of an object is written before it is committed, bytes of its form. Each entry may
/// change several nodes at first, of which one update holds object_scratch_bytes_max.
constexpr std::size_t commit_bytes = limits::object_scratch_bytes_max / 8;

void append_entries(Store& store, const store::Key& key, Seconds now, std::string& out) {
  Object object;
  CHECK(store.open(object, key, ObjectAccess::read, now) == store::ObjectFound::object);
  std::string last;
  for (auto entry = object.first_from({}); entry; entry = object.first_after(last)) {
    append_entry(entry->key, entry->value, out);
    last = entry->key;
  }
  store.close(object);
}

void append_payload(Store& store, const store::Key& key, const store::ItemView& item, Seconds now,
                    std::string& out) {
  if (item.is_object()) return append_entries(store, key, now, out);
  const std::size_t at = out.size();
  out.resize(at + item.value_bytes());
  store.copy_value(item, 0, MutableBytes(out.data() + at, item.value_bytes()));
}

/// Whether the payload is an object's: entries in ascending order that scripts could have stored.
bool is_object(Bytes payload) {
  lua::ObjectCheck check;
  std::optional<Bytes> last;
  while (!payload.empty()) {
    const auto entry = take_entry(payload);
    if (!entry || (last && entry->key <= *last) || !check.take(entry->key, entry->value))
      return false;
    last = entry->key;
  }
  return check.finish();
}

StoreFormError error_of(Outcome outcome) {
  return outcome == Outcome::too_large ? StoreFormError::too_large : StoreFormError::no_memory;
}

Seconds expiry_of(const ItemForm& item, Seconds now) {
  if (!item.seconds_to_live) return store::never;
  return {static_cast<std::uint32_t>(std::min<std::uint64_t>(
      std::uint64_t{now.value} + *item.seconds_to_live, store::last_second.value))};
}

/// Puts entries from the front of `payload` into `object`, which is open, until it has had enough.
Result<void, StoreFormError> put_some(Object& object, Bytes& payload) {
  const std::size_t all = payload.size();
  while (!payload.empty() && all - payload.size() < commit_bytes) {
    Bytes rest = payload;
    const auto entry = take_entry(rest);
    CHECK(entry.has_value());
    if (!object.put(entry->key, entry->value)) {
      if (payload.size() == all) return failure(StoreFormError::too_large);
      return {};
    }
    payload = rest;
  }
  return {};
}

Result<void, StoreFormError> store_object(Store& store, const ItemForm& item, Seconds now) {
  if (!is_object(item.payload)) return failure(StoreFormError::malformed);
  const store::Key key = store.key(item.key);
  const store::ObjectCommit how{.expiry = expiry_of(item, now), .erase = false};
  Bytes payload = item.payload;
  ObjectAccess access = ObjectAccess::create;
  Object object;
  do {
    const store::ObjectFound found = store.open(object, key, access, now);
    // It is the last that an eviction takes; one that went all the same left no room for the rest.
    const bool lost = access == ObjectAccess::update && found != store::ObjectFound::object;
    auto put = lost ? failure(StoreFormError::no_memory) : put_some(object, payload);
    if (!put) {
      if (object.is_open()) store.close(object);
      static_cast<void>(store.remove(key, {}, now));
      return put;
    }
    if (const Outcome outcome = store.commit(object, how, now); outcome != Outcome::stored) {
      static_cast<void>(store.remove(key, {}, now));
      return failure(error_of(outcome));
    }
    access = ObjectAccess::update;
  } while (!payload.empty());
  return {};
}

}  // namespace

const char* to_string(StoreFormError error) {
  switch (error) {
    case StoreFormError::malformed: return "its bytes are not those of an item";
    case StoreFormError::too_large:
      return "it is too large for this node (-I for values, --object-max for objects)";
    case StoreFormError::no_memory: break;
  }
  return "out of memory (-m)";
}

bool append_form(Store& store, Bytes key, FormOf what, std::uint64_t bytes_max, Seconds now,
                 std::string& out) {
  const store::Key hashed = store.key(key);
  const auto item = store.peek(hashed, now);
  if (!item) return false;
  ItemForm form{.kind = item->is_object() ? ItemForm::Kind::object : ItemForm::Kind::value,
                .key = key,
                .client_flags = item->is_object() ? 0 : item->client_flags(),
                .seconds_to_live = std::nullopt,
                .payload = {}};
  if (item->expiry() != store::never)
    form.seconds_to_live = item->expiry().value - std::min(item->expiry(), now).value;
  if (item->value_bytes() > std::min<std::uint64_t>(bytes_max, item_payload_bytes_max)) {
    form.kind = ItemForm::Kind::long_one;
    append_item(form, out);
    return true;
  }
  const std::size_t begun = begin_item(form, out);
  const std::size_t at = out.size();
  append_payload(store, hashed, *item, now, out);
  if (what == FormOf::item) {
    end_item(begun, out);
    return true;
  }
  const std::uint64_t digest = digest_of(form.kind, form.client_flags, Bytes(out).substr(at));
  out.resize(begun);
  std::string payload;
  append_number(digest, sizeof digest, payload);
  form.kind = ItemForm::Kind::digest;
  form.payload = payload;
  append_item(form, out);
  return true;
}

Result<void, StoreFormError> store_form(Store& store, const ItemForm& item, Seconds now) {
  const store::Key key = store.key(item.key);
  switch (item.kind) {
    case ItemForm::Kind::object: return store_object(store, item, now);
    case ItemForm::Kind::gone: static_cast<void>(store.remove(key, {}, now)); return {};
    case ItemForm::Kind::value: break;
    default: return failure(StoreFormError::malformed);
  }
  store::PutRule rule;
  rule.client_flags = item.client_flags;
  rule.expiry = expiry_of(item, now);
  const Outcome outcome = store.put(key, rule, item.payload, now).outcome;
  if (outcome == Outcome::stored) return {};
  // As after a set that could not be done: nobody is to read the old value.
  static_cast<void>(store.remove(key, {}, now));
  return failure(error_of(outcome));
}

}  // namespace cacheismo::node
