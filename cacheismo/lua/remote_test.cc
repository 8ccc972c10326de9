// Goal: scripts ask other nodes, wait for as many replies as they want, and see each failure, as
// docs/SCRIPTING.md says. Method: scripts of a few lines; replies are made up by the test.

#include "cacheismo/lua/remote_case.h"

namespace cacheismo::lua {
namespace {

using Code = RemoteReply::Code;

// ---- One server ---------------------------------------------------------------------------------

TEST_F(RemoteTest, AGetWaitsForItsValueAndFlags) {
  method("return json({ getFromServer('n1', 'some key', { timeout = 0.25 }) })");
  const Answer waits = call();
  ASSERT_EQ(waits.is, Answer::Is::waiting);
  EXPECT_EQ(asked(waits), "get n1 some key");
  EXPECT_EQ(waits.remote->wanted, 1u);
  EXPECT_EQ(waits.remote->timeout_ns, 250'000'000);
  EXPECT_EQ(waits.wake_ns, host.now_ns + 250'000'000);
  EXPECT_EQ(waits.remote->depth, 1u);
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{value("x", 7)})), R"(["x",7])");
}

TEST_F(RemoteTest, AMissIsNilAndNothingElse) {
  method("return select('#', getFromServer('n1', 'k')) .. tostring(getFromServer('n1', 'k'))");
  const Answer first = call();
  const Answer second = engine_->resume(first.call, std::vector{failed(Code::miss, true)});
  EXPECT_EQ(shown(engine_->resume(second.call, std::vector{failed(Code::miss, true)})), "1nil");
}

TEST_F(RemoteTest, EachFailureIsNamedAndExplained) {
  method("local v, f = getFromServer('n1', 'k') return json({ v == nil, f })");
  for (int i = 0; i <= static_cast<int>(Code::loop); ++i) {
    const auto code = static_cast<Code>(i);
    if (is_answer(code)) continue;
    const std::string text = answered({failed(code, i % 2 == 0)});
    EXPECT_EQ(text, std::string(R"([true,{"code":")") + name_of(code) + R"(","key":"k","sent":)" +
                        (i % 2 == 0 ? "true" : "false") + R"(,"server":"n1","text":")" +
                        explanation_of(code) + R"("}])");
    EXPECT_NE(std::string(explanation_of(code)), "");
  }
  EXPECT_NE(answered({failed(Code::remote, true, "SERVER_ERROR no")}).find("SERVER_ERROR no"),
            std::string::npos);
}

TEST_F(RemoteTest, ASetSaysWhetherItWasStored) {
  method("return tostring(setOnServer('n1', 'k', 'value', { flags = 5, ttl = 60 }))");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "set n1 k");
  EXPECT_EQ(waits.remote->requests[0].value, "value");
  EXPECT_EQ(waits.remote->requests[0].flags, 5u);
  EXPECT_EQ(waits.remote->requests[0].ttl_seconds, 60);
  EXPECT_EQ(waits.remote->timeout_ns, 1'000'000'000);
  engine_->cancel(waits.call);
  EXPECT_EQ(answered({failed(Code::done, true)}), "true");
  EXPECT_EQ(answered({failed(Code::not_stored, true)}), "false");
  EXPECT_EQ(answered({failed(Code::reset, true)}), "nil");
}

TEST_F(RemoteTest, ADeleteSaysWhetherThereWasOne) {
  method("return tostring(deleteOnServer('n1', 'k'))");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "delete n1 k");
  engine_->cancel(waits.call);
  EXPECT_EQ(answered({failed(Code::done, true)}), "true");
  EXPECT_EQ(answered({failed(Code::miss, true)}), "false");
}

