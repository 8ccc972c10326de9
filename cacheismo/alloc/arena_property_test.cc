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
        if (arena_.pinned(handle.page())) return;
        arena_.release(handle);
        chunks_.erase(handle.value);
        return;
      }
      default: toggle_pin(prng);
    }
  }
  void toggle_pin(Prng& prng) {
    if (!pins_.empty() && prng.chance(2, 3)) {
      arena_.unpin(pins_.back());
      pins_.pop_back();
    } else if (!chunks_.empty() && pins_.size() < 3) {
      pins_.push_back(pick(prng.next()).page());
      arena_.pin(pins_.back());
    }
  }
  void check() const {
    for (const auto& [value, content] : chunks_)
      RC_ASSERT(std::memcmp(arena_.chunk(Handle{value}), content.data(), content.size()) == 0);
    const auto broken = arena_.audit();
    RC_ASSERT(broken.value_or("") == "");
  }
  Arena& arena() { return arena_; }

 private:
  std::vector<char> region_;
  Arena arena_;
  std::map<std::uint32_t, std::string> chunks_;
  std::vector<std::uint32_t> pins_;
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
