// Goal: what people write is read as they mean it, what is printed is read back, and whatever is
// wrong is named with its line. Method: texts by hand; a table of mistakes with their answers.

#include "cacheismo/cluster/ring_file.h"

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"

namespace cacheismo::cluster {
namespace {

RingSpec parsed(Bytes text) {
  const auto spec = parse_ring_file(text);
  EXPECT_TRUE(spec) << spec.error();
  return spec ? *spec : RingSpec{};
}

std::string refusal(Bytes text) {
  const auto spec = parse_ring_file(text);
  return spec ? "(none)" : spec.error();
}

TEST(RingFile, IsReadAsItIsMeant) {
  const RingSpec spec = parsed(
      "# three nodes\n"
      "\n"
      "epoch 7\n"
      "hashing rendezvous\n"
      "node a 10.0.0.1:11211\n"
      "node b cache-b.example:11212 weight 2   # the big one\n"
      "\tnode\tc [2001:db8::3]:11213 state joining weight 3\r\n"
      "node d d:1 state leaving");
  const RingSpec expected{
      .epoch = 7,
      .hashing = Hashing::rendezvous,
      .members = {{.name = "a", .host = "10.0.0.1"},
                  {.name = "b", .host = "cache-b.example", .port = 11212, .weight = 2},
                  {"c", "2001:db8::3", 11213, 3, MemberState::joining},
                  {"d", "d", 1, 1, MemberState::leaving}}};
  EXPECT_EQ(spec, expected);
}

TEST(RingFile, LinesComeInAnyOrderAndKetamaNeedsNone) {
  const RingSpec spec = parsed("node a a:1\nepoch 18446744073709551615\n");
  EXPECT_EQ(spec.epoch, 18446744073709551615u);
  EXPECT_EQ(spec.hashing, Hashing::ketama);
  EXPECT_EQ(spec.members.size(), 1u);
}

TEST(RingFile, WithoutNodesIsReadAndIsNoRing) {
  const RingSpec spec = parsed("epoch 0\n");
  EXPECT_TRUE(spec.members.empty());
  EXPECT_FALSE(Ring::make(spec));
}

TEST(RingFile, IsPrintedInItsShortestForm) {
  const std::string text =
      "epoch 7\n"
      "hashing ketama\n"
      "node a 10.0.0.1:11211\n"
      "node b b:11212 weight 2\n"
      "node c [::1]:11213 weight 65535 state joining\n"
      "node d d:1 state leaving\n";
  EXPECT_EQ(print_ring_file(parsed(text)), text);
  EXPECT_EQ(print_ring_file({}), "epoch 0\nhashing ketama\n");
}

TEST(RingFile, MistakesAreNamedWithTheirLine) {
  const struct {
    Bytes text, answer;
  } mistakes[] = {
      {"", "line 1: the file ends without an epoch: add a line like \"epoch 1\""},
      {"# epoch 1\nnode a a:1\n",
       "line 3: the file ends without an epoch: add a line like \"epoch 1\""},
      {"\nepch 1\n", "line 2: a line begins with epoch, hashing or node, not \"epch\""},
      {"EPOCH 1\n", "line 1: a line begins with epoch, hashing or node, not \"EPOCH\""},
      {"epoch\n",
       "line 1: the epoch has to be a number up to 18446744073709551615, and there is none"},
      {"epoch -1\n", "line 1: the epoch has to be a number up to 18446744073709551615, not \"-1\""},
      {"epoch 18446744073709551616\n",
       "line 1: the epoch has to be a number up to 18446744073709551615, not "
       "\"18446744073709551616\""},
      {"epoch 1 2\n", "line 1: the line should end before \"2\""},
      {"epoch 1\n\nepoch 1\n", "line 3: the epoch is already on line 1"},
      {"hashing\n", "line 1: the hashing has to be ketama, rendezvous or jump, and there is none"},
      {"hashing md5\n", "line 1: the hashing has to be ketama, rendezvous or jump, not \"md5\""},
      {"hashing jump x\n", "line 1: the line should end before \"x\""},
      {"hashing jump\nhashing jump\n", "line 2: the hashing is already on line 1"},
      {"node\n", "line 1: a node needs a name: node NAME HOST:PORT"},
      {"node a\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, and there is none"},
      {"node a b\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"b\""},
      {"node a ::1\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"::1\""},
      {"node a ::1:1\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"::1:1\""},
      {"node a [::1\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"[::1\""},
      {"node a [::1]\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"[::1]\""},
      {"node a [::1]11\n",
       "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"[::1]11\""},
      {"node a [b]:1\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"[b]:1\""},
      {"node a []:1\n", "line 1: the address has to be HOST:PORT or [IPV6]:PORT, not \"[]:1\""},
      {"node a b:\n", "line 1: the port has to be a number up to 65535, and there is none"},
      {"node a b:65536\n", "line 1: the port has to be a number up to 65535, not \"65536\""},
      {"node a b:+1\n", "line 1: the port has to be a number up to 65535, not \"+1\""},
      {"node a b:0\n", "line 1: member \"a\" needs a port from 1 to 65535, not 0"},
      {"node a :1\n",
       "line 1: member \"a\" needs a host name or an address of 1 to 253 letters, digits and "
       "\".-_:%\", not \"\""},
      {"node a/b b:1\n",
       "line 1: a member's name has to be 1 to 63 letters, digits and \".-_\", not \"a/b\""},
      {"node a b:1 2\n", "line 1: behind the address come weight W and state S, not \"2\""},
      {"node a b:1 weight\n",
       "line 1: the weight has to be a number up to 4294967295, and there is none"},
      {"node a b:1 weight 1.5\n",
       "line 1: the weight has to be a number up to 4294967295, not \"1.5\""},
      {"node a b:1 weight 65536\n",
       "line 1: member \"a\" needs a weight from 1 to 65535, not 65536"},
      {"node a b:1 weight 1 weight 1\n", "line 1: the node has weight twice"},
      {"node a b:1 state active state active\n", "line 1: the node has state twice"},
      {"node a b:1 state\n",
       "line 1: the state has to be joining, active or leaving, and there is none"},
      {"node a b:1 state gone\n",
       "line 1: the state has to be joining, active or leaving, not \"gone\""},
      {"epoch 1\nnode a a:1\nnode a b:1\n", "line 3: a node \"a\" is already on line 2"},
      {"epoch 1\nnode a a:1\nnode b a:1\n",
       "line 3: node \"a\" already on line 2 has this address"},
  };
  for (const auto& mistake : mistakes) EXPECT_EQ(refusal(mistake.text), mistake.answer);
}

TEST(RingFile, HoldsAsManyNodesAsARing) {
  std::string text = "epoch 1\n";
  for (std::size_t n = 0; n < limits::ring_members_max; ++n)
    text += "node n" + std::to_string(n) + " a:" + std::to_string(n + 1) + '\n';
  EXPECT_EQ(parsed(text).members.size(), limits::ring_members_max);
  EXPECT_EQ(refusal(text + "node more a:1000\n"), "line 258: more than 256 nodes");
}

TEST(RingFile, OfTheLongestLinesIsReadAndOneThatIsTooLongRefused) {
  RingSpec spec{.epoch = ~std::uint64_t{0}, .hashing = Hashing::rendezvous, .members = {}};
  for (std::size_t n = 0; n < limits::ring_members_max; ++n) {
    const std::string tail = std::to_string(100 + n);
    spec.members.push_back({std::string(60, 'n') + tail, std::string(250, 'h') + tail, 65535, 65535,
                            MemberState::leaving});
  }
  std::string text = print_ring_file(spec);
  EXPECT_EQ(parsed(text), spec);
  text.resize(limits::ring_file_bytes_max, '\n');
  EXPECT_EQ(parsed(text), spec);
  EXPECT_EQ(refusal(text + '\n'), "line 1: the file has 262145 bytes, more than 262144");
}

}  // namespace
}  // namespace cacheismo::cluster
