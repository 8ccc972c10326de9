#include "sim/object_scripts.h"

#include "cacheismo/base/check.h"
#include "cacheismo/lua/objects/shipped.h"

namespace cacheismo::sim {
namespace {

constexpr const char* patient = R"(
local patient = object.type("patient")
function patient.async.incr(key, by)
  sleep(0.002)
  return atomically(function(self)
    self.value = (self.value or 0) + tonumber(by)
    return self.value
  end)
end
)";

struct Bug {
  Sabotage sabotage;
  const char* script;
  const char* lines;  ///< behind the script's own
};

constexpr Bug bugs[] = {{Sabotage::run_twice, "counter.lua", R"(
local incr = counter.update.incr
function counter.update.incr(...)
  if math.random(200) == 1 then incr(...) end
  return incr(...)
end
)"},
                        {Sabotage::lose_change, "map.lua", R"(
local put = map.update.put
function map.update.put(...)
  if math.random(200) == 1 then return "SUCCESS" end
  return put(...)
end
)"}};

}  // namespace

bool is_in_scripts(Sabotage sabotage) {
  return sabotage == Sabotage::run_twice || sabotage == Sabotage::lose_change ||
         sabotage == Sabotage::early_ack || sabotage == Sabotage::relay_twice;
}

std::vector<lua::Script> object_scripts(Sabotage sabotage) {
  std::vector<lua::Script> scripts = lua::shipped_scripts();
  scripts.push_back({.name = "patient.lua", .source = patient});
  std::size_t planted = 0;
  for (const Bug& bug : bugs) {
    if (bug.sabotage != sabotage) continue;
    for (lua::Script& script : scripts) {
      if (script.name != bug.script) continue;
      script.source += bug.lines;
      planted++;
    }
  }
  const bool here = sabotage == Sabotage::run_twice || sabotage == Sabotage::lose_change;
  CHECK_EQ(planted, here ? 1u : 0u);
  return scripts;
}

}  // namespace cacheismo::sim
