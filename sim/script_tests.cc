#include "sim/script_tests.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <lauxlib.h>
#include <lua.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/units.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/vm.h"
#include "sim/script_list.h"
#include "sim/wire.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t heap_bytes = 256 * MiB;

/// Of one file: plenty, and yet an end for a loop without one.
constexpr lua::Limits file_limits{
    .steps = 20'000'000'000, .time_ns = 600'000'000'000, .heap_bytes = heap_bytes};

/// How long a method may sleep before its reply counts as missing.
constexpr auto patience = std::chrono::hours(1);
constexpr auto patience_step = std::chrono::milliseconds(10);

/// Of one test: as many as anyone has wanted.
constexpr lua_Integer nodes_max = 8;

/// What is beyond this of an advance() the node sleeps through.
constexpr Duration long_advance = std::chrono::seconds(2);

/// What a test itself may reach: nothing but the log. Its node is reached over the wire.
class TestHost final : public lua::Host {
 public:
  std::optional<Opened> open(Bytes, lua::Access) override { return std::nullopt; }
  lua::Committed commit(lua::State&, const lua::Commit&) override { return {}; }
  void release(lua::State&, bool) override {}
  std::optional<lua::ItemCopy> get_item(Bytes) override { return std::nullopt; }
  bool put_item(Bytes, const lua::ItemCopy&) override { return false; }
  bool delete_item(Bytes) override { return false; }
  std::uint64_t scan(Bytes, std::uint64_t, std::uint32_t, KeyVisitor&) override { return 0; }
  Evicted evict_oldest(std::uint64_t, std::uint32_t) override { return {}; }
  std::int64_t wall_ns() override { return now_ns; }
  std::int64_t monotonic_ns() override { return now_ns; }
  std::int64_t stopwatch_ns() override { return 0; }
  void log(lua::Level, Bytes, Bytes) override {}
  void set_log_level(lua::Level) override {}

  std::int64_t now_ns = 0;
};

/// One file of tests while it runs.
class File {
 public:
  File(std::span<const lua::Script> scripts, const lua::Script& file, ScriptTestReport& report)
      : scripts_(scripts), file_(file), report_(report), memory_({}, heap_bytes) {}

  void run();

 private:
  static File& of(lua_State* lua) {
    return *static_cast<File*>(lua_touserdata(lua, lua_upvalueindex(1)));
  }
  static int prepare(lua_State* lua);
  static int test(lua_State* lua);
  static int expect(lua_State* lua);
  static int expect_about(lua_State* lua);
  static int expect_error(lua_State* lua);
  static int get(lua_State* lua);
  static int set(lua_State* lua);
  static int remove(lua_State* lua);
  static int touch(lua_State* lua);
  static int advance(lua_State* lua);
  static int jump(lua_State* lua);
  static int calendar(lua_State* lua);
  static int own(lua_State* lua);
  static int stop(lua_State* lua);
  static int cut_off(lua_State* lua);

  void add(lua_State* lua, const char* name, lua_CFunction function, std::size_t node = 0) {
    lua_pushlightuserdata(lua, this);
    lua_pushinteger(lua, static_cast<lua_Integer>(node));
    lua_pushcclosure(lua, function, 2);
    lua_setfield(lua, -2, name);
  }
  void push_node(lua_State* lua, std::size_t node);
  static std::size_t node_of(lua_State* lua) {
    return static_cast<std::size_t>(lua_tointeger(lua, lua_upvalueindex(2)));
  }
  void fail(const std::string& test, Bytes why) {
    ++report_.failed;
    report_.failures.push_back(fmt::format("{}: {}: {}", file_.name, test, why));
  }
  /// Everything that comes back for one request to the node whose function is called.
  std::string ask(lua_State* lua, const std::string& request, Bytes end);

  std::span<const lua::Script> scripts_;
  const lua::Script& file_;
  ScriptTestReport& report_;
  ScriptList memory_;
  TestHost host_;
  std::unique_ptr<Wire> wire_;
  std::vector<RawConnection*> connections_;  ///< one for each node; none: no test is running
};

void File::run() {
  lua::Heap heap(memory_.heap());
  const auto vm = lua::Vm::create(heap, 42, host_);
  CHECK(vm != nullptr);
  lua_State* lua = vm->state();
  vm->begin(file_limits);
  lua_pushcfunction(lua, prepare);
  lua_pushlightuserdata(lua, this);
  lua_pushlightuserdata(lua, vm.get());
  int results = 0;
  if (vm->run(lua, 2, &results) != lua::Ended::returned) fail("(loading)", vm->message());
}

