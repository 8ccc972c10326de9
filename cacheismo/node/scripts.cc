#include "cacheismo/node/scripts.h"

#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/node_state.h"

namespace cacheismo::node {
namespace {

lua::EngineOptions options_of(NodeState& node) {
  const ScriptConfig& config = node.config.scripts;
  return {.call = {.steps = config.steps_per_call,
                   .time_ns = std::chrono::nanoseconds(config.time_per_call).count(),
                   .heap_bytes = config.heap_bytes_per_call},
          .waiting_calls_max = config.waiting_calls_max,
          .result_bytes_max = node.config.item_bytes_max,
          .seed = node.io.random().next()};
}

}  // namespace

Scripts::Scripts(NodeState& node, std::span<char> heap)
    : node_(node),
      reload_enabled_(node.config.scripts.reload_enabled),
      heap_(heap),
      host_(node),
      engine_(heap_, host_, options_of(node)),
      remote_(node, *this) {}

Scripts::~Scripts() = default;

Result<void, std::string> Scripts::load() {
  auto read = node_.config.scripts.source->read();
  Result<void, std::string> loaded;
  if (read) {
    loaded = engine_.load(*read);
  } else {
    loaded = failure(read.error());
  }
  if (loaded) {
    const bool start = engine_.generation() == 1;
    node_.log.write(
        start ? Level::debug : Level::info, "scripts_loaded",
        fmt::format("generation={} types={}", engine_.generation(), engine_.types()->all().size()));
  } else {
    ++failed_loads_;
    node_.log.write(Level::error, "scripts_refused", "reason=\"" + loaded.error() + '"');
  }
  return loaded;
}

lua::Answer Scripts::reload() {
  if (const auto loaded = load(); !loaded) {
    text_ = "scripts: " + loaded.error();
    return {.is = lua::Answer::Is::error, .text = text_};
  }
  return {.is = lua::Answer::Is::value, .text = "RELOADED"};
}

std::optional<lua::Answer> Scripts::take_finished(std::uint32_t slot) {
  const auto found = waiting_.find(slot);
  if (found == waiting_.end()) [[likely]]
    return std::nullopt;
  CHECK(found->second.finished);
  text_ = std::move(found->second.text);
  const lua::Answer taken{.is = found->second.is, .text = text_, .silent = found->second.silent};
  waiting_.erase(found);
  return taken;
}

/// From here until go_on() or forget() `waiting` has a timer or a wait in remote_.
void Scripts::wait(Waiting& waiting, const lua::Answer& answer, std::uint32_t slot) {
  waiting.call = answer.call;
  waiting.timer = {};
  MonotonicTime wake_at{Duration(answer.wake_ns)};
  if (answer.remote != nullptr) {
    if (remote_.start(slot, *answer.remote)) return;
    wake_at = node_.io.now().monotonic;
  }
  waiting.timer = node_.io.set_timer(wake_at, *this);
  slots_.emplace(waiting.timer.value, slot);
}

lua::Answer Scripts::note_waiting(const lua::Answer& answer, std::uint32_t slot, bool of_command) {
  if (answer.is != lua::Answer::Is::waiting) return answer;
  Waiting& waiting = waiting_[slot];
  waiting.of_command = of_command;
  wait(waiting, answer, slot);
  return answer;
}

Scripts::Finished Scripts::take(std::uint32_t slot) {
  const auto found = waiting_.find(slot);
  CHECK(found != waiting_.end());
  const bool of_command = found->second.of_command;
  return {.answer = *take_finished(slot), .of_command = of_command};
}

lua::Answer Scripts::call(const lua::Method& method, Bytes rest, std::optional<Bytes> data,
                          std::uint32_t slot, const lua::Caller& caller) {
  if (const auto finished = take_finished(slot)) return *finished;
  if (&method == &reload_) return reload();
  return note_waiting(engine_.call(method, rest, data, caller), slot, false);
}

lua::Answer Scripts::call_command(const lua::Method& method, lua::CommandData command,
                                  std::uint32_t slot, const lua::Caller& caller) {
  if (const auto finished = take_finished(slot)) return *finished;
  return note_waiting(engine_.call_command(method, std::move(command), caller), slot, true);
}

void Scripts::on_timer(io::TimerId timer) {
  const auto found = slots_.find(timer.value);
  CHECK(found != slots_.end());
  const std::uint32_t slot = found->second;
  slots_.erase(found);
  go_on(slot);
}

void Scripts::on_remote_replies(std::uint32_t slot) { go_on(slot); }

void Scripts::go_on(std::uint32_t slot) {
  node_.begin_event();
  Waiting& waiting = waiting_.at(slot);
  std::vector<lua::RemoteReply> replies;
  if (remote_.waits(slot)) replies = remote_.take(slot);
  const lua::Answer answer = engine_.resume(waiting.call, replies);
  if (answer.is == lua::Answer::Is::waiting) {
    wait(waiting, answer, slot);
    return;
  }
  waiting.timer = {};
  waiting.finished = true;
  waiting.is = answer.is;
  waiting.text = std::string(answer.text);
  waiting.silent = answer.silent;
  node_.connections->at(slot).call_finished();
}

void Scripts::forget(std::uint32_t slot) {
  const auto found = waiting_.find(slot);
  if (found == waiting_.end()) return;
  const Waiting& waiting = found->second;
  if (!waiting.finished) {
    if (waiting.timer != io::TimerId{}) {
      node_.io.cancel_timer(waiting.timer);
      slots_.erase(waiting.timer.value);
    }
    if (remote_.waits(slot)) remote_.cancel(slot);
    engine_.cancel(waiting.call);
  }
  waiting_.erase(found);
}

std::optional<std::string> Scripts::audit() const {
  std::size_t unfinished = 0;
  std::size_t timed = 0;
  for (const auto& [slot, waiting] : waiting_) {
    if (waiting.finished) continue;
    ++unfinished;
    if (waiting.timer != io::TimerId{}) {
      ++timed;
    } else if (!remote_.waits(slot)) {
      return "scripts: a call has no timer and no replies to come";
    }
  }
  if (unfinished != engine_.waiting_calls()) return "scripts: a call waits for no connection";
  if (timed != slots_.size()) return "scripts: a timer has no call";
  if (auto broken = remote_.audit()) return broken;
  return engine_.audit();
}

}  // namespace cacheismo::node
