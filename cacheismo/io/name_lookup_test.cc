// NameLookup: goal: outcomes arrive, and nobody waits for a resolver that hangs. Method: resolvers
// that a test holds and lets go; no test waits for time to pass.

#include "cacheismo/io/name_lookup.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace cacheismo::io {
namespace {

constexpr Duration long_enough = std::chrono::seconds(60);  // ends a hang

Result<std::string, std::string> table(const std::string& name) {
  if (name == "a.example") return std::string("10.0.0.1");
  if (name == "b.example") return std::string("2001:db8::2");
  return failure("no " + name);
}

/// A resolver that answers when it is let go.
struct Gate {
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
};

TEST(NameLookup, FindsAddressesAndSaysWhyThereIsNone) {
  NameLookup lookup(&table);
  EXPECT_FALSE(lookup.busy());
  lookup.start({"a.example", "b.example", "c.example"});
  EXPECT_TRUE(lookup.busy());
  const auto found = lookup.take(long_enough);
  ASSERT_TRUE(found);
  EXPECT_FALSE(lookup.busy());
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ(found->at("a.example").value(), "10.0.0.1");
  EXPECT_EQ(found->at("b.example").value(), "2001:db8::2");
  EXPECT_EQ(found->at("c.example").error(), "no c.example");
}

TEST(NameLookup, NoNamesAreABatchToo) {
  NameLookup lookup(&table);
  lookup.start({});
  const auto found = lookup.take(long_enough);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->empty());
}

TEST(NameLookup, AResolverThatHangsHoldsUpNobody) {
  const auto gate = std::make_shared<Gate>();
  NameLookup lookup([gate](const std::string& name) {
    gate->opened.wait();
    return table(name);
  });
  lookup.start({"a.example"});
  EXPECT_FALSE(lookup.take(Duration(0)));
  EXPECT_FALSE(lookup.take(std::chrono::milliseconds(1)));
  EXPECT_TRUE(lookup.busy());
  gate->open.set_value();
  const auto found = lookup.take(long_enough);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at("a.example").value(), "10.0.0.1");
}

TEST(NameLookup, MayBeDestroyedWhileItsResolverHangs) {
  const auto gate = std::make_shared<Gate>();
  const auto resolved = std::make_shared<std::promise<void>>();
  {
    NameLookup lookup([gate, resolved](const std::string& name) {
      gate->opened.wait();
      resolved->set_value();
      return table(name);
    });
    lookup.start({"a.example"});
  }
  gate->open.set_value();
  EXPECT_EQ(resolved->get_future().wait_for(long_enough), std::future_status::ready);
}

TEST(NameLookup, TheThreadTakesNoSignals) {
  std::atomic<bool> blocked = false;
  NameLookup lookup([&](const std::string& name) {
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    blocked = sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGHUP) == 1;
    return table(name);
  });
  lookup.start({"a.example"});
  ASSERT_TRUE(lookup.take(long_enough));
  EXPECT_TRUE(blocked);
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  EXPECT_EQ(sigismember(&own, SIGTERM), 0);
}

TEST(NameLookupDeathTest, ASecondBatchBeforeTheFirstWasTakenIsAProgrammersError) {
  NameLookup lookup(&table);
  lookup.start({});
  EXPECT_DEATH(lookup.start({}), "busy");
}

}  // namespace
}  // namespace cacheismo::io
