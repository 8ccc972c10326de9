// Goal: the client on the wire is a look-aside client: what it counts is what a serial one counts.
// Method: a small LRU cache that speaks the classic protocol answers in pieces of random size and
// at random times; the same trace against the same cache, one request after the other, is the
// model.

#include "bench/hitrate/look_aside.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <charconv>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"

namespace cacheismo::hitrate {
namespace {

constexpr std::uint64_t keys = 20;
constexpr std::uint32_t value_bytes_max = 50;

/// Byte-exact LRU: keys and values together take at most `bytes_max`.
class Lru {
 public:
  explicit Lru(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  const std::string* get(const std::string& key) {
    for (auto item = items_.begin(); item != items_.end(); ++item) {
      if (item->first != key) continue;
      items_.splice(items_.begin(), items_, item);
      return &item->second;
    }
    return nullptr;
  }
  void set(const std::string& key, std::string value) {
    remove(key);
    items_.emplace_front(key, std::move(value));
    while (bytes() > bytes_max_) items_.pop_back();
  }
  bool remove(const std::string& key) {
    return items_.remove_if([&](const auto& item) { return item.first == key; }) > 0;
  }

 private:
  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& [key, value] : items_) sum += key.size() + value.size();
    return sum;
  }

  std::size_t bytes_max_;
  std::list<std::pair<std::string, std::string>> items_;
};

/// Serves whole requests out of the bytes that it was given. Between a missed get and the set that
/// follows it, no other request for the key may come.
class Server {
 public:
  explicit Server(std::size_t bytes_max) : lru_(bytes_max) {}

  void give(const std::string& bytes) { input_ += bytes; }

  /// Serves one request; false if there is no whole one.
  bool serve_one() {
    const std::size_t end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = input_.substr(0, end);
    const std::string key = line.substr(line.find(' ') + 1, line.find(' ', 4) - 4);
    std::size_t used = end + 2;
    if (line.starts_with("get ")) {
      EXPECT_FALSE(owes_a_set_.contains(key)) << "a second get before the set: " << key;
      const std::string* value = lru_.get(key);
      if (value == nullptr) owes_a_set_[key] = true;
      if (value != nullptr) {
        output += "VALUE " + key + " 0 " + std::to_string(value->size()) + "\r\n" + *value + "\r\n";
      }
      output += "END\r\n";
    } else if (line.starts_with("set ")) {
      const std::size_t length = std::stoul(line.substr(line.rfind(' ') + 1));
      if (input_.size() < used + length + 2) return false;
      owes_a_set_.erase(key);
      lru_.set(key, input_.substr(used, length));
      used += length + 2;
      output += "STORED\r\n";
    } else {
      const std::string deleted = line.substr(7);
      EXPECT_FALSE(owes_a_set_.contains(deleted)) << "a delete before the set: " << deleted;
      output += lru_.remove(deleted) ? "DELETED\r\n" : "NOT_FOUND\r\n";
    }
    input_.erase(0, used);
    return true;
  }

  [[nodiscard]] std::size_t owed() const { return owes_a_set_.size(); }

  std::string output;

