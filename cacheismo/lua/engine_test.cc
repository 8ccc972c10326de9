// Goal: methods answer, update all or nothing, wait, fail and reload as engine.h says. Method:
// scripts of a few lines over a map as the store.

#include "cacheismo/lua/engine.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/lua/map_host.h"

namespace cacheismo::lua {
namespace {

constexpr const char* counter = R"(
  local counter = object.type("c")
  function counter.new(start) if start then return { n = tonumber(start), log = {} } end end
  function counter.read.get(self) return self.n end
  function counter.read.show(self) return self end
  function counter.read.nothing() end
  function counter.read.write(self) self.n = 1 end
  function counter.update.add(self, by) self.n = self.n + by; return self.n end
  function counter.update.fail(self) self.n = -1; self.log[1] = "x"; error("no") end
  function counter.update.spin(self) self.n = -1; while true do end end
  function counter.update.hoard(self)
    self.n = -1
    local s = "x"
    while true do s = s .. s end
  end
  function counter.update.grow(self, n) for i = 1, tonumber(n) do self.log[i] = i end end
  function counter.update.expire(self, s) self:expire(tonumber(s)); return self:key() end
  function counter.update.remove(self) self:delete(); return "GONE" end
  function counter.read.args(self, ...) return table.concat({ ... }, "|") end
  function counter.async.later(key, s) sleep(tonumber(s)); return key .. " later" end
  function counter.async.twice(key)
    local first = atomically(function(self) self.n = self.n + 1; return self.n end)
    sleep(1)
    return first .. " " .. atomically(function(self) self.n = self.n + 1; return self.n end)
  end
  function counter.async.half(key)
    local ok, why = pcall(atomically, function(self) self.n = 100; error("undone") end)
    return tostring(ok) .. " " .. object.open(key).n
  end
)";

class EngineTest : public testing::Test {
 protected:
  EngineTest() : memory_(io::ArenaMemory::reserve(32 * MiB, 4 * GiB)) {
    heap_ = std::make_unique<Heap>(memory_->bytes());
    EngineOptions options;
    options.call.heap_bytes = 1 * MiB;
    engine_ = std::make_unique<Engine>(*heap_, host, options);
    EXPECT_EQ(load(counter), "");
  }
  ~EngineTest() override {
    EXPECT_EQ(host.open_states(), 0u);
    EXPECT_EQ(engine_->audit(), std::nullopt);
  }

  std::string load(const std::string& source) {
    const std::vector<Script> scripts{{.name = "c.lua", .source = source}};
    const auto loaded = engine_->load(scripts);
    return loaded ? "" : loaded.error();
  }
  static std::string shown(const Answer& answer) {
    switch (answer.is) {
      case Answer::Is::value: return std::string(answer.text);
      case Answer::Is::miss: return "(miss)";
      case Answer::Is::error: {
        const std::string text(answer.text);
        return "error: " + text.substr(0, text.rfind(" id="));
      }
      case Answer::Is::raw: return "raw " + std::string(answer.text);
      case Answer::Is::waiting: return "(waiting)";
    }
    return "?";
  }
  Answer answer(const std::string& key, std::optional<Bytes> data = std::nullopt) {
    Bytes rest;
    const Method* method = engine_->find(key, rest);
    EXPECT_NE(method, nullptr) << key;
    return engine_->call(*method, rest, data);
  }
  std::string call(const std::string& key, std::optional<Bytes> data = std::nullopt) {
    std::string text = shown(answer(key, data));
    EXPECT_EQ(host.open_states(), 0u) << key;
    return text;
  }

