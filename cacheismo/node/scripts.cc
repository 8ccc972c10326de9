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
      engine_(heap_, host_, options_of(node)) {}

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

lua::Answer Scripts::note_waiting(const lua::Answer& answer, std::uint32_t slot) {
  if (answer.is != lua::Answer::Is::waiting) return answer;
  Waiting& waiting = waiting_[slot];
  waiting.call = answer.call;
  waiting.timer = node_.io.set_timer(MonotonicTime(Duration(answer.wake_ns)), *this);
  slots_.emplace(waiting.timer.value, slot);
  return answer;
}

lua::Answer Scripts::call(const lua::Method& method, Bytes rest, std::optional<Bytes> data,
                          std::uint32_t slot) {
  if (const auto finished = take_finished(slot)) return *finished;
  if (&method == &reload_) return reload();
  return note_waiting(engine_.call(method, rest, data), slot);
}

lua::Answer Scripts::call_command(const lua::Method& method, lua::CommandData command,
                                  std::uint32_t slot) {
  if (const auto finished = take_finished(slot)) return *finished;
  return note_waiting(engine_.call_command(method, std::move(command)), slot);
}

void Scripts::on_timer(io::TimerId timer) {
  node_.begin_event();
  const auto found = slots_.find(timer.value);
  CHECK(found != slots_.end());
  const std::uint32_t slot = found->second;
  slots_.erase(found);
  Waiting& waiting = waiting_.at(slot);
  const lua::Answer answer = engine_.resume(waiting.call);
  if (answer.is == lua::Answer::Is::waiting) {
    waiting.call = answer.call;
    waiting.timer = node_.io.set_timer(MonotonicTime(Duration(answer.wake_ns)), *this);
    slots_.emplace(waiting.timer.value, slot);
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
  if (!found->second.finished) {
    node_.io.cancel_timer(found->second.timer);
    slots_.erase(found->second.timer.value);
    engine_.cancel(found->second.call);
  }
  waiting_.erase(found);
}

std::optional<std::string> Scripts::audit() const {
  std::size_t unfinished = 0;
  for (const auto& [slot, waiting] : waiting_) unfinished += waiting.finished ? 0 : 1;
  if (unfinished != engine_.waiting_calls()) return "scripts: a call waits for no connection";
  if (unfinished != slots_.size()) return "scripts: a call has no timer";
  return engine_.audit();
}

}  // namespace cacheismo::node
