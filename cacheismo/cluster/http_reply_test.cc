// Goal: what a server sends is cut into the same replies however it arrives, and what is no
// HTTP/1.1 reply is refused with a reason. Method: each text whole, byte by byte, and in pairs.

#include "cacheismo/cluster/http_reply.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace cacheismo::cluster {
namespace {

/// What the reader makes of `text` in pieces of `piece_bytes`, as one line of text: "200[hello]."
std::string described(const std::string& text, std::size_t piece_bytes) {
  HttpReplyReader reader;
  std::string input;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
    input += text.substr(at, piece_bytes);
    for (;;) {
      const HttpStep step = reader.next(input);
      if (step.is == HttpStep::Is::head) out += std::to_string(step.status) + '[';
      if (step.is == HttpStep::Is::body) out += step.body;
      if (step.is == HttpStep::Is::end) out += reader.closes() ? "]closes." : "].";
      if (step.is == HttpStep::Is::reject) return out + "refused: " + step.why;
      EXPECT_LE(step.consumed, input.size());
      input.erase(0, step.consumed);
      if (step.is == HttpStep::Is::need_more) break;
    }
  }
  return out + input;
}

std::string described(const std::string& text) {
  std::string whole = described(text, text.size());
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{2}, std::size_t{7}})
    EXPECT_EQ(described(text, piece_bytes), whole) << text;
  return whole;
}

TEST(HttpReply, AReplyWithALengthEndsBehindIt) {
  EXPECT_EQ(described("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"), "200[hello].");
  EXPECT_EQ(described("HTTP/1.1 404\r\ncontent-length:0\r\n\r\n"), "404[].");
}

TEST(HttpReply, ChunksAreOneBody) {
  EXPECT_EQ(described("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"),
            "200[hello].");
}

TEST(HttpReply, TrailersAreSkipped) {
  EXPECT_EQ(described("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "2\r\n{}\r\n0\r\nGrpc-Trailer-Content-Type: application/grpc\r\n\r\n"),
            "404[{}].");
}

TEST(HttpReply, RepliesFollowEachOther) {
  const std::string one = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
  const std::string two = "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n";
  EXPECT_EQ(described(one + two + one), "200[a].500[b].200[a].");
}

TEST(HttpReply, AnEndOfTheConnectionIsAnnounced) {
  EXPECT_EQ(described("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"),
            "200[a]closes.");
  EXPECT_EQ(described("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"), "200[a]closes.");
}

TEST(HttpReply, WhatIsNoReplyIsRefused) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& text : {
           std::string("VALUE a 0 1\r\n"),
           std::string("HTTP/2 200 OK\r\n"),
           std::string("HTTP/1.1 20 OK\r\n"),
           std::string("HTTP/1.1 2000\r\n"),
           std::string("HTTP/1.1 100 Continue\r\n"),
           std::string("HTTP/1.1 600 X\r\n"),
           std::string("HTTP/1.1 200 OK\n"),
           ok + "\r\n",
           ok + "Content-Length: -1\r\n\r\n",
           ok + "Content-Length: 99999999999999999999\r\n\r\n",
           ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
           ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           ok + "Transfer-Encoding: gzip\r\n\r\n",
           ok + "Content-Encoding: gzip\r\n\r\n",
           ok + "no colon\r\n",
           ok + "a b: c\r\n",
           ok + ": c\r\n",
           ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
           ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
           ok + "Transfer-Encoding: chunked\r\n\r\n\r\n",
           ok + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
           ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
       }) {
    EXPECT_NE(described(text).find("refused: "), std::string::npos) << text;
  }
}

TEST(HttpReply, LinesHeadsAndTrailersAreBounded) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string line = "X: " + std::string(1000, 'x') + "\r\n";
  std::string lines;
  while (lines.size() <= http_head_bytes_max + 1100) lines += line;
  EXPECT_EQ(described(std::string(http_line_bytes_max, 'H'), 4096), "refused: a line is too long");
  EXPECT_EQ(described(ok + lines, 4096), "refused: its head is too long");
  EXPECT_EQ(described(ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + lines, 4096),
            "200[refused: its trailer is too long");
}

TEST(HttpReply, ALongBodyIsHandedOutAsItComes) {
  const std::string body(100'000, 'b');
  EXPECT_EQ(described("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body, 999),
            "200[" + body + "].");
}

}  // namespace
}  // namespace cacheismo::cluster
