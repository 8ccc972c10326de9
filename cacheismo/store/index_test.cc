// Goal: the index answers like a map from keys to handles, whatever is inserted, removed, moved,
// split and merged, and wherever the items slide. Method: seeded random operations on real items in
// an arena against std::unordered_map, an audit after each; and the promises that need a certain
// course of events one by one.

#include <cstring>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/store/index.h"
#include "cacheismo/store/item.h"

namespace cacheismo::store {
namespace {

/// Fails a property and a plain test alike.
#define MUST(condition) \
  if (!(condition)) throw std::runtime_error("line " + std::to_string(__LINE__) + ": " #condition)

/// Old bytes in all pages: what the index does not clear itself shows.
constexpr char garbage = '\xEE';

class Rig {
 public:
  Rig(std::uint64_t seed, std::size_t pages)
      : prng_(seed),
        region_(pages * alloc::page_bytes, garbage),
        arena_({region_.data(), region_.size()}, 1, chunk_bytes),
        index_(arena_, seed) {}

  Index& index() { return index_; }
  Prng& prng() { return prng_; }
  alloc::Arena& arena() { return arena_; }
  const std::unordered_map<std::string, Handle>& model() const { return model_; }

  [[nodiscard]] Key key(const std::string& bytes) const { return {bytes, index_.hash(bytes)}; }
  [[nodiscard]] std::string fresh_key() {
    std::string bytes = std::to_string(made_++) + ":";
    bytes.append(static_cast<std::size_t>(prng_.below(30)), 'k');
    return bytes;
  }
  /// A present key, by chance; there must be one.
  [[nodiscard]] std::string some_key() const {
    Prng draw = prng_.derive(made_ + ++picked_);
    std::size_t bucket = 0;
    do bucket = static_cast<std::size_t>(draw.below(model_.bucket_count()));
    while (model_.bucket_size(bucket) == 0);
    return model_.begin(bucket)->first;
  }

  /// False: the index had no place.
  bool insert(const std::string& bytes) {
    const Handle handle = make(bytes);
    if (!index_.insert(handle, key(bytes).hash)) {
      arena_.release(handle);
      return false;
    }
    model_[bytes] = handle;
    MUST(index_.find(key(bytes)) == handle);
    return true;
  }
  void remove(const std::string& bytes) {
    const Key gone = key(bytes);
    const Handle handle = model_.at(bytes);
    MUST(index_.contains(handle, gone.hash));
    MUST(index_.remove(handle, gone.hash));
    MUST(!index_.remove(handle, gone.hash));
    MUST(!index_.contains(handle, gone.hash));
    MUST(!index_.find(gone));
    arena_.release(handle);
    model_.erase(bytes);
  }
  void move(const std::string& bytes) {
    const Handle from = model_.at(bytes);
    const Handle to = make(bytes);
    MUST(index_.moved(from, to, key(bytes).hash));
    MUST(!index_.moved(from, to, key(bytes).hash));
    arena_.release(from);
    model_[bytes] = to;
    MUST(index_.find(key(bytes)) == to);
  }
  void rewrite(const std::string& bytes) {
    if (prng_.chance(1, 2)) return move(bytes);
    remove(bytes);
    MUST(insert(bytes));
  }
  void split() {
    if (index_.needs_page()) arena_.raise_floor();
    index_.split_one();
  }
  bool merge() {
    if (!index_.merge_one()) return false;
    if (index_.lines() <= (arena_.floor_pages() - 1) * Index::lines_per_page) arena_.lower_floor();
    return true;
  }

  void step() {
    switch (prng_.below(10)) {
      case 0: split(); break;
      case 1:
      case 2:
        if (index_.lines() > Index::lines_per_page) merge();
        break;
      case 3:
        if (!model_.empty()) remove(some_key());
        break;
      case 4:
        if (!model_.empty()) move(some_key());
        break;
      case 5:
        if (!model_.empty()) find(some_key());
        MUST(!index_.find(key(fresh_key())));
        break;
      default: insert(fresh_key());
    }
  }
  void find(const std::string& bytes) {
    MUST(index_.find(key(bytes)) == model_.at(bytes));
    MUST(index_.contains(model_.at(bytes), key(bytes).hash));
  }
  /// A chunk that is in no index. False: no page has the room.
  bool fill(std::size_t bytes) {
    const auto taken = arena_.take(Kind::item, bytes);
    if (!taken) return false;
    ItemHeader header{};
    header.inline_code = static_cast<std::uint16_t>(bytes - sizeof header);
    Item(arena_.chunk(*taken)).header() = header;
    return true;
  }
  void audit() const {
    const auto broken = index_.audit();
    if (broken) throw std::runtime_error(*broken);
    MUST(index_.items() == model_.size());
  }
  void find_all() {
    for (const auto& entry : model_) find(entry.first);
  }

 private:
  Handle make(const std::string& bytes) {
    ItemHeader header{};
    header.key_bytes = static_cast<std::uint8_t>(bytes.size());
    header.inline_code = static_cast<std::uint16_t>(prng_.below(60));
    header.bits = 0;
    const auto taken = arena_.take(Kind::item, item_bytes(0, header.key_bytes, header.inline_code));
    MUST(taken.has_value());
    const Item item(arena_.chunk(*taken));
    item.header() = header;
    std::memcpy(const_cast<char*>(item.key().data()), bytes.data(), bytes.size());
    return *taken;
  }

  Prng prng_;
  std::vector<char> region_;
  alloc::Arena arena_;
  Index index_;
  std::unordered_map<std::string, Handle> model_;
  std::uint64_t made_ = 0;
  mutable std::uint64_t picked_ = 0;
};

RC_GTEST_PROP(IndexProperty, AnswersLikeAMap, (std::uint64_t seed)) {
  Rig rig(seed, 200);
  // From almost empty to beyond the point where inserts fail.
  const std::uint64_t filled = rig.prng().below(1300);
  for (std::uint64_t i = 0; i < filled; ++i) rig.insert(rig.fresh_key());
  for (int i = 0; i < 300; ++i) {
    rig.step();
    rig.audit();
  }
  rig.find_all();
}

RC_GTEST_PROP(IndexProperty, AFullIndexRefusesAndChangesNothing, (std::uint64_t seed)) {
  Rig rig(seed, 200);
  while (rig.index().items() < std::uint64_t{Index::lines_per_page} * Index::line_entries - 5) {
    if (!rig.insert(rig.fresh_key())) break;
  }
  for (int i = 0; i < 30; ++i) {
    const bool placed = rig.insert(rig.fresh_key());
    rig.audit();
    if (!placed) rig.find_all();
  }
  RC_ASSERT(rig.index().items() > Index::lines_per_page * 93 / 10);
}

RC_GTEST_PROP(IndexProperty, AMergeThatFindsNoPlaceChangesNothing, (std::uint64_t seed)) {
  Rig rig(seed, 200);
  for (int i = 0; i < 128; ++i) rig.split();
  while (rig.index().items() < 2 * Index::lines_per_page * 92 / 10) {
    if (!rig.insert(rig.fresh_key())) break;
  }
  while (rig.merge()) rig.audit();
  const std::uint32_t lines = rig.index().lines();
  rig.audit();
  rig.find_all();
  RC_ASSERT(lines > Index::lines_per_page);
  RC_ASSERT(!rig.merge());
  RC_ASSERT(rig.index().lines() == lines);
  // Room for the last line's items again.
  for (int i = 0; i < 500; ++i) rig.remove(rig.some_key());
  RC_ASSERT(rig.merge());
  rig.audit();
  rig.find_all();
}

RC_GTEST_PROP(IndexProperty, AScanSeesWhatIsThereThroughout, (std::uint64_t seed, bool apart)) {
  Rig rig(seed, 300);
  const std::uint64_t filled = 600 + rig.prng().below(650);
  for (std::uint64_t i = 0; i < filled; ++i) rig.insert(rig.fresh_key());
  std::unordered_set<std::string> unseen;
  for (const auto& entry : rig.model()) unseen.insert(entry.first);
  rig.index().hold(0, ~0u);
  for (std::uint32_t line = 0; line < rig.index().lines(); ++line) {
    rig.index().for_each(line, [&](Handle handle) {
      unseen.erase(std::string(Item(rig.arena().chunk(handle)).key()));
    });
    if (apart) rig.index().hold(line + 1, line + 1);
    for (std::uint64_t changes = rig.prng().below(12); changes > 0; --changes) {
      const std::uint64_t draw = rig.prng().below(10);
      if (draw < 3) {
        rig.insert(rig.fresh_key());
      } else if (draw < 8) {
        rig.rewrite(rig.some_key());
      } else if (draw < 9) {
        const std::string gone = rig.some_key();
        rig.remove(gone);
        unseen.erase(gone);
      } else if (rig.index().lines() < 400) {
        rig.split();
      }
    }
  }
  rig.index().hold(~0u, 0);
  rig.audit();
  RC_ASSERT(unseen.empty());
}

TEST(Index, NoInsertFailsWhileItGrowsInTime) {
  Rig rig(1, 4000);
  for (int i = 0; i < 300'000; ++i) {
    while (rig.index().wants_growth()) rig.split();
    ASSERT_TRUE(rig.insert(rig.fresh_key())) << i;
  }
  rig.audit();
  rig.find_all();
  EXPECT_FALSE(rig.index().wants_shrinking());
}

TEST(Index, ShrinksToOnePageWhenItsItemsGo) {
  Rig rig(2, 1000);
  for (int i = 0; i < 20'000; ++i) {
    while (rig.index().wants_growth()) rig.split();
    ASSERT_TRUE(rig.insert(rig.fresh_key()));
  }
  while (!rig.model().empty()) {
    rig.remove(rig.model().begin()->first);
    while (rig.index().wants_shrinking()) ASSERT_TRUE(rig.merge());
  }
  EXPECT_EQ(rig.index().lines(), Index::lines_per_page);
  EXPECT_EQ(rig.arena().floor_pages(), 1u);
  rig.audit();
}

TEST(Index, FindsItemsThatHaveSlid) {
  Rig rig(3, 40);
  std::vector<std::string> keys;
  for (int i = 0; i < 800; ++i) keys.push_back(rig.fresh_key());
  for (const std::string& key : keys) ASSERT_TRUE(rig.insert(key));
  for (std::size_t i = 0; i < keys.size(); i += 2) rig.remove(keys[i]);
  const std::uint64_t slides = rig.arena().stats().slides;
  while (rig.fill(300)) continue;
  EXPECT_GT(rig.arena().stats().slides, slides);
  for (int round = 0; round < 2; ++round) rig.find_all();
  rig.audit();
}

TEST(Index, ABatchMayBePrefetchedWhateverIsInIt) {
  Rig rig(4, 40);
  std::vector<std::string> bytes;
  for (int i = 0; i < 100; ++i) bytes.push_back(rig.fresh_key());
  std::vector<Key> keys;
  for (const std::string& key : bytes) keys.push_back(rig.key(key));
  rig.index().prefetch(keys);
  for (std::size_t i = 0; i < bytes.size(); i += 3) ASSERT_TRUE(rig.insert(bytes[i]));
  rig.index().prefetch(keys);
  rig.index().prefetch(keys[0].hash);
  rig.find_all();
}

TEST(Index, IsEmptyAfterAResetAndGrowsOverOldLines) {
  Rig rig(5, 400);
  for (int i = 0; i < 3000; ++i) {
    while (rig.index().wants_growth()) rig.split();
    ASSERT_TRUE(rig.insert(rig.fresh_key()));
  }
  rig.index().reset();
  EXPECT_EQ(rig.index().items(), 0u);
  EXPECT_EQ(rig.index().lines(), Index::lines_per_page);
  EXPECT_EQ(rig.index().audit(), std::nullopt);
  for (const auto& [bytes, handle] : rig.model()) {
    ASSERT_FALSE(rig.index().find(rig.key(bytes)));
    ASSERT_FALSE(rig.index().contains(handle, rig.key(bytes).hash));
  }
  while (!rig.index().needs_page()) rig.index().split_one();
  EXPECT_EQ(rig.index().audit(), std::nullopt);
}

}  // namespace
}  // namespace cacheismo::store
