// Goal: requests of scripts are meta commands that a node parses as they were meant, and each reply
// is what it says. Method: values alone; requests go through the request parser.

#include "cacheismo/node/remote_wire.h"

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/remote_calls.h"
#include "cacheismo/proto/request_parser.h"

namespace cacheismo::node {
namespace {

using lua::RemoteReply;
using lua::RemoteRequest;
using Op = RemoteRequest::Op;
using Code = RemoteReply::Code;

constexpr RemoteEnvelope envelope{
    .opaque = 7, .depth = 2, .remaining_ms = 950, .unix_seconds = 1'700'000'000};

RemoteRequest request(Op op, const std::string& key) {
  RemoteRequest made;
  made.op = op;
  made.server = "n1";
  made.key = key;
  return made;
}

std::string text(const RemoteRequest& of) {
  return remote_request(of, proto::spell_key(of.key), envelope);
}

TEST(RemoteWire, RequestsAreMetaCommands) {
  EXPECT_EQ(text(request(Op::get, "k")), "mg k v f k O7 P1.2.0.950\r\n");
  EXPECT_EQ(text(request(Op::call, "t:m:k")), "mg t:m:k v f k O7 P1.2.0.950\r\n");
  EXPECT_EQ(text(request(Op::remove, "k")), "md k k O7 P1.2.0.950\r\n");
  RemoteRequest set = request(Op::set, "k");
  set.value = "a\r\nb";
  set.flags = 5;
  set.ttl_seconds = 60;
  EXPECT_EQ(text(set), "ms k 4 T60 F5 k O7 P1.2.0.950\r\na\r\nb\r\n");
}

TEST(RemoteWire, ATimeToLiveAboveThirtyDaysIsAMoment) {
  RemoteRequest set = request(Op::set, "k");
  set.ttl_seconds = limits::relative_expiry_seconds_max;
  EXPECT_NE(text(set).find(" T2592000 "), std::string::npos);
  set.ttl_seconds += 1;
  EXPECT_NE(text(set).find(" T1702592001 "), std::string::npos);
}

TEST(RemoteWire, AKeyThatALineCannotHoldGoesInBase64) {
  EXPECT_EQ(text(request(Op::get, "a b")), "mg YSBi v f b k O7 P1.2.0.950\r\n");
  EXPECT_EQ(text(request(Op::get, std::string("\n"))), "mg Cg== v f b k O7 P1.2.0.950\r\n");
  EXPECT_EQ(text(request(Op::get, "\xC3\xA4")), "mg \xC3\xA4 v f k O7 P1.2.0.950\r\n");
}

TEST(RemoteWire, TheLongestKeyInBase64IsAKeyStill) {
  std::string key(limits::base64_key_bytes_max, '\n');
  EXPECT_LE(proto::spell_key(key).text.size(), limits::key_bytes_max);
  key += '\n';
  EXPECT_GT(proto::spell_key(key).text.size(), limits::key_bytes_max);
}

TEST(RemoteWire, ANodeParsesWhatIsAsked) {
  proto::RequestParser parser;
  RemoteRequest set = request(Op::set, "some key");
  set.value = "x";
  for (const RemoteRequest& of : {request(Op::get, "k"), request(Op::remove, "a b"), set}) {
    const std::string bytes = text(of);
    const proto::Parsed parsed = parser.parse(bytes);
    ASSERT_EQ(parsed.kind, proto::Parsed::Kind::command) << bytes;
    EXPECT_EQ(parser.command().key, of.key);
    EXPECT_TRUE(parser.command().meta.has('k'));
    EXPECT_TRUE(parser.command().meta.has('O'));
  }
}

RemoteReply reply_to(Op op, const std::string& line) {
  proto::ReplyPart part;
  const auto parsed = proto::parse_reply(line, part);
  EXPECT_EQ(parsed.kind, proto::ReplyParsed::Kind::part) << line;
  return remote_reply(request(op, "k"), part);
}

TEST(RemoteWire, RepliesAreWhatTheySay) {
  const RemoteReply value = reply_to(Op::get, "VA 2 f9 kk O7\r\nhi\r\n");
  EXPECT_EQ(value.code, Code::value);
  EXPECT_EQ(value.value, "hi");
  EXPECT_EQ(value.flags, 9u);
  EXPECT_TRUE(value.sent);
  EXPECT_EQ(reply_to(Op::call, "EN kk O7\r\n").code, Code::miss);
  EXPECT_EQ(reply_to(Op::set, "HD kk O7\r\n").code, Code::done);
  EXPECT_EQ(reply_to(Op::set, "NS kk O7\r\n").code, Code::not_stored);
  EXPECT_EQ(reply_to(Op::remove, "HD kk O7\r\n").code, Code::done);
  EXPECT_EQ(reply_to(Op::remove, "NF kk O7\r\n").code, Code::miss);
}

TEST(RemoteWire, ErrorsKeepTheirText) {
  const RemoteReply script = reply_to(Op::call, "SERVER_ERROR script t.lua:3: no id=1\r\n");
  EXPECT_EQ(script.code, Code::remote);
  EXPECT_EQ(script.text, "SERVER_ERROR script t.lua:3: no id=1");
  EXPECT_EQ(reply_to(Op::get, "SERVER_ERROR wrong-owner epoch=4\r\n").code, Code::wrong_owner);
  EXPECT_EQ(reply_to(Op::get, "CLIENT_ERROR bad key\r\n").text, "CLIENT_ERROR bad key");
  EXPECT_EQ(reply_to(Op::get, "ERROR\r\n").text, "ERROR");
}

TEST(RemoteWire, WhatAnswersSomethingElseMakesNoSense) {
  EXPECT_EQ(reply_to(Op::get, "HD kk O7\r\n").code, Code::protocol);
  EXPECT_EQ(reply_to(Op::set, "VA 2 kk O7\r\nhi\r\n").code, Code::protocol);
  EXPECT_EQ(reply_to(Op::set, "NF kk O7\r\n").code, Code::protocol);
  EXPECT_EQ(reply_to(Op::remove, "EN kk O7\r\n").code, Code::protocol);
  EXPECT_EQ(reply_to(Op::get, "VA 2 f4294967296 kk O7\r\nhi\r\n").code, Code::protocol);
}

std::string address(Bytes server) {
  const auto made = numeric_address(server);
  return made ? io::to_string(*made) : "none";
}

TEST(RemoteWire, AServerIsANumericAddress) {
  EXPECT_EQ(address("10.0.0.2:11211"), "10.0.0.2:11211");
  EXPECT_EQ(address("localhost:80"), "127.0.0.1:80");
  EXPECT_EQ(address("[::1]:11211"), "[::1]:11211");
  for (const Bytes wrong :
       {"", ":", "10.0.0.2", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536", "10.0.0:1",
        "10.0.0.0.1:1", "10.0.0.256:1", "::1:11211", "[]:1", "[1]:1", "example.org:11211"})
    EXPECT_EQ(address(wrong), "none") << wrong;
}

}  // namespace
}  // namespace cacheismo::node