  MapHost host;
  Result<io::ArenaMemory, io::Error> memory_;
  std::unique_ptr<Heap> heap_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, ResultsBecomeText) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  EXPECT_EQ(call("c:get:a"), "5");
  EXPECT_EQ(call("c:show:a"), R"({"log":{},"n":5})");
  EXPECT_EQ(call("c:nothing:a"), "(miss)");
  EXPECT_EQ(call("c:add:a:2"), "7");
  EXPECT_EQ(call("c:args:a:x:%3A:", "data"), "x|:||data");
  EXPECT_EQ(call("c:new:b"), "NOT_CREATED");
  EXPECT_EQ(call("c:get:b"), "ERROR_CACHE_MISS");
  EXPECT_EQ(call("c:get"), "error: script c.lua: the object's key is missing: TYPE:METHOD:KEY");
}

TEST_F(EngineTest, AnUpdateThatFailsLeavesTheObjectAsItWas) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  const MapHost::Entries before = host.objects["c$a"].entries;
  EXPECT_EQ(call("c:fail:a"), "error: script c.lua:9: no");
  EXPECT_EQ(call("c:spin:a"), "error: script c.lua:10: stopped after 1000000 steps");
  EXPECT_NE(call("c:hoard:a").find("not enough memory"), std::string::npos);
  EXPECT_NE(call("c:write:a").find("a read method cannot write"), std::string::npos);
  host.next_commit = Committed::no_memory;
  EXPECT_NE(call("c:add:a:1").find("out of memory"), std::string::npos);
  host.next_commit = Committed::too_large;
  EXPECT_NE(call("c:add:a:1").find("too large"), std::string::npos);
  host.next_commit = Committed::done;
  EXPECT_EQ(host.objects["c$a"].entries, before);
  EXPECT_EQ(call("c:add:a:1"), "6");
}

TEST_F(EngineTest, AnUpdateThatRunsOutOfRoomAtAnyStepLeavesTheObjectAsItWas) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  const MapHost::Entries before = host.objects["c$a"].entries;
  std::uint64_t changes = 0;
  for (;; ++changes) {
    host.changes_allowed = changes;
    const std::string text = call("c:grow:a:20");
    if (text == "(miss)") break;
    ASSERT_NE(text.find("too large"), std::string::npos) << text;
    ASSERT_EQ(host.objects["c$a"].entries, before);
  }
  EXPECT_EQ(changes, 20u);
}

TEST_F(EngineTest, AnObjectExpiresKeepsItsTimeAndCanGo) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  EXPECT_EQ(call("c:expire:a:30"), "a");
  EXPECT_EQ(host.objects["c$a"].expires_in_seconds, 30u);
  EXPECT_EQ(call("c:add:a:1"), "6");
  EXPECT_EQ(host.objects["c$a"].expires_in_seconds, 30u);
  EXPECT_EQ(call("c:remove:a"), "GONE");
  EXPECT_FALSE(host.objects.contains("c$a"));
}

TEST_F(EngineTest, AMethodThatWaitsGoesOnOrIsCancelled) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  const Answer waits = answer("c:later:a:2.5");
  ASSERT_EQ(waits.is, Answer::Is::waiting);
  EXPECT_EQ(waits.wake_ns, host.now_ns + 2'500'000'000);
  EXPECT_EQ(shown(engine_->resume(waits.call)), "a later");
  const Answer twice = answer("c:twice:a");
  ASSERT_EQ(twice.is, Answer::Is::waiting);
  EXPECT_EQ(call("c:get:a"), "6");
  EXPECT_EQ(shown(engine_->resume(twice.call)), "6 7");
  EXPECT_EQ(call("c:half:a"), "false 7");
  const Answer gone = answer("c:twice:a");
  engine_->cancel(gone.call);
  EXPECT_EQ(engine_->waiting_calls(), 0u);
  EXPECT_EQ(call("c:get:a"), "8");
}

