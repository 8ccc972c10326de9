#include "cacheismo/store/body.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cacheismo::store {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// A stored number as strtoull reads it: white space, a plus sign, digits, then white space or the
/// end.
std::optional<std::uint64_t> number_in(Bytes value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  if (!value.empty() && value.front() == '+') value.remove_prefix(1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc()) return std::nullopt;
  if (end != value.data() + value.size() && !is_space(*end)) return std::nullopt;
  return number;
}

Bytes text_of(MutableBytes bytes) { return {bytes.data(), bytes.size()}; }

PutWork work_for(std::uint32_t client_flags, std::size_t key_bytes, std::uint64_t value_bytes) {
  const std::uint8_t layout = layout_for(client_flags, key_bytes, value_bytes);
  return {.needed_bytes = footprint(layout, key_bytes, value_bytes)};
}

/// Whether the item still is what a client compares with. One whose CAS value nobody asked for
/// matches nothing, and neither does 0.
bool matches(const Item& item, std::uint64_t compare_cas) {
  return item.cas() != 0 && item.cas() == compare_cas;
}

}  // namespace

// ---- Drafts
// --------------------------------------------------------------------------------------

bool Body::extend(DraftRecord& draft) {
  const Handle piece = table.add_piece(draft.last, draft.value_bytes - draft.taken_bytes);
  if (!piece) return false;
  if (!draft.first) {
    draft.first = piece;
    draft.cursor = {piece, 0};
  }
  draft.last = piece;
  draft.taken_bytes += table.pieces().at(piece).header().bytes;
  return true;
}

void Body::discard(DraftRecord& draft) {
  if (!draft.first) return;
  table.pieces().unpin(draft.first);
  table.pieces().release(draft.first);
  table.note_draft_bytes(-static_cast<std::int64_t>(draft.taken_bytes));
  draft.first = draft.last = Handle{};
  draft.taken_bytes = 0;
}

void Body::fill(DraftRecord& draft, std::uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    MutableBytes window;
    const std::size_t found =
        table.pieces().views(draft.cursor, offset, std::span<MutableBytes>(&window, 1));
    CHECK_EQ(found, 1u);
    const std::size_t count = std::min(window.size(), bytes.size());
    std::memcpy(window.data(), bytes.data(), count);
    bytes.remove_prefix(count);
    offset += count;
  }
}

// ---- Writing a value
// -----------------------------------------------------------------------------

Handle Body::write(const Key& key, const ItemSpec& spec, const Source& source, Seconds now) {
  const std::uint8_t layout = layout_of(spec);
  const std::uint64_t size = source.size();
  if (size <= inline_item_bytes_max &&
      item_bytes(layout, key.bytes.size(), static_cast<std::size_t>(size)) <=
          inline_item_bytes_max) {
    const Handle made = table.create(key, spec, static_cast<std::size_t>(size), now);
    if (!made) return made;
    const MutableBytes value = table.item(made).inline_value();
    if (source.draft != nullptr)
      table.pieces().copy(source.draft->first, 0, value);
    else if (size > 0)
      std::memcpy(value.data(), source.bytes.data(), value.size());
    return made;
  }
  DraftRecord own;
  DraftRecord& draft = source.draft != nullptr ? *source.draft : own;
  if (source.draft == nullptr) {
    own.value_bytes = size;
    while (own.taken_bytes < size) {
      if (extend(own)) continue;
      discard(own);
      return Handle{};
    }
    fill(own, 0, source.bytes);
  }
  // A reader may hold it for long, and a held item cannot be moved to make place for a CAS value:
  // it has one from the start. 8 bytes are nothing beside 1000.
  ItemSpec marked = spec;
  if (marked.cas == 0) marked.cas = ++last_cas;
  const Handle made = table.create_split(key, marked, draft.first, size, now);
  if (!made) {
    discard(own);
    return made;
  }
  table.pieces().unpin(draft.first);
  table.note_draft_bytes(-static_cast<std::int64_t>(draft.taken_bytes));
  draft.first = draft.last = Handle{};
  draft.taken_bytes = 0;
  return made;
}

