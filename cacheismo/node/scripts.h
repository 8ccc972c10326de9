// Scripts: the node's side of virtual keys: the engine, the calls that wait, and what for.
//
//   Dispatcher --call--> Engine --answer--> output
//                          |  waits
//                          v
//      timer, RemoteCalls --resume--> finished --> the connection asks again and takes the answer
//
//  1. A connection has at most one call that waits or is finished and not taken; while it has one,
//     its next request is not executed.
//  2. A connection that ends cancels its call.
//  3. A call that waits has a timer, or replies to come, until it goes on.
//
// What it is not: it knows no protocol (virtual_keys.cc answers).

#ifndef CACHEISMO_NODE_SCRIPTS_H_
#define CACHEISMO_NODE_SCRIPTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/io/io.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/remote_calls.h"
#include "cacheismo/node/script_host.h"

namespace cacheismo::node {

struct NodeState;

class Scripts final : public io::TimerEvents, public RemoteWaiter {
 public:
  /// `heap` outlives this. Nothing is loaded yet.
  Scripts(NodeState& node, std::span<char> heap);
  ~Scripts();

  /// Reads the scripts again and puts them in the place of those that run, or changes nothing.
  [[nodiscard]] Result<void, std::string> load();

  [[nodiscard]] const lua::Method* find(Bytes key, Bytes& rest) const {
    if (const lua::Method* method = engine_.find(key, rest)) return method;
    return reload_enabled_ && key == "cacheismo:reload" ? &reload_ : nullptr;
  }

  /// See lua::Engine.
  [[nodiscard]] Result<Bytes, std::string> placed(Bytes item_key, std::string& made) {
    return engine_.placed(item_key, made);
  }

  /// Runs a method for the connection in `slot`, or takes the answer of the call that it waited
  /// for. `waiting`: the connection goes on when Connection::call_finished() is called. `caller`:
  /// who has asked, where that was a script of another node.
  [[nodiscard]] lua::Answer call(const lua::Method& method, Bytes rest, std::optional<Bytes> data,
                                 std::uint32_t slot, const lua::Caller& caller = {});
  /// The script that has taken an ordinary command over; null: none.
  [[nodiscard]] const lua::Method* takes_over(lua::Verb verb) const {
    return engine_.takes_over(verb);
  }
  /// Runs it, as call() does.
  [[nodiscard]] lua::Answer call_command(const lua::Method& method, lua::CommandData command,
                                         std::uint32_t slot, const lua::Caller& caller = {});
  /// The answer of the call that the connection in `slot` waited for, which has finished.
  struct Finished {
    lua::Answer answer;
    bool of_command = false;  ///< of call_command()
  };
  [[nodiscard]] Finished take(std::uint32_t slot);
  /// There is one: whatever has become of the ring, the request is not executed once more.
  [[nodiscard]] bool has_answer(std::uint32_t slot) const {
    if (waiting_.empty()) return false;
    const auto found = waiting_.find(slot);
    return found != waiting_.end() && found->second.finished;
  }
  /// The connection in `slot` has ended.
  void forget(std::uint32_t slot);

  void on_timer(io::TimerId timer) override;
  void on_remote_replies(std::uint32_t slot) override;

  /// Garbage, for a bounded time. True: more is waiting.
  bool maintain() { return engine_.maintain(); }
  [[nodiscard]] const lua::Engine& engine() const { return engine_; }
  [[nodiscard]] std::uint64_t failed_loads() const { return failed_loads_; }
  [[nodiscard]] std::optional<std::string> audit() const;
  /// No call is waiting, so that the node may stop.
  [[nodiscard]] bool idle() const { return waiting_.empty(); }

 private:
  /// A call of a connection, by the connection's slot.
  struct Waiting {
    std::uint64_t call = 0;
    io::TimerId timer;  ///< 0: it waits for replies
    bool finished = false;
    bool of_command = false;
    lua::Answer::Is is = lua::Answer::Is::miss;
    std::string text;
    bool silent = false;
  };

  [[nodiscard]] lua::Answer reload();
  /// The answer that the connection in `slot` waited for, if there is one.
  [[nodiscard]] std::optional<lua::Answer> take_finished(std::uint32_t slot);
  [[nodiscard]] lua::Answer note_waiting(const lua::Answer& answer, std::uint32_t slot,
                                         bool of_command);
  void wait(Waiting& waiting, const lua::Answer& answer, std::uint32_t slot);
  void go_on(std::uint32_t slot);

  NodeState& node_;
  bool reload_enabled_;
  lua::Method reload_;  ///< stands for the one virtual key that is no script's
  lua::Heap heap_;
  ScriptHost host_;
  lua::Engine engine_;
  RemoteCalls remote_;
  std::unordered_map<std::uint32_t, Waiting> waiting_;      ///< never iterated in order
  std::unordered_map<std::uint64_t, std::uint32_t> slots_;  ///< of timers
  std::string text_;                                        ///< behind an answer that was taken
  std::uint64_t failed_loads_ = 0;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_SCRIPTS_H_
