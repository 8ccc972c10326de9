// Goal: requests are what etcd's gateway understands, and its replies are taken whole or refused
// with what is missing. Method: texts recorded from etcd 3.4.23, and the same with a fault.

#include "cacheismo/cluster/etcd_wire.h"

#include <string>

#include <gtest/gtest.h>

namespace cacheismo::cluster {
namespace {

constexpr Bytes header =
    R"("header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437",)"
    R"("revision":"3","raft_term":"2"})";

std::string with_header(const std::string& rest) { return '{' + std::string(header) + rest + '}'; }

std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

TEST(EtcdWire, ARequestIsOnePostWithItsLength) {
  EXPECT_EQ(etcd::grant("h:1", 5),
            "POST /v3/lease/grant HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\n"
            "Content-Length: 11\r\n\r\n{\"TTL\":\"5\"}");
}

TEST(EtcdWire, RequestsSayWhatTheyAskFor) {
  EXPECT_EQ(body_of(etcd::keep_alive("h", 7)), R"({"ID":"7"})");
  EXPECT_EQ(body_of(etcd::revoke("h", 7)), R"({"ID":"7"})");
  EXPECT_EQ(body_of(etcd::read("h", "ring")), R"({"key":"cmluZw=="})");
  EXPECT_EQ(body_of(etcd::watch("h", "ring", 8)),
            R"({"create_request":{"key":"cmluZw==","start_revision":"8"}})");
  EXPECT_EQ(body_of(etcd::swap("h", {.key = "ring", .value = "abc"})),
            R"({"compare":[{"target":"MOD","result":"EQUAL","key":"cmluZw==","mod_revision":"0"}],)"
            R"("success":[{"request_put":{"key":"cmluZw==","value":"YWJj"}}],)"
            R"("failure":[{"request_range":{"key":"cmluZw=="}}]})");
  EXPECT_NE(body_of(etcd::swap("h", {.key = "m", .value = "", .mod_revision = 4, .lease = 9}))
                .find(R"("value":"","lease":"9")"),
            std::string::npos);
}

TEST(EtcdWire, ALeaseHasAnIdAndATime) {
  const auto lease = etcd::parse_grant(with_header(R"(,"ID":"7587899163345197574","TTL":"5")"));
  ASSERT_TRUE(lease.has_value()) << lease.error();
  EXPECT_EQ(lease->id, 7587899163345197574u);
  EXPECT_EQ(lease->ttl_s, 5u);
}

TEST(EtcdWire, ALeaseThatIsGoneHasNoTime) {
  const std::string begin = R"({"result":)" + std::string("{") + std::string(header);
  EXPECT_EQ(etcd::parse_keep_alive(begin + R"(,"ID":"77","TTL":"5"}})")->ttl_s, 5u);
  EXPECT_EQ(etcd::parse_keep_alive(begin + R"(,"ID":"77"}})")->ttl_s, 0u);
  EXPECT_FALSE(etcd::parse_keep_alive(begin + R"(,"ID":"77","TTL":"soon"}})").has_value());
}

TEST(EtcdWire, AReadFindsTheEntryOrNone) {
  const auto none = etcd::parse_read(with_header(""), "a");
  ASSERT_TRUE(none.has_value()) << none.error();
  EXPECT_EQ(none->revision, 3u);
  EXPECT_FALSE(none->entry.has_value());
  const auto some = etcd::parse_read(
      with_header(R"(,"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1",)"
                  R"("value":"Yg==","lease":"7587899163345197574"}],"count":"1")"),
      "a");
  ASSERT_TRUE(some.has_value()) << some.error();
  EXPECT_EQ(some->entry, (EtcdEntry{.value = "b", .mod_revision = 2}));
}

TEST(EtcdWire, ASwapSucceedsOrTellsWhatIsThere) {
  const auto done = etcd::parse_swap(
      with_header(
          R"(,"succeeded":true,"responses":[{"response_put":{"header":{"revision":"3"}}}])"),
      "ring");
  ASSERT_TRUE(done.has_value()) << done.error();
  EXPECT_TRUE(done->succeeded);
  EXPECT_EQ(done->revision, 3u);
  const auto lost = etcd::parse_swap(
      with_header(R"(,"responses":[{"response_range":{"header":{"revision":"3"},"kvs":[{"key":)"
                  R"("cmluZw==","create_revision":"3","mod_revision":"3","version":"1","value":)"
                  R"("YWJj"}],"count":"1"}}])"),
      "ring");
  ASSERT_TRUE(lost.has_value()) << lost.error();
  EXPECT_FALSE(lost->succeeded);
  EXPECT_EQ(lost->entry, (EtcdEntry{.value = "abc", .mod_revision = 3}));
}

TEST(EtcdWire, AWatchTellsTheLatestOfItsEvents) {
  const std::string begin = R"({"result":)" + std::string("{") + std::string(header);
  EXPECT_EQ(etcd::parse_news(begin + R"(,"created":true}})", "a")->revision, 0u);
  const std::string put = R"({"kv":{"key":"YQ==","mod_revision":"3","value":"Yg=="}})";
  const std::string removal = R"({"type":"DELETE","kv":{"key":"YQ==","mod_revision":"4"}})";
  const auto set = etcd::parse_news(begin + R"(,"events":[)" + put + "]}}", "a");
  ASSERT_TRUE(set.has_value()) << set.error();
  EXPECT_EQ(set->entry, (EtcdEntry{.value = "b", .mod_revision = 3}));
  const auto gone = etcd::parse_news(begin + R"(,"events":[)" + put + ',' + removal + "]}}", "a");
  ASSERT_TRUE(gone.has_value()) << gone.error();
  EXPECT_EQ(gone->revision, 4u);
  EXPECT_FALSE(gone->entry.has_value());
  EXPECT_TRUE(etcd::parse_news(begin + R"(,"canceled":true,"compact_revision":"9"}})", "a")->ended);
}

TEST(EtcdWire, WhatIsNoSuchReplyIsRefused) {
  for (const std::string& body : {
           std::string(),
           std::string("{"),
           std::string("[]"),
           std::string("{}"),
           std::string("null"),
           std::string(100'000, '['),
           std::string("{\"header\":[]}"),
           std::string("{\"header\":{\"revision\":3}}"),
           std::string("{\"result\":7}"),
           with_header(R"(,"kvs":7)"),
           with_header(R"(,"kvs":[7])"),
           with_header(R"(,"kvs":[{},{}])"),
           with_header(R"(,"kvs":[{"key":"Yg==","mod_revision":"1"}])"),
           with_header(R"(,"kvs":[{"key":"YQ==","mod_revision":"0"}])"),
           with_header(R"(,"kvs":[{"key":"YQ","mod_revision":"1"}])"),
           with_header(R"(,"kvs":[{"key":"YQ==","mod_revision":"1","value":"!"}])"),
           with_header(R"(,"kvs":[{"key":"YQ==","mod_revision":"1","value":7}])"),
       }) {
    const auto read = etcd::parse_read(body, "a");
    ASSERT_FALSE(read.has_value()) << body;
    EXPECT_FALSE(read.error().empty());
    EXPECT_FALSE(etcd::parse_grant(body).has_value()) << body;
    EXPECT_FALSE(etcd::parse_keep_alive(body).has_value()) << body;
    EXPECT_FALSE(etcd::parse_swap(body, "a").has_value()) << body;
    EXPECT_FALSE(etcd::parse_news(body, "a").has_value()) << body;
  }
}

TEST(EtcdWire, AnErrorIsOneLine) {
  EXPECT_EQ(etcd::error_text(404, R"({"error":"etcdserver: requested lease not found","code":5})"),
            "status 404: \"etcdserver: requested lease not found\"");
  EXPECT_EQ(etcd::error_text(502, "<html>\n"), "status 502: \"<html>?\"");
}

}  // namespace
}  // namespace cacheismo::cluster
