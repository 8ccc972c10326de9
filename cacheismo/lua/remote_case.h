// RemoteTest: a script of one method over a MapHost, what it asks of other nodes as text, and
// replies that are made up.

#ifndef CACHEISMO_LUA_REMOTE_CASE_H_
#define CACHEISMO_LUA_REMOTE_CASE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/remote.h"
#include "cacheismo/lua/test_vm.h"

namespace cacheismo::lua {

inline RemoteReply value(const std::string& text, std::uint32_t flags = 0) {
  return {
      .code = RemoteReply::Code::value, .value = text, .flags = flags, .sent = true, .text = {}};
}

inline RemoteReply failed(RemoteReply::Code code, bool sent = false, const std::string& text = "") {
  return {.code = code, .value = {}, .flags = 0, .sent = sent, .text = text};
}

class RemoteTest : public testing::Test {
 protected:
  RemoteTest() : region_(64 * MiB), heap_(region_.span()) {
    engine_ = std::make_unique<Engine>(heap_, host, EngineOptions{});
  }
  ~RemoteTest() override {
    EXPECT_EQ(host.open_states(), 0u);
    EXPECT_EQ(engine_->audit(), std::nullopt);
  }

  /// A type "t" with a method `m(key, ...)` of this body.
  void method(const std::string& body, const std::string& kind = "async") {
    load("local t = object.type('t')\nfunction t." + kind + ".m(key, ...)\n" + body + "\nend");
  }
  void load(const std::string& source) {
    const std::vector<Script> scripts{{.name = "t.lua", .source = source}};
    const auto loaded = engine_->load(scripts);
    ASSERT_TRUE(loaded.has_value()) << loaded.error();
  }
  Answer call(const std::string& key = "t:m:k", const Caller& caller = {}) {
    Bytes rest;
    const Method* method = engine_->find(key, rest);
    EXPECT_NE(method, nullptr) << key;
    return engine_->call(*method, rest, std::nullopt, caller);
  }
  static std::string shown(const Answer& answer) {
    switch (answer.is) {
      case Answer::Is::value: return std::string(answer.text);
      case Answer::Is::miss: return "(miss)";
      case Answer::Is::raw: return "raw " + std::string(answer.text);
      case Answer::Is::error: {
        const std::string text(answer.text);
        return "error: " + text.substr(0, text.rfind(" id="));
      }
      case Answer::Is::waiting: return "(waiting)";
    }
    return "?";
  }
  /// The method's answer when its one wait gets these replies.
  std::string answered(const std::vector<RemoteReply>& replies) {
    const Answer waits = call();
    EXPECT_EQ(waits.is, Answer::Is::waiting) << shown(waits);
    if (waits.is != Answer::Is::waiting) return shown(waits);
    return shown(engine_->resume(waits.call, replies));
  }
  /// What a wait asks for: "get a k1; set b k2".
  static std::string asked(const Answer& answer) {
    if (answer.remote == nullptr) return "nothing: " + shown(answer);
    std::string text;
    for (const RemoteRequest& request : answer.remote->requests) {
      constexpr const char* names[] = {"get", "set", "delete", "call"};
      text += (text.empty() ? "" : "; ") + std::string(names[static_cast<int>(request.op)]) + " " +
              request.server + " " + request.key;
    }
    return text;
  }

  MapHost host;
  TestRegion region_;
  Heap heap_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_REMOTE_CASE_H_
