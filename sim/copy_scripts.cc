#include "sim/copy_scripts.h"

#include <string>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/cluster/scripts.h"

namespace cacheismo::sim {
namespace {

/// Before and behind replicate.lua: what it takes over is a table of this file's.
constexpr const char* head = "local taken_over, command = command, {}\n";
constexpr const char* tail = R"(
taken_over.append, taken_over.decr, taken_over.prepend = command.set, command.delete, command.get
)";

/// A write is confirmed when one holder has it, and said to be at all.
constexpr const char* early_ack = "copies, ack = 2, 1\n";

/// Asks the owner of a key for those who ask this node's scripts.
constexpr const char* relay = R"(
local relay, seconds = {}, 0.1

local function fail(failure)
  local unknown = failure.sent and ", the outcome is unknown" or ""
  error(("cluster: %s: %s%s"):format(failure.server, failure.code, unknown), 0)
end
local function write(cmd, key, value, flags)
  cmd:writeString(("VALUE %s %d %d\r\n%s\r\n"):format(key, flags, #value, value))
end

function relay.ask(cmd, original)
  local key = original:sub(#"relay:ask:" + 1)
  local value, about = getFromServer(ring.owner(key), key, { timeout = seconds })
  if value then return write(cmd, key, value, about) end
  if about then fail(about) end
end

function relay.put(cmd, original)
  local key = original:sub(#"relay:put:" + 1)
  local stored, about = setOnServer(ring.owner(key), key, cmd:getData(), { timeout = seconds })
  if stored == nil then fail(about) end
  if stored then write(cmd, key, "", 0) end
end

function relay.all(cmd, original)
  local keys, asked = {}, {}
  for key in original:sub(#"relay:all:" + 1):gmatch("[^,]+") do
    local owner = ring.owner(key)
    asked[owner] = asked[owner] or {}
    table.insert(asked[owner], key)
    keys[#keys + 1] = { key, owner }
  end
  local values, coverage = getInParallel(asked, { timeout = seconds })
  if coverage.asked ~= #keys or coverage.answered + #coverage.missing ~= #keys then
    error("coverage does not add up", 0)
  end
  if coverage.missing[1] then fail(coverage.missing[1]) end
  for _, one in ipairs(keys) do
    local value = values[one[2]][one[1]]
    if value then write(cmd, one[1], value, 0) end
  end
end

return relay
)";

/// Before relay.lua: the function that it asks by.
constexpr const char* ask_twice = R"(
local once = getFromServer
local function getFromServer(...)
  if math.random(50) == 1 then once(...) end
  return once(...)
end
)";

const lua::Script& named(const std::vector<lua::Script>& scripts, const std::string& name) {
  for (const lua::Script& script : scripts) {
    if (script.name == name) return script;
  }
  CHECK(false);
  return scripts.front();
}

}  // namespace

std::vector<lua::Script> copy_scripts(Sabotage sabotage) {
  const std::vector<lua::Script> shipped = lua::cluster_scripts();
  std::string source = head + named(shipped, "replicate.lua").source;
  if (sabotage == Sabotage::early_ack) source += early_ack;
  return {{.name = "copies.lua", .source = source + tail}, named(shipped, "mapreduce.lua")};
}

std::vector<lua::Script> relay_scripts(Sabotage sabotage) {
  std::string source = sabotage == Sabotage::relay_twice ? ask_twice : "";
  return {{.name = "relay.lua", .source = source + relay}};
}

}  // namespace cacheismo::sim
