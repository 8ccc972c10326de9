// RingFileSource: goal: a ring with names in it is good whether or not they are found, and follows
// them to new addresses, without waiting for a resolver. Method: a real file, and a table in place
// of the resolver. Nothing waits for time to pass: a second of the node is one call of changed().

#include "cacheismo/ring_source.h"

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "cacheismo/io/file.h"
#include "cacheismo/io/io.h"

namespace cacheismo {
namespace {

constexpr Duration long_enough = std::chrono::seconds(60);  // ends a hang

/// Shared with the lookups' thread, which may outlive the test.
class Table {
 public:
  void set(const std::string& name, std::string address) {
    const std::lock_guard lock(mutex_);
    addresses_[name] = std::move(address);
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    addresses_.erase(name);
  }
  int lookups() {
    const std::lock_guard lock(mutex_);
    return lookups_;
  }
  Result<std::string, std::string> find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++lookups_;
    const auto found = addresses_.find(name);
    if (found == addresses_.end()) return failure(std::string("Name or service not known"));
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> addresses_;
  int lookups_ = 0;
};

class RingFileSourceTest : public testing::Test {
 protected:
  RingFileSourceTest() { write("epoch 1\nnode a cache-a:11211\nnode b 10.0.0.2:11212\n"); }
  ~RingFileSourceTest() override { io::remove_file(path_); }

  void write(const std::string& text) { ASSERT_TRUE(io::write_file(path_, text)); }

  RingFileSource source() {
    return RingFileSource(
        path_, [table = table_](const std::string& name) { return table->find(name); },
        long_enough);
  }

  static std::vector<std::string> addresses(RingFileSource& source) {
    const auto view = source.read();
    EXPECT_TRUE(view) << view.error();
    std::vector<std::string> hosts;
    for (const io::Address& address : view->addresses) hosts.push_back(to_string(address));
    return hosts;
  }

  /// Until a lookup that was started has ended, with a change or without one.
  static bool changes(RingFileSource& source, Table& table) {
    const int before = table.lookups();
    const auto deadline = std::chrono::steady_clock::now() + long_enough;
    while (std::chrono::steady_clock::now() < deadline) {
      if (source.changed()) return true;
      if (table.lookups() > before + 1) return false;  // the next one runs: the first was collected
    }
    ADD_FAILURE() << "no lookup";
    return false;
  }

  const std::string path_ = testing::TempDir() + "ring_source_test";
  std::shared_ptr<Table> table_ = std::make_shared<Table>();
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

TEST_F(RingFileSourceTest, NumericAddressesAreNeverLookedUp) {
  write("epoch 1\nnode a 10.0.0.1:1\nnode b [2001:DB8::2]:2\n");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source), (Hosts{"10.0.0.1:1", "[2001:db8::2]:2"}));
  for (int second = 0; second < 3 * asks_per_lookup; ++second) EXPECT_FALSE(source.changed());
  EXPECT_EQ(table_->lookups(), 0);
}

TEST_F(RingFileSourceTest, ANameThatMovesIsSeenWithinOneRoundOfLookups) {
  table_->set("cache-a", "10.0.0.1");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
  table_->set("cache-a", "10.0.0.9");
  for (int second = 1; second < asks_per_lookup; ++second) EXPECT_FALSE(source.changed());
  EXPECT_EQ(table_->lookups(), 1);
  EXPECT_TRUE(changes(source, *table_));
  EXPECT_EQ(addresses(source)[0], "10.0.0.9:11211");
  EXPECT_EQ(table_->lookups(), 2);  // read() did not ask once more
  EXPECT_FALSE(source.changed());
}

TEST_F(RingFileSourceTest, ANameThatStaysIsNoChange) {
  table_->set("cache-a", "10.0.0.1");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
  EXPECT_FALSE(changes(source, *table_));
}

TEST_F(RingFileSourceTest, ANameThatIsNotFoundHasNoAddressUntilItIs) {
  RingFileSource source = this->source();
  EXPECT_TRUE(source.read()->addresses[0].host.empty());
  EXPECT_EQ(source.read()->addresses[1].host, "10.0.0.2");
  table_->set("cache-a", "10.0.0.1");
  EXPECT_FALSE(source.changed());  // starts a lookup at once, not only at the tenth call
  EXPECT_TRUE(changes(source, *table_));
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
}

TEST_F(RingFileSourceTest, ANameThatIsLostKeepsItsAddress) {
  table_->set("cache-a", "10.0.0.1");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
  table_->forget("cache-a");
  EXPECT_FALSE(changes(source, *table_));
  EXPECT_EQ(addresses(source)[0], "10.0.0.1:11211");
}

TEST_F(RingFileSourceTest, AnotherFileIsAChangeAndItsNewNamesAreLookedUp) {
  table_->set("cache-a", "10.0.0.1");
  table_->set("cache-c", "10.0.0.3");
  RingFileSource source = this->source();
  EXPECT_EQ(addresses(source).size(), 2u);
  write("epoch 2\nnode a cache-a:11211\nnode c cache-c:11211\n");
  EXPECT_TRUE(source.changed());
  EXPECT_EQ(addresses(source), (Hosts{"10.0.0.1:11211", "10.0.0.3:11211"}));
  EXPECT_FALSE(source.changed());
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
  for (int second = 0; second < 3 * asks_per_lookup; ++second) EXPECT_FALSE(source.changed());
  write("epoch 2\nnode a cache-a:11211\nnode c cache-c:11211\n");
  EXPECT_TRUE(source.changed());
  EXPECT_EQ(source.read()->spec.epoch, 2u);
  open->set_value();
  EXPECT_TRUE(changes(source, *table_));
  EXPECT_EQ(source.read()->addresses[0].host, "10.0.0.1");
}

}  // namespace
}  // namespace cacheismo