 private:
  Lru lru_;
  std::string input_;
  std::map<std::string, bool> owes_a_set_;
};

/// One request after the other.
WireTally serial(const std::vector<Request>& requests, std::size_t bytes_max) {
  Lru lru(bytes_max);
  WireTally tally;
  std::string key;
  for (const Request& request : requests) {
    write_key(request.key_id, request.key_bytes, key);
    bool store = request.op == Op::set;
    if (request.op == Op::remove) lru.remove(key);
    if (request.op == Op::get) {
      ++tally.gets;
      tally.get_bytes += request.bytes();
      store = lru.get(key) == nullptr;
      if (store) ++tally.misses, tally.miss_bytes += request.bytes();
    }
    if (!store) continue;
    ++tally.stores;
    lru.set(key, std::string(request.value_bytes, 'x'));
  }
  return tally;
}

/// The same through a LookAside, with bytes moved in pieces as `random` says.
WireTally on_the_wire(const std::vector<Request>& requests, std::size_t bytes_max,
                      std::size_t depth, Prng& random) {
  LookAside client({.depth = depth, .keys = keys, .value_bytes_max = value_bytes_max});
  Server server(bytes_max);
  WireTally tally;
  std::string replies;
  for (auto next = requests.begin(); next != requests.end() || !client.idle();) {
    const std::uint64_t what = random.below(3);
    if (what == 0 && next != requests.end() && client.may_take(next->key_id)) {
      client.take(*next, next->key_id, 0, tally);
      ++next;
    } else if (what == 1) {
      const std::size_t bytes = random.below(client.output().size() + 1);
      server.give(client.output().substr(0, bytes));
      client.output().erase(0, bytes);
      server.serve_one();
    } else {
      const std::size_t bytes = random.below(server.output.size() + 1);
      replies += server.output.substr(0, bytes);
      server.output.erase(0, bytes);
      const auto consumed = client.answer(replies);
      EXPECT_TRUE(consumed) << consumed.error();
      if (!consumed) break;
      replies.erase(0, *consumed);
    }
  }
  EXPECT_EQ(server.owed(), 0u);
  EXPECT_EQ(replies, "");
  return tally;
}

std::vector<Request> some_trace() {
  const auto request = rc::gen::apply(
      [](std::uint32_t id, std::uint32_t value_bytes, int op) {
        return Request{.key_id = id,
                       .value_bytes = value_bytes,
                       .key_bytes = static_cast<std::uint16_t>(4 + id % 3),
                       .op = op == 0   ? Op::remove
                             : op == 1 ? Op::set
                                       : Op::get};
      },
      rc::gen::inRange<std::uint32_t>(0, keys),
      rc::gen::inRange<std::uint32_t>(0, value_bytes_max + 1), rc::gen::inRange(0, 8));
  return *rc::gen::container<std::vector<Request>>(request);
}

RC_GTEST_PROP(LookAside, OneInFlightCountsWhatASerialClientCounts, (std::uint64_t seed)) {
  const std::vector<Request> requests = some_trace();
  const std::size_t bytes_max = *rc::gen::inRange<std::size_t>(0, 600);
  Prng random(seed);
  RC_ASSERT(on_the_wire(requests, bytes_max, 1, random) == serial(requests, bytes_max));
}

RC_GTEST_PROP(LookAside, ManyInFlightCountTheSameWhenNothingIsEvicted, (std::uint64_t seed)) {
  const std::vector<Request> requests = some_trace();
  Prng random(seed);
  const std::size_t depth = 1 + random.below(10);
  RC_ASSERT(on_the_wire(requests, 1 << 20, depth, random) == serial(requests, 1 << 20));
}

RC_GTEST_PROP(LookAside, ManyInFlightKeepTheOrderOfAKeyUnderEviction, (std::uint64_t seed)) {
  const std::vector<Request> requests = some_trace();
  Prng random(seed);
  const WireTally tally = on_the_wire(requests, random.below(600), 8, random);
  RC_ASSERT(tally.gets == serial(requests, 600).gets);
}

constexpr Request get_of_key_3 = {.key_id = 3, .value_bytes = 5, .key_bytes = 4, .op = Op::get};

TEST(LookAside, AKeyWithAnUnansweredGetIsNotTaken) {
  LookAside client({.depth = 2, .keys = keys, .value_bytes_max = value_bytes_max});
  WireTally tally;
  client.take(get_of_key_3, 3, 0, tally);
  EXPECT_FALSE(client.may_take(3));
  EXPECT_TRUE(client.may_take(4));
  client.output().clear();
  ASSERT_TRUE(client.answer("END\r\n"));
  EXPECT_TRUE(client.output().starts_with("set DAAA 0 0 5\r\n")) << client.output();
  EXPECT_TRUE(client.may_take(3));  // its set is sent before
  EXPECT_FALSE(client.idle());
}

/// What a client says to `reply` after it has stored key 3 with 5 bytes and asked for it again.
std::string complaint_about(const std::string& reply) {
  LookAside client({.depth = 2, .keys = keys, .value_bytes_max = value_bytes_max});
  WireTally tally;
  client.take(get_of_key_3, 3, 0, tally);
  EXPECT_TRUE(client.answer("END\r\nSTORED\r\n"));
  client.take(get_of_key_3, 3, 0, tally);
  const auto answered = client.answer(reply);
  return answered ? "" : answered.error();
}

TEST(LookAside, AWrongValueIsNoHit) {
  EXPECT_NE(complaint_about("VALUE DAAA 0 5\r\nabcde\r\nEND\r\n"), "");
  EXPECT_NE(complaint_about("VALUE DAAA 0 4\r\nabcd\r\nEND\r\n"), "");
  EXPECT_NE(complaint_about("VALUE EAAA 0 5\r\nabcde\r\nEND\r\n"), "");
  EXPECT_NE(complaint_about("SERVER_ERROR out of memory\r\n"), "");
  EXPECT_NE(complaint_about("STORED\r\n"), "");
  EXPECT_EQ(complaint_about("END\r\n"), "");
}

TEST(LookAside, AHitOnAKeyThatWasNeverStoredIsWrong) {
  LookAside client({.depth = 1, .keys = keys, .value_bytes_max = value_bytes_max});
  WireTally tally;
  client.take(get_of_key_3, 3, 0, tally);
  EXPECT_FALSE(client.answer("VALUE DAAA 0 0\r\n\r\nEND\r\n"));
}

TEST(LookAside, ARefusedStoreIsCountedAndTheNextGetMayMissOrHit) {
  LookAside client({.depth = 1, .keys = keys, .value_bytes_max = value_bytes_max});
  WireTally tally;
  client.take(get_of_key_3, 3, 0, tally);
  ASSERT_TRUE(client.answer("END\r\nSERVER_ERROR object too large for cache\r\n"));
  EXPECT_EQ(tally.refused, 1u);
  EXPECT_EQ(client.first_refusal(), "SERVER_ERROR object too large for cache");
  client.take(get_of_key_3, 3, 0, tally);
  EXPECT_TRUE(client.answer("VALUE DAAA 0 1\r\nx\r\nEND\r\n"));
  EXPECT_EQ(tally.gets, 2u);
  EXPECT_EQ(tally.misses, 1u);
}

TEST(LookAside, BytesWithoutARequestAreAnError) {
  LookAside client({.depth = 1, .keys = keys, .value_bytes_max = value_bytes_max});
  EXPECT_FALSE(client.answer("END\r\n"));
}

}  // namespace
}  // namespace cacheismo::hitrate
