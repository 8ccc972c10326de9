#include "cacheismo/lua/run.h"

#include <algorithm>
#include <limits>

#include <lauxlib.h>

#include "cacheismo/base/check.h"

namespace cacheismo::lua {
namespace {

/// Outside of a run: never used up.
constexpr std::int64_t uncounted_steps = std::int64_t{1} << 62;

bool refill_slice(Charge& charge) {
  auto& run = static_cast<Run&>(charge);
  if (run.is_killed()) {
    run.left = -1;
    return false;
  }
  const std::int64_t wanted = slice_steps - run.left;
  const std::int64_t given = std::min(wanted, run.reserve);
  run.left += given;
  run.reserve -= given;
  run.verdict = Ended::out_of_steps;
  if (run.left < 0) return false;
  const std::int64_t now_ns = run.host.stopwatch_ns();
  if (run.deadline_ns == 0) {
    run.started_ns = now_ns;
    run.deadline_ns = now_ns + run.limits.time_ns;
  }
  if (now_ns <= run.deadline_ns) return true;
  // The next step asks again, and gets the same answer.
  run.deadline_ns = std::numeric_limits<std::int64_t>::min();
  run.reserve += run.left + 1;
  run.left = -1;
  run.verdict = Ended::out_of_time;
  return false;
}

/// Raised without a value: what catches it must not keep anything of it.
void raise_kill(lua_State* lua) {
  Run& run = run_of(lua);
  run.kill(lua, run.verdict);
  lua_pushnil(lua);
  lua_error(lua);
}

void end_for_memory(lua_State* lua) { run_of(lua).kill(lua, Ended::out_of_memory); }

std::string reason(const Run& run, Ended how) {
  const Limits& limits = run.limits;
  switch (how) {
    case Ended::out_of_steps: return "stopped after " + std::to_string(limits.steps) + " steps";
    case Ended::out_of_time:
      return "stopped after " + std::to_string(limits.time_ns / 1'000'000) + " ms";
    default: return "not enough memory";
  }
}

}  // namespace

Run::Run(Heap& its_heap, Host& its_host, std::uint64_t seed)
    : heap(its_heap), host(its_host), prng(seed) {
  limits.steps = 0;  // nothing was spent before the first begin()
  left = uncounted_steps;
  refill = refill_slice;
  on_exhausted = raise_kill;
  on_no_memory = end_for_memory;
}

void Run::begin(const Limits& new_limits) {
  CHECK_EQ(depth, 0);
  limits = new_limits;
  killed = Ended::returned;
  budget = limits.steps;
  started_ns = 0;
  deadline_ns = 0;
  used_bytes_max = heap.used_bytes() + limits.heap_bytes;
  log_lines = 0;
}

void Run::enter() {
  if (depth++ > 0) return;
  left = is_killed() ? -1 : std::min(budget, slice_steps);
  reserve = budget - left;
}

void Run::leave() {
  if (--depth > 0) return;
  if (!is_killed()) budget = std::max<std::int64_t>(0, left + reserve);
  left = uncounted_steps;
}

std::int64_t Run::spent() const {
  if (depth == 0 || is_killed()) return limits.steps - budget;
  return limits.steps - std::max<std::int64_t>(0, left + reserve);
}

void Run::kill(lua_State* lua, Ended how) {
  if (is_killed() || depth == 0) return;
  budget = how == Ended::out_of_steps ? 0 : std::max<std::int64_t>(0, left + reserve);
  killed = how;
  left = -1;
  message = one_line(place(lua) + reason(*this, how));
  traceback = traceback_of(lua);
}

void* allocate(void* user_data, void* block, std::size_t old_bytes, std::size_t new_bytes) {
  Run& run = *static_cast<AllocatorData*>(user_data)->run;
  if (new_bytes == 0) {
    if (block != nullptr) run.heap.release(block, old_bytes);
    return nullptr;
  }
  if (block == nullptr) old_bytes = 0;  // it was a tag, not a size
  if (new_bytes > old_bytes) {
    // What a copy needs for a moment counts as well.
    if (run.depth > 0 && run.heap.used_bytes() + new_bytes > run.used_bytes_max) return nullptr;
    run.left -= static_cast<std::int64_t>(new_bytes / bytes_per_step);
  }
  return block == nullptr ? run.heap.allocate(new_bytes)
                          : run.heap.resize(block, old_bytes, new_bytes);
}

// ---- Texts --------------------------------------------------------------------------------------

void refuse_if_pure(lua_State* lua, const char* function) {
  if (run_of(lua).pure) luaL_error(lua, "%s is not known in a route", function);
}

std::string place(lua_State* lua) {
  lua_Debug frame;
  for (int level = 0; lua_getstack(lua, level, &frame) != 0; ++level) {
    lua_getinfo(lua, "Sl", &frame);
    if (frame.currentline > 0)
      return std::string(frame.short_src) + ":" + std::to_string(frame.currentline) + ": ";
  }
  return {};
}

std::string traceback_of(lua_State* lua, int skipped) {
  constexpr int levels_max = 20;
  std::string text;
  lua_Debug frame;
  for (int level = skipped; lua_getstack(lua, level, &frame) != 0; ++level) {
    if (level == levels_max) return text + "...\n";
    lua_getinfo(lua, "Slnt", &frame);
    text += frame.short_src;
    if (frame.currentline > 0) text += ":" + std::to_string(frame.currentline);
    if (*frame.what == 'm') {
      text += ": in the main chunk";
    } else if (frame.name != nullptr) {
      text += std::string(": in ") + frame.namewhat + " " + one_line(frame.name);
    } else if (*frame.what != 'C') {
      text += ": in the function at line " + std::to_string(frame.linedefined);
    }
    text += frame.istailcall != 0 ? " (called as a tail call)\n" : "\n";
  }
  return text;
}

std::string one_line(Bytes text) {
  std::string line(text.substr(0, message_bytes_max));
  for (char& byte : line)
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) byte = ' ';
  return line;
}

}  // namespace cacheismo::lua
