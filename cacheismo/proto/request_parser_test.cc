// Goal: every line of the protocol is read as memcached reads it.
// Method: tables of lines and verdicts; every good line also byte by byte and with bytes behind it.

#include "cacheismo/proto/request_parser.h"

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/proto/replies.h"

namespace cacheismo::proto {
namespace {

using Kind = Parsed::Kind;

struct Verdict {
  std::string line;
  Kind kind;
  Bytes reply = {};
  std::uint64_t swallow = 0;
};

void expect(const Verdict& verdict) {
  RequestParser parser;
  SCOPED_TRACE(verdict.line.substr(0, 60));
  for (std::size_t cut = 0; cut + 1 < verdict.line.size() && cut < 2000; ++cut) {
    ASSERT_EQ(parser.parse(Bytes(verdict.line).substr(0, cut)).kind, Kind::need_more);
  }
  for (const std::string& behind : {std::string(), std::string("get x\r\n")}) {
    const std::string input = verdict.line + behind;
    const Parsed parsed = parser.parse(input);
    EXPECT_EQ(parsed.kind, verdict.kind);
    EXPECT_EQ(parsed.reply, verdict.reply);
    EXPECT_EQ(parsed.swallow, verdict.swallow);
    if (verdict.kind != Kind::hang_up) {
      EXPECT_EQ(parsed.consumed, verdict.line.size());
    }
  }
}

const std::string key250(250, 'k');
const std::string key251(251, 'k');

TEST(RequestParser, AnswersLinesThatAreNoCommand) {
  const Verdict table[] = {
      {"\r\n", Kind::reject, replies::bad_line},
      {" \n", Kind::reject, replies::bad_line},
      {"x\r\n", Kind::reject, replies::bad_line},
      {"GET a\r\n", Kind::reject, replies::error},
      {" get a\r\n", Kind::reject, replies::error},
      {"get\ta\r\n", Kind::reject, replies::error},
      {"bogus\r\n", Kind::reject, replies::error},
      {"bogus noreply\r\n", Kind::reject, ""},
      {"noreply\r\n", Kind::reject, replies::error},
      {"GET / HTTP/1.1\r\n", Kind::hang_up},
      {"\x80xyz\r\n", Kind::reject, replies::error},
      {std::string("\0get a\r\n", 8), Kind::reject, replies::error},
      {std::string("get\0 a\r\n", 8), Kind::reject, replies::error},
      {"xy\r\n", Kind::reject, replies::error},
      {"mn\r\n", Kind::command},
      {"mn\n", Kind::reject, replies::bad_line},
      {"getx a\r\n", Kind::reject, replies::error},
      {"ge a\r\n", Kind::reject, replies::error},
      {"mx a\r\n", Kind::reject, replies::error},
      {"flush_al\r\n", Kind::reject, replies::error},
      {"flush_alls\r\n", Kind::reject, replies::error},
      {" flush_all\r\n", Kind::reject, replies::error},
      {"bogus noreply x\r\n", Kind::reject, replies::error},
      {"bogus  noreply  \r\n", Kind::reject, ""},
      {"POST / HTTP/1.1 \r\n", Kind::hang_up},
      {"get / HTTP/1.1\r\n", Kind::command},
      {std::string(3000, 'x') + "\r\n", Kind::reject, replies::error},
  };
  for (const Verdict& verdict : table) expect(verdict);
}

TEST(RequestParser, RefusesMissingAndMalformedArguments) {
  const Verdict table[] = {
      {"get\r\n", Kind::reject, replies::bad_line},
      {"get  \r\n", Kind::reject, replies::bad_line},
      {"gets\r\n", Kind::reject, replies::bad_line},
      {"gat 1\r\n", Kind::reject, replies::bad_line},
      {"gat x a\r\n", Kind::reject, replies::bad_exptime},
      {"get a " + key251 + " b\r\n", Kind::reject, replies::bad_line},
      {"get " + key251 + "\r\n", Kind::reject, replies::bad_line},
      {"get a " + key251 + "\r\n", Kind::reject, replies::bad_line},
      {"get " + key250 + " " + key251 + " a\r\n", Kind::reject, replies::bad_line},
      {"get " + key250 + " " + key250 + "  " + key250 + "\r\n", Kind::command},
      {"get a" + std::string(300, ' ') + key250 + std::string(300, ' ') + "\r\n", Kind::command},
      {"set a 0 0\r\n", Kind::reject, replies::bad_line},
      {"set a 0 0 x\r\n", Kind::reject, replies::bad_line},
      {"set a 0 0 -1\r\n", Kind::reject, replies::bad_line},
      {"set a 0 0 2147483646\r\n", Kind::reject, replies::bad_line},
      {"set a -1 0 1\r\n", Kind::reject, replies::bad_line, 3},
      {"set a x 0 5\r\n", Kind::reject, replies::bad_line, 7},
      {"set a 0 x 5\r\n", Kind::reject, replies::bad_line, 7},
      {"set " + key251 + " 0 0 5\r\n", Kind::reject, replies::bad_line, 7},
      {"cas a 0 0 1\r\n", Kind::reject, replies::bad_line, 3},
      {"cas a 0 0 1 x\r\n", Kind::reject, replies::bad_line, 3},
      {"cas a 0 0 1 -1\r\n", Kind::reject, replies::bad_line, 3},
      {"touch a\r\n", Kind::reject, replies::bad_line},
      {"touch a x\r\n", Kind::reject, replies::bad_exptime},
      {"incr a\r\n", Kind::reject, replies::bad_line},
      {"incr a x\r\n", Kind::reject, replies::bad_delta},
      {"incr a -1\r\n", Kind::reject, replies::bad_delta},
      {"incr a 18446744073709551616\r\n", Kind::reject, replies::bad_delta},
      {"delete\r\n", Kind::reject, replies::bad_line},
      {"flush_all x\r\n", Kind::reject, replies::bad_exptime},
      {"verbosity\r\n", Kind::reject, replies::bad_line},
      {"verbosity x\r\n", Kind::reject, replies::bad_line},
      {"verbosity 4294967296\r\n", Kind::reject, replies::bad_line},
      {"verbosity 4294967295\r\n", Kind::command},
      {"set\r\n", Kind::reject, replies::bad_line},
      {"set a 0 0 2147483645\r\n", Kind::command},
      {"set a 0 0 99999999999999999999\r\n", Kind::reject, replies::bad_line},
      {"set a 18446744073709551616 0 1\r\n", Kind::reject, replies::bad_line, 3},
      {"set a 0 0 1 2 3\r\n", Kind::command},
      {"touch " + key251 + " 0\r\n", Kind::reject, replies::bad_line},
      {"incr " + key251 + " 1\r\n", Kind::reject, replies::bad_line},
      {"delete " + key251 + "\r\n", Kind::reject, replies::bad_line},
      {"gat 0 " + key251 + "\r\n", Kind::reject, replies::bad_line},
      {"get " + key250 + "\r\n", Kind::command},
      {"set " + key250 + " 0 0 1\r\n", Kind::command},
  };
  for (const Verdict& verdict : table) expect(verdict);
}

TEST(RequestParser, NoreplySilencesTheErrorsOfCompleteLines) {
  const Verdict table[] = {
      {"set a x 0 5 noreply\r\n", Kind::reject, "", 7},
      {"set " + key251 + " 0 0 5 noreply\r\n", Kind::reject, "", 7},
      {"cas a 0 0 5 noreply\r\n", Kind::reject, "", 7},
      {"incr a x noreply\r\n", Kind::reject, ""},
      {"incr a noreply\r\n", Kind::reject, ""},
      {"touch a x noreply\r\n", Kind::reject, ""},
      {"delete " + key251 + " noreply\r\n", Kind::reject, ""},
      {"incr " + key251 + " 1 noreply\r\n", Kind::reject, ""},
      {"touch " + key251 + " 1 noreply\r\n", Kind::reject, ""},
      {"flush_all x noreply\r\n", Kind::reject, ""},
      {"verbosity noreply\r\n", Kind::reject, ""},
      // Not complete, or not silenced by it.
      {"set a 0 0 noreply\r\n", Kind::reject, replies::bad_line},
      {"set a 0 0 -5 noreply\r\n", Kind::reject, replies::bad_line},
      {"get " + key251 + " noreply\r\n", Kind::reject, replies::bad_line},
      {"mg " + key251 + " q\r\n", Kind::reject, replies::bad_line},
      {"touch noreply\r\n", Kind::reject, replies::bad_line},
  };
  for (const Verdict& verdict : table) expect(verdict);
}

TEST(RequestParser, RefusesMalformedMetaLines) {
  const Verdict table[] = {
      {"mg\r\n", Kind::reject, replies::bad_line},
      {"mg " + key251 + "\r\n", Kind::reject, replies::bad_line},
      {"mg a v v\r\n", Kind::reject, replies::duplicate_flag},
      {"ma a v v\r\n", Kind::reject, replies::invalid_or_duplicate_flag},
      {"mg a !\r\n", Kind::reject, replies::invalid_flag},
      {"mg a z\r\n", Kind::reject, replies::invalid_flag},
      {"mg a Tx\r\n", Kind::reject, replies::bad_token},
      {"mg a O" + std::string(32, 'x') + "\r\n", Kind::reject, replies::opaque_too_long},
      {"mg a O" + std::string(31, 'x') + "\r\n", Kind::command},
      {"mg a c f h k l O q s t u v x C1 D1 F1 I J1 N1 R1\r\n", Kind::reject,
       replies::flags_too_long},
      {"mg a c f h k l O q s t u v x C1 D1 F1 I J1 N1\r\n", Kind::command},
      {"ms a 2 c f h k l O q s t u v x C1 D1 F1 I J1 N1\r\n", Kind::reject, replies::flags_too_long,
       4},
      {"ms a 2 c f h k l O q s t u v x C1 D1 F1 I J1\r\n", Kind::command},
      {"mg @@@@ b\r\n", Kind::reject, replies::bad_base64},
      {"ms a\r\n", Kind::reject, replies::bad_line},
      {"ms a S2\r\n", Kind::reject, replies::bad_line},
      {"ms a 2 MX\r\n", Kind::reject, replies::bad_mode_ms, 4},
      {"ms a 2 v v\r\n", Kind::reject, replies::duplicate_flag, 4},
      {"ms a 2 Fx\r\n", Kind::reject, replies::bad_line, 4},
      {"ms a 2 Jx\r\n", Kind::reject, replies::bad_initial, 4},
      {"ms a 2 Dx\r\n", Kind::reject, replies::bad_delta_flag, 4},
      {"ms a 2 M\r\n", Kind::reject, replies::bad_mode_ms, 4},
      {"ms a 2 Ms\r\n", Kind::reject, replies::bad_mode_ms, 4},
      {"ms a 2 MSET\r\n", Kind::command},
      {"ms ==== 2 b\r\n", Kind::reject, replies::bad_base64, 4},
      {"ms a 2147483646\r\n", Kind::reject, replies::bad_line},
      {"ms a -1\r\n", Kind::reject, replies::bad_line},
      {"ms a 2 O" + std::string(32, 'x') + "\r\n", Kind::reject, replies::opaque_too_long, 4},
      {"ms " + key251 + " 2\r\n", Kind::reject, replies::bad_line, 4},
      {"ma a MX\r\n", Kind::reject, replies::bad_mode_ma},
      {"ma a Mi\r\n", Kind::reject, replies::bad_mode_ma},
      {"ma a MDECR\r\n", Kind::command},
      {"ma a M-\r\n", Kind::command},
      {"ma a Dx\r\n", Kind::reject, replies::invalid_or_duplicate_flag},
      {"ma a z\r\n", Kind::reject, replies::invalid_or_duplicate_flag},
      {"md a v v\r\n", Kind::reject, replies::duplicate_flag},
      {"md\r\n", Kind::reject, replies::bad_line},
      {"mg a T v\r\n", Kind::reject, replies::bad_token},
      {"mg a Tx z\r\n", Kind::reject, replies::invalid_flag},
      {"mg a [\r\n", Kind::reject, replies::invalid_flag},
      {"mg a \xc3\xa4\r\n", Kind::reject, replies::invalid_flag},
      {"mg a M P1 L2\r\n", Kind::command},
      {"me\r\n", Kind::reject, replies::bad_line},
      {"me " + key251 + "\r\n", Kind::reject, replies::bad_line},
      {"me @@@@ b\r\n", Kind::reject, replies::bad_line},
      {"me a ! whatever\r\n", Kind::command},
  };
  for (const Verdict& verdict : table) expect(verdict);
}

TEST(RequestParser, ReadsStorageLines) {
  RequestParser parser;
  const Bytes line =
      "cas "
      "a\x01"
      " 4294967295  -1 5 77 ignored noreply\r\nhello\r\n";
  const Parsed parsed = parser.parse(line);
  ASSERT_EQ(parsed.kind, Kind::command);
  const Command& command = parser.command();
  EXPECT_EQ(command.verb, Verb::cas);
  EXPECT_EQ(command.key, "a\x01");
  EXPECT_EQ(command.client_flags, 4294967295u);
  EXPECT_EQ(command.exptime, -1);
  EXPECT_EQ(command.data_bytes, 5u);
  EXPECT_EQ(command.cas, 77u);
  EXPECT_TRUE(command.noreply);
  EXPECT_EQ(line.substr(parsed.consumed), "hello\r\n");
}

TEST(RequestParser, NoreplyCountsOnlyAsTheLastToken) {
  RequestParser parser;
  ASSERT_EQ(parser.parse("set a 0 0 1 noreply x\n").kind, Kind::command);
  EXPECT_FALSE(parser.command().noreply);
  ASSERT_EQ(parser.parse("delete noreply\n").kind, Kind::command);
  EXPECT_TRUE(parser.command().noreply);
  EXPECT_EQ(parser.command().key, "noreply");
  ASSERT_EQ(parser.parse("delete a 10\n").kind, Kind::command);
  EXPECT_FALSE(parser.command().noreply);
  ASSERT_EQ(parser.parse("flush_all noreply\n").kind, Kind::command);
  EXPECT_TRUE(parser.command().noreply);
  EXPECT_EQ(parser.command().exptime, 0);
  ASSERT_EQ(parser.parse("get a noreply\n").kind, Kind::command);
  EXPECT_EQ(parser.command().keys, "a noreply");
}

TEST(RequestParser, WalksTheKeysOfAMultiGet) {
  RequestParser parser;
  const std::string line = "gats  30  a  bb a " + key250 + " \r\n";
  ASSERT_EQ(parser.parse(line).kind, Kind::command);
  EXPECT_EQ(parser.command().exptime, 30);
  KeyCursor keys(parser.command().keys);
  for (const Bytes expected : {Bytes("a"), Bytes("bb"), Bytes("a"), Bytes(key250), Bytes()})
    EXPECT_EQ(keys.next(), expected);
}

TEST(RequestParser, AMultiGetLineOfHundredsOfKilobytesIsOneCommand) {
  std::string line = "gets";
  constexpr int count = 30'000;
  for (int i = 0; i < count; ++i) line += " key:" + std::to_string(i);
  RequestParser parser;
  ASSERT_EQ(parser.parse(line).kind, Kind::need_more);
  line += "\r\n";
  ASSERT_GT(line.size(), 200'000u);
  ASSERT_EQ(parser.parse(line).consumed, line.size());
  KeyCursor keys(parser.command().keys);
  for (int i = 0; i < count; ++i) ASSERT_EQ(keys.next(), "key:" + std::to_string(i));
  EXPECT_TRUE(keys.next().empty());
}

TEST(RequestParser, ReadsMetaFlagsInRequestOrder) {
  RequestParser parser;
  ASSERT_EQ(parser.parse("ms Zm9v 2 b T-1 Oabc F7 MAppend C5 I q N30 k\r\nhi\r\n").kind,
            Kind::command);
  const Command& command = parser.command();
  const Meta& meta = command.meta;
  EXPECT_EQ(command.key, "foo");
  EXPECT_EQ(meta.encoded_key, "Zm9v");
  EXPECT_EQ(command.data_bytes, 2u);
  EXPECT_EQ(meta.ttl, -1);
  EXPECT_EQ(meta.vivify, 30);
  EXPECT_EQ(meta.client_flags, 7u);
  EXPECT_EQ(meta.mode, 'A');
  EXPECT_EQ(meta.compare_cas, 5u);
  EXPECT_TRUE(meta.quiet && meta.has('I') && meta.has('k') && !meta.has('v'));
  EXPECT_EQ(meta.all()[2].argument, "abc");
}

TEST(RequestParser, AMetaCommandForgetsTheFlagsOfTheOneBefore) {
  RequestParser parser;
  ASSERT_EQ(parser.parse("mg a T30 q b\n").kind, Kind::reject);  // "a" is no base64
  ASSERT_EQ(parser.parse("mg a\n").kind, Kind::command);
  EXPECT_FALSE(parser.command().meta.ttl || parser.command().meta.quiet);
  EXPECT_FALSE(parser.command().meta.base64);
  EXPECT_EQ(parser.command().meta.count, 0);
}

TEST(RequestParser, WaitsOnlyForMultiGetLinesThatAreLong) {
  RequestParser parser;
  const std::string filler(3000, 'x');
  EXPECT_EQ(parser.parse("set " + filler).kind, Kind::hang_up);
  EXPECT_EQ(parser.parse("gat 0 " + filler).kind, Kind::hang_up);
  EXPECT_EQ(parser.parse("get " + filler).kind, Kind::need_more);
  EXPECT_EQ(parser.parse(std::string(100, ' ') + "gets " + filler).kind, Kind::need_more);
  EXPECT_EQ(parser.parse(std::string(101, ' ') + "gets " + filler).kind, Kind::hang_up);
  EXPECT_EQ(parser.parse(std::string(2048, 'x')).kind, Kind::need_more);
  EXPECT_EQ(parser.parse(std::string(2049, 'x')).kind, Kind::hang_up);
  EXPECT_EQ(parser.parse("set " + filler + " 0 0 1\r\n").kind, Kind::reject);
  const std::string longest = "get " + std::string(limits::multiget_line_bytes_max - 4, 'x');
  EXPECT_EQ(parser.parse(longest).kind, Kind::need_more);
  EXPECT_EQ(parser.parse(longest + 'x').kind, Kind::hang_up);
}

TEST(RequestParser, ReadsOperatorsLines) {
  RequestParser parser;
  ASSERT_EQ(parser.parse("lru_crawler metadump all\r\n").kind, Kind::command);
  EXPECT_EQ(parser.command().verb, Verb::lru_crawler);
  EXPECT_EQ(parser.command().arguments, " metadump all");
  ASSERT_EQ(parser.parse("cache_memlimit 64 noreply\r\n").kind, Kind::command);
  EXPECT_TRUE(parser.command().noreply);
  ASSERT_EQ(parser.parse("stats reset noreply\r\n").kind, Kind::command);
  EXPECT_FALSE(parser.command().noreply);
  ASSERT_EQ(parser.parse("flush_all -1\r\n").kind, Kind::command);
  EXPECT_EQ(parser.command().exptime, -1);
  ASSERT_EQ(parser.parse("flush_all 10 noreply\r\n").kind, Kind::command);
  EXPECT_EQ(parser.command().exptime, 10);
  ASSERT_EQ(parser.parse("verbosity 2 noreply\r\n").kind, Kind::command);
  EXPECT_EQ(parser.command().delta, 2u);
}

TEST(RequestParser, TheDebugCommandLooksOnlyForTheBase64Flag) {
  RequestParser parser;
  ASSERT_EQ(parser.parse("me Zm9v v z b\r\n").kind, Kind::command);
  EXPECT_EQ(parser.command().key, "foo");
  EXPECT_EQ(parser.command().meta.encoded_key, "Zm9v");
  ASSERT_EQ(parser.parse("me Zm9v\r\n").kind, Kind::command);
  EXPECT_EQ(parser.command().key, "Zm9v");
}

TEST(RequestParser, OddKeysAreKeys) {
  RequestParser parser;
  const std::string key("\x01\0\r\t\x7f\xff", 6);
  const std::string get = "get " + key + "\n";
  ASSERT_EQ(parser.parse(get).kind, Kind::command);
  EXPECT_EQ(KeyCursor(parser.command().keys).next(), key);
  const std::string incr = "incr " + key + " +5\n";
  ASSERT_EQ(parser.parse(incr).kind, Kind::command);
  EXPECT_EQ(parser.command().key, key);
  EXPECT_EQ(parser.command().delta, 5u);
}

TEST(RequestParser, AnEmptyInputIsNotYetALine) {
  RequestParser parser;
  EXPECT_EQ(parser.parse({}).kind, Kind::need_more);
}

}  // namespace
}  // namespace cacheismo::proto
