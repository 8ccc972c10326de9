// Goal: the format means what its README says, and the player finds what is wrong.
// Method: small texts; clients whose server answers from a script.

#include "sim/conversation/conversation.h"

#include <deque>
#include <string>

#include <gtest/gtest.h>

#include "sim/conversation/player.h"

namespace cacheismo::conversation {
namespace {

/// Answers each send with the next of the given replies, and a probe with MN.
class ScriptedClients final : public Clients {
 public:
  explicit ScriptedClients(std::deque<std::string> replies) : replies_(std::move(replies)) {}

  void send(const std::string&, Bytes bytes) override {
    sent_ += bytes;
    if (bytes == "mn\r\n") {
      waiting_ += "MN\r\n";
    } else if (!replies_.empty()) {
      waiting_ += replies_.front();
      replies_.pop_front();
    }
  }
  Read read(const std::string&, std::size_t bytes_max) override {
    if (waiting_.empty()) return {closed_ ? Read::Kind::eof : Read::Kind::nothing, ""};
    Read read{Read::Kind::bytes, waiting_.substr(0, bytes_max)};
    waiting_.erase(0, read.bytes.size());
    return read;
  }
  bool has_bytes(const std::string&) override { return !waiting_.empty(); }
  void close(const std::string&) override { closed_ = true; }
  void reset(const std::string&) override { closed_ = true; }
  bool advance(std::chrono::seconds time) override { return (seconds_ += time.count()) > 0; }
  std::int64_t unix_seconds() override { return seconds_; }
  std::optional<std::string> finish() override { return std::nullopt; }

  [[nodiscard]] const std::string& sent() const { return sent_; }

 private:
  std::deque<std::string> replies_;
  std::string waiting_;
  std::string sent_;
  bool closed_ = false;
  std::int64_t seconds_ = 1000;
};

std::optional<std::string> talk(const std::string& steps, ScriptedClients& clients) {
  const auto situations = parse_conversation("== a talk\n" + steps);
  EXPECT_TRUE(situations.has_value()) << situations.error();
  return play(situations->front(), clients);
}

std::string parse_error(const std::string& text) {
  const auto situations = parse_conversation(text);
  return situations ? "" : situations.error();
}

TEST(Conversation, EscapesAndGeneratorsMakeBytes) {
  ScriptedClients clients({});
  EXPECT_EQ(talk("> a\\s\\x00\\t\\\\\\<\\{<3 x 'v\\n'>\\r\\n\n", clients), std::nullopt);
  EXPECT_EQ(clients.sent(), std::string("a \0\t\\<{v\nv\nv\n\r\nmn\r\n", 19));
}

TEST(Conversation, NeighbouringSendsOfOneConnectionAreOne) {
  const auto situations = parse_conversation("== a talk\n> a\n# why\n> b\n[b] > c\n> d\n");
  ASSERT_TRUE(situations.has_value());
  EXPECT_EQ(situations->front().steps.size(), 3u);
}

TEST(Conversation, SettingsOfTheFileHoldForEachSituationUntilItSaysOtherwise) {
  const auto situations = parse_conversation(
      "common: yes\nconfig: -m 64\n== one\n> a\n== two\ncommon: no, 1.6.18 differs\nconfig: -C\n"
      "> a\n");
  ASSERT_TRUE(situations.has_value());
  EXPECT_TRUE((*situations)[0].common);
  EXPECT_EQ((*situations)[0].flags, (std::vector<std::string>{"-m", "64"}));
  EXPECT_FALSE((*situations)[1].common);
  EXPECT_EQ((*situations)[1].not_common_because, "1.6.18 differs");
  EXPECT_EQ((*situations)[1].flags, (std::vector<std::string>{"-m", "64", "-C"}));
}

TEST(Conversation, MistakesNameTheirLine) {
  EXPECT_EQ(parse_error("> a\n"), "line 1: a step before the first situation");
  EXPECT_EQ(parse_error("== x\n> \\q\n"), "line 2: unknown escape \\q");
  EXPECT_EQ(parse_error("== x\n\n> <5 y>\n"),
            "line 3: a generator looks like <1000 x 'v'>; a plain < is written \\<");
  EXPECT_EQ(parse_error("== x\nadvance 3\n"), "line 2: advance takes seconds: advance 3s");
  EXPECT_EQ(parse_error("== x\nsleep 3s\n"), "line 2: no such step: sleep 3s");
  EXPECT_EQ(parse_error("common: no\n"), "line 1: common: takes `yes`, or `no, reason`");
  EXPECT_EQ(parse_error("# nothing\n"), "line 1: no situation");
}

TEST(Player, NumbersAreCapturedAndComparedAndSentAgain) {
  ScriptedClients clients({"VALUE a 0 1 77\r\n", "77 78\r\n"});
  EXPECT_EQ(
      talk("> gets a\n< VALUE a 0 1 {cas1}\\r\\n\n> cas {cas1}\n< {cas1} {cas2}\\r\\n\n", clients),
      std::nullopt);
  EXPECT_EQ(clients.sent(), "gets acas 77mn\r\n");
  ScriptedClients other({"1 2\r\n"});
  EXPECT_EQ(talk("> x\n< {n} {n}\\r\\n\n", other),
            "line 3: expected 1 but got 2 (of this step: 1 2\\r\\n)");
}

TEST(Player, InstantsFollowTheServersClock) {
  ScriptedClients clients({});
  EXPECT_EQ(talk("advance 10s\n> {now} {now+5} {now-5}\n", clients), std::nullopt);
  EXPECT_EQ(clients.sent(), "1010 1015 1005mn\r\n");
}

TEST(Player, AWrongByteEndsTheSituation) {
  ScriptedClients clients({"NOT_FOUND\r\n"});
  EXPECT_EQ(talk("> x\n< STORED\\r\\n\n", clients),
            "line 3: expected STORED\\r\\n but got NOT_FOUN (of this step: NOT_FOUND\\r\\n)");
}

TEST(Player, AMissingReplyIsFound) {
  ScriptedClients clients({""});
  EXPECT_EQ(talk("> x\n< STORED\\r\\n\n", clients),
            "line 3: expected STORED\\r\\n but got nothing (of this step: )");
}

TEST(Player, AReplyTooManyIsFoundAtTheEnd) {
  ScriptedClients clients({"STORED\r\nSTORED\r\n"});
  EXPECT_EQ(talk("> x\n< STORED\\r\\n\n", clients),
            "at the end, [a]: expected no further reply, got STORED\\r\\n");
}

TEST(Player, ACloseIsExpectedOrAnError) {
  ScriptedClients clients({""});
  EXPECT_EQ(talk("> x\nclosed\n", clients), "line 3: expected the server to close but got nothing");
}

}  // namespace
}  // namespace cacheismo::conversation
