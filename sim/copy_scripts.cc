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

}  // namespace cacheismo::sim