TEST_F(EngineTest, AFailedReloadKeepsTheOldScriptsAndSaysWhere) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  const Answer waits = answer("c:later:a:1");
  EXPECT_EQ(load("local x = \n = 3"), "c.lua:2: unexpected symbol near '='");
  EXPECT_NE(load("error('broken')").find("c.lua:1: broken"), std::string::npos);
  EXPECT_NE(load("local c = object.type('c'); function c.go() end").find("c.go"),
            std::string::npos);
  EXPECT_NE(load("undeclared = 1; local c = undefined_name.x").find("undefined_name"),
            std::string::npos);
  EXPECT_EQ(engine_->generation(), 1u);
  EXPECT_EQ(call("c:get:a"), "5");
  EXPECT_EQ(load("local c = object.type('c'); function c.read.get(self) return 'new' end"), "");
  EXPECT_EQ(engine_->generation(), 2u);
  EXPECT_EQ(call("c:get:a"), "new");
  // What waited goes on where it was.
  EXPECT_EQ(shown(engine_->resume(waits.call)), "a later");
}

TEST_F(EngineTest, AnObjectOfAnOlderVersionIsMigratedAtItsNextUse) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  const std::string second = R"(
    local c = object.type("c", { version = 2 })
    function c.read.total(self) return self.total end
  )";
  EXPECT_EQ(load(second), "");
  EXPECT_NE(call("c:total:a").find("of version 1"), std::string::npos);
  EXPECT_EQ(load(second + "function c.migrate(old, from) return { total = old.n * 10 + from } end"),
            "");
  EXPECT_EQ(call("c:total:a"), "51");
  EXPECT_EQ(load(second + "function c.migrate() error('again') end"), "");
  EXPECT_EQ(call("c:total:a"), "51");
}

TEST_F(EngineTest, ADefaultIsMadeAtTheFirstUseAndKeptByUpdatesOnly) {
  EXPECT_EQ(load(R"(
    local c = object.type("c")
    function c.default(key) if key ~= "no" then return { key = key, n = 0 } end end
    function c.read.get(self) return self.key .. self.n end
    function c.update.add(self) self.n = self.n + 1; return self.n end
    function c.read.look(self) return store.get("other") or "nothing" end
  )"),
            "");
  EXPECT_EQ(call("c:get:a"), "a0");
  EXPECT_EQ(call("c:look:a"), "nothing");
  EXPECT_TRUE(host.objects.empty());
  EXPECT_EQ(call("c:add:a"), "1");
  EXPECT_EQ(call("c:get:a"), "a1");
  EXPECT_EQ(call("c:get:no"), "ERROR_CACHE_MISS");
  EXPECT_EQ(call("c:add:no"), "ERROR_CACHE_MISS");
}

TEST_F(EngineTest, HotKeysAreAListOfKeysAndUses) {
  host.items = {{"a", {.value = std::string(300, 'x')}}, {"b", {.value = "xx"}}};
  EXPECT_EQ(load(R"(
    local c = object.type("c")
    function c.default() return {} end
    function c.read.hot(self, limit) return json(store.hotkeys(tonumber(limit))) end
    function c.update.hotter(self) return store.hotkeys() end
  )"),
            "");
  EXPECT_EQ(call("c:hot:k"), R"([{"key":"a","uses":300},{"key":"b","uses":2}])");
  EXPECT_EQ(call("c:hot:k:1"), R"([{"key":"a","uses":300}])");
  EXPECT_NE(call("c:hot:k:0").find("limit is 1 to 10000"), std::string::npos);
  EXPECT_NE(call("c:hotter:k").find("store.hotkeys is not allowed in an update"),
            std::string::npos);
}

TEST_F(EngineTest, AScriptOfOnesOwnTakesThePlaceOfAShippedType) {
  const std::vector<Script> scripts{
      {.name = "c.lua", .source = counter, .shipped = true},
      {.name = "part.lua", .source = "return { twice = function(n) return n * 2 end }"},
      {.name = "mine.lua",
       .source = "local part = require('part'); local c = object.type('c') "
                 "function c.read.get(self) return part.twice(21) end "
                 "function c.default() return {} end"}};
  const auto loaded = engine_->load(scripts);
  ASSERT_TRUE(loaded.has_value()) << loaded.error();
  EXPECT_EQ(call("c:get:a"), "42");
  Bytes rest;
  EXPECT_EQ(engine_->find("part:twice:4", rest), nullptr);
  EXPECT_EQ(engine_->find("c:add:a", rest), nullptr);
}

