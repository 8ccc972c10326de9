// Goal: scripts reach other nodes over real connections, and get every kind of failure in time.
// Method: two real nodes with the same scripts in one simulated world, and a host where nobody
// listens; whole receives, cut at random and byte by byte.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/node/node.h"
#include "sim/arena.h"
#include "sim/raw_connection.h"
#include "sim/script_list.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr const char* script = R"(
  local t = object.type("t")
  local there, self, dead = "10.0.0.2:11211", "10.0.0.1:11211", "10.0.0.3:11211"
  function t.default() return { n = 0 } end
  function t.update.add(self, by) self.n = self.n + by; return self.n end
  function t.update.keep(self, text) self.text = text; return #text end
  function t.read.size(self) return #self.text end
  function t.update.fail() error("not today", 0) end
  function t.async.nap(key, seconds) sleep(tonumber(seconds)); return key .. " awake" end

  local function told(value, about)
    if type(about) == "table" then
      return about.code .. " " .. tostring(about.sent) .. " " .. about.text
    end
    return tostring(value)
  end
  function t.async.get(key, name) return told(getFromServer(name or there, key)) end
  function t.async.flags(key) return json({ getFromServer(there, key) }) end
  function t.async.length(key) return #getFromServer(there, key) end
  function t.async.set(key, value)
    return told(setOnServer(there, key, value, { flags = 7, ttl = 60 }))
  end
  function t.async.fill(key, n) return told(setOnServer(there, key, ("x"):rep(tonumber(n)))) end
  function t.async.copy(key, prefix, server)
    return told(copyToServer(server or there, (prefix or "") .. key))
  end
  function t.async.delete(key) return told(deleteOnServer(there, key)) end
  function t.async.call(key, method, ...)
    return told(callOnServer(there, "t:" .. method .. ":" .. key, ...))
  end
  function t.async.patient(key, seconds, timeout)
    return told(callOnServer(there, "t:nap:" .. key, seconds, { timeout = tonumber(timeout) }))
  end
  function t.async.all(key, how)
    local values, coverage = getInParallel(
      { [there] = { key, "absent" }, [dead] = key, [self] = key },
      { wait = tonumber(how) or how, timeout = 0.5 })
    local codes = {}
    for _, failure in ipairs(coverage.missing) do
      codes[#codes + 1] = failure.server .. " " .. failure.code
    end
    table.sort(codes)
    return json({ values, coverage.answered, coverage.asked, codes })
  end
  function t.async.hold(key, count)
    local keys = { "t:nap:" .. key .. ":1" }
    for i = 1, tonumber(count) do keys[#keys + 1] = key end
    local _, coverage = getInParallel({ [there] = keys }, { timeout = 3 })
    local lost = coverage.missing[1]
    return lost.code .. " " .. #coverage.missing
  end
  function t.async.sum(key)
    local total, coverage = mapreduce("t:add:" .. key, { 1 }, function(so_far, value)
      return (so_far or 0) + tonumber(value)
    end, { nodes = { there, self, dead } })
    return total .. " " .. coverage.answered .. " " .. coverage.failed[1].code
  end
)";

class TwoNodes : public testing::Test {
 protected:
  explicit TwoNodes(sim::Cuts cuts)
      : cuts_(cuts),
        world_(1),
        client_io_(world_.add_host("10.0.1.1")),
        here_(*this, 1),
        there_(*this, 2) {
    world_.add_host("10.0.0.3");
  }
  ~TwoNodes() override {
    for (const auto& connection : connections_) connection->close();
    settle();
    for (NodeOfTest* one : {&here_, &there_}) {
      if (one->node == nullptr) continue;
      EXPECT_EQ(one->node->audit(), std::nullopt);
      one->node->stop(Stop::graceful);
      world_.run_for(1s);
      EXPECT_TRUE(one->node->stopped());
    }
  }

  struct NodeOfTest {
    NodeOfTest(TwoNodes& test, int host)
        : io(test.world_.add_host("10.0.0." + std::to_string(host))),
          address{io::Address::Kind::tcp, "10.0.0." + std::to_string(host), 11211},
          scripts(std::vector<lua::Script>{{.name = "t.lua", .source = script}}) {
      io.set_cuts(test.cuts_);
      Config config;
      config.memory_bytes = 8 * MiB;
      config.listen = {address};
      config.scripts.source = &scripts;
      config.accept_copy = host == 2;
      arena = std::make_unique<sim::Arena>(config.memory_bytes);
      node = std::make_unique<Node>(config, io, log, arena->bytes(), scripts.heap());
      const auto started = node->start();
      EXPECT_TRUE(started.has_value()) << started.error();
    }
    sim::SimIo& io;
    io::Address address;
    sim::ScriptList scripts;
    sim::KeptLog log;
    std::unique_ptr<sim::Arena> arena;
    std::unique_ptr<Node> node;
  };

  void settle() { EXPECT_TRUE(world_.settle()); }
  sim::RawConnection& connect(const NodeOfTest& node) {
    connections_.push_back(std::make_unique<sim::RawConnection>(client_io_, node.address, 10s));
    return *connections_.back();
  }
  std::string say(sim::RawConnection& connection, const std::string& bytes) {
    connection.write(bytes);
    settle();
    return connection.take();
  }
  /// The value that a get of `key` at the first node answers, or the reply that is no value.
  std::string value(const std::string& key, Duration after = Duration::zero()) {
    sim::RawConnection& client = connect(here_);
    std::string reply = say(client, "mg " + key + " v\r\n");
    if (after > Duration::zero()) {
      EXPECT_EQ(reply, "") << key;
      world_.run_for(after);
      settle();
      reply = client.take();
    }
    EXPECT_EQ(here_.node->audit(), std::nullopt);
    const std::size_t line = reply.find("\r\n");
    return reply.starts_with("VA ") ? reply.substr(line + 2, reply.size() - line - 4) : reply;
  }
  std::string store(const NodeOfTest& node, const std::string& key, const std::string& value) {
    return say(connect(node),
               "set " + key + " 5 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n");
  }

  sim::Cuts cuts_;
  sim::World world_;
  sim::SimIo& client_io_;
  NodeOfTest here_;
  NodeOfTest there_;
  std::vector<std::unique_ptr<sim::RawConnection>> connections_;
};

class RemoteCallsTest : public TwoNodes, public testing::WithParamInterface<sim::Cuts> {
 protected:
  RemoteCallsTest() : TwoNodes(GetParam()) {}
};

TEST_P(RemoteCallsTest, AScriptGetsAValueAndItsFlagsFromAnotherNode) {
  EXPECT_EQ(value("t:get:k"), "nil");
  EXPECT_EQ(store(there_, "k", "hello"), "STORED\r\n");
  EXPECT_EQ(value("t:flags:k"), R"(["hello",5])");
}

TEST_P(RemoteCallsTest, AKeyWithSpacesArrives) {
  EXPECT_EQ(value("t:set:a%20b:x"), "true");
  EXPECT_EQ(value("t:get:a%20b"), "x");
  EXPECT_EQ(say(connect(there_), "mg YSBi b v\r\n"), "VA 1\r\nx\r\n");
}

TEST_P(RemoteCallsTest, AScriptStoresAndDeletesAtAnotherNode) {
  EXPECT_EQ(value("t:set:k:hello"), "true");
  EXPECT_EQ(say(connect(there_), "mg k v f t\r\n"), "VA 5 f7 t60\r\nhello\r\n");
  EXPECT_EQ(value("t:delete:k"), "true");
  EXPECT_EQ(value("t:delete:k"), "false");
}

TEST_P(RemoteCallsTest, AScriptCopiesAValueWithItsFlagsAndTime) {
  EXPECT_EQ(value("t:copy:k"), "false");
  EXPECT_EQ(say(connect(here_), "set k 5 60 5\r\nhello\r\n"), "STORED\r\n");
  world_.run_for(10s);
  EXPECT_EQ(value("t:copy:k"), "true");
  EXPECT_EQ(say(connect(there_), "mg k v f t\r\n"), "VA 5 f5 t50\r\nhello\r\n");
  EXPECT_EQ(say(connect(here_), "ms k 1\r\nx\r\n"), "HD\r\n");
  EXPECT_EQ(value("t:copy:k"), "true");
  EXPECT_EQ(say(connect(there_), "mg k v f t\r\n"), "VA 1 f0 t-1\r\nx\r\n");
}

TEST_P(RemoteCallsTest, AScriptCopiesAnObjectToWhoAcceptsIt) {
  EXPECT_EQ(value("t:keep:o:some%20text"), "9");
  EXPECT_EQ(say(connect(here_), "touch t$o 60\r\n"), "TOUCHED\r\n");
  EXPECT_EQ(value("t:copy:o:t%24"), "true");
  EXPECT_EQ(say(connect(there_), "get t:size:o\r\n"), "VALUE t:size:o 0 1\r\n9\r\nEND\r\n");
  world_.run_for(61s);
  EXPECT_NE(say(connect(there_), "get t:size:o\r\n").find("ERROR"), std::string::npos);
  EXPECT_EQ(value("t:keep:o:text"), "4");
  EXPECT_EQ(value("t:copy:o:t%24:10.0.0.1%3A11211"),
            "remote true SERVER_ERROR cluster: items are not accepted here: start with "
            "--accept-copy");
}

TEST_P(RemoteCallsTest, LongValuesGoThereAndBack) {
  EXPECT_EQ(value("t:fill:k:300000"), "true");
  EXPECT_EQ(value("t:length:k"), "300000");
}

TEST_P(RemoteCallsTest, AScriptCallsMethodsOfAnotherNode) {
  EXPECT_EQ(value("t:call:k:add:5"), "5");
  EXPECT_EQ(value("t:call:k:add:2"), "7");
  const std::string error = value("t:call:k:fail");
  EXPECT_TRUE(error.starts_with("remote true SERVER_ERROR script t.lua: not today id=")) << error;
  // An argument that does not fit into the key goes as data.
  sim::RawConnection& client = connect(here_);
  EXPECT_EQ(say(client, "ms t:call:k:keep 1000\r\n" + std::string(1000, 'x') + "\r\n"), "HD\r\n");
  EXPECT_EQ(value("t:call:k:size"), "1000");
}

TEST_P(RemoteCallsTest, AScriptMayAskItsOwnNode) {
  EXPECT_EQ(store(here_, "k", "mine"), "STORED\r\n");
  EXPECT_EQ(value("t:get:k:10.0.0.1%3A11211"), "mine");
}

TEST_P(RemoteCallsTest, WhoIsNotThereIsRefused) {
  EXPECT_EQ(value("t:get:k:10.0.0.3%3A11211"), "refused false no connection");
  EXPECT_EQ(value("t:get:k:nobody"),
            "refused false 'nobody' is no node of the ring and no numeric host:port");
}

TEST_P(RemoteCallsTest, AnAnswerThatTakesTooLongTimesOut) {
  EXPECT_EQ(value("t:patient:k:2:0.5", 600ms), "timeout true no answer in time");
  EXPECT_EQ(value("t:patient:j:1:3", 4s), "j awake");
}

TEST_P(RemoteCallsTest, APartialAnswerSaysWhoIsMissing) {
  EXPECT_EQ(store(here_, "k", "mine"), "STORED\r\n");
  EXPECT_EQ(store(there_, "k", "yours"), "STORED\r\n");
  EXPECT_EQ(value("t:all:k:all"),
            R"([{"10.0.0.1:11211":{"k":"mine"},"10.0.0.2:11211":{"k":"yours"},)"
            R"("10.0.0.3:11211":{}},3,4,["10.0.0.3:11211 refused"]])");
}

TEST_P(RemoteCallsTest, OneAnswerIsEnoughForAny) {
  EXPECT_EQ(store(here_, "k", "mine"), "STORED\r\n");
  EXPECT_EQ(store(there_, "k", "yours"), "STORED\r\n");
  const std::string text = value("t:all:k:any");
  EXPECT_NE(text.find(",1,4,["), std::string::npos) << text;
  EXPECT_NE(text.find("cancelled"), std::string::npos) << text;
  EXPECT_EQ(value("t:get:k"), "yours") << "late replies are swallowed";
}

TEST_P(RemoteCallsTest, MapReduceAddsUpWhatNodesAnswer) {
  EXPECT_EQ(value("t:add:k:10"), "10");
  EXPECT_EQ(value("t:sum:k"), "12 2 refused");
}

TEST_P(RemoteCallsTest, AClientThatLeavesCancelsWhatItsScriptAsked) {
  sim::RawConnection& client = connect(here_);
  EXPECT_EQ(say(client, "get t:patient:k:2:3\r\n"), "");
  EXPECT_EQ(here_.node->audit(), std::nullopt);
  client.close();
  settle();
  EXPECT_EQ(here_.node->audit(), std::nullopt);
  world_.run_for(4s);
  EXPECT_EQ(value("t:call:k:add:1"), "1");
}

TEST_P(RemoteCallsTest, APeerThatStopsMeanwhileIsAFailure) {
  sim::RawConnection& client = connect(here_);
  EXPECT_EQ(say(client, "mg t:patient:k:2:3 v\r\n"), "");
  there_.node->stop(Stop::at_once);
  world_.run_for(3100ms);
  EXPECT_TRUE(there_.node->stopped());
  there_.node.reset();
  const std::string reply = client.take();
  EXPECT_NE(reply.find("reset true the connection broke"), std::string::npos) << reply;
}

TEST_P(RemoteCallsTest, ANodeThatStopsEndsItsWaits) {
  sim::RawConnection& client = connect(here_);
  EXPECT_EQ(say(client, "mg t:patient:k:2:3 v\r\n"), "");
  here_.node->stop(Stop::at_once);
  world_.run_for(100ms);
  EXPECT_TRUE(here_.node->stopped());
  here_.node.reset();
}

class RemoteCallsLimitTest : public TwoNodes {
 protected:
  RemoteCallsLimitTest() : TwoNodes(sim::Cuts::whole) {}
};

TEST_F(RemoteCallsLimitTest, AllWaitsTogetherHoldNoMoreThanTheyMay) {
  constexpr std::size_t value_bytes = 700'000;
  constexpr std::size_t values = limits::remote_bytes_max / value_bytes - 1;
  const std::string big(value_bytes, 'x');
  EXPECT_EQ(store(there_, "big", big), "STORED\r\n");
  // Nearly as much as there may be, held by a call that waits for one more answer.
  sim::RawConnection& holder = connect(here_);
  EXPECT_EQ(say(holder, "mg t:hold:big:" + std::to_string(values) + " v\r\n"), "");
  EXPECT_EQ(value("t:get:absent"), "nil");
  const std::string received = value("t:get:big");
  EXPECT_EQ(received.substr(0, value_bytes), big) << "there is room for this one";
  EXPECT_EQ(value("t:fill:other:700000"), "overload false too much waits for other nodes already");
  sim::RawConnection& second = connect(here_);
  EXPECT_EQ(say(second, "mg t:hold:big:2 v\r\n"), "");
  world_.run_for(2100ms);
  EXPECT_NE(holder.take().find("steps"), std::string::npos) << "so many bytes cost too much";
  EXPECT_EQ(second.take(), "VA 10\r\noverload 1\r\n");
  EXPECT_EQ(value("t:fill:other:700000"), "true");
}

INSTANTIATE_TEST_SUITE_P(Cuts, RemoteCallsTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