TEST_F(RemoteTest, ACopySendsTheItemWithAllThatBelongsToIt) {
  host.items["k"] = {.value = "value", .client_flags = 5};
  method("return tostring(copyToServer('n1', 'k', { timeout = 2 }))");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "set n1 sent k");
  EXPECT_EQ(waits.remote->requests[0].value, "value");
  EXPECT_EQ(waits.remote->requests[0].flags, 5u);
  EXPECT_EQ(waits.remote->requests[0].ttl_seconds, 60);
  EXPECT_EQ(waits.remote->timeout_ns, 2'000'000'000);
  engine_->cancel(waits.call);
  EXPECT_EQ(answered({failed(Code::done, true)}), "true");
  EXPECT_EQ(answered({failed(Code::not_stored, true)}), "false");
  EXPECT_EQ(answered({failed(Code::remote, true)}), "nil");
}

TEST_F(RemoteTest, ACopyOfNothingSendsNothing) {
  method("return tostring(copyToServer('n1', 'k'))");
  EXPECT_EQ(shown(call()), "false");
}

TEST_F(RemoteTest, WhatCannotBeCopiedIsAnError) {
  host.items["k"] = {.value = "too much"};
  method("return select(2, pcall(copyToServer, 'n1', 'k'))");
  EXPECT_EQ(shown(call()), "copyToServer: too much");
}

TEST_F(RemoteTest, ACallEncodesItsArgumentsIntoTheKey) {
  method("return callOnServer('n1', 'quota:add:alice', 'a:b%c d', 10, 2.0, true, { timeout = 2 })");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "call n1 quota:add:alice:a%3Ab%25c%20d:10:2:true");
  EXPECT_EQ(waits.remote->timeout_ns, 2'000'000'000);
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{value("OK")})), "OK");
}

TEST_F(RemoteTest, ACallsLastArgumentGoesAsDataWhereItDoesNotFit) {
  method("return callOnServer('n1', 't:put:k', 'x', ('y'):rep(300))");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "set n1 t:put:k:x");
  EXPECT_EQ(waits.remote->requests[0].value, std::string(300, 'y'));
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{failed(Code::done)})), "true");
  method("return callOnServer('n1', 't:put:k', ('y'):rep(300), 'x')");
  EXPECT_NE(shown(call()).find("only the last argument may be too long"), std::string::npos);
}

// ---- Many at once -------------------------------------------------------------------------------

TEST_F(RemoteTest, ManyAreAskedAtOnceAndAnsweredByServerAndKey) {
  method("return json({ getInParallel({ b = { 'k2', 'k1' }, a = 'k', c = {} }) })");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "get a k; get b k2; get b k1");
  EXPECT_EQ(waits.remote->wanted, 3u);
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{value("x"), failed(Code::miss, true),
                                                          failed(Code::timeout, true)})),
            R"([{"a":{"k":"x"},"b":{}},{"answered":2,"asked":3,"missing":[{"code":"timeout",)"
            R"("key":"k1","sent":true,"server":"b","text":"no answer in time"}]}])");
}

TEST_F(RemoteTest, ACallGoesOnWhenAsManyAreAnsweredAsItWants) {
  const std::pair<const char*, std::size_t> waits[] = {
      {"'all'", 3}, {"'any'", 1}, {"2", 2}, {"50", 3}};
  for (const auto& [word, wanted] : waits) {
    method(std::string("getInParallel({ a = { '1', '2', '3' } }, { wait = ") + word + " })");
    const Answer answer = call();
    ASSERT_EQ(answer.is, Answer::Is::waiting) << shown(answer);
    EXPECT_EQ(answer.remote->wanted, wanted) << word;
    engine_->cancel(answer.call);
  }
}

TEST_F(RemoteTest, NobodyAskedIsAnsweredAtOnce) {
  method("return json({ getInParallel({}) })");
  EXPECT_EQ(shown(call()), R"([{},{"answered":0,"asked":0,"missing":{}}])");
}

