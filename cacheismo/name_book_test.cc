// NameBook: goal: names stand for the addresses that they have now, within one round of lookups,
// and nobody waits for a resolver. Method: a table in place of the resolver, and one that a test
// holds up; a second is one call of tick(), and no test waits for time to pass.

#include "cacheismo/name_book.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/name_table.h"

namespace cacheismo {
namespace {

constexpr Duration long_enough = std::chrono::seconds(60);  // ends a hang

class NameBookTest : public testing::Test {
 protected:
  /// Until a lookup that is due has ended; whether an address has changed.
  bool changes() { return book_.tick() || book_.wait(long_enough); }

  std::shared_ptr<NameTable> table_ = std::make_shared<NameTable>();
  NameBook book_{NameTable::resolver(table_)};
};

TEST_F(NameBookTest, NamesStandForTheirAddresses) {
  table_->set("a", "10.0.0.1");
  book_.want({"a", "b"});
  EXPECT_TRUE(book_.unsure("a"));
  EXPECT_EQ(book_.address("a"), "");
  EXPECT_TRUE(book_.wait(long_enough));
  EXPECT_FALSE(book_.any_unsure());
  EXPECT_EQ(book_.address("a"), "10.0.0.1");
  EXPECT_EQ(book_.address("b"), "");
  EXPECT_EQ(table_->lookups(), 2);
}

TEST_F(NameBookTest, NumericAddressesAreNeverLookedUp) {
  book_.want({"10.0.0.1", "2001:DB8::2"});
  EXPECT_FALSE(book_.any_unsure());
  EXPECT_EQ(book_.address("2001:DB8::2"), "2001:db8::2");
  for (int second = 0; second < 3 * ticks_per_lookup; ++second) EXPECT_FALSE(changes());
  EXPECT_EQ(table_->lookups(), 0);
}

TEST_F(NameBookTest, ANameThatMovesIsSeenWithinOneRoundOfLookups) {
  table_->set("a", "10.0.0.1");
  book_.want({"a"});
  EXPECT_TRUE(book_.wait(long_enough));
  table_->set("a", "10.0.0.9");
  for (int second = 1; second < ticks_per_lookup; ++second) EXPECT_FALSE(changes());
  EXPECT_EQ(table_->lookups(), 1);
  EXPECT_TRUE(changes());
  EXPECT_EQ(book_.address("a"), "10.0.0.9");
  for (int second = 1; second < 3 * ticks_per_lookup; ++second) EXPECT_FALSE(changes());
}

TEST_F(NameBookTest, ANameWithoutAnAddressIsLookedUpEachSecond) {
  book_.want({"a"});
  EXPECT_FALSE(book_.wait(long_enough));
  EXPECT_FALSE(book_.unsure("a"));
  for (int second = 1; second < 4; ++second) EXPECT_FALSE(changes());
  EXPECT_EQ(table_->lookups(), 4);
  table_->set("a", "10.0.0.1");
  EXPECT_TRUE(changes());
}

TEST_F(NameBookTest, ANameThatIsLostKeepsItsAddress) {
  table_->set("a", "10.0.0.1");
  book_.want({"a"});
  EXPECT_TRUE(book_.wait(long_enough));
  table_->forget("a");
  for (int second = 0; second < ticks_per_lookup; ++second) EXPECT_FALSE(changes());
  EXPECT_EQ(table_->lookups(), 2);
  EXPECT_EQ(book_.address("a"), "10.0.0.1");
}

TEST_F(NameBookTest, NewNamesAreLookedUpAtOnceAndOldOnesKeepTheirAddresses) {
  table_->set("a", "10.0.0.1");
  table_->set("b", "10.0.0.2");
  book_.want({"a"});
  EXPECT_TRUE(book_.wait(long_enough));
  book_.want({"a", "b"});
  EXPECT_EQ(book_.address("a"), "10.0.0.1");
  EXPECT_TRUE(book_.unsure("b"));
  EXPECT_TRUE(book_.wait(long_enough));
  EXPECT_EQ(book_.address("b"), "10.0.0.2");
  book_.want({"b"});
  EXPECT_EQ(table_->lookups(), 3);
}

TEST_F(NameBookTest, AResolverThatHangsHoldsUpNobodyAndNamesThatCameMeanwhileFollow) {
  const auto open = std::make_shared<std::promise<void>>();
  NameBook book([table = table_, opened = open->get_future().share()](const std::string& name) {
    opened.wait();
    return table->find(name);
  });
  table_->set("a", "10.0.0.1");
  table_->set("b", "10.0.0.2");
  book.want({"a"});
  for (int second = 0; second < 3 * ticks_per_lookup; ++second) EXPECT_FALSE(book.tick());
  book.want({"a", "b"});
  EXPECT_FALSE(book.collect());
  EXPECT_TRUE(book.unsure("b"));
  open->set_value();
  EXPECT_TRUE(book.wait(long_enough));
  EXPECT_EQ(book.address("a"), "10.0.0.1");
  EXPECT_EQ(book.address("b"), "10.0.0.2");
}

}  // namespace
}  // namespace cacheismo
