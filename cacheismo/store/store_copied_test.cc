// Goal: the mark of a copy lasts as long as the state that it was put on, and the bit beside it
// leaves expiry what it was. Method: one store, by hand.

#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

constexpr Seconds now{100};

class StoreCopied : public testing::Test {
 protected:
  void put(Bytes value, Mode mode = Mode::set) {
    ASSERT_EQ(store_.put(key_, {.mode = mode}, value, now).outcome, Outcome::stored);
  }
  bool copied() {
    const auto item = store_.peek(key_, now);
    return item && item->copied();
  }

  std::vector<char> region_ = std::vector<char>(2 * MiB);
  Store store_{region_, {.limit_bytes = 2 * MiB, .item_bytes_max = 1 * MiB}};
  Key key_ = store_.key("k");
};

TEST_F(StoreCopied, AnItemIsNoneUntilItIsMarked) {
  store_.mark_copied(key_, now);
  put("x");
  EXPECT_FALSE(copied());
  store_.mark_copied(key_, now);
  EXPECT_TRUE(copied());
}

TEST_F(StoreCopied, WhoeverReadsOrTouchesItLeavesTheMark) {
  put("x");
  store_.mark_copied(key_, now);
  EXPECT_TRUE(store_.get(key_, now));
  EXPECT_TRUE(store_.touch(key_, Seconds{200}, now));
  EXPECT_TRUE(copied());
  auto item = store_.peek(key_, now);
  EXPECT_GT(store_.cas(*item), 0u);
  EXPECT_TRUE(copied());
}

TEST_F(StoreCopied, AnotherValueHasNone) {
  for (const Bytes value : {"y", "a value of another length"}) {
    put("x");
    store_.mark_copied(key_, now);
    put(value);
    EXPECT_FALSE(copied()) << value;
  }
  store_.mark_copied(key_, now);
  put("more", Mode::append);
  EXPECT_FALSE(copied());
}

TEST_F(StoreCopied, TheLastSecondOfAllIsAnExpiryToo) {
  const Seconds never_seen{std::numeric_limits<std::uint32_t>::max()};
  ASSERT_EQ(store_.put(key_, {.expiry = never_seen}, "x", now).outcome, Outcome::stored);
  EXPECT_FALSE(copied());
  EXPECT_EQ(store_.peek(key_, now)->expiry(), last_second);
  EXPECT_FALSE(store_.audit());
}

}  // namespace
}  // namespace cacheismo::store