TEST_F(EngineTest, TheNameOfAShippedScriptMakesNoDifferenceToWhatAScriptMayRead) {
  constexpr const char* handler =
      "return { m = function(c, key) writeStringAsValue(c, key, tostring(nowhere)) end }";
  const Script shipped{.name = "c.lua", .source = counter, .shipped = true};
  for (const char* name : {"c.lua", "d.lua"}) {
    const auto loaded =
        engine_->load(std::vector<Script>{shipped, {.name = name, .source = handler}});
    ASSERT_TRUE(loaded.has_value()) << loaded.error();
    const std::string key = std::string(name, 1) + ":m:k";
    EXPECT_EQ(call(key), "raw VALUE " + key + " 0 3\r\nnil\r\n");
  }
  // Whoever declares a type is told of what is not defined, beside a namesake too.
  constexpr const char* typed =
      "local t = object.type('t') function t.default() return {} end "
      "function t.read.m() return tostring(nowhere) end";
  const auto loaded = engine_->load(std::vector<Script>{
      {.name = "c.lua", .source = handler}, {.name = "c.lua", .source = typed, .shipped = true}});
  ASSERT_TRUE(loaded.has_value()) << loaded.error();
  EXPECT_EQ(call("t:m:k"), "error: script c.lua:1: undefined global 'nowhere'");
}

TEST_F(EngineTest, AFieldThatIsReadOverAndOverLeavesGarbageThatIsCollected) {
  ASSERT_EQ(load(R"(
    local c = object.type("c")
    function c.new() return { text = ("x"):rep(1000) } end
    function c.read.total(self)
      local total = 0
      for i = 1, 20000 do total = total + #self.text end
      return total
    end
  )"),
            "");
  EXPECT_EQ(call("c:new:a"), "CREATED");
  EXPECT_EQ(call("c:total:a"), "20000000");
}

TEST_F(EngineTest, LaterOneShortCallStandsForSixteenAndALongOneForItself) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  for (std::uint64_t i = 0; i <= MethodStats::timed_at_first; ++i)
    EXPECT_EQ(call("c:grow:a:1"), "(miss)");
  host.stopwatch_step = 5'000'000;
  EXPECT_EQ(call("c:grow:a:1"), "(miss)");  // not one of those that are timed
  EXPECT_EQ(call("c:grow:a:2000"), "(miss)");
  Bytes rest;
  const MethodStats& stats = engine_->find("c:grow:a:1", rest)->stats;
  EXPECT_EQ(stats.calls, MethodStats::timed_at_first + 3);
  EXPECT_EQ(stats.latencies.percentile_us(96), 1u);
  EXPECT_GE(stats.latencies.percentile_us(100), 8192u);
}

TEST_F(EngineTest, CallsAndErrorsAreCounted) {
  EXPECT_EQ(call("c:new:a:5"), "CREATED");
  static_cast<void>(call("c:fail:a"));
  static_cast<void>(call("c:spin:a"));
  Bytes rest;
  EXPECT_EQ(engine_->find("c:fail:a", rest)->stats.errors, 1u);
  EXPECT_EQ(engine_->find("c:spin:a", rest)->stats.kills, 1u);
  EXPECT_GE(engine_->find("c:spin:a", rest)->stats.steps, 1'000'000u);
  ASSERT_EQ(engine_->last_errors().size(), 2u);
  EXPECT_EQ(engine_->last_errors()[1].method, "c:fail");
  const std::string id =
      engine_->last_errors()[1].text.substr(engine_->last_errors()[1].text.find("id="));
  EXPECT_NE(host.lines[0].find(id), std::string::npos);
  EXPECT_NE(host.lines[0].find("c.lua:9"), std::string::npos);
}

}  // namespace
}  // namespace cacheismo::lua
