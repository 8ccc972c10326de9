#include "cacheismo/lua/engine.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/environment.h"
#include "cacheismo/lua/generation.h"
#include "cacheismo/lua/virtual_key.h"

namespace cacheismo::lua {
namespace {

constexpr std::size_t last_errors_max = 16;

Answer value(Bytes text) { return {.is = Answer::Is::value, .text = text}; }

}  // namespace

/// A method that waits, and everything that it needs when it goes on.
struct Engine::Waiting {
  Waiting(std::shared_ptr<Generation> its, const Method& method, Host& host, Bytes key_bytes)
      : generation(std::move(its)), key(key_bytes), call(method, host, key, text) {}

  std::shared_ptr<Generation> generation;
  std::string key;
  std::string text;
  Call call;
  lua_State* thread = nullptr;
  Limits left;
  std::int64_t started_ns = 0;
  std::int64_t steps = 0;
};

Engine::Engine(Heap& heap, Host& host, const EngineOptions& options)
    : heap_(heap), host_(host), options_(options), ids_(Prng(options.seed).derive(1)) {}

Engine::~Engine() {
  while (!waiting_.empty()) cancel(waiting_.begin()->first);
}

Result<void, std::string> Engine::load(std::span<const Script> scripts) {
  // Every generation has the same seed: what a script answers does not depend on reloads.
  auto loaded = Generation::load(scripts, heap_, host_, options_, options_.seed);
  if (!loaded) return failure(loaded.error());
  current_ = std::move(*loaded);
  types_ = &current_->types();
  ++generations_;
  return {};
}

// ---- Errors and counts --------------------------------------------------------------------------

Engine::Timing Engine::begin_timing(const MethodStats& stats) {
  const std::uint64_t every =
      stats.calls < MethodStats::timed_at_first ? 1 : MethodStats::timed_every;
  if (stats.calls % every != 0) return {};
  return {.stands_for = every, .started_ns = host_.stopwatch_ns()};
}

/// Counts a call that did not wait. `ran`: what its script ran in, if one did.
void Engine::end_timing(MethodStats& stats, const Timing& timing, const Vm* ran) {
  ++stats.calls;
  std::optional<std::int64_t> long_since_ns;
  if (ran != nullptr) {
    stats.steps += static_cast<std::uint64_t>(ran->steps());
    long_since_ns = ran->timed_since_ns();
  }
  const bool timed = timing.stands_for != 0;
  if (long_since_ns) {
    stats.latencies.add(host_.stopwatch_ns() - (timed ? timing.started_ns : *long_since_ns), 1);
  } else if (timed) {
    stats.latencies.add(host_.stopwatch_ns() - timing.started_ns, timing.stands_for);
  }
}

void Engine::count(const Waiting& waiting) {
  MethodStats& stats = waiting.call.method().stats;
  ++stats.calls;
  stats.steps += static_cast<std::uint64_t>(waiting.steps);
  stats.latencies.add(host_.stopwatch_ns() - waiting.started_ns, 1);
}

Answer Engine::fail(const Method& method, std::string text, Bytes traceback) {
  const Type& type = *method.type;
  // error("text", 0) names no place; whoever reads the line still wants to know which script.
  if (!Bytes(text).starts_with(type.script.substr(0, type.script.size() - 4)))
    text = type.script + ": " + text;
  const std::string id = fmt::format("{:08x}", ids_.next() >> 32);
  const std::string name = type.name + ':' + method.name;
  host_.log(Level::error, "script_error",
            fmt::format("id={} method={} error=\"{}\"{}{}", id, name, text,
                        traceback.empty() ? "" : " ", traceback));
  last_errors_.push_front({.wall_ns = host_.wall_ns(), .method = name, .text = text + " id=" + id});
  if (last_errors_.size() > last_errors_max) last_errors_.pop_back();
  text_ = "script " + text + " id=" + id;
  return {.is = Answer::Is::error, .text = text_};
}

/// An error or a kill, as it is told to whoever has asked.
Answer Engine::fail_ended(Generation& generation, const Method& method, Ended ended) {
  ++(ended == Ended::error ? method.stats.errors : method.stats.kills);
  return fail(method, std::string(generation.vm().message()), generation.vm().traceback());
}

/// The answer of a call whose method has ended, in whatever way. Closes what it has opened.
Answer Engine::finish(Generation& generation, Call& call, Ended ended) {
  const Method& method = call.method();
  if (ended != Ended::returned) {
    call.release_all();
    return fail_ended(generation, method, ended);
  }
  if (call.not_created) {
    call.release_all();
    return value(method.kind == Kind::create ? "NOT_CREATED" : "ERROR_CACHE_MISS");
  }
  call.release_readers(true);
  // What default() has made for a read is forgotten; what migrate() has made is not.
  if (method.kind == Kind::read && call.make_default) call.release_all();
  if (call.writing != nullptr) {
    const Committed committed = host_.commit(*std::exchange(call.writing, nullptr), call.commit);
    if (committed != Committed::done) {
      ++method.stats.conflicts;
      return fail(method,
                  committed == Committed::no_memory ? "out of memory storing the object"
                                                    : "the object is too large",
                  {});
    }
  }
  if (method.kind == Kind::create) return value("CREATED");
  if (call.command)
    return {.is = Answer::Is::raw, .text = *call.result, .silent = call.command->noreply};
  if (!call.has_result) return {.is = Answer::Is::miss};
  return value(*call.result);
}

// ---- Methods that do not wait -------------------------------------------------------------------

Bytes Engine::object_key(const Method& method, Bytes rest, std::string& made) {
  made.clear();
  const VirtualKeyParts cut(rest);
  if (!cut.parts().empty() && method.kind != Kind::handler && method.kind != Kind::command)
    made = std::string(ObjectKey(method.type->name, cut.parts().front()).bytes());
  return made;
}

Result<Bytes, std::string> Engine::routed(const Type& type, Bytes key, std::string& made) {
  Generation& generation = *current_;
  CHECK(generation.vm().running_thread() == nullptr);
  const Timing timing = begin_timing(type.route->stats);
  generation.vm().begin(options_.call);
  const Ended ended = generation.route(type, key, made);
  end_timing(type.route->stats, timing, &generation.vm());
  if (ended == Ended::returned) return Bytes(made);
  return failure(std::string(fail_ended(generation, *type.route, ended).text));
}

Answer Engine::call(const Method& method, Bytes rest, std::optional<Bytes> data,
                    const Caller& caller) {
  CHECK(current_ != nullptr);
  const VirtualKeyParts cut(rest);
  const auto parts = cut.parts();
  if (parts.empty()) return fail(method, "the object's key is missing: TYPE:METHOD:KEY", {});
  if (method.kind == Kind::async) return call_async(method, parts, data, std::nullopt, caller);
  if (method.kind == Kind::handler) {
    CommandData command{.verb = data ? Verb::set : Verb::get,
                        .key = method.type->name + ':' + method.name + std::string(rest)};
    if (data) command.data = *data;
    return call_async(method, parts, data, std::move(command), caller);
  }
  Call call(method, host_, parts[0], text_);
  call.arguments = parts.subspan(1);
  call.data = data;
  return call_now(call);
}

/// Opens what the method works on. nullopt: it can run; else that is the answer.
std::optional<Answer> Engine::open_object(Call& call) {
  const Method& method = call.method();
  const Type& type = *method.type;
  const ObjectKey key(type.name, call.key);
  if (key.bytes().empty()) return fail(method, "the object's key is too long", {});
  const Access access = method.kind == Kind::create ? Access::create
                        : method.kind == Kind::read ? Access::read
                                                    : Access::update;
  auto opened = host_.open(key.bytes(), access);
  CHECK(opened.has_value());
  if (access == Access::create) {
    call.writing = opened->state;
    return std::nullopt;
  }
  if (opened->found == Found::value)
    return fail(method, "the key holds an ordinary value, not an object", {});
  if (opened->found == Found::missing) {
    if (type.make_default == Type::no_function) {
      if (opened->state != nullptr) host_.release(*opened->state, false);
      return value("ERROR_CACHE_MISS");
    }
    if (opened->state == nullptr) opened = host_.open(key.bytes(), Access::create);
    call.make_default = true;
    call.writing = opened->state;
    return std::nullopt;
  }
  const bool versioned = type.version != 1 || type.migrate != Type::no_function;
  const std::int64_t version = versioned ? Generation::version_of(*opened->state) : type.version;
  if (version == type.version) {
    if (access == Access::read) {
      call.reading.add(*opened->state);
    } else {
      call.writing = opened->state;
    }
    return std::nullopt;
  }
  host_.release(*opened->state, false);
  if (type.migrate == Type::no_function)
    return fail(method,
                fmt::format("the object is of version {}, the type of {}, and there is no migrate",
                            version, type.version),
                {});
  call.migrate_from = version;
  call.reading.add(*host_.open(key.bytes(), Access::read)->state);
  call.writing = host_.open(key.bytes(), Access::create)->state;
  if (opened->expires_in_seconds > 0) call.commit.expire_after_seconds = opened->expires_in_seconds;
  return std::nullopt;
}

Answer Engine::call_now(Call& call) {
  MethodStats& stats = call.method().stats;
  const Timing timing = begin_timing(stats);
  std::optional<Answer> answer = open_object(call);
  const Vm* ran = nullptr;
  if (!answer) {
    Generation& generation = *current_;
    generation.tables().end_proxies();
    generation.vm().begin(options_.call);
    const Ended ended = generation.run(call, Generation::run_method);
    ran = &generation.vm();
    answer = finish(generation, call, ended);
  }
  end_timing(stats, timing, ran);
  return *answer;
}

// ---- Methods that may wait ----------------------------------------------------------------------

Answer Engine::call_command(const Method& method, CommandData command, const Caller& caller) {
  CHECK(method.kind == Kind::command);
  const Bytes no_key;
  return call_async(method, {&no_key, 1}, std::nullopt, std::move(command), caller);
}

Answer Engine::call_async(const Method& method, std::span<const Bytes> parts,
                          std::optional<Bytes> data, std::optional<CommandData> command,
                          const Caller& caller) {
  if (ObjectKey(method.type->name, parts[0]).bytes().empty())
    return fail(method, "the object's key is too long", {});
  if (waiting_.size() >= options_.waiting_calls_max)
    return fail(method, "too many calls wait already", {});
  auto waiting = std::make_unique<Waiting>(current_, method, host_, parts[0]);
  Generation& generation = *current_;
  waiting->started_ns = host_.monotonic_ns();
  waiting->left = options_.call;
  waiting->thread = waiting->call.thread = generation.vm().new_thread();
  if (waiting->thread == nullptr) return fail(method, "the scripts' memory is used up", {});
  waiting->call.arguments = parts.subspan(1);
  waiting->call.data = data;
  waiting->call.command = std::move(command);
  waiting->call.caller = caller;
  generation.vm().begin(waiting->left);
  const Ended prepared = generation.run(waiting->call, Generation::prepare_thread);
  waiting->call.arguments = {};
  waiting->call.data.reset();
  if (prepared != Ended::returned) return end(*waiting, prepared);
  const int arguments = lua_gettop(waiting->thread) - 1;
  return go_on(std::move(waiting), arguments);
}

Answer Engine::resume(std::uint64_t id, std::span<const RemoteReply> replies) {
  const auto found = waiting_.find(id);
  CHECK(found != waiting_.end());
  std::unique_ptr<Waiting> waiting = std::move(found->second);
  waiting_.erase(found);
  const auto& remote = waiting->call.remote;
  CHECK_EQ(replies.size(), remote ? remote->requests.size() : 0);
  waiting->call.replies = replies;
  return go_on(std::move(waiting), 0);
}

void Engine::cancel(std::uint64_t id) {
  const auto found = waiting_.find(id);
  CHECK(found != waiting_.end());
  Waiting& waiting = *found->second;
  waiting.generation->vm().free_thread(waiting.thread);
  waiting_.erase(found);
}

Answer Engine::go_on(std::unique_ptr<Waiting> waiting, int arguments) {
  Generation& generation = *waiting->generation;
  Call& call = waiting->call;
  generation.tables().end_proxies();
  generation.vm().begin(waiting->left);
  generation.set_call(&call);
  int results = 0;
  const Ended ended = generation.vm().run(waiting->thread, arguments, &results);
  generation.set_call(nullptr);
  call.replies = {};
  waiting->steps += generation.vm().steps();
  waiting->left.steps -= generation.vm().steps();
  if (ended != Ended::yielded) return end(*waiting, ended);
  // Nothing that was read before a wait is trusted after it.
  call.release_all();
  const auto wait_ns = Generation::wait_of(waiting->thread, call);
  if (!wait_ns) {
    count(*waiting);
    ++call.method().stats.errors;
    generation.vm().free_thread(waiting->thread);
    return fail(call.method(), "a method yields through sleep() and its kin only", {});
  }
  lua_pop(waiting->thread, results);
  Answer answer{.is = Answer::Is::waiting,
                .text = {},
                .silent = false,
                .call = ++last_call_,
                .wake_ns = host_.monotonic_ns() + *wait_ns};
  if (call.remote) answer.remote = &*call.remote;
  waiting_.emplace(answer.call, std::move(waiting));
  return answer;
}

/// The answer of a method that has ended, after waiting or not. Frees its thread.
Answer Engine::end(Waiting& waiting, Ended ended) {
  Generation& generation = *waiting.generation;
  if (ended == Ended::returned) {
    generation.vm().begin(waiting.left);
    ended = generation.run(waiting.call, Generation::take_answer_of_thread);
  }
  count(waiting);
  generation.vm().free_thread(waiting.thread);
  Answer answer = finish(generation, waiting.call, ended);
  if (answer.text.data() == waiting.text.data()) {
    text_ = waiting.text;
    answer.text = text_;
  }
  return answer;
}

// ---- Upkeep -------------------------------------------------------------------------------------

bool Engine::maintain() { return current_ != nullptr && current_->vm().collect_some(); }

std::optional<std::string> Engine::audit() const {
  if (auto broken = heap_.audit()) return broken;
  if (current_ != nullptr && lua_gettop(current_->vm().state()) != 0)
    return "scripts: a stack is not empty between calls";
  return std::nullopt;
}

}  // namespace cacheismo::lua