TEST_F(RemoteTest, AStoredTableCanSayWhomToAsk) {
  load(R"(
    local t = object.type("t")
    function t.new() return { ask = { a = { "1", "2" }, b = "3" } } end
    function t.async.m(key) return json(getInParallel(object.open(key).ask)) end
  )");
  EXPECT_EQ(shown(call("t:new:k")), "CREATED");
  EXPECT_EQ(answered({value("x"), value("y"), value("z")}),
            R"({"a":{"1":"x","2":"y"},"b":{"3":"z"}})");
}

// ---- Where and how often ------------------------------------------------------------------------

TEST_F(RemoteTest, OnlyWhatMayWaitAsksOtherNodes) {
  const std::string only =
      " works in an async method or a handler itself, not while loading, in a "
      "read, an update, an atomically or a coroutine";
  method("return getFromServer('n1', 'k')", "read");
  host.objects["t$k"] = {};
  EXPECT_EQ(shown(call()), "error: script t.lua:3: getFromServer" + only);
  method("return getInParallel({ n1 = 'k' })", "update");
  EXPECT_EQ(shown(call()), "error: script t.lua:3: getInParallel" + only);
  method("atomically(function() setOnServer('n1', 'k', 'v') end)");
  EXPECT_EQ(shown(call()), "error: script t.lua:3: setOnServer" + only);
  method("coroutine.wrap(function() deleteOnServer('n1', 'k') end)()");
  EXPECT_NE(shown(call()).find("deleteOnServer" + only), std::string::npos);
  method("table.sort({ 2, 1 }, function() callOnServer('n1', 't:m:k') end)");
  EXPECT_NE(shown(call()).find("callOnServer" + only), std::string::npos);
  const std::vector<Script> early{{.name = "t.lua", .source = "getFromServer('n1', 'k')"}};
  EXPECT_NE(engine_->load(early).error().find("getFromServer" + only), std::string::npos);
}

TEST_F(RemoteTest, WrongArgumentsAreErrorsThatSayWhatIsRight) {
  const std::pair<const char*, const char*> wrong[] = {
      {"getFromServer('', 'k')", "a server is a node's name or \"host:port\", not empty"},
      {"getFromServer('n1')", "bad argument #2"},
      {"getFromServer('n1', '')", "a key has 1 to 250 bytes"},
      {"getFromServer('n1', ('k'):rep(251))", "a key has 1 to 250 bytes"},
      {"getFromServer('n1', (' '):rep(187))", "with spaces or control characters has at most 186"},
      {"getFromServer('n1', 'k', 1)", "table expected, got number"},
      {"getFromServer('n1', 'k', { ttl = 1 })", "there is no option 'ttl'"},
      {"getFromServer('n1', 'k', { timeout = 0 })", "above 0 and at most 60"},
      {"getFromServer('n1', 'k', { timeout = 61 })", "above 0 and at most 60"},
      {"getFromServer('n1', 'k', { timeout = 0/0 })", "above 0 and at most 60"},
      {"getInParallel()", "bad argument #1"},
      {"getInParallel('n1')", "{server = key or {key, ...}, ...} expected"},
      {"getInParallel({ 'n1' })", "{server = key or {key, ...}, ...} expected"},
      {"getInParallel({ n1 = { 1 } })", "{server = key or {key, ...}, ...} expected"},
      {"getInParallel({ n1 = 'k' }, { wait = 0 })", "wait is \"all\", \"any\" or a whole number"},
      {"getInParallel({ n1 = 'k' }, { wait = 'most' })", "wait is \"all\", \"any\" or"},
      {"setOnServer('n1', 'k')", "bad argument #3"},
      {"setOnServer('n1', 'k', 'v', { flags = -1 })", "flags are 0 to 2^32 - 1"},
      {"setOnServer('n1', 'k', 'v', { ttl = 1.5 })", "ttl is whole seconds"},
      {"setOnServer('n1', 'k', ('v'):rep(1048577))", "longer than an item may be"},
      {"callOnServer('n1', 't:m')", "a method is \"TYPE:METHOD:KEY\""},
      {"callOnServer('n1', 't:m:k', nil, 1)", "arguments of methods are strings, numbers"},
      {"local t = {} for i = 1, 1025 do t[i] = 'k' end getInParallel({ n1 = t })",
       "more than 1024 keys"},
  };
  for (const auto& [body, text] : wrong) {
    method(body);
    EXPECT_NE(shown(call()).find(text), std::string::npos) << body << ": " << shown(call());
  }
}

