// Goal: what a client asks is what the owner is asked, and what the owner answers is what the
// client would have heard from a single node.
// Method: tables of request lines through the real parser, and of replies through the real one.

#include "cacheismo/cluster/forward.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "cacheismo/cluster/hop.h"
#include "cacheismo/proto/request_parser.h"

namespace cacheismo::cluster {
namespace {

constexpr ForwardOptions options{.opaque = 27, .hop = {.hops = 1, .epoch = 7, .remaining_ms = 950}};

struct Asked {
  std::string request;
  std::optional<Forward> forward;
};

Asked ask(const std::string& line, Bytes data = {}) {
  proto::RequestParser parser;
  const proto::Parsed parsed = parser.parse(line);
  EXPECT_EQ(parsed.kind, proto::Parsed::Kind::command) << line;
  Asked asked;
  asked.forward = forward_command(parser.command(), data, options, asked.request);
  return asked;
}

Asked ask_get(const ForwardGet& how) {
  Asked asked;
  asked.forward = forward_get("user:7", how, options, asked.request);
  return asked;
}

std::string answer(const Forward& forward, Bytes bytes) {
  proto::ReplyPart part;
  const proto::ReplyParsed parsed = proto::parse_reply(bytes, part);
  EXPECT_EQ(parsed.kind, proto::ReplyParsed::Kind::part) << bytes;
  std::string out;
  if (!append_reply(forward, part, out)) return "does not fit";
  return out;
}

constexpr const char* tail = " k O27 P1.0.7.950\r\n";

TEST(Hop, IsReadAsItIsWritten) {
  std::string text;
  append_hop(text, {.hops = 1, .depth = 3, .epoch = 18446744073709551615u, .remaining_ms = 12});
  EXPECT_EQ(text, "1.3.18446744073709551615.12");
  EXPECT_EQ(parse_hop(text)->epoch, 18446744073709551615u);
  for (const auto& [marked, wants] :
       {std::pair{"1.2.3.4", Hop::Wants::meta}, std::pair{"1.2.3.4.p", Hop::Wants::plain},
        std::pair{"1.2.3.4.i", Hop::Wants::item}, std::pair{"1.2.3.4.d", Hop::Wants::digest}}) {
    const auto hop = parse_hop(marked);
    ASSERT_TRUE(hop);
    EXPECT_EQ(hop->wants, wants);
    std::string again;
    append_hop(again, *hop);
    EXPECT_EQ(again, marked);
  }
  EXPECT_EQ(parse_hop("1.2.3.4"), (Hop{.hops = 1, .depth = 2, .epoch = 3, .remaining_ms = 4}));
}

TEST(Hop, AnotherProxysTokenIsNone) {
  for (const char* text : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.p", "1.2.3.4.i.d", "a.0.7.1",
                           "256.0.7.1", "1.0.7.", "1.0.7.4294967296", "-1.0.7.1"})
    EXPECT_FALSE(parse_hop(text).has_value()) << text;
}

TEST(Forward, ClassicCommandsAreAskedAsMetaCommands) {
  const struct {
    const char* line;
    const char* data;
    std::string request;
  } cases[] = {
      {"set k 5 60 3\r\n", "abc", "ms k 3 F5 T60" + std::string(tail) + "abc\r\n"},
      {"add k 5 -1 3\r\n", "abc", "ms k 3 F5 T-1 ME" + std::string(tail) + "abc\r\n"},
      {"replace k 0 0 0\r\n", "", "ms k 0 F0 T0 MR" + std::string(tail) + "\r\n"},
      {"append k 5 60 3\r\n", "abc", "ms k 3 MA" + std::string(tail) + "abc\r\n"},
      {"prepend k 5 60 3\r\n", "abc", "ms k 3 MP" + std::string(tail) + "abc\r\n"},
      {"cas k 5 60 3 99\r\n", "abc", "ms k 3 F5 T60 C99" + std::string(tail) + "abc\r\n"},
      {"delete k\r\n", "", "md k" + std::string(tail)},
      {"incr k 5\r\n", "", "ma k v D5" + std::string(tail)},
      {"decr k 5\r\n", "", "ma k v D5 MD" + std::string(tail)},
      {"touch k 60\r\n", "", "mg k T60 k O27 P1.0.7.950.p\r\n"},
  };
  for (const auto& one : cases) EXPECT_EQ(ask(one.line, one.data).request, one.request);
  EXPECT_EQ(ask_get({}).request, "mg user:7 v f k O27 P1.0.7.950.p\r\n");
  EXPECT_EQ(ask_get({.with_cas = true, .touch = 30}).request,
            "mg user:7 v f c T30 k O27 P1.0.7.950.p\r\n");
}

TEST(Forward, MetaCommandsKeepTheirFlagsInOrder) {
  EXPECT_EQ(ask("mg k s v q t Oabc N30\r\n").request, "mg k s v t O27 N30 k P1.0.7.950\r\n");
  EXPECT_EQ(ask("mg k k v\r\n").request, "mg k k v O27 P1.0.7.950\r\n");
  EXPECT_EQ(ask("ms aGk= 2 b T9 c\r\n", "xy").request,
            "ms aGk= 2 b T9 c k O27 P1.0.7.950\r\nxy\r\n");
  EXPECT_EQ(ask("md k P9.9.9.9 q\r\n").request, "md k" + std::string(tail));
}

TEST(Forward, MoreMetaFlagsThanOursFitBesideAreRefused) {
  EXPECT_TRUE(ask("mg aGk= b c f h l s t u v x C1 E1 D1 J1 T1\r\n").forward.has_value());
  EXPECT_FALSE(ask("mg aGk= b c f h l s t u v x C1 E1 D1 J1 T1 N1\r\n").forward.has_value());
}

TEST(Forward, AnotherOpaqueIsWrittenOverTheFirst) {
  std::string request = ask("ms OO 7 O1 k\r\n", " Oxxxxx").request;
  replace_opaque(request, 4294967295);
  EXPECT_EQ(request, "ms OO 7 O4294967295 k P1.0.7.950\r\n Oxxxxx\r\n");
}

TEST(Forward, ARemovalNamesTheKeyAndSaysNothing) {
  proto::RequestParser parser;
  for (const auto& [line, asked] :
       {std::pair{"set k 0 0 9\r\n", "md k"}, std::pair{"ms aGk= 9 b\r\n", "md aGk= b"}}) {
    ASSERT_EQ(parser.parse(line).kind, proto::Parsed::Kind::command);
    std::string request;
    const Forward forward = forward_removal(parser.command(), options, request);
    EXPECT_EQ(request, asked + std::string(tail));
    EXPECT_EQ(answer(forward, "NF\r\n"), "");
  }
}

TEST(Forward, RepliesBecomeWhatTheClassicCommandSays) {
  const struct {
    const char* line;
    const char* reply;
    const char* shown;
  } cases[] = {
      {"set k 0 0 0\r\n", "HD kk O1\r\n", "STORED\r\n"},
      {"add k 0 0 0\r\n", "NS\r\n", "NOT_STORED\r\n"},
      {"cas k 0 0 0 1\r\n", "EX\r\n", "EXISTS\r\n"},
      {"cas k 0 0 0 1\r\n", "NF\r\n", "NOT_FOUND\r\n"},
      {"set k 0 0 0 noreply\r\n", "HD\r\n", ""},
      {"set k 0 0 0\r\n", "SERVER_ERROR out of memory\r\n", "SERVER_ERROR out of memory\r\n"},
      {"set k 0 0 0 noreply\r\n", "SERVER_ERROR out of memory\r\n", ""},
      {"delete k\r\n", "HD\r\n", "DELETED\r\n"},
      {"delete k\r\n", "NF\r\n", "NOT_FOUND\r\n"},
      {"incr k 1\r\n", "VA 2 kk\r\n17\r\n", "17\r\n"},
      {"incr k 1\r\n", "NF\r\n", "NOT_FOUND\r\n"},
      {"incr k 1\r\n", "HD\r\n", "does not fit"},
      {"incr k 1\r\n", "CLIENT_ERROR cannot\r\n", "CLIENT_ERROR cannot\r\n"},
      {"touch k 1\r\n", "HD\r\n", "TOUCHED\r\n"},
      {"touch k 1\r\n", "EN\r\n", "NOT_FOUND\r\n"},
      {"delete k\r\n", "STORED\r\n", "does not fit"},
      {"delete k\r\n", "END\r\n", "does not fit"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(answer(*ask(one.line).forward, one.reply), one.shown) << one.line << one.reply;
}

TEST(Forward, AGetIsABlockOrNothing) {
  EXPECT_EQ(answer(*ask_get({}).forward, "VA 2 f5 kuser:7 O1\r\nhi\r\n"),
            "VALUE user:7 5 2\r\nhi\r\n");
  EXPECT_EQ(answer(*ask_get({.with_cas = true}).forward, "VA 2 f5 c9 kuser:7 O1 W\r\nhi\r\n"),
            "VALUE user:7 5 2 9\r\nhi\r\n");
  EXPECT_EQ(answer(*ask_get({}).forward, "EN\r\n"), "");
}

TEST(Forward, MetaRepliesLoseWhatWasNotAskedFor) {
  const auto shown = [](const char* line, const char* reply) {
    return answer(*ask(line).forward, reply);
  };
  EXPECT_EQ(shown("mg k v t\r\n", "VA 1 t30 kk O1 W\r\nx\r\n"), "VA 1 t30 W\r\nx\r\n");
  EXPECT_EQ(shown("mg k k Oab v\r\n", "VA 1 kk O1 W\r\nx\r\n"), "VA 1 kk Oab W\r\nx\r\n");
  EXPECT_EQ(shown("mg aGk= b k\r\n", "HD kaGk= b O1\r\n"), "HD kaGk= b\r\n");
  EXPECT_EQ(shown("mg aGk= b\r\n", "HD kaGk= b O1\r\n"), "HD\r\n");
  EXPECT_EQ(shown("mg k v q\r\n", "EN kk O1\r\n"), "");
  EXPECT_EQ(shown("mg k v\r\n", "EN kk O1\r\n"), "EN\r\n");
  EXPECT_EQ(shown("ms k 0 q\r\n", "HD kk O1\r\n"), "");
  EXPECT_EQ(shown("ms k 0 q\r\n", "NS kk O1\r\n"), "NS\r\n");
  EXPECT_EQ(shown("ma k q v\r\n", "VA 1 kk O1\r\n1\r\n"), "");
  EXPECT_EQ(shown("md k q\r\n", "NF kk O1\r\n"), "NF\r\n");
  EXPECT_EQ(shown("me k\r\n", "ME k exp=-1 la=3\r\n"), "ME k exp=-1 la=3\r\n");
  EXPECT_EQ(shown("mg k\r\n", "ME k exp=-1 la=3\r\n"), "does not fit");
  EXPECT_EQ(shown("mg k\r\n", "MN\r\n"), "does not fit");
}

TEST(Forward, OnlyWhatChangesNothingMayBeAskedTwice) {
  EXPECT_TRUE(ask_get({}).forward->read_only);
  EXPECT_FALSE(ask_get({.touch = 1}).forward->read_only);
  EXPECT_TRUE(ask("mg k v\r\n").forward->read_only);
  EXPECT_FALSE(ask("mg k v T3\r\n").forward->read_only);
  EXPECT_FALSE(ask("mg k v N3\r\n").forward->read_only);
  EXPECT_FALSE(ask("set k 0 0 0\r\n").forward->read_only);
  EXPECT_FALSE(ask("touch k 0\r\n").forward->read_only);
}

TEST(Forward, OnlyARefusalAsAnothersIsAWrongOwner) {
  const auto refused = [](Bytes line) {
    proto::ReplyPart part;
    EXPECT_EQ(proto::parse_reply(line, part).kind, proto::ReplyParsed::Kind::part) << line;
    return is_wrong_owner(part);
  };
  EXPECT_TRUE(refused("SERVER_ERROR wrong-owner epoch=7\r\n"));
  EXPECT_FALSE(refused("CLIENT_ERROR wrong-owner epoch=7\r\n"));
  EXPECT_FALSE(refused("SERVER_ERROR out of memory\r\n"));
}

TEST(Forward, AFailureIsALineUnlessTheClientWantsNone) {
  std::string out;
  append_failure(*ask("delete k\r\n").forward, "cluster: n2: timeout", out);
  EXPECT_EQ(out, "SERVER_ERROR cluster: n2: timeout\r\n");
  append_failure(*ask("delete k noreply\r\n").forward, "cluster: n2: timeout", out);
  EXPECT_EQ(out, "SERVER_ERROR cluster: n2: timeout\r\n");
}

}  // namespace
}  // namespace cacheismo::cluster