PutResult Body::put(const Key& key, const PutRule& rule, const Source& source, Seconds now) {
  const Handle old = find(key, now);
  if (!fits(key.bytes.size(), source.size())) return {.outcome = Outcome::too_large, .item = {}};
  table.work() = source.draft != nullptr
                     ? source.draft->work
                     : work_for(rule.client_flags, key.bytes.size(), source.size());
  ItemSpec spec{.client_flags = rule.client_flags,
                .expiry = rule.expiry,
                .cas = rule.assign_cas.value_or(0),
                .state = 0};
  const bool joins = rule.mode == Mode::append || rule.mode == Mode::prepend;
  if (!old) {
    if (joins) {
      if (!rule.vivify) return {.outcome = Outcome::not_stored, .item = {}};
      spec.expiry = *rule.vivify;
    } else if (rule.compare_cas && rule.mode != Mode::add) {
      return {.outcome = Outcome::not_found, .item = {}};
    } else if (rule.mode == Mode::replace) {
      return {.outcome = Outcome::not_stored, .item = {}};
    }
  } else if (rule.mode == Mode::add) {
    // An add that fails still counts as a use of the item (memcached's do_store_item).
    table.touch_recency(old, now, false);
    return {.outcome = Outcome::not_stored, .item = {}};
  } else if (rule.compare_cas) {
    const Item item = table.item(old);
    if (!matches(item, *rule.compare_cas)) {
      // No value was handed out for this item: whatever the client has from here is older.
      const std::uint64_t known = item.cas() != 0 ? item.cas() : last_cas + 1;
      if (!rule.invalidate || joins || *rule.compare_cas > known)
        return {.outcome = Outcome::exists, .item = {}};
      spec.expiry = Seconds{item.header().expiry};
      spec.state = static_cast<std::uint8_t>(bits::stale | (item.header().bits & bits::token_sent));
    }
  }
  if (old && joins && table.item(old).is_object())
    return {.outcome = Outcome::not_stored, .item = {}};
  if (old && joins) return join(key, old, rule, source, now);
  if (old) {
    if (source.draft == nullptr) {
      if (const Handle same = overwrite(old, spec, source.bytes, now))
        return {.outcome = Outcome::stored, .item = table.view(same)};
    }
    table.drop(old);
  }
  const Handle made = write(key, spec, source, now);
  if (!made) return {.outcome = Outcome::no_memory, .item = {}};
  return {.outcome = Outcome::stored, .item = table.view(made)};
}

std::uint64_t Body::next_cas(const Item& old, std::optional<std::uint64_t> assigned) {
  if (assigned) return *assigned;
  return old.has(bits::has_cas) ? ++last_cas : 0;
}

Handle Body::overwrite(Handle old, const ItemSpec& spec, Bytes value, Seconds now) {
  ItemSpec kept = spec;
  const Item item = table.item(old);
  if (kept.cas == 0) kept.cas = next_cas(item, std::nullopt);
  if (!table.rewrite(old, kept, value.size(), now)) return Handle{};
  if (!value.empty()) std::memcpy(item.inline_value().data(), value.data(), value.size());
  return old;
}

Handle Body::replace(Handle old, const Key& key, const ItemSpec& spec, Bytes value, Seconds now) {
  table.pin(old);
  const Handle made = write(key, spec, {.bytes = value, .draft = nullptr}, now);
  table.unpin(old);
  if (made) table.succeed(old, made);
  return made;
}

PutResult Body::join(const Key& key, Handle old, const PutRule& rule, const Source& source,
                     Seconds now) {
  const Item item = table.item(old);
  const std::uint64_t total = item.value_bytes() + source.size();
  if (!fits(key.bytes.size(), total)) return {.outcome = Outcome::too_large, .item = {}};
  const ItemSpec spec{.client_flags = item.client_flags(),
                      .expiry = Seconds{item.header().expiry},
                      .cas = rule.assign_cas.value_or(0),
                      .state = 0};
  // The joined value is drafted beside the old one, which stays whole until it is there.
  DraftRecord draft;
  draft.value_bytes = total;
  table.work().needed_bytes = work_for(spec.client_flags, key.bytes.size(), total).needed_bytes;
  table.pin(old);
  while (draft.taken_bytes < total) {
    if (extend(draft)) continue;
    table.unpin(old);
    discard(draft);
    return {.outcome = Outcome::no_memory, .item = {}};
  }
  std::uint64_t offset = 0;
  const auto add_chain = [&](Handle piece) {
    for (; piece; piece = Handle{table.pieces().at(piece).header().next}) {
      const Bytes bytes = text_of(table.pieces().at(piece).value());
      fill(draft, offset, bytes);
      offset += bytes.size();
    }
  };
  const auto add_old = [&] {
    if (item.has(bits::split)) return add_chain(Handle{item.split().first});
    fill(draft, offset, text_of(item.inline_value()));
    offset += item.inline_value().size();
  };
  const auto add_new = [&] {
    if (source.draft != nullptr) return add_chain(source.draft->first);
    fill(draft, offset, source.bytes);
    offset += source.bytes.size();
  };
  if (rule.mode == Mode::append) {
    add_old();
    add_new();
  } else {
    add_new();
    add_old();
  }
  // The old item goes only when the new one stands: without memory for it nothing is lost.
  const Handle made = write(key, spec, {.bytes = {}, .draft = &draft}, now);
  table.unpin(old);
  if (made) table.succeed(old, made);
  discard(draft);
  if (!made) return {.outcome = Outcome::no_memory, .item = {}};
  return {.outcome = Outcome::stored, .item = table.view(made)};
}