int File::prepare(lua_State* lua) {
  File& file = *static_cast<File*>(lua_touserdata(lua, 1));
  lua::Vm& vm = *static_cast<lua::Vm*>(lua_touserdata(lua, 2));
  lua_settop(lua, 0);
  if (!vm.push_new_globals()) return luaL_error(lua, "no memory");
  file.add(lua, "test", test);
  file.add(lua, "expect", expect);
  file.add(lua, "expect_about", expect_about);
  file.add(lua, "expect_error", expect_error);
  if (!vm.freeze_globals()) return luaL_error(lua, "no memory");
  if (auto loaded = vm.load(file.file_.name, file.file_.source); !loaded) {
    lua_pushlstring(lua, loaded.error().data(), loaded.error().size());
    lua_error(lua);
  }
  lua_call(lua, 0, 0);
  return 0;
}

// ---- Tests --------------------------------------------------------------------------------------

int File::test(lua_State* lua) {
  File& file = of(lua);
  const std::string name = luaL_checkstring(lua, 1);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  const lua_Integer nodes = luaL_optinteger(lua, 3, 1);
  if (nodes < 1 || nodes > nodes_max) luaL_argerror(lua, 3, "a test has 1 to 8 nodes");
  Wire::Options options;
  options.nodes = static_cast<std::uint32_t>(nodes);
  options.config.accept_copy = true;
  options.scripts.emplace(file.scripts_.begin(), file.scripts_.end());
  file.wire_ = std::make_unique<Wire>(options);
  for (std::size_t node = 0; node < options.nodes; ++node)
    file.connections_.push_back(&file.wire_->connect(file.wire_->address(node)));
  file.wire_->run();
  file.host_.now_ns = file.wire_->node_io().now().wall.time_since_epoch().count();
  lua_settop(lua, 2);
  luaL_checkstack(lua, static_cast<int>(nodes) + 8, nullptr);
  for (std::size_t node = 0; node < options.nodes; ++node) file.push_node(lua, node);
  if (lua_pcall(lua, static_cast<int>(nodes), 0, 0) == LUA_OK) {
    ++file.report_.passed;
  } else {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, -1, &size);
    file.fail(name, text == nullptr ? "an error that is no text" : Bytes(text, size));
  }
  file.connections_.clear();
  file.wire_.reset();
  return 0;
}

void File::push_node(lua_State* lua, std::size_t node) {
  lua_createtable(lua, 0, 10);
  add(lua, "get", get, node);
  add(lua, "set", set, node);
  add(lua, "delete", remove, node);
  add(lua, "touch", touch, node);
  add(lua, "advance", advance, node);
  add(lua, "jump", jump, node);
  add(lua, "time", calendar, node);
  add(lua, "own", own, node);
  add(lua, "stop", stop, node);
  add(lua, "cut_off", cut_off, node);
}

std::string shown(lua_State* lua, int index) {
  if (lua_type(lua, index) == LUA_TSTRING) {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, index, &size);
    return fmt::format("\"{}\"", Bytes(text, size).substr(0, 300));
  }
  std::string text = luaL_tolstring(lua, index, nullptr);
  lua_pop(lua, 1);
  return text;
}

int File::expect(lua_State* lua) {
  lua_settop(lua, 2);
  if (lua_compare(lua, 1, 2, LUA_OPEQ) == 0)
    luaL_error(lua, "expected %s, not %s", shown(lua, 2).c_str(), shown(lua, 1).c_str());
  return 0;
}

int File::expect_about(lua_State* lua) {
  const double value = luaL_checknumber(lua, 1);
  const double expected = luaL_checknumber(lua, 2);
  if (!(std::fabs(value - expected) <= luaL_checknumber(lua, 3)))
    luaL_error(lua, "expected about %s, not %s", shown(lua, 2).c_str(), shown(lua, 1).c_str());
  return 0;
}

int File::expect_error(lua_State* lua) {
  lua_settop(lua, 2);
  const Bytes wanted = luaL_checkstring(lua, 2);
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, 1, &size);
  const Bytes line = text == nullptr ? Bytes() : Bytes(text, size);
  const bool error = line.starts_with("SERVER_ERROR ") || line.starts_with("CLIENT_ERROR ");
  if (!error || line.find(wanted) == Bytes::npos)
    luaL_error(lua, "expected an error with %s, not %s", shown(lua, 2).c_str(),
               shown(lua, 1).c_str());
  return 0;
}

// ---- The node -----------------------------------------------------------------------------------

std::string File::ask(lua_State* lua, const std::string& request, Bytes end) {
  RawConnection& connection = *connections_[node_of(lua)];
  std::string reply = wire_->ask(connection, request);
  const auto whole = [&] {
    const bool error = reply.find("_ERROR ") < 10 || reply.starts_with("ERROR");
    return reply.ends_with(error ? "\r\n" : end);
  };
  for (Duration waited{}; !whole() && waited < patience && !connection.ended();
       waited += patience_step) {
    wire_->advance(patience_step);
    reply += wire_->ask(connection, "");
  }
  host_.now_ns = wire_->node_io().now().wall.time_since_epoch().count();
  if (reply.ends_with("\r\n")) reply.resize(reply.size() - 2);
  return reply;
}

