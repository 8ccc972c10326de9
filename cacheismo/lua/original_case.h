// OriginalScripts: scripts of the original interface over a MapHost, for its tests.

#ifndef CACHEISMO_LUA_ORIGINAL_CASE_H_
#define CACHEISMO_LUA_ORIGINAL_CASE_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/remote.h"
#include "cacheismo/lua/test_vm.h"

namespace cacheismo::lua {

class OriginalScripts {
 public:
  explicit OriginalScripts(const std::vector<Script>& scripts)
      : heap_(region_.span()), engine_(heap_, host, {}) {
    const auto loaded = engine_.load(scripts);
    if (!loaded) error = loaded.error();
  }
  OriginalScripts(const std::string& name, const std::string& source)
      : OriginalScripts({Script{.name = name, .source = source}}) {}

  /// What a client would see of `get key`, without the END; what waits is resumed.
  std::string get(const std::string& key, std::optional<Bytes> data = std::nullopt) {
    Bytes rest;
    const Method* method = engine_.find(key, rest);
    if (method == nullptr) return "an ordinary key";
    return text(engine_.call(*method, rest, data));
  }
  /// The value that `get key` answers.
  std::string value(const std::string& key) {
    std::string text = get(key);
    const std::string head = "VALUE " + key + " 0 ";
    if (!text.starts_with(head)) return text;
    const std::size_t line = text.find("\r\n");
    const std::size_t size = std::stoul(text.substr(head.size()));
    EXPECT_EQ(text.size(), line + 2 + size + 2);
    return text.substr(line + 2, size);
  }
  std::string run(CommandData command) {
    const Method* method = engine_.takes_over(command.verb);
    if (method == nullptr) return "not taken over";
    return text(engine_.call_command(*method, std::move(command)));
  }

  MapHost host;
  /// What other nodes answer, by "server key"; others fail.
  std::map<std::string, std::string> elsewhere;
  std::string error;  ///< of loading
  int waits = 0;

 private:
  std::vector<RemoteReply> replies_to(const Answer& answer) const {
    if (answer.remote == nullptr) return {};
    std::vector<RemoteReply> replies(answer.remote->requests.size());
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const RemoteRequest& request = answer.remote->requests[i];
      const auto found = elsewhere.find(request.server + " " + request.key);
      replies[i].code =
          found == elsewhere.end() ? RemoteReply::Code::refused : RemoteReply::Code::value;
      if (found != elsewhere.end()) replies[i].value = found->second;
    }
    return replies;
  }
  std::string text(Answer answer) {
    while (answer.is == Answer::Is::waiting) {
      ++waits;
      EXPECT_EQ(host.open_states(), 0u);
      answer = engine_.resume(answer.call, replies_to(answer));
    }
    EXPECT_EQ(host.open_states(), 0u);
    EXPECT_EQ(engine_.audit(), std::nullopt);
    switch (answer.is) {
      case Answer::Is::raw: return (answer.silent ? "silent " : "") + std::string(answer.text);
      case Answer::Is::error: return "SERVER_ERROR " + std::string(answer.text);
      case Answer::Is::value: return "value " + std::string(answer.text);
      default: return "miss";
    }
  }

  TestRegion region_{16u << 20};
  Heap heap_;
  Engine engine_;
};
/// A type "t" whose method m has the body `body`, with parameters (command, key, cacheKey, ...).
inline Script method(const std::string& body, const std::string& before = "") {
  return {.name = "t.lua",
          .source =
              before + "\nreturn { m = function(command, key, cacheKey, ...) " + body + "\nend }"};
}

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_ORIGINAL_CASE_H_