// ---- Arithmetic and removal
// ----------------------------------------------------------------------

ArithmeticResult Body::arithmetic(const Key& key, const ArithmeticRule& rule, Seconds now) {
  char text[20];
  ArithmeticResult result;
  const Handle old = find(key, now);
  ItemSpec spec{.client_flags = 0, .expiry = never, .cas = rule.assign_cas.value_or(0), .state = 0};
  if (!old) {
    if (!rule.vivify) {
      result.outcome = Outcome::not_found;
      return result;
    }
    result.number = rule.initial;
    spec.expiry = *rule.vivify;
  } else {
    const Item item = table.item(old);
    if (rule.compare_cas && !matches(item, *rule.compare_cas)) {
      result.outcome = Outcome::exists;
      return result;
    }
    const auto number = item.has(bits::split) || item.is_object()
                            ? std::nullopt
                            : number_in(text_of(item.inline_value()));
    if (!number) {
      result.outcome = Outcome::not_numeric;
      return result;
    }
    result.number = rule.increment ? *number + rule.delta : *number - std::min(*number, rule.delta);
    spec.client_flags = item.client_flags();
    spec.expiry = rule.new_expiry.value_or(Seconds{item.header().expiry});
    spec.cas = next_cas(item, rule.assign_cas);
    spec.state = item.header().bits & (bits::stale | bits::token_sent | bits::fetched);
  }
  const char* end = std::to_chars(text, text + sizeof text, result.number).ptr;
  const Bytes value(text, static_cast<std::size_t>(end - text));
  table.work() = work_for(spec.client_flags, key.bytes.size(), value.size());
  Handle made = old ? overwrite(old, spec, value, now) : Handle{};
  if (!made) {
    made = old ? replace(old, key, spec, value, now)
               : write(key, spec, {.bytes = value, .draft = nullptr}, now);
  }
  if (!made) {
    result.outcome = Outcome::no_memory;
    return result;
  }
  result.item = table.view(made);
  return result;
}

Outcome Body::remove(const Key& key, const RemoveRule& rule, Seconds now) {
  Handle old = find(key, now);
  if (!old) return Outcome::not_found;
  const Item item = table.item(old);
  if (rule.compare_cas && !matches(item, *rule.compare_cas)) return Outcome::exists;
  if ((!rule.invalidate && !rule.clear_value) || item.is_object()) {
    table.drop(old);
    return Outcome::stored;
  }
  const std::uint64_t cas = next_cas(item, rule.assign_cas);
  if (rule.clear_value) {
    const ItemSpec spec{.client_flags = rule.client_flags,
                        .expiry = rule.new_expiry.value_or(never),
                        .cas = cas,
                        .state = 0};
    old = replace(old, key, spec, {}, now);
    if (!old) return Outcome::no_memory;
  } else {
    if (rule.new_expiry) table.set_expiry(old, *rule.new_expiry);
    if (cas != 0) {
      const Handle moved = table.assign_cas(old, cas);
      if (moved)
        old = moved;
      else if (item.has(bits::has_cas))
        item.set_cas(++last_cas);  // what the client knows must not match any more
    }
  }
  if (rule.invalidate) {
    table.item(old).set(bits::stale);
    table.item(old).clear(bits::token_sent);
  }
  return Outcome::stored;
}

std::optional<std::string> Body::audit() {
  std::uint64_t draft_pieces = 0;
  drafts.for_each(
      [&](const DraftRecord& draft) { draft_pieces += table.pieces().count(draft.first); });
  if (auto broken = table.audit(draft_pieces)) return broken;
  if (drafts.under_way() == 0 && table.draft_bytes() != 0) return "draft bytes without a draft";
  if (pins.under_way() == 0 && table.stats().pinned_bytes != 0) return "an orphan without a pin";
  return std::nullopt;
}

}  // namespace cacheismo::store
