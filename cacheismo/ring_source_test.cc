// RingFileSource: goal: a ring with names in it is good whether or not they are found, and follows
// them to new addresses; once something is served it waits for no resolver. Method: a real file,
// and a table in place of the resolver. No test waits for time to pass: a second of the node is one
// call of changed().

#include "cacheismo/ring_source.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/io/file.h"
#include "cacheismo/io/io.h"
#include "cacheismo/name_table.h"

namespace cacheismo {
namespace {

constexpr Duration long_enough = std::chrono::seconds(60);  // ends a hang

class RingFileSourceTest : public testing::Test {
 protected:
  RingFileSourceTest() { write("epoch 1\nnode a cache-a:11211\nnode b 10.0.0.2:11212\n"); }
  ~RingFileSourceTest() override { io::remove_file(path_); }

  void write(const std::string& text) { ASSERT_TRUE(io::write_file(path_, text)); }

  RingFileSource source() {
    return RingFileSource(path_, NameTable::resolver(table_), long_enough);
  }

  static std::vector<std::string> addresses(RingFileSource& source) {
    const auto view = source.read();
    EXPECT_TRUE(view) << view.error();
    std::vector<std::string> hosts;
    for (const io::Address& address : view->addresses) hosts.push_back(to_string(address));
    return hosts;
  }

  /// Until it says that there is something new, which it will.
  static bool changes(RingFileSource& source) {
    const auto deadline = std::chrono::steady_clock::now() + long_enough;
    while (std::chrono::steady_clock::now() < deadline) {
      if (source.changed()) return true;
    }
    return false;
  }

  const std::string path_ = testing::TempDir() + "ring_source_test";
  std::shared_ptr<NameTable> table_ = std::make_shared<NameTable>();
};

using Hosts = std::vector<std::string>;

TEST_F(RingFileSourceTest, NamesStandForTheirAddresses) {
  table_->set("cache-a", "10.0.0.1");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source), (Hosts{"10.0.0.1:11211", "10.0.0.2:11212"}));
  EXPECT_EQ(source.read()->spec.members[0].host, "cache-a");  // this is what the ring hashes
  EXPECT_EQ(table_->lookups(), 1);
  EXPECT_FALSE(source.changed());
}

TEST_F(RingFileSourceTest, ANameThatMovesIsSeenWithinOneRoundOfLookups) {
  table_->set("cache-a", "10.0.0.1");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
  table_->set("cache-a", "10.0.0.9");
  for (int second = 1; second < ticks_per_lookup; ++second) EXPECT_FALSE(source.changed());
  EXPECT_TRUE(changes(source));
  EXPECT_EQ(addresses(source)[0], "10.0.0.9:11211");
  EXPECT_FALSE(source.changed());
}

TEST_F(RingFileSourceTest, ANameThatIsNotFoundHasNoAddressUntilItIs) {
  RingFileSource source = this->source();
  EXPECT_TRUE(source.read()->addresses[0].host.empty());
  EXPECT_EQ(source.read()->addresses[1].host, "10.0.0.2");
  table_->set("cache-a", "10.0.0.1");
  EXPECT_TRUE(changes(source));
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
}

TEST_F(RingFileSourceTest, ANewFileIsToldOfWhenItsNewNamesAreKnown) {
  table_->set("cache-a", "10.0.0.1");
  table_->set("cache-c", "10.0.0.3");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source).size(), 2u);
  write("epoch 2\nnode a cache-a:11211\nnode c cache-c:11211\n");
  EXPECT_FALSE(source.changed());
  // A second may be too short for the lookup's thread; then it is told once more.
  do {
    ASSERT_TRUE(changes(source));
    EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
  } while (addresses(source)[1] != "10.0.0.3:11211");
  EXPECT_FALSE(source.changed());
}

TEST_F(RingFileSourceTest, ANewFileWithoutNewNamesIsToldOfAtOnce) {
  table_->set("cache-a", "10.0.0.1");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source).size(), 2u);
  write("epoch 2\nnode a cache-a:11211\nnode c 10.0.0.3:11211\n");
  EXPECT_TRUE(source.changed());
  EXPECT_EQ(addresses(source), (Hosts{"10.0.0.1:11211", "10.0.0.3:11211"}));
}

TEST_F(RingFileSourceTest, AFileThatIsWrongIsRefusedWithItsPathAndLine) {
  write("epoch 1\nnode a\n");
  RingFileSource source = this->source();
  const auto view = source.read();
  ASSERT_FALSE(view);
  EXPECT_TRUE(view.error().starts_with(path_ + ": line 2: ")) << view.error();
  EXPECT_FALSE(source.changed());  // until somebody has mended it
}

TEST_F(RingFileSourceTest, AResolverThatHangsHoldsUpNobody) {
  const auto open = std::make_shared<std::promise<void>>();
  RingFileSource source(
      path_,
      [table = table_, opened = open->get_future().share()](const std::string& name) {
        opened.wait();
        return table->find(name);
      },
      Duration(0));
  table_->set("cache-a", "10.0.0.1");
  EXPECT_TRUE(source.read()->addresses[0].host.empty());
  for (int second = 0; second < 3 * ticks_per_lookup; ++second) EXPECT_FALSE(source.changed());
  write("epoch 2\nnode a cache-a:11211\nnode c cache-c:11211\n");
  EXPECT_FALSE(source.changed());  // for a second nobody is told, so that they may be found
  EXPECT_TRUE(source.changed());
  EXPECT_EQ(source.read()->spec.epoch, 2u);
  EXPECT_FALSE(source.changed());
  open->set_value();
  EXPECT_TRUE(changes(source));
  EXPECT_EQ(source.read()->addresses[0].host, "10.0.0.1");
}

}  // namespace
}  // namespace cacheismo
