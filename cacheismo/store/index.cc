#include "cacheismo/store/index.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::store {

namespace {

/// An insert that finds both lines full looks at 1.4 to 4 items before one can move.
constexpr std::uint32_t likely_looks = 4;

}  // namespace

/// Each item of a merged line makes at most two others move before it moves itself.
struct Index::Moves {
  struct Move {
    Place from;
    Place to;
  };
  std::array<Move, std::size_t{3} * line_entries> list;
  std::uint32_t count = 0;

  void make(Place from, Place to) {
    list[count++] = {from, to};
    move(from, to);
  }
  void undo() {
    while (count > 0) {
      const Move& last = list[--count];
      move(last.to, last.from);
    }
  }
};

Index::Index(alloc::Arena& arena, std::uint64_t hash_seed) : arena_(&arena), hash_seed_(hash_seed) {
  CHECK_GE(arena.floor_pages(), 1u);
  reset();
}

void Index::reset() {
  std::memset(arena_->floor_base(), 0, alloc::page_bytes);
  items_ = 0;
  low_lines_ = lines_ = lines_per_page;
}

void Index::prefetch(std::span<const Key> keys) const {
  for (const Key& key : keys) prefetch(key.hash);
  for (const Key& key : keys) {
    const Candidates found = candidates(key.hash);
    if (found.none()) continue;
    const auto [line, entry] = found.place();
    arena_->prefetch_slot(Handle{line->handles[entry]});
    prefetch_item(*line, entry);
  }
}

void Index::prefetch_items(const Line& line, std::uint32_t entries) const {
  for (std::uint32_t entry = 0; entry < entries; ++entry) {
    if (line.handles[entry] == 0) continue;
    arena_->prefetch_slot(Handle{line.handles[entry]});
    prefetch_item(line, entry);
  }
}

// ---- Entries

void Index::set(Place place, Handle handle, std::uint64_t hash) const {
  place.line->tags[place.entry] = tag_of(hash);
  place.line->hints[place.entry] = hint_of(arena_->chunk(handle));
  place.line->handles[place.entry] = handle.value;
}

void Index::move(Place from, Place to) {
  to.line->tags[to.entry] = std::exchange(from.line->tags[from.entry], 0);
  to.line->hints[to.entry] = std::exchange(from.line->hints[from.entry], 0);
  to.line->handles[to.entry] = std::exchange(from.line->handles[from.entry], 0);
}

bool Index::insert(Handle handle, std::uint64_t hash) {
  const Choices lines = choices(hash);
  Place place = room(lines);
  if (place.line == nullptr) {
    Moves moves;
    place = make_room(lines, moves);
    if (place.line == nullptr) return false;
  }
  set(place, handle, hash);
  ++items_;
  return true;
}

bool Index::remove(Handle handle, std::uint64_t hash) {
  const auto [line, entry] = locate(handle, hash);
  if (line == nullptr) return false;
  line->tags[entry] = line->hints[entry] = 0;
  line->handles[entry] = 0;
  --items_;
  return true;
}

bool Index::moved(Handle from, Handle to, std::uint64_t hash) {
  const Place place = locate(from, hash);
  if (place.line == nullptr) return false;
  set(place, to, hash);
  return true;
}

// ---- Room

Index::Place Index::room(std::uint32_t number) const {
  const std::uint64_t empty = empty_entries(line(number));
  if (empty == 0) return {};
  return {&line(number), entry_of(static_cast<std::uint32_t>(std::countr_zero(empty)))};
}

Index::Place Index::room(Choices lines) const {
  const int first = std::popcount(empty_entries(line(lines.first)));
  const int second = std::popcount(empty_entries(line(lines.second)));
  const auto [low, high] = std::minmax(lines.first, lines.second);
  // The item may have been in the higher line just before.
  if (may_move(high, low)) return room(second > first ? lines.second : lines.first);
  return room((high == lines.first ? first : second) > 0 ? high : low);
}

