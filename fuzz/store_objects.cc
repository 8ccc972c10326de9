// The orders of StorePlay that open an object: changes that are committed or discarded, and looks.

#include <iterator>

#include "cacheismo/base/check.h"
#include "fuzz/store_play.h"

namespace cacheismo::fuzz {

using store::ObjectAccess;
using store::ObjectFound;

namespace {

constexpr std::uint32_t changes_max = 60;

}  // namespace

/// Of a few hundred: short ones, ones that differ only behind their eighth byte, and long ones.
std::string StorePlay::any_field() {
  const std::uint32_t number = orders_.byte();
  std::string field = std::to_string(number);
  if (number % 4 == 1) field = "beginning" + field;
  if (number % 16 == 2) field.resize(400, '.');
  if (number == 255) field.clear();
  return field;
}

bool StorePlay::open(const std::string& key, const ModelItem* item, ObjectAccess access) {
  const ObjectFound found = store_.open(object_, store_.key(key), access, now_);
  if (item == nullptr)
    CHECK_EQ(found, ObjectFound::missing);
  else
    CHECK_EQ(found, item->object ? ObjectFound::object : ObjectFound::value);
  CHECK_EQ(object_.is_open(), found == ObjectFound::object || (found == ObjectFound::missing &&
                                                               access == ObjectAccess::update));
  if (found == ObjectFound::object) CHECK_EQ(object_.expiry().value, item->expiry.value);
  return object_.is_open();
}

void StorePlay::change_object() {
  const std::string key = any_key();
  const ModelItem* item = begin(key);
  if (!open(key, item, ObjectAccess::update)) return;
  Entries entries = item != nullptr ? item->entries : Entries{};
  const std::uint32_t changes = orders_.below(changes_max);
  for (std::uint32_t i = 0; i < changes && !orders_.empty(); ++i) change_entry(entries);
  if (orders_.below(8) == 7) return store_.close(object_);
  commit_object(key, entries);
}

void StorePlay::change_entry(Entries& entries) {
  const std::string field = any_field();
  const std::uint32_t choice = orders_.below(8);
  if (choice < 3) {
    const store::ObjectErased erased = object_.erase(field);
    CHECK(erased.done);
    CHECK_EQ(erased.found, entries.erase(field) > 0);
  } else {
    const std::size_t size = choice < 7 ? choice * 4 : orders_.byte() * 4;
    const std::string value(size, static_cast<char>('a' + letters_++ % 26));
    // Objects stay far below their bound of a quarter of the memory.
    const bool done = object_.put(field, value);
    CHECK(done);
    entries[field] = value;
  }
  look_at(entries, field);
}

void StorePlay::commit_object(const std::string& key, const Entries& entries) {
  const ModelItem* old = begin(key);
  const store::ObjectCommit how{.expiry = maybe_expiry(), .erase = orders_.below(16) == 15};
  const Outcome outcome = store_.commit(object_, how, now_);
  CHECK(!object_.is_open());
  const Seen seen = this->seen(outcome == Outcome::no_memory, old);
  if (how.erase) {
    CHECK_EQ(outcome, Outcome::stored);
    CHECK_EQ(seen.evictions, 0u);
    if (old != nullptr) model_.erase(key);
    return check_item(key);
  }
  CHECK_EQ(outcome, model_.commit(key, entries, how.expiry, seen));
  ModelItem* item = begin(key);
  const auto view = store_.peek(store_.key(key), now_);
  if (item != nullptr && view && outcome == Outcome::stored)
    model_.learn_bytes(*item, view->value_bytes());
  check_item(key);
}

void StorePlay::read_object() {
  const std::string key = any_key();
  ModelItem* item = begin(key);
  if (!open(key, item, ObjectAccess::read)) return;
  const std::uint32_t looks = orders_.below(8);
  for (std::uint32_t i = 0; i < looks; ++i) look_at(item->entries, any_field());
  if (orders_.below(2) == 0) return store_.close(object_);
  store_.close(object_, now_);
  model_.get(*item);
}

void StorePlay::look_at(Entries& entries, const std::string& field) {
  const auto here = entries.find(field);
  const auto found = object_.find(field);
  CHECK_EQ(found.has_value(), here != entries.end());
  if (found) CHECK(*found == here->second);
  const auto from = entries.lower_bound(field);
  const auto first = object_.first_from(field);
  CHECK_EQ(first.has_value(), from != entries.end());
  if (first) CHECK(first->key == from->first && first->value == from->second);
  const auto above = entries.upper_bound(field);
  const auto after = object_.first_after(field);
  CHECK_EQ(after.has_value(), above != entries.end());
  if (after) CHECK(after->key == above->first && after->value == above->second);
  const auto before = object_.last_before(field);
  CHECK_EQ(before.has_value(), from != entries.begin());
  if (before) CHECK(before->key == std::prev(from)->first);
}

void StorePlay::check_object(const ModelItem& item) {
  store::Object object;
  CHECK_EQ(store_.open(object, store_.key(item.key), ObjectAccess::read, now_),
           ObjectFound::object);
  auto entry = object.first_from({});
  for (const auto& [key, value] : item.entries) {
    CHECK(entry.has_value());
    CHECK(entry->key == key);
    CHECK(entry->value == value);
    entry = object.first_after(key);
  }
  CHECK(!entry.has_value());
  store_.close(object);
}

}  // namespace cacheismo::fuzz