File& checked(lua_State* lua, File& file, bool running) {
  if (!running) luaL_error(lua, "the node belongs to a test that has ended");
  return file;
}

std::string key_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  std::string key(text, size);
  if (key.empty() || key.size() > 250 || key.find_first_of(" \r\n\t") != std::string::npos)
    luaL_argerror(lua, index, "a key has 1 to 250 bytes and no blanks");
  return key;
}

int push_reply(lua_State* lua, const std::string& reply) {
  lua_pushlstring(lua, reply.data(), reply.size());
  return 1;
}

int File::get(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  const std::string reply = file.ask(lua, "get " + key_at(lua, 2) + "\r\n", "END\r\n");
  if (reply == "END") {
    lua_pushnil(lua);
    return 1;
  }
  if (!reply.starts_with("VALUE ")) return push_reply(lua, reply);
  const std::size_t line_end = reply.find("\r\n");
  const std::size_t number = reply.rfind(' ', line_end) + 1;
  std::size_t size = 0;
  std::from_chars(reply.data() + number, reply.data() + line_end, size);
  return push_reply(lua, reply.substr(line_end + 2, size));
}

int File::set(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  std::size_t size = 0;
  const char* data = luaL_checklstring(lua, 3, &size);
  const auto seconds = static_cast<long long>(luaL_optinteger(lua, 4, 0));
  return push_reply(lua, file.ask(lua,
                                  fmt::format("set {} 0 {} {}\r\n{}\r\n", key_at(lua, 2), seconds,
                                              size, Bytes(data, size)),
                                  "\r\n"));
}

int File::remove(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  return push_reply(lua, file.ask(lua, "delete " + key_at(lua, 2) + "\r\n", "\r\n"));
}

int File::touch(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  const auto seconds = static_cast<long long>(luaL_checkinteger(lua, 3));
  return push_reply(lua,
                    file.ask(lua, fmt::format("touch {} {}\r\n", key_at(lua, 2), seconds), "\r\n"));
}

Duration duration_at(lua_State* lua, int index) {
  const double seconds = luaL_checknumber(lua, index);
  if (!(seconds >= 0 && seconds < 1e9)) luaL_argerror(lua, index, "not a number of seconds");
  return Duration(std::llround(seconds * 1e9));
}

int File::advance(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  Duration left = duration_at(lua, 2);
  if (left > long_advance) {
    // The node's upkeep would run ten times a second; it is not what is tested.
    for (std::size_t node = 0; node < file.connections_.size(); ++node)
      file.wire_->node_io(node).pause(left - long_advance);
    file.wire_->advance(left - long_advance);
    left = long_advance;
  }
  file.wire_->advance(left);
  file.host_.now_ns = file.wire_->node_io().now().wall.time_since_epoch().count();
  return 0;
}

int File::jump(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  file.wire_->jump_wall(duration_at(lua, 2));
  file.host_.now_ns = file.wire_->node_io().now().wall.time_since_epoch().count();
  return 0;
}

int File::calendar(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  lua_pushnumber(lua, static_cast<double>(file.host_.now_ns) / 1e9);
  return 1;
}

int File::own(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  // As another node asks, so that nobody is asked further.
  const std::string reply = file.ask(lua, "mg " + key_at(lua, 2) + " v P1.0.0.1000\r\n", "\r\n");
  if (!reply.starts_with("VA ")) {
    lua_pushnil(lua);
    return 1;
  }
  return push_reply(lua, reply.substr(reply.find("\r\n") + 2));
}

int File::stop(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  file.wire_->node(node_of(lua)).stop(node::Stop::at_once);
  file.wire_->run();
  return 0;
}

int File::cut_off(lua_State* lua) {
  File& file = checked(lua, of(lua), !of(lua).connections_.empty());
  const std::array group{static_cast<std::uint16_t>(node_of(lua))};
  file.wire_->world().partition(group, false, duration_at(lua, 2));
  return 0;
}

}  // namespace

Result<std::vector<std::string>, std::string> check_scripts(std::span<const lua::Script> scripts) {
  const ScriptList memory({}, heap_bytes);
  lua::Heap heap(memory.heap());
  TestHost host;
  lua::Engine engine(heap, host, {});
  if (auto loaded = engine.load(scripts); !loaded) return failure(loaded.error());
  std::vector<std::string> lines;
  for (const auto& type : engine.types()->all()) {
    std::string line = fmt::format("{} ({}):", type->name, type->script);
    for (const auto& method : type->methods) line += ' ' + method->name;
    lines.push_back(std::move(line));
  }
  return lines;
}

ScriptTestReport run_script_tests(std::span<const lua::Script> scripts) {
  ScriptTestReport report;
  for (const lua::Script& script : scripts)
    if (Bytes(script.name).ends_with("_test.lua")) File(scripts, script, report).run();
  return report;
}

}  // namespace cacheismo::sim
