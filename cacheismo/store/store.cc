#include "cacheismo/store/store.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/store/body.h"
#include "cacheismo/store/hot_keys.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/object_tree.h"

namespace cacheismo::store {

Store::Store(std::span<char> region, const StoreOptions& options) {
  CHECK_GE(options.limit_bytes, limits::arena_bytes_min);
  CHECK_LE(options.limit_bytes, limits::arena_bytes_max);
  CHECK_LE(options.limit_bytes, region.size());
  body_ = std::make_unique<Body>(region, options);
}

Store::~Store() = default;

// ---- Keys
// ----------------------------------------------------------------------------------------

Key Store::key(Bytes bytes) const { return {bytes, body_->table.index().hash(bytes)}; }

void Store::prefetch(const Key& key) const { body_->table.index().prefetch(key.hash); }

void Store::prefetch(std::span<const Key> keys) const { body_->table.index().prefetch(keys); }

// ---- Reading
// -------------------------------------------------------------------------------------

std::optional<ItemView> Store::get(const Key& key, Seconds now) {
  const Handle handle = body_->find(key, now);
  if (!handle || body_->table.item(handle).is_object()) return std::nullopt;
  body_->table.touch_recency(handle, now, true);
  return body_->table.view(handle);
}

void Store::mark_copied(const Key& key, Seconds now) {
  if (const Handle handle = body_->find(key, now)) body_->table.item(handle).header().copied = 1;
}

std::optional<ItemView> Store::peek(const Key& key, Seconds now) {
  const Handle handle = body_->find(key, now);
  if (!handle) return std::nullopt;
  ItemView view = body_->table.view(handle);
  body_->table.tell_last_access(view);
  return view;
}

std::optional<ItemView> Store::touch(const Key& key, Seconds expiry, Seconds now) {
  body_->expect_none_open();
  const Handle handle = body_->find(key, now);
  if (!handle) return std::nullopt;
  body_->table.set_expiry(handle, expiry);
  body_->table.touch_recency(handle, now, true);
  return body_->table.view(handle);
}

MetaGet Store::meta_get(const Key& key, const MetaGetRule& rule, Seconds now) {
  MetaGet result;
  Table& table = body_->table;
  Handle handle = body_->find(key, now);
  if (!handle) {
    if (!rule.vivify) return result;
    body_->expect_none_open();
    const ItemSpec spec{.client_flags = 0,
                        .expiry = *rule.vivify,
                        .cas = rule.assign_cas.value_or(0),
                        .state = bits::token_sent};
    table.work() = PutWork{.needed_bytes = footprint(0, key.bytes.size(), 0)};
    handle = table.create(key, spec, 0, now);
    if (!handle) return result;
    result.hit = result.won = result.vivified = true;
    result.before = result.item = table.view(handle);
    return result;
  }
  if (table.item(handle).is_object()) return result;
  result.hit = true;
  result.before = table.view(handle);
  if (rule.last_access) table.tell_last_access(result.before);
  if (rule.new_expiry) table.set_expiry(handle, *rule.new_expiry);
  const Item item = table.item(handle);
  result.token_sent = item.has(bits::token_sent);
  result.stale = item.has(bits::stale);
  const std::uint32_t expiry = item.header().expiry;
  const bool due = rule.recache_below_seconds && expiry != 0 &&
                   (expiry <= now.value || expiry - now.value < *rule.recache_below_seconds);
  if (!result.token_sent && (result.stale || due)) {
    result.won = true;
    item.set(bits::token_sent);
  }
  if (rule.bump) table.touch_recency(handle, now, true);
  result.item = table.view(handle);
  return result;
}

std::uint64_t Store::cas(ItemView& item) {
  body_->expect_none_open();
  if (item.object_) return 0;
  Table& table = body_->table;
  const Handle handle{item.handle_};
  if (const std::uint64_t known = table.item(handle).cas()) return known;
  const std::uint64_t fresh = ++body_->last_cas;
  const Handle moved = table.assign_cas(handle, fresh);
  // Without memory for it, or while readers hold a short item, the value is not kept: a later
  // compare fails, which is always allowed. Long items have one from the start.
  item = table.view(moved ? moved : handle);
  return fresh;
}

void Store::copy_value(const ItemView& item, std::uint64_t offset, MutableBytes out) const {
  CHECK(!item.object_);
  CHECK_LE(offset + out.size(), item.value_bytes_);
  if (out.empty()) return;
  if (!item.in_pieces_) {
    std::memcpy(out.data(), item.value_.data() + offset, out.size());
    return;
  }
  const SplitValue split = body_->table.item(Handle{item.handle_}).split();
  body_->table.pieces().copy(Handle{split.first}, offset, out);
}

Pin Store::pin(const ItemView& item) {
  CHECK(!item.object_);
  Body::PinRecord record{.item = Handle{item.handle_}, .cursor = {}};
  if (item.in_pieces_) record.cursor.piece = Handle{body_->table.item(record.item).split().first};
  body_->table.pin(record.item);
  return Pin{body_->pins.add(record)};
}

void Store::unpin(Pin pin) {
  body_->table.unpin(body_->pins.at(pin.handle).item);
  body_->pins.remove(pin.handle);
}

std::size_t Store::views(Pin pin, std::uint64_t offset, std::span<Bytes> out) const {
  Body::PinRecord& record = body_->pins.at(pin.handle);
  const Item item = body_->table.item(record.item);
  CHECK_LT(offset, item.value_bytes());
  if (!item.has(bits::split)) {
    const MutableBytes value = item.inline_value();
    out[0] = Bytes(value.data() + offset, value.size() - static_cast<std::size_t>(offset));
    return 1;
  }
  if (offset < record.cursor.start) record.cursor = {Handle{item.split().first}, 0};
  return body_->table.pieces().views(record.cursor, offset, out);
}

// ---- Drafts
// --------------------------------------------------------------------------------------

Result<Draft, Outcome> Store::begin(const Key& key, std::uint64_t value_bytes, Seconds now) {
  CHECK_GT(value_bytes, 0u);
  body_->expect_none_open();
  body_->begin_verb(now);
  if (!body_->fits(key.bytes.size(), value_bytes)) return failure(Outcome::too_large);
  Body::DraftRecord record;
  record.key_bytes = static_cast<std::uint8_t>(key.bytes.size());
  std::memcpy(record.key, key.bytes.data(), key.bytes.size());
  record.hash = key.hash;
  record.value_bytes = value_bytes;
  record.work.needed_bytes =
      footprint(layout_for(0, key.bytes.size(), value_bytes), key.bytes.size(), value_bytes);
  return Draft{body_->drafts.add(record)};
}

std::size_t Store::windows(Draft draft, std::uint64_t offset, std::span<MutableBytes> out,
                           Seconds now) {
  body_->expect_none_open();
  body_->begin_verb(now);
  Body::DraftRecord& record = body_->drafts.at(draft.handle);
  CHECK_LT(offset, record.value_bytes);
  body_->table.work() = record.work;
  if (offset < record.cursor.start) record.cursor = {record.first, 0};
  // A window a piece: enough pieces for `out`, of which the first may be half full.
  const std::uint64_t ahead = std::min<std::uint64_t>(
      record.value_bytes, offset + (out.size() - 1) * piece_value_bytes_max + 1);
  while (record.taken_bytes < ahead) {
    if (!body_->extend(record)) break;
  }
  record.work = body_->table.work();
  if (record.taken_bytes <= offset) return 0;
  return body_->table.pieces().views(record.cursor, offset, out);
}

PutResult Store::commit(Draft draft, const PutRule& rule, Seconds now) {
  body_->expect_none_open();
  Body::DraftRecord record = body_->drafts.at(draft.handle);
  CHECK_EQ(record.taken_bytes, record.value_bytes);
  body_->drafts.remove(draft.handle);
  const Key key{Bytes(record.key, record.key_bytes), record.hash};
  const PutResult result = body_->put(key, rule, {.bytes = {}, .draft = &record}, now);
  body_->discard(record);
  return result;
}

void Store::abandon(Draft draft) {
  body_->expect_none_open();
  Body::DraftRecord record = body_->drafts.at(draft.handle);
  body_->drafts.remove(draft.handle);
  body_->discard(record);
}

// ---- Writing
// -------------------------------------------------------------------------------------

PutResult Store::put(const Key& key, const PutRule& rule, Bytes value, Seconds now) {
  body_->expect_none_open();
  return body_->put(key, rule, {.bytes = value, .draft = nullptr}, now);
}

ArithmeticResult Store::arithmetic(const Key& key, const ArithmeticRule& rule, Seconds now) {
  body_->expect_none_open();
  return body_->arithmetic(key, rule, now);
}

Outcome Store::remove(const Key& key, const RemoveRule& rule, Seconds now) {
  body_->expect_none_open();
  return body_->remove(key, rule, now);
}

void Store::flush(Seconds at, Seconds now) {
  body_->expect_none_open();
  // An earlier one that is due by now has taken effect.
  body_->begin_verb(now);
  body_->flush_at = at;
  body_->begin_verb(now);
}

Dropped Store::drop_oldest(std::uint64_t bytes, std::uint32_t items_max, Seconds now) {
  body_->expect_none_open();
  body_->begin_verb(now);
  Dropped dropped;
  while (dropped.bytes < bytes && dropped.items < items_max) {
    const std::uint64_t item = body_->table.drop_oldest();
    if (item == 0) break;
    dropped.bytes += item;
    ++dropped.items;
  }
  return dropped;
}

// ---- Objects
// -------------------------------------------------------------------------------------

ObjectFound Store::open(Object& object, const Key& key, ObjectAccess access, Seconds now) {
  CHECK(!object.is_open());
  const Handle handle = body_->find(key, now);
  if (access == ObjectAccess::create) {
    body_->table.open(*object.tree_, Handle{}, key, true);
    if (handle) body_->table.will_replace(*object.tree_, handle);
    return ObjectFound::missing;
  }
  const bool updates = access == ObjectAccess::update;
  if (handle && !body_->table.item(handle).is_object()) return ObjectFound::value;
  if (!handle && !updates) return ObjectFound::missing;
  body_->table.open(*object.tree_, handle, key, updates);
  return handle ? ObjectFound::object : ObjectFound::missing;
}

Outcome Store::commit(Object& object, const ObjectCommit& how, Seconds now) {
  CHECK(object.is_open());
  CHECK(object.tree_->updates());
  body_->begin_verb(now);
  const Outcome outcome = body_->table.commit(*object.tree_, how, now);
  body_->table.close(*object.tree_);
  return outcome;
}

void Store::close(Object& object, std::optional<Seconds> used) {
  CHECK(object.is_open());
  const Handle handle = object.tree_->opened().item;
  if (used && handle) body_->table.touch_recency(handle, *used, true);
  body_->table.close(*object.tree_);
}

// ---- Upkeep
// --------------------------------------------------------------------------------------

bool Store::maintain(Budget budget, Seconds now) {
  body_->expect_none_open();
  body_->begin_verb(now);
  return body_->table.maintain(budget, now);
}

bool Store::set_limit(std::uint64_t limit_bytes, Seconds) {
  // The arena was sized at the start; only the size that it has can be confirmed.
  return limit_bytes == body_->table.limit_bytes();
}

std::vector<HotKey> Store::hot_keys(std::size_t limit, Seconds now) {
  body_->begin_verb(now);
  std::vector<HotKey> list = body_->table.hot_keys().list(limit, now);
  for (HotKey& hot : list) hot.uses *= AccessLog::uses_per_sample;
  return list;
}

void Store::record_changes(ChangeLog* log) { body_->table.record_changes(log); }

Scanned Store::scan(std::uint64_t cursor, const ScanRule& rule, Visitor& visitor, Seconds now) {
  static_assert(ScanRule::visits_min == Index::line_entries);
  CHECK_GE(rule.visits_max, ScanRule::visits_min);
  CHECK_GT(rule.lines_max, 0u);
  body_->begin_verb(now);
  const Table& table = body_->table;
  const Index& index = table.index();
  const auto first = static_cast<std::uint32_t>(cursor);
  const auto end = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::uint64_t{first} + rule.lines_max, index.lines()));
  std::uint32_t visited = 0;
  std::uint32_t line = first;
  for (; line < end && visited + ScanRule::visits_min <= rule.visits_max; ++line) {
    if (line + Index::lines_ahead < end) index.prefetch_items(line + Index::lines_ahead);
    index.for_each(line, [&](Handle handle) {
      const Item item = table.item(handle);
      const std::uint32_t expiry = item.header().expiry;
      if (!item.key().starts_with(rule.prefix) || (expiry != 0 && expiry <= now.value)) return;
      ++visited;
      ItemView view = table.view(handle);
      if (rule.last_access) table.tell_last_access(view);
      visitor.visit(view);
    });
  }
  const std::uint32_t next = line < index.lines() ? line : 0;
  body_->table.scanned(first, next);
  return {.next = next, .lines = line - first};
}

void Store::begin_descent() { body_->table.begin_descent(); }

bool Store::descend(std::uint32_t entries_max, Visitor& visitor, Seconds now) {
  body_->begin_verb(now);
  Table& table = body_->table;
  while (const Handle handle = table.descend(entries_max)) {
    const std::uint32_t expiry = table.item(handle).header().expiry;
    if (expiry == 0 || expiry > now.value) visitor.visit(table.view(handle));
  }
  return table.descending();
}

StoreStats Store::stats() const { return body_->table.stats(); }

void Store::reset_stats() { body_->table.reset_counters(); }

std::optional<std::string> Store::audit() const { return body_->audit(); }

}  // namespace cacheismo::store
