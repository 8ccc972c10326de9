// Engine: the scripts of one node: types declared, methods called, limits kept, errors told.
//
//   sources --load()--> Generation{Vm, Types} --find(), call()--> Answer
//                           ^ the newest; an older one lives as long as calls wait in it
//
//  1. load() either puts a whole new generation in the place of the old one, or changes nothing and
//     says file and line.
//  2. A method's changes are all visible when call() returns an answer, or none is.
//  3. An answer is a value, a miss or one line of error; the log has the same id and the traceback.
//  4. A call that waits is resumed or cancelled exactly once; nothing it has opened stays open.
//  5. Between calls no State is open, and the stack of every Vm is empty.
//
// What it is not: it has no timer, no connection and no protocol. The node resumes what waits.

#ifndef CACHEISMO_LUA_ENGINE_H_
#define CACHEISMO_LUA_ENGINE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/lua/call.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/host.h"
#include "cacheismo/lua/remote.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/lua/types.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo::lua {

struct EngineOptions {
  Limits call;  ///< of each method's call
  std::uint32_t waiting_calls_max = 10'000;
  std::size_t result_bytes_max = 1 << 20;  ///< of one answer
  std::uint64_t seed = 0;
};

struct Answer {
  enum class Is : std::uint8_t {
    value,
    miss,
    raw,      ///< text is what the client receives in place of a VALUE block, or of the reply
    error,    ///< text is what follows SERVER_ERROR
    waiting,  ///< ask again with resume() at `wake_ns` (or sooner, with replies), or cancel()
  };
  Is is = Is::miss;
  Bytes text;                ///< valid until the next call of the Engine
  bool silent = false;       ///< of a raw one: the client wants no reply; text is what it would be
  std::uint64_t call = 0;    ///< of a waiting one
  std::int64_t wake_ns = 0;  ///< monotonic
  /// What a waiting one asks of other nodes; null: nothing. Valid until its resume() or cancel().
  const RemoteWait* remote = nullptr;
};

/// One line of `stats scripts` about a failed call.
struct ScriptError {
  std::int64_t wall_ns = 0;
  std::string method;  ///< "quota:addandcheck"
  std::string text;
};

class Generation;

class Engine {
 public:
  /// `heap` and `host` outlive the Engine.
  Engine(Heap& heap, Host& host, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Files whose name ends in _test.lua are for ScriptTests and are passed over.
  [[nodiscard]] Result<void, std::string> load(std::span<const Script> scripts);

  /// What a key names; nullptr: an ordinary key. Valid until the next load().
  [[nodiscard]] const Method* find(Bytes key, Bytes& rest) const {
    return types_ == nullptr ? nullptr : types_->find(key, rest);
  }

  /// The key of the item that call() would open; empty: the method opens none by itself, or `rest`
  /// names none. `made` holds the bytes.
  [[nodiscard]] static Bytes object_key(const Method& method, Bytes rest, std::string& made);

  /// What the ring hashes of the item at `item_key`: the key itself, or what the route of its type
  /// returns, put into `made`. The failure is what follows SERVER_ERROR. Lua is entered for types
  /// with a route only. Requires that no call runs.
  [[nodiscard]] Result<Bytes, std::string> placed(Bytes item_key, std::string& made) {
    Bytes key;
    const Type* type = types_ == nullptr ? nullptr : types_->routed(item_key, key);
    if (type == nullptr) return item_key;
    return routed(*type, key, made);
  }

  /// Runs a method. `rest` as find() gave it; `data`: the last argument, if there is one.
  [[nodiscard]] Answer call(const Method& method, Bytes rest, std::optional<Bytes> data,
                            const Caller& caller = {});

  /// What a script runs instead of an ordinary command; nullptr: nothing. Valid until the next
  /// load().
  [[nodiscard]] const Method* takes_over(Verb verb) const {
    return types_ == nullptr ? nullptr : types_->takes_over(verb);
  }
  /// Runs it. Its raw answer is the whole reply, the END of a get included, and silent where the
  /// command says noreply.
  [[nodiscard]] Answer call_command(const Method& method, CommandData command,
                                    const Caller& caller = {});

  /// Goes on with a call that waited. Requires that it was not resumed or cancelled. `replies`: one
  /// for each request of its RemoteWait, none where it had none.
  [[nodiscard]] Answer resume(std::uint64_t call, std::span<const RemoteReply> replies = {});
  void cancel(std::uint64_t call);
  [[nodiscard]] std::size_t waiting_calls() const { return waiting_.size(); }

  /// Collects garbage for a bounded time. True: more is waiting.
  bool maintain();

  [[nodiscard]] const Types* types() const { return types_; }
  [[nodiscard]] std::uint64_t generation() const { return generations_; }
  [[nodiscard]] const std::deque<ScriptError>& last_errors() const { return last_errors_; }
  [[nodiscard]] const Heap& heap() const { return heap_; }
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Waiting;

  [[nodiscard]] Result<Bytes, std::string> routed(const Type& type, Bytes key, std::string& made);
  [[nodiscard]] std::optional<Answer> open_object(Call& call);
  [[nodiscard]] Answer call_now(Call& call);
  [[nodiscard]] Answer call_async(const Method& method, std::span<const Bytes> parts,
                                  std::optional<Bytes> data, std::optional<CommandData> command,
                                  const Caller& caller);
  [[nodiscard]] Answer go_on(std::unique_ptr<Waiting> waiting, int arguments);
  [[nodiscard]] Answer end(Waiting& waiting, Ended ended);
  [[nodiscard]] Answer finish(Generation& generation, Call& call, Ended ended);
  [[nodiscard]] Answer fail_ended(Generation& generation, const Method& method, Ended ended);
  [[nodiscard]] Answer fail(const Method& method, std::string text, Bytes traceback);
  /// Of a call, if it is one of those that are timed.
  struct Timing {
    std::uint64_t stands_for = 0;  ///< calls; 0: it is not
    std::int64_t started_ns = 0;
  };
  [[nodiscard]] Timing begin_timing(const MethodStats& stats);
  void end_timing(MethodStats& stats, const Timing& timing, const Vm* ran);
  void count(const Waiting& waiting);

  Heap& heap_;
  Host& host_;
  EngineOptions options_;
  Prng ids_;
  std::shared_ptr<Generation> current_;
  const Types* types_ = nullptr;  ///< of current_
  std::uint64_t generations_ = 0;
  std::uint64_t last_call_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Waiting>>
      waiting_;  ///< never iterated in order
  std::deque<ScriptError> last_errors_;
  std::string text_;  ///< behind the latest Answer
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_ENGINE_H_
