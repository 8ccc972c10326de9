// Goal: replies are memcached's to the byte, and no function writes beyond its stated size.
// Method: each function into a buffer that is longer than needed, compared as a whole; the longest
// forms against the constants that callers make room by.

#include "cacheismo/proto/reply_format.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/proto/request_parser.h"

namespace cacheismo::proto {
namespace {

constexpr std::uint64_t u64_max = std::numeric_limits<std::uint64_t>::max();

template <class Put>
std::string written(Put put_at) {
  std::vector<char> buffer(4096, '~');
  char* end = put_at(buffer.data());
  EXPECT_EQ(*end, '~') << "wrote behind its end";
  return std::string(buffer.data(), end);
}

/// The flags of one meta request line, as the parser hands them on.
std::string meta_line(Bytes request, MetaEcho echo, const MetaFacts& facts) {
  RequestParser parser;
  EXPECT_EQ(parser.parse(request).kind, Parsed::Kind::command) << request;
  return written(
      [&](char* out) { return put_meta_line(out, "HD", parser.command().meta, echo, facts); });
}

TEST(ReplyFormat, WritesNumbersFromZeroToTheLargest) {
  EXPECT_EQ(written([](char* out) { return put_decimal(out, 0); }), "0");
  EXPECT_EQ(written([](char* out) { return put_decimal(out, u64_max); }), "18446744073709551615");
  EXPECT_EQ(written([](char* out) { return put_signed(out, -1); }), "-1");
  EXPECT_EQ(
      written([](char* out) { return put_signed(out, std::numeric_limits<std::int64_t>::min()); }),
      "-9223372036854775808");
}

TEST(ReplyFormat, WritesValueHeadersWithAndWithoutCas) {
  EXPECT_EQ(written([](char* out) { return put_value_header(out, "k", 7, 5); }), "VALUE k 7 5\r\n");
  EXPECT_EQ(written([](char* out) { return put_value_header(out, "k", 0, 0, 99); }),
            "VALUE k 0 0 99\r\n");
}

TEST(ReplyFormat, WritesStatLines) {
  EXPECT_EQ(written([](char* out) { return put_stat(out, "version", "1.6.45"); }),
            "STAT version 1.6.45\r\n");
  EXPECT_EQ(written([](char* out) { return put_stat(out, "pid", 42u); }), "STAT pid 42\r\n");
}

TEST(ReplyFormat, MetaFlagsComeBackInRequestOrderThenZXW) {
  const MetaFacts facts{.key = "foo",
                        .value_bytes = 5,
                        .cas = 9,
                        .client_flags = 3,
                        .ttl_seconds_before = 40,
                        .ttl_seconds = 40,
                        .idle_seconds = 2,
                        .fetched = true,
                        .token_sent = true,
                        .stale = true,
                        .won = true};
  EXPECT_EQ(meta_line("mg foo t v s O77 k f h l c u q\n", MetaEcho::hit, facts),
            "HD t40 s5 O77 kfoo f3 h1 l2 c9 Z X W\r\n");
  EXPECT_EQ(meta_line("mg Zm9v k b O1\n", MetaEcho::name_only, {.key = "foo"}),
            "HD kZm9v b O1\r\n");
}

TEST(ReplyFormat, EachReplyEchoesOnlyItsOwnLetters) {
  const MetaFacts facts{.key = "k", .value_bytes = 5, .cas = 9};
  EXPECT_EQ(meta_line("ms k 5 T0 c s k O1 I q\n", MetaEcho::stored, facts), "HD c9 s5 kk O1\r\n");
  EXPECT_EQ(meta_line("ma k N0 J5 c t k O1\n", MetaEcho::arithmetic, facts), "HD c9 t-1 kk O1\r\n");
  EXPECT_EQ(meta_line("md k O1 q t k\n", MetaEcho::name_only, facts), "HD O1 kk\r\n");
}

TEST(ReplyFormat, TtlShowsTheNewValueOnlyBehindTheFlagThatSetsIt) {
  const MetaFacts facts{.ttl_seconds_before = -1, .ttl_seconds = 30};
  EXPECT_EQ(meta_line("mg k T30 t\n", MetaEcho::hit, facts), "HD t30\r\n");
  EXPECT_EQ(meta_line("mg k t T30\n", MetaEcho::hit, facts), "HD t-1\r\n");
}

TEST(ReplyFormat, WritesTheMetaValueLine) {
  RequestParser parser;
  ASSERT_EQ(parser.parse("mg k v f\n").kind, Parsed::Kind::command);
  EXPECT_EQ(written([&](char* out) {
              return put_meta_value_line(out, parser.command().meta, MetaEcho::hit,
                                         {.value_bytes = 11, .client_flags = 2});
            }),
            "VA 11 f2\r\n");
}

TEST(ReplyFormat, WritesItemLinesOfMeAndTheDumps) {
  ItemFacts facts{.key = "a b%",
                  .expiry = 10,
                  .last_access = 3,
                  .cas = 6,
                  .fetched = true,
                  .size_class = 1,
                  .item_bytes = 64,
                  .client_flags = 5};
  EXPECT_EQ(written([&](char* out) { return put_me_line(out, facts, true); }),
            "ME YSBiJQ== exp=10 la=3 cas=6 fetch=yes cls=1 size=64\r\n");
  EXPECT_EQ(written([&](char* out) { return put_metadump_line(out, facts); }),
            "key=a%20b%25 exp=10 la=3 cas=6 fetch=yes cls=1 size=64 flags=5 \n");
  EXPECT_EQ(written([](char* out) { return put_mgdump_line(out, "a%b"); }), "mg a%b\r\n");
  EXPECT_EQ(written([](char* out) { return put_mgdump_line(out, "a b"); }), "mg YSBi b\r\n");
}

TEST(ReplyFormat, TheLongestLinesFitTheirConstants) {
  const std::string key(limits::key_bytes_max, '\xff');
  EXPECT_EQ(written([&](char* out) {
              return put_value_header(out, key, 0xffffffff, u64_max, u64_max);
            }).size(),
            value_header_bytes_max - (decimal_bytes_max - 10));  // client flags are 32 bits

  const MetaFacts facts{.key = key,
                        .value_bytes = u64_max,
                        .cas = u64_max,
                        .client_flags = 0xffffffff,
                        .ttl_seconds_before = std::numeric_limits<std::int64_t>::min(),
                        .idle_seconds = u64_max,
                        .token_sent = true,
                        .stale = true,
                        .won = true};
  Meta meta;
  const std::string opaque(limits::opaque_token_bytes_max - 1, 'o');
  for (const char letter : {'O', 'k', 's', 't', 'c', 'f', 'l', 'h'})
    meta.tokens[meta.count++] = {letter, opaque};
  meta.base64 = true;
  EXPECT_LE(written([&](char* out) {
              return put_meta_value_line(out, meta, MetaEcho::hit, facts);
            }).size(),
            meta_line_bytes_max);

  const ItemFacts item{.key = key,
                       .expiry = std::numeric_limits<std::int64_t>::min(),
                       .last_access = std::numeric_limits<std::int64_t>::min(),
                       .cas = u64_max,
                       .fetched = true,
                       .size_class = 0xffffffff,
                       .item_bytes = u64_max,
                       .client_flags = 0xffffffff};
  EXPECT_LE(written([&](char* out) { return put_metadump_line(out, item); }).size(),
            item_line_bytes_max);
}

}  // namespace
}  // namespace cacheismo::proto