TEST_F(RemoteTest, CallsThatAreNestedTooDeeplyAskNobody) {
  method("local _, f = getFromServer('n1', 'k') return f.code .. tostring(f.sent)");
  const Answer third = call("t:m:k", {.depth = 3});
  ASSERT_EQ(third.is, Answer::Is::waiting);
  EXPECT_EQ(third.remote->depth, 4u);
  engine_->cancel(third.call);
  EXPECT_EQ(shown(call("t:m:k", {.depth = 4})), "loopfalse");
}

TEST_F(RemoteTest, AWaitIsNoLongerThanTheCallHasTime) {
  method("local _, f = getFromServer('n1', 'k') return f.code .. ': ' .. f.text");
  const Answer waits = call("t:m:k", {.deadline_ns = host.now_ns + 300'000'000});
  ASSERT_EQ(waits.is, Answer::Is::waiting);
  EXPECT_EQ(waits.remote->timeout_ns, 300'000'000);
  engine_->cancel(waits.call);
  EXPECT_EQ(shown(call("t:m:k", {.deadline_ns = host.now_ns})),
            "timeout: no time is left of the call's own");
}

TEST_F(RemoteTest, RequestsAndSleepsFollowEachOther) {
  method(R"(
    local first = getFromServer("n1", "k")
    sleep(2)
    local ok, second = pcall(getFromServer, "n2", first)
    return tostring(ok) .. first .. second
  )");
  const Answer first = call();
  const Answer sleeps = engine_->resume(first.call, std::vector{value("x")});
  EXPECT_EQ(sleeps.remote, nullptr);
  EXPECT_EQ(sleeps.wake_ns, host.now_ns + 2'000'000'000);
  const Answer second = engine_->resume(sleeps.call);
  EXPECT_EQ(asked(second), "get n2 x");
  EXPECT_EQ(shown(engine_->resume(second.call, std::vector{value("y")})), "truexy");
}

TEST_F(RemoteTest, AReplyThatDoesNotFitIntoTheCallsMemoryEndsIt) {
  method("return #getFromServer('n1', 'k')");
  EXPECT_EQ(answered({value(std::string(1 * MiB, 'x'))}), "1048576");
  EXPECT_NE(answered({value(std::string(9 * MiB, 'x'))}).find("not enough memory"),
            std::string::npos);
}

TEST_F(RemoteTest, WorkIsPaidWithSteps) {
  method("local t = {} for i = 1, 1000 do t[i] = 'k' .. i end getInParallel({ n1 = t })");
  EXPECT_EQ(answered(std::vector<RemoteReply>(1000, value("x"))), "(miss)");
  Bytes rest;
  EXPECT_GE(engine_->find("t:m:k", rest)->stats.steps, 50'000u);
}

// ---- The ring -----------------------------------------------------------------------------------

TEST_F(RemoteTest, ScriptsSeeTheRing) {
  host.ring = {{.name = "n0", .address = "h0:11211", .state = "active", .self = false},
               {.name = "n1", .address = "h1:11211", .state = "joining", .self = true}};
  host.epoch = 17;
  method(R"(return json({ ring.owner("abc"), ring.owners("ab", 5), ring.nodes(), ring.self,
                          ring.epoch }))",
         "read");
  host.objects["t$k"] = {};
  EXPECT_EQ(shown(call()), R"(["n1",["n0","n1"],[{"address":"h0:11211","name":"n0","self":false,)"
                           R"("state":"active"},{"address":"h1:11211","name":"n1","self":true,)"
                           R"("state":"joining"}],"n1",17])");
  method("return ring.size", "read");
  EXPECT_NE(shown(call()).find("no 'size'"), std::string::npos);
  method("ring.self = 'n0'", "read");
  EXPECT_NE(shown(call()).find("cannot set fields of ring"), std::string::npos);
}

