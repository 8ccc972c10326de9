// Goal: an answer that no state of an object explains is a violation, and what may have happened
// unseen is none. Method: calls and their answers by hand.

#include "sim/object_model.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo::sim {
namespace {

class ObjectModelTest : public testing::Test {
 protected:
  explicit ObjectModelTest(bool lossless = true) : oracle_(lossless, -1), model_(3, oracle_) {}

  /// A call of a method, as the model draws it.
  ObjectCall drawn(ObjectMethod method, std::size_t data_bytes_max = 0) {
    while (true) {
      ObjectCall call = model_.draw(chance_, data_bytes_max);
      if (call.method == method) return call;
    }
  }
  static ObjectCall with(ObjectCall call, ObjectMethod method, std::vector<std::string> arguments) {
    call.method = method;
    call.arguments = std::move(arguments);
    return call;
  }
  static Request request(std::vector<ObjectCall> calls, Op op = Op::call) {
    Request made;
    made.op = op;
    made.calls = std::move(calls);
    made.issued_ns = 1;
    return made;
  }
  /// What a get of the calls is answered: a block for each answer that is not "nil".
  void get(const std::vector<ObjectCall>& calls, const std::vector<std::string>& answers,
           Verdict verdict = Verdict::values) {
    JudgedReply reply;
    reply.verdict = verdict;
    for (std::size_t i = 0; i < answers.size(); i++) {
      if (answers[i] != "nil")
        reply.values.push_back({virtual_key(calls[i]), answers[i], 0, std::nullopt});
    }
    model_.judge(request(calls), reply, 2);
  }
  std::size_t violations() { return oracle_.violations().size(); }
  std::uint64_t counted(Tally tally) { return oracle_.counted(tally); }

