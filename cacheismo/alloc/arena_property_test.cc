// Goal: chunks keep their bytes whatever is taken, released, pinned and slid around
// them. Method: random operations against a map of handle -> bytes, an audit after each.

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/prng.h"

namespace cacheismo::alloc {
namespace {

/// A test chunk: its own size in the first two bytes, then a pattern.
std::uint32_t size_of(Kind, const char* chunk) {
  std::uint16_t bytes;
  std::memcpy(&bytes, chunk, sizeof bytes);
  return bytes;
}

class Model {
 public:
  explicit Model(std::size_t pages)
      : region_((pages + 1) * page_bytes), arena_({region_.data(), region_.size()}, 1, size_of) {}

  void take(std::size_t bytes, char fill) {
    const auto handle = arena_.take(fill % 2 ? Kind::piece : Kind::item, bytes);
    if (!handle) return;
    RC_ASSERT(!chunks_.contains(handle->value));
    write(*handle, bytes, fill);
  }
  void write(Handle handle, std::size_t bytes, char fill) {
    std::string content(bytes, fill);
    const auto size = static_cast<std::uint16_t>(bytes);
    std::memcpy(content.data(), &size, sizeof size);
    std::memcpy(arena_.chunk(handle), content.data(), bytes);
    chunks_[handle.value] = content;
  }
  void release(Handle handle) {
    arena_.release(handle);
    chunks_.erase(handle.value);
  }
  Handle pick(std::uint64_t draw) const {
    auto it = chunks_.begin();
    std::advance(it, static_cast<long>(draw % chunks_.size()));
    return Handle{it->first};
  }
  void step(Prng& prng) {
    const auto bytes = static_cast<std::size_t>(prng.chance(1, 8) ? prng.between(2, chunk_bytes_max)
                                                                  : prng.between(2, 200));
    switch (prng.below(5)) {
      case 0:
      case 1:
      case 2: take(bytes, static_cast<char>(prng.below(100))); return;
      case 3: {
        if (chunks_.empty()) return;
        const Handle handle = pick(prng.next());
        if (!arena_.pinned(handle)) release(handle);
        return;
      }
      default: toggle_pin(prng);
    }
  }
  void toggle_pin(Prng& prng) {
    if (!pins_.empty() && prng.chance(1, 2)) {
      arena_.unpin(pins_.back().handle);
      pins_.pop_back();
    } else if (!chunks_.empty() && pins_.size() < 12) {
      const Handle handle = pick(prng.next());
      if (arena_.pinned(handle)) return;
      pins_.push_back({handle, arena_.chunk(handle)});
      arena_.pin(handle);
    }
  }
  void check() const {
    for (const auto& [value, content] : chunks_)
      RC_ASSERT(std::memcmp(arena_.chunk(Handle{value}), content.data(), content.size()) == 0);
    for (const Pinned& pinned : pins_) RC_ASSERT(arena_.chunk(pinned.handle) == pinned.at);
    const auto broken = arena_.audit();
    RC_ASSERT(broken.value_or("") == "");
  }
  Arena& arena() { return arena_; }

 private:
  std::vector<char> region_;
  Arena arena_;
  std::map<std::uint32_t, std::string> chunks_;
  struct Pinned {
    Handle handle;
    const char* at;
  };
  std::vector<Pinned> pins_;
};

RC_GTEST_PROP(ArenaProperty, ChunksKeepTheirBytes, (std::uint64_t seed)) {
  Prng prng(seed);
  Model model(4 + prng.below(12));
  for (int i = 0; i < 400; ++i) {
    model.step(prng);
    model.check();
  }
}

TEST(Arena, GivesAllOfAPageToOneChunk) {
  Model model(4);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(model.arena().take(Kind::piece, chunk_bytes_max));
  EXPECT_FALSE(model.arena().take(Kind::piece, 2));
}

TEST(Arena, TouchesNoPageBeforeItIsNeeded) {
  Model model(100);
  model.take(100, 'a');
  model.take(100, 'b');
  EXPECT_EQ(model.arena().stats().untouched_pages, 98u);
}

TEST(Arena, TheOthersSlideBetweenPinnedChunks) {
  //  a  b  c  [D]  e  f  g  h  gap       a and c go: 2000 bytes in two holes below the pinned D
  Model model(4);
  Arena& arena = model.arena();
  std::vector<Handle> chunks;
  for (int i = 0; i < 8; ++i) {
    chunks.push_back(*arena.take(Kind::item, 1000));
    model.write(chunks.back(), 1000, static_cast<char>('a' + i));
  }
  const std::uint32_t page = chunks[3].page();
  ASSERT_EQ(chunks.front().page(), page);
  ASSERT_EQ(chunks.back().page(), page);
  arena.pin(chunks[3]);
  const char* const at = arena.chunk(chunks[3]);
  model.release(chunks[0]);
  model.release(chunks[2]);
  EXPECT_EQ(arena.room(page), 2000u);
  const Handle fills = arena.take_in(page, Kind::item, 1998);
  model.write(fills, 1998, 'z');
  EXPECT_EQ(arena.chunk(chunks[3]), at);
  EXPECT_EQ(arena.stats().slides, 1u);
  model.check();
}

TEST(Arena, FloorMovesOverUntouchedAndEmptyPages) {
  Model model(4);
  model.arena().raise_floor();
  EXPECT_EQ(model.arena().floor_pages(), 2u);
  const Handle a = *model.arena().take(Kind::item, chunk_bytes_max);
  const Handle b = *model.arena().take(Kind::item, chunk_bytes_max);
  model.write(a, chunk_bytes_max, 'a');
  model.write(b, chunk_bytes_max, 'b');
  EXPECT_EQ(b.page(), 2u);
  model.arena().release(b);
  model.arena().unbin(2);
  model.arena().raise_floor();
  EXPECT_EQ(model.arena().audit(), std::nullopt);
  EXPECT_FALSE(model.arena().take(Kind::item, chunk_bytes_max));
  model.arena().lower_floor();
  EXPECT_TRUE(model.arena().take(Kind::item, chunk_bytes_max));
}

}  // namespace
}  // namespace cacheismo::alloc
