// Goal: every reply that a server sends is understood, and what is no reply is refused.
// Method: tables of lines; every good part also byte by byte, with bytes behind it, and from a
// buffer of its exact size.

#include "cacheismo/proto/reply_parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"

namespace cacheismo::proto {
namespace {

using Kind = ReplyParsed::Kind;

/// Parses a whole part from buffers of every size up to its own and checks that only the last one
/// gives it. The views of the answer point into `bytes`.
ReplyPart whole_part(Bytes bytes) {
  ReplyPart part;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const ReplyParsed parsed = parse_reply(Bytes(exact.data(), size), part);
    EXPECT_EQ(parsed.kind, Kind::need_more) << bytes << " cut at " << size;
    EXPECT_GT(parsed.wanted, size);
    EXPECT_LE(parsed.wanted, bytes.size());
  }
  const std::string behind = std::string(bytes) + "END\r\n";
  EXPECT_EQ(parse_reply(behind, part).consumed, bytes.size());
  const ReplyParsed parsed = parse_reply(bytes, part);
  EXPECT_EQ(parsed.kind, Kind::part) << bytes;
  EXPECT_EQ(parsed.consumed, bytes.size());
  return part;
}

TEST(ReplyParser, ReadsValuesWithAndWithoutCas) {
  const ReplyPart plain = whole_part("VALUE k 7 5\r\nhello\r\n");
  EXPECT_EQ(plain.word, ReplyWord::value);
  EXPECT_EQ(plain.key, "k");
  EXPECT_EQ(plain.client_flags, 7u);
  EXPECT_EQ(plain.value, "hello");
  EXPECT_EQ(plain.cas, std::nullopt);
  EXPECT_FALSE(plain.last());

  const ReplyPart with_cas = whole_part("VALUE k 4294967295 0 18446744073709551615\r\n\r\n");
  EXPECT_EQ(with_cas.cas, 18446744073709551615u);
  EXPECT_EQ(with_cas.value, "");
}

TEST(ReplyParser, AnErrorIsTheLineThatWasSent) {
  for (const std::string line : {"ERROR", "ERROR no such command", "CLIENT_ERROR bad data chunk",
                                 "SERVER_ERROR out of memory", "SERVER_ERROR"}) {
    const std::string bytes = line + "\r\n";
    EXPECT_EQ(whole_part(bytes).error_line(), line);
  }
}

TEST(ReplyParser, AValueMayContainAnythingThatLooksLikeAReply) {
  EXPECT_EQ(whole_part("VALUE k 0 12\r\nEND\r\nSTORED\n\r\n").value, "END\r\nSTORED\n");
}

TEST(ReplyParser, AcceptsTheLongestKeyAndWaitsForTheLongestValue) {
  const std::string key(limits::key_bytes_max, 'k');
  EXPECT_EQ(whole_part("VALUE " + key + " 0 1\r\nx\r\n").value, "x");
  ReplyPart part;
  EXPECT_EQ(parse_reply("VALUE k 0 2147483645\r\n", part).kind, Kind::need_more);
}

TEST(ReplyParser, SaysHowManyBytesAValueTakes) {
  ReplyPart part;
  const ReplyParsed parsed = parse_reply("VALUE k 0 1000000\r\nx", part);
  EXPECT_EQ(parsed.kind, Kind::need_more);
  EXPECT_EQ(parsed.wanted, 19u + 1000000u + 2u);
}

TEST(ReplyParser, ReadsWordsThatStandAlone) {
  const struct {
    Bytes line;
    ReplyWord word;
  } table[] = {
      {"END\r\n", ReplyWord::end},           {"STORED\r\n", ReplyWord::stored},
      {"EXISTS\r\n", ReplyWord::exists},     {"NOT_STORED\r\n", ReplyWord::not_stored},
      {"DELETED\r\n", ReplyWord::deleted},   {"NOT_FOUND\r\n", ReplyWord::not_found},
      {"TOUCHED\r\n", ReplyWord::touched},   {"OK\r\n", ReplyWord::ok},
      {"RESET\r\n", ReplyWord::reset},       {"MN\r\n", ReplyWord::meta_noop},
      {"HD\r\n", ReplyWord::meta_hit},       {"EN\r\n", ReplyWord::meta_miss},
      {"NF\r\n", ReplyWord::meta_not_found}, {"NS\r\n", ReplyWord::meta_not_stored},
      {"EX\r\n", ReplyWord::meta_exists},    {"ERROR\r\n", ReplyWord::error},
  };
  for (const auto& row : table) {
    const ReplyPart part = whole_part(row.line);
    EXPECT_EQ(part.word, row.word) << row.line;
    EXPECT_TRUE(part.last());
  }
}

TEST(ReplyParser, ReadsNumbers) {
  EXPECT_EQ(whole_part("0\r\n").number, 0u);
  EXPECT_EQ(whole_part("18446744073709551615\r\n").number, 18446744073709551615u);
  EXPECT_EQ(whole_part("7\r\n").word, ReplyWord::number);
}

TEST(ReplyParser, ReadsTextsBehindTheirWord) {
  EXPECT_EQ(whole_part("VERSION 1.6.45\r\n").text, "1.6.45");
  const ReplyPart refused = whole_part("CLIENT_ERROR bad data chunk\r\n");
  EXPECT_EQ(refused.word, ReplyWord::client_error);
  EXPECT_EQ(refused.text, "bad data chunk");
  EXPECT_TRUE(refused.is_error());
  EXPECT_EQ(whole_part("SERVER_ERROR out of memory storing object\r\n").word,
            ReplyWord::server_error);
  EXPECT_EQ(whole_part("ERROR Too many open connections\r\n").text, "Too many open connections");
  EXPECT_EQ(whole_part("ERROR: shutdown not enabled\r\n").text, "shutdown not enabled");
  EXPECT_EQ(whole_part("MEMLIMIT_TOO_SMALL cannot\r\n").text, "MEMLIMIT_TOO_SMALL cannot");
}

TEST(ReplyParser, ReadsStatsAndDumps) {
  const ReplyPart stat = whole_part("STAT items:1:number 5\r\n");
  EXPECT_EQ(stat.key, "items:1:number");
  EXPECT_EQ(stat.text, "5");
  EXPECT_FALSE(stat.last());
  EXPECT_EQ(whole_part("STAT empty \r\n").text, "");
  EXPECT_EQ(whole_part("key=a exp=-1 size=64 \n").word, ReplyWord::dump);
  EXPECT_EQ(whole_part("mg a\r\n").text, "mg a");
  const ReplyPart debug = whole_part("ME a exp=-1 la=0\r\n");
  EXPECT_EQ(debug.key, "a");
  EXPECT_EQ(debug.text, "exp=-1 la=0");
}

TEST(ReplyParser, ReadsMetaFlags) {
  const ReplyPart hit = whole_part("HD t30 Oabc kZm9v b W\r\n");
  EXPECT_EQ(hit.flag('t'), "30");
  EXPECT_EQ(hit.flag('O'), "abc");
  EXPECT_EQ(hit.flag('b'), "");
  EXPECT_EQ(hit.flag('W'), "");
  EXPECT_EQ(hit.flag('Z'), std::nullopt);
  const ReplyPart value = whole_part("VA 2 f0 Z\r\nhi\r\n");
  EXPECT_EQ(value.word, ReplyWord::meta_value);
  EXPECT_EQ(value.value, "hi");
  EXPECT_EQ(value.flag('f'), "0");
  EXPECT_EQ(whole_part("VA 0\r\n\r\n").flags, "");
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  const std::string long_key(limits::key_bytes_max + 1, 'k');
  const std::string table[] = {
      "\r\n",
      "HELLO\r\n",
      "stored\r\n",
      "STORED\n",
      "STORED now\r\n",
      "-1\r\n",
      "+1\r\n",
      "12x\r\n",
      "18446744073709551616\r\n",
      "VALUE\r\n",
      "VALUE k\r\n",
      "VALUE k 0\r\n",
      "VALUE k 0 x\r\n",
      "VALUE k 0 -1\r\n",
      "VALUE k 4294967296 1\r\nx\r\n",
      "VALUE k 0 1 x\r\nx\r\n",
      "VALUE k 0 1 2 3\r\nx\r\n",
      "VALUE k 0 2147483646\r\n",
      "VALUE k 0 1\r\nxyz",
      "VALUE " + long_key + " 0 1\r\nx\r\n",
      "VA\r\n",
      "VA x\r\n",
      "VA 1\r\nxyz",
      "STAT\r\n",
      "ME\r\n",
      std::string(limits::line_bytes_max, 'x'),
      "ERROR " + std::string(limits::line_bytes_max, 'x') + "\r\n",
  };
  for (const std::string& line : table) {
    ReplyPart part;
    EXPECT_EQ(parse_reply(line, part).kind, Kind::malformed) << line.substr(0, 40);
  }
}

}  // namespace
}  // namespace cacheismo::proto
