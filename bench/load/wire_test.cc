// What is sent, byte for byte, and what is made of replies: whole, byte by byte, and wrong ones.

#include "bench/load/wire.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "bench/load/call.h"
#include "bench/load/dataset.h"

namespace cacheismo::load {
namespace {

const DatasetOptions small{
    .key_count = 100, .key_bytes = 3, .value_bytes_min = 4, .value_bytes_max = 4};

std::string get(Protocol protocol, std::vector<std::uint64_t> ids) {
  std::string out;
  append_get(protocol, Dataset(small), ids, out);
  return out;
}

std::string set(Protocol protocol, std::uint64_t id) {
  std::string out;
  append_set(protocol, Dataset(small), id, out);
  return out;
}

std::string call(Protocol protocol, const char* request, std::uint64_t id) {
  std::string out;
  const Call call{*Pattern::parse(request), *Pattern::parse("OK"), 10};
  append_call(protocol, Dataset(small), call, id, out);
  return out;
}

/// All steps of one reply as text, `byte_by_byte` offering one more byte at a time.
std::string steps_of(Protocol protocol, Expected expected, Bytes reply, bool byte_by_byte) {
  std::string text;
  std::size_t start = 0;
  for (std::size_t end = byte_by_byte ? 0 : reply.size(); end <= reply.size(); ++end) {
    while (true) {
      const Step step = read_step(protocol, expected, reply.substr(start, end - start));
      if (step.kind == Step::Kind::need_more) break;
      start += step.consumed;
      ++expected.answered;
      switch (step.kind) {
        case Step::Kind::value:
          text += "value " + std::string(step.key) + "=" + std::string(step.value) + ";";
          break;
        case Step::Kind::miss: text += "miss;"; break;
        case Step::Kind::stored: text += "stored;"; break;
        case Step::Kind::end: text += "end;"; break;
        case Step::Kind::refused: return text + "refused " + std::string(step.value);
        case Step::Kind::broken: return text + "broken";
        case Step::Kind::need_more: break;
      }
      if (step.last) return text + "last +" + std::to_string(reply.size() - start);
    }
  }
  return text + "more";
}

/// Both ways must agree but for the bytes behind the reply, which must not matter.
std::string steps(Protocol protocol, Expected expected, const std::string& reply) {
  std::string whole = steps_of(protocol, expected, reply, false);
  EXPECT_EQ(steps_of(protocol, expected, reply, true), whole) << reply;
  return whole;
}

constexpr Expected one_get{};
constexpr Expected three_gets{.operation = Operation::get, .keys = 3};
constexpr Expected one_set{.operation = Operation::set};
constexpr Expected one_call{.operation = Operation::call};

TEST(Wire, RequestsByteForByte) {
  EXPECT_EQ(get(Protocol::classic, {7}), "get k07\r\n");
  EXPECT_EQ(get(Protocol::classic, {7, 8}), "get k07 k08\r\n");
  EXPECT_EQ(get(Protocol::meta, {7}), "mg k07 v\r\n");
  EXPECT_EQ(get(Protocol::meta, {7, 8}), "mg k07 v k q\r\nmg k08 v k q\r\nmn\r\n");
  EXPECT_EQ(get(Protocol::redis, {7}), "*2\r\n$3\r\nGET\r\n$3\r\nk07\r\n");
  EXPECT_EQ(get(Protocol::redis, {7, 8}), "*3\r\n$4\r\nMGET\r\n$3\r\nk07\r\n$3\r\nk08\r\n");
  EXPECT_EQ(set(Protocol::classic, 2), "set k02 0 0 4\r\n2345\r\n");
  EXPECT_EQ(set(Protocol::meta, 2), "ms k02 4\r\n2345\r\n");
  EXPECT_EQ(set(Protocol::redis, 2), "*3\r\n$3\r\nSET\r\n$3\r\nk02\r\n$4\r\n2345\r\n");
}

TEST(Wire, ACallIsAGetOfItsTextOrACommandOfItsWords) {
  EXPECT_EQ(call(Protocol::classic, "map:get:m{object}:f{field}", 42), "get map:get:m4:f2\r\n");
  EXPECT_EQ(call(Protocol::meta, "map:get:m{object}:f{field}", 42), "mg map:get:m4:f2 v\r\n");
  EXPECT_EQ(call(Protocol::redis, "FCALL put 1 m{object} {value}", 42),
            "*5\r\n$5\r\nFCALL\r\n$3\r\nput\r\n$1\r\n1\r\n$2\r\nm4\r\n$4\r\nGHIJ\r\n");
}

TEST(Wire, AnswersToCallsAreReadHoweverTheyAreCut) {
  EXPECT_EQ(steps(Protocol::classic, one_call, "VALUE c:get:a 0 1\r\n7\r\nEND\r\nEND"),
            "value c:get:a=7;end;last +3");
  EXPECT_EQ(steps(Protocol::meta, one_call, "VA 1\r\n7\r\n"), "value =7;last +0");
  EXPECT_EQ(steps(Protocol::redis, one_call, "$1\r\n7\r\n"), "value =7;last +0");
  EXPECT_EQ(steps(Protocol::redis, one_call, ":7\r\n:8"), "value =7;last +2");
  EXPECT_EQ(steps(Protocol::redis, one_call, "+OK\r\n"), "value =OK;last +0");
  EXPECT_EQ(steps(Protocol::redis, one_call, "$-1\r\n"), "miss;last +0");
  EXPECT_EQ(steps(Protocol::redis, one_call, "-ERR no\r\n"), "refused -ERR no");
  EXPECT_EQ(steps(Protocol::redis, one_call, "*0\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::classic, one_call, "STORED\r\n"), "broken");
}

TEST(Wire, ClassicRepliesAreReadHoweverTheyAreCut) {
  EXPECT_EQ(steps(Protocol::classic, one_get, "VALUE k07 0 4\r\nabcd\r\nEND\r\nVALUE"),
            "value k07=abcd;end;last +5");
  EXPECT_EQ(steps(Protocol::classic, one_get, "END\r\n"), "end;last +0");
  EXPECT_EQ(steps(Protocol::classic, three_gets,
                  "VALUE k01 0 4\r\n\r\n\r\n\r\nVALUE k03 0 0\r\n\r\nEND\r\n"),
            "value k01=\r\n\r\n;value k03=;end;last +0");
  EXPECT_EQ(steps(Protocol::classic, one_set, "STORED\r\n"), "stored;last +0");
}

TEST(Wire, MetaRepliesAreReadHoweverTheyAreCut) {
  EXPECT_EQ(steps(Protocol::meta, one_get, "VA 4\r\nabcd\r\n"), "value =abcd;last +0");
  EXPECT_EQ(steps(Protocol::meta, one_get, "EN\r\nEN\r\n"), "miss;last +4");
  EXPECT_EQ(steps(Protocol::meta, three_gets, "VA 4 kk02\r\nabcd\r\nMN\r\n"),
            "value k02=abcd;end;last +0");
  EXPECT_EQ(steps(Protocol::meta, one_set, "HD\r\n"), "stored;last +0");
}

TEST(Wire, RedisRepliesAreReadHoweverTheyAreCut) {
  EXPECT_EQ(steps(Protocol::redis, one_get, "$4\r\nabcd\r\n"), "value =abcd;last +0");
  EXPECT_EQ(steps(Protocol::redis, one_get, "$-1\r\n"), "miss;last +0");
  EXPECT_EQ(steps(Protocol::redis, three_gets, "*3\r\n$1\r\na\r\n$-1\r\n$1\r\nc\r\n$1"),
            "value =a;miss;value =c;last +2");
  EXPECT_EQ(steps(Protocol::redis, one_set, "+OK\r\n"), "stored;last +0");
}

TEST(Wire, ErrorLinesAreRefusalsAndTheStreamGoesOn) {
  EXPECT_EQ(steps(Protocol::classic, one_set, "SERVER_ERROR out of memory storing object\r\n"),
            "refused SERVER_ERROR out of memory storing object");
  EXPECT_EQ(steps(Protocol::classic, one_get, "ERROR\r\n"), "refused ERROR");
  EXPECT_EQ(steps(Protocol::meta, one_get, "CLIENT_ERROR x\r\n"), "refused CLIENT_ERROR x");
  EXPECT_EQ(steps(Protocol::redis, one_get, "-ERR no\r\n"), "refused -ERR no");
}

TEST(Wire, RepliesToSomethingElseAreBroken) {
  EXPECT_EQ(steps(Protocol::classic, one_get, "STORED\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::classic, one_set, "END\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::classic, one_set, "NOT_STORED\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::classic, one_get, "VALUE k07 5 4\r\nabcd\r\nEND\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::classic, one_get, "VALUE k07 0 -4\r\nabcd\r\nEND\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::meta, one_get, "MN\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::meta, one_set, "NS\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::redis, three_gets, "*2\r\n$1\r\na\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::redis, one_get, "+OK\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::redis, one_get, "$x\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::redis, one_get, "$18446744073709551615\r\n"), "broken");
}

TEST(Wire, AValueThatDoesNotEndWhereItsLengthSaysIsBroken) {
  EXPECT_EQ(steps(Protocol::classic, one_get, "VALUE k07 0 3\r\nabcd\r\nEND\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::meta, one_get, "VA 3\r\nabcd\r\n"), "broken");
  EXPECT_EQ(steps(Protocol::redis, one_get, "$3\r\nabcd\r\n"), "broken");
}

TEST(Wire, ALineWithoutEndOrWithABareNewlineIsBroken) {
  EXPECT_EQ(steps(Protocol::classic, one_get, "END\n"), "broken");
  EXPECT_EQ(steps_of(Protocol::classic, one_get, std::string(2000, 'x'), false), "broken");
}

}  // namespace
}  // namespace cacheismo::load
