// What the tests of items on their way between nodes share.

#ifndef CACHEISMO_NODE_TEST_TRANSFER_H_
#define CACHEISMO_NODE_TEST_TRANSFER_H_

#include <string>

#include "cacheismo/base/units.h"
#include "cacheismo/lua/objects/shipped.h"
#include "sim/wire.h"

namespace cacheismo::node {

/// Of a node that has the shipped types, and takes what a copier brings.
inline sim::Wire::Options copying_options(sim::Cuts cuts) {
  sim::Wire::Options options;
  options.cuts = cuts;
  options.scripts = lua::shipped_scripts();
  options.config.accept_copy = true;
  options.config.memory_bytes = 16 * MiB;
  return options;
}

/// What stands in the VA block of a reply.
inline std::string block(const std::string& reply) {
  const std::size_t line = reply.find("\r\n");
  if (!reply.starts_with("VA ") || line == std::string::npos) return "not VA: " + reply;
  return reply.substr(line + 2, reply.size() - line - 4);
}

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_TEST_TRANSFER_H_