TEST_F(RemoteTest, WithoutAClusterEveryKeyIsOnesOwn) {
  method("return json({ ring.owner('k') == ring.self, ring.self, #ring.nodes(), ring.epoch })");
  EXPECT_EQ(shown(call()), R"([true,"",0,0])");
}

// ---- mapreduce ----------------------------------------------------------------------------------

constexpr const char* sum = R"(
  local total, coverage = mapreduce("counter:get:hits", { "a b" },
    function(so_far, value, node) return (so_far or "") .. node .. "=" .. value .. " " end,
    OPTIONS)
  return tostring(total) .. coverage.answered .. " " .. #coverage.failed .. " " .. coverage.epoch
)";

std::string with_options(const std::string& options) {
  std::string body = sum;
  return body.replace(body.find("OPTIONS"), 7, options);
}

TEST_F(RemoteTest, MapReduceAsksEveryNodeAndReducesInTheirOrder) {
  host.ring = {{.name = "n0", .self = true}, {.name = "n1"}, {.name = "n2"}};
  host.epoch = 3;
  method(with_options("nil"));
  const Answer waits = call();
  EXPECT_EQ(asked(waits),
            "get n0 counter:get:hits:a%20b; get n1 counter:get:hits:a%20b; "
            "get n2 counter:get:hits:a%20b");
  EXPECT_EQ(shown(engine_->resume(waits.call,
                                  std::vector{value("1"), failed(Code::refused), value("3")})),
            "n0=1 n2=3 2 1 3");
}

TEST_F(RemoteTest, MapReduceKeepsToItsFanoutAndItsTime) {
  method(with_options("{ nodes = { 'z', 'y', 'x' }, fanout = 2, timeout = 3 }"));
  const Answer first = call();
  EXPECT_EQ(asked(first), "get y counter:get:hits:a%20b; get z counter:get:hits:a%20b");
  EXPECT_EQ(first.remote->timeout_ns, 3'000'000'000);
  host.now_ns += 2'000'000'000;
  const Answer second = engine_->resume(first.call, std::vector{value("2"), value("1")});
  EXPECT_EQ(asked(second), "get x counter:get:hits:a%20b");
  EXPECT_NEAR(static_cast<double>(second.remote->timeout_ns), 1e9, 1e6);
  EXPECT_EQ(shown(engine_->resume(second.call, std::vector{failed(Code::miss)})), "z=1 y=2 3 0 0");
}

TEST_F(RemoteTest, MapReduceWithoutNodesOrWithWrongOptionsSaysSo) {
  method(with_options("nil"));
  EXPECT_NE(shown(call()).find("this node is in no cluster"), std::string::npos);
  method(with_options("{ node = {} }"));
  EXPECT_NE(shown(call()).find("there is no option 'node'"), std::string::npos);
  method("mapreduce('t:m', {}, function() end, { nodes = { 'a' } })");
  EXPECT_NE(shown(call()).find("mapreduce: a method is \"TYPE:METHOD:KEY\""), std::string::npos);
  method("mapreduce('t:m:k', {}, function() end)", "update");
  host.objects["t$k"] = {};
  EXPECT_NE(shown(call()).find("mapreduce works in an async method"), std::string::npos);
  method("mapreduce('t:m:k', { ('x'):rep(300) }, function() end, { nodes = { 'a' } })");
  EXPECT_NE(shown(call()).find("do not fit into a key of 250 bytes"), std::string::npos);
}

}  // namespace
}  // namespace cacheismo::lua