  Prng chance_{1};
  Oracle oracle_;
  ObjectModel model_;
};

class LossyObjectModelTest : public ObjectModelTest {
 protected:
  LossyObjectModelTest() : ObjectModelTest(false) {}
};

TEST_F(ObjectModelTest, KeysArePercentEncoded) {
  ObjectCall call = drawn(ObjectMethod::map_put);
  call.name = "o3.1:1";
  call.arguments = {"m:7", "a\r\n%"};
  EXPECT_EQ(virtual_key(call), "map:put:o3.1%3A1:m%3A7:a%0D%0A%25");
  EXPECT_EQ(virtual_key(call, true), "map:put:o3.1%3A1:m%3A7");
}

TEST_F(ObjectModelTest, AnAnswerMustBeTheOneOfTheState) {
  const ObjectCall call = drawn(ObjectMethod::counter_incr);
  get({with(call, ObjectMethod::counter_incr, {"5"}),
       with(call, ObjectMethod::counter_decr, {"2"})},
      {"5", "3"});
  get({with(call, ObjectMethod::counter_get, {})}, {"3"});
  EXPECT_EQ(violations(), 0u);
  get({with(call, ObjectMethod::counter_incr, {"5"})}, {"13"});  // it has run twice
  EXPECT_EQ(violations(), 1u);
}

TEST_F(ObjectModelTest, AQueueIsFirstInFirstOutAndThenNil) {
  const ObjectCall call = drawn(ObjectMethod::queue_push);
  const ObjectCall pop = with(call, ObjectMethod::queue_pop, {});
  get({pop, with(call, ObjectMethod::queue_push, {"a"}),
       with(call, ObjectMethod::queue_push, {"b"}), pop, pop, pop},
      {"nil", "1", "2", "a", "b", "nil"});
  EXPECT_EQ(violations(), 0u);
  EXPECT_EQ(counted(Tally::calls_missed), 2u);
  get({with(call, ObjectMethod::queue_push, {"c"}), pop}, {"1", "nil"});
  EXPECT_EQ(violations(), 1u);
}

TEST_F(ObjectModelTest, AnObjectThatNothingCanTakeMustBeThere) {
  const ObjectCall call = drawn(ObjectMethod::set_new);
  get({call, with(call, ObjectMethod::set_put, {"x"})}, {"CREATED", "SUCCESS"});
  EXPECT_EQ(violations(), 0u);
  get({with(call, ObjectMethod::set_exist, {"x"})}, {"ERROR_CACHE_MISS"});
  EXPECT_EQ(violations(), 1u);
}

TEST_F(ObjectModelTest, AFlushMayTakeWhatWasThereBefore) {
  const ObjectCall call = drawn(ObjectMethod::set_new);
  get({call}, {"CREATED"});
  oracle_.flush_begins();
  oracle_.flush_ends(5, false);
  get({with(call, ObjectMethod::set_count, {})}, {"ERROR_CACHE_MISS"});
  EXPECT_EQ(violations(), 0u);
  EXPECT_EQ(counted(Tally::objects_gone), 1u);
}

TEST_F(LossyObjectModelTest, WhatMayHaveBeenEvictedIsKeptInMindBothWays) {
  const ObjectCall call = drawn(ObjectMethod::counter_incr);
  get({with(call, ObjectMethod::counter_incr, {"5"})}, {"5"});
  // By set nobody hears the number: 10, or 5 if the counter was gone.
  JudgedReply stored;
  stored.verdict = Verdict::done;
  model_.judge(request({with(call, ObjectMethod::counter_incr, {"5"})}, Op::call_set), stored, 2);
  get({with(call, ObjectMethod::counter_incr, {"1"})}, {"6"});
  get({with(call, ObjectMethod::counter_get, {})}, {"6"});
  EXPECT_EQ(violations(), 0u);
  get({with(call, ObjectMethod::counter_get, {})}, {"11"});
  EXPECT_EQ(violations(), 1u);
}

TEST_F(LossyObjectModelTest, WantOfMemoryLeavesTheCallsBehindItInDoubt) {
  const ObjectCall call = drawn(ObjectMethod::counter_incr);
  const ObjectCall one = with(call, ObjectMethod::counter_incr, {"1"});
  get({one, one, one}, {"1"}, Verdict::no_memory);
  EXPECT_EQ(counted(Tally::calls_no_memory), 1u);
  EXPECT_EQ(counted(Tally::calls_in_doubt), 2u);
  get({one}, {"4711"});  // of a name that is not judged any more
  EXPECT_EQ(violations(), 0u);
  const ObjectCall fresh = drawn(ObjectMethod::counter_incr);
  EXPECT_NE(fresh.name, call.name);
}

TEST_F(ObjectModelTest, WithAmpleMemoryThereIsNoWantOfIt) {
  const ObjectCall call = drawn(ObjectMethod::map_new);
  get({call}, {}, Verdict::no_memory);
  EXPECT_EQ(violations(), 1u);
}

TEST_F(ObjectModelTest, DoubtRetiresWhatIsChangedAndNothingElse) {
  const ObjectCall call = drawn(ObjectMethod::counter_get);
  model_.doubt(request({call}));
  get({call}, {"1"});
  EXPECT_EQ(violations(), 1u);
  model_.doubt(request({with(call, ObjectMethod::counter_incr, {"1"})}));
  get({call}, {"7"});
  EXPECT_EQ(violations(), 1u);
}

TEST_F(ObjectModelTest, ASharedCounterNeverRepeatsItselfNorGoesBack) {
  const ObjectCall first = drawn(ObjectMethod::shared_incr);
  const auto next = [&] {
    ObjectCall call = drawn(ObjectMethod::shared_incr);
    while (call.object != first.object) call = drawn(ObjectMethod::shared_incr);
    return call;
  };
  const ObjectCall second = next();
  get({second}, {"1"});
  const ObjectCall third = next();
  get({first}, {"2"});  // both were under way at the same time
  EXPECT_EQ(violations(), 0u);
  get({third}, {"2"});
  EXPECT_EQ(violations(), 1u) << "twice";
  const ObjectCall fourth = next();
  get({fourth}, {"1"});
  EXPECT_EQ(violations(), 3u) << "twice, and smaller than what was known";
  get({next()}, {"1000000"});
  EXPECT_EQ(violations(), 4u) << "more than all calls together";
  get({next()}, {"nil"});
  EXPECT_EQ(violations(), 5u);
}

}  // namespace
}  // namespace cacheismo::sim