Index::Place Index::make_room(Choices lines, Moves& done) const {
  prefetch_items(line(lines.first), likely_looks);
  for (const bool twice : {false, true}) {
    for (const std::uint32_t number : {lines.first, lines.second}) {
      const Place made = make_room(number, twice, done);
      if (made.line != nullptr) return made;
    }
  }
  return {};
}

Index::Place Index::make_room(std::uint32_t number, bool twice, Moves& done) const {
  Line& full = line(number);
  for (std::uint32_t entry = 0; entry < line_entries; ++entry) {
    const std::uint32_t other = choices(hash_of(Handle{full.handles[entry]})).beside(number);
    if (!may_move(number, other)) continue;
    // With `twice` the other line is full, or it would have been found before.
    const Place to = twice ? make_room(other, false, done) : room(other);
    if (to.line == nullptr) continue;
    const Place made{&full, entry};
    done.make(made, to);
    return made;
  }
  return {};
}

// ---- Lines

void Index::split_one() {
  CHECK(!needs_page());
  const std::uint32_t number = lines_ - low_lines_;
  Line& old = line(number);
  Line& fresh = line(lines_++);
  fresh = Line{};
  prefetch_items(old, line_entries);
  std::uint32_t moves = 0;
  for (std::uint32_t entry = 0; entry < line_entries; ++entry) {
    const Handle handle{old.handles[entry]};
    if (handle && !choices(hash_of(handle)).include(number)) {
      move({&old, entry}, {&fresh, moves++});
    }
  }
  if (lines_ == 2 * low_lines_) low_lines_ *= 2;
}

bool Index::merge_one() {
  CHECK_GT(lines_, lines_per_page);
  CHECK(!held());
  if (lines_ == low_lines_) low_lines_ /= 2;
  Line& last = line(--lines_);
  prefetch_items(last, line_entries);
  Moves moves;
  for (std::uint32_t entry = 0; entry < line_entries; ++entry) {
    const Handle handle{last.handles[entry]};
    if (!handle) continue;
    const Choices lines = choices(hash_of(handle));
    Place place = room(lines);
    if (place.line == nullptr) place = make_room(lines, moves);
    if (place.line == nullptr) {
      moves.undo();
      if (++lines_ == 2 * low_lines_) low_lines_ *= 2;
      return false;
    }
    moves.make({&last, entry}, place);
  }
  return true;
}

// ---- Audit

std::optional<std::string> Index::audit_entry(std::uint32_t number, std::uint32_t entry) const {
  const Line& walked = line(number);
  const Handle handle{walked.handles[entry]};
  if (!handle) {
    if (walked.tags[entry] != 0) return "an empty entry has a tag";
    return std::nullopt;
  }
  const std::uint64_t hash = hash_of(handle);
  if (walked.tags[entry] != tag_of(hash)) return "a tag is not that of its key";
  if (!choices(hash).include(number)) return "an item is in neither of its key's lines";
  std::uint32_t times = 0;
  const auto count = [&](Handle other) { times += other == handle ? 1 : 0; };
  for_each(number, count);
  const std::uint32_t other = choices(hash).beside(number);
  if (other != number) for_each(other, count);
  if (times != 1) return "an item is in two entries";
  return std::nullopt;
}

std::optional<std::string> Index::audit() const {
  if (lines_ < low_lines_ || lines_ >= 2 * low_lines_) return "index: level and lines differ";
  if (lines_ > arena_->floor_pages() * lines_per_page) return "index: more lines than pages";
  std::uint64_t items = 0;
  for (std::uint32_t number = 0; number < lines_; ++number) {
    for (std::uint32_t entry = 0; entry < line_entries; ++entry) {
      if (const auto broken = audit_entry(number, entry)) {
        return "index line " + std::to_string(number) + ": " + *broken;
      }
    }
    for_each(number, [&](Handle) { ++items; });
  }
  if (items != items_) return "index: items() is not what the lines hold";
  return std::nullopt;
}

}  // namespace cacheismo::store
