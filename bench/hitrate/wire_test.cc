// Wire: every reply whole, cut after each byte, and with more bytes behind it; and what is sent.

#include "bench/hitrate/wire.h"

#include <gtest/gtest.h>

#include <string>

namespace cacheismo::hitrate {
namespace {

using Kind = Reply::Kind;

/// Reads `text` cut after every byte, then whole, then with the next reply behind it.
Reply read_every_way(Protocol protocol, Op op, const std::string& text) {
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_EQ(read_reply(protocol, op, Bytes(text).substr(0, cut)).kind, Kind::need_more)
        << "cut after " << cut;
  }
  const std::string more = text + "STORED\r\n";
  const Reply behind = read_reply(protocol, op, more);
  EXPECT_EQ(behind.consumed, text.size());
  return read_reply(protocol, op, text);
}

TEST(Wire, ClassicHitSaysKeyAndValue) {
  const std::string text = "VALUE abc 0 7\r\n12\r\nEND\r\nEND\r\n";
  const Reply reply = read_every_way(Protocol::classic, Op::get, text);
  EXPECT_EQ(reply.kind, Kind::hit);
  EXPECT_EQ(reply.key, "abc");
  EXPECT_EQ(reply.value, "12\r\nEND");
}

TEST(Wire, RedisHitSaysTheValue) {
  const std::string text = "$5\r\na\r\nbc\r\n";
  const Reply reply = read_every_way(Protocol::redis, Op::get, text);
  EXPECT_EQ(reply.kind, Kind::hit);
  EXPECT_EQ(reply.value, "a\r\nbc");
}

TEST(Wire, AnEmptyValueIsAHit) {
  const std::string classic = "VALUE k 0 0\r\n\r\nEND\r\n";
  EXPECT_EQ(read_every_way(Protocol::classic, Op::get, classic).kind, Kind::hit);
  const std::string redis = "$0\r\n\r\n";
  EXPECT_EQ(read_every_way(Protocol::redis, Op::get, redis).kind, Kind::hit);
}

TEST(Wire, MissesAndDoneOperations) {
  EXPECT_EQ(read_every_way(Protocol::classic, Op::get, "END\r\n").kind, Kind::miss);
  EXPECT_EQ(read_every_way(Protocol::redis, Op::get, "$-1\r\n").kind, Kind::miss);
  EXPECT_EQ(read_every_way(Protocol::classic, Op::set, "STORED\r\n").kind, Kind::done);
  EXPECT_EQ(read_every_way(Protocol::redis, Op::set, "+OK\r\n").kind, Kind::done);
  for (const char* text : {"DELETED\r\n", "NOT_FOUND\r\n"}) {
    EXPECT_EQ(read_every_way(Protocol::classic, Op::remove, text).kind, Kind::done);
  }
  for (const char* text : {":0\r\n", ":1\r\n"}) {
    EXPECT_EQ(read_every_way(Protocol::redis, Op::remove, text).kind, Kind::done);
  }
}

TEST(Wire, AnErrorLineIsRefusedAndTheStreamGoesOn) {
  const std::string classic = "SERVER_ERROR object too large for cache\r\n";
  const Reply large = read_every_way(Protocol::classic, Op::set, classic);
  EXPECT_EQ(large.kind, Kind::refused);
  EXPECT_EQ(large.value, "SERVER_ERROR object too large for cache");
  const std::string redis = "-OOM command not allowed\r\n";
  EXPECT_EQ(read_every_way(Protocol::redis, Op::set, redis).kind, Kind::refused);
}

TEST(Wire, WhatAnswersSomethingElseIsBroken) {
  for (const Op op : {Op::set, Op::remove}) {
    EXPECT_EQ(read_reply(Protocol::classic, op, "END\r\n").kind, Kind::broken);
    EXPECT_EQ(read_reply(Protocol::redis, op, "$-1\r\n").kind, Kind::broken);
  }
  for (const char* text : {"STORED\r\n", "VALUE k 1 1\r\nx\r\nEND\r\n", "VALUE k 0 x\r\n",
                           "VALUE k 0 -1\r\n", "VALUE k 0 1\r\nxy\r\nEND\r\n",
                           "VALUE k 0 1\r\nx\r\nVALUE", "END\n", "VALUE k 0 99999999999\r\n"}) {
    EXPECT_EQ(read_reply(Protocol::classic, Op::get, text).kind, Kind::broken) << text;
  }
  for (const char* text : {"+OK\r\n", "$x\r\n", "$1\r\nxy\r\n", "$99999999999\r\n"}) {
    EXPECT_EQ(read_reply(Protocol::redis, Op::get, text).kind, Kind::broken) << text;
  }
  EXPECT_EQ(read_reply(Protocol::classic, Op::get, std::string(2000, 'x')).kind, Kind::broken);
}

TEST(Wire, RequestsAreWhatTheProtocolsSay) {
  std::string out;
  append_get(Protocol::classic, "k", out);
  append_set(Protocol::classic, "k", "vv", 0, out);
  append_set(Protocol::classic, "k", "", 30, out);
  append_delete(Protocol::classic, "k", out);
  EXPECT_EQ(out, "get k\r\nset k 0 0 2\r\nvv\r\nset k 0 30 0\r\n\r\ndelete k\r\n");
  out.clear();
  append_get(Protocol::redis, "k", out);
  append_set(Protocol::redis, "k", "vv", 0, out);
  append_set(Protocol::redis, "k", "", 30, out);
  append_delete(Protocol::redis, "k", out);
  EXPECT_EQ(out,
            "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n"
            "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n$2\r\nEX\r\n$2\r\n30\r\n"
            "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
}

}  // namespace
}  // namespace cacheismo::hitrate
