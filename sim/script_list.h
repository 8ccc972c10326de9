// ScriptList: a node's scripts as a list that a test may change, and the memory that they run in.

#ifndef CACHEISMO_SIM_SCRIPT_LIST_H_
#define CACHEISMO_SIM_SCRIPT_LIST_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/node/config.h"

namespace cacheismo::sim {

class ScriptList final : public node::ScriptSource {
 public:
  explicit ScriptList(std::vector<lua::Script> the_scripts, std::size_t heap_bytes = 16 * MiB)
      : scripts(std::move(the_scripts)), heap_(io::ArenaMemory::reserve(heap_bytes, 4 * GiB)) {
    CHECK(heap_.has_value());
  }
  Result<std::vector<lua::Script>, std::string> read() override { return scripts; }
  /// At a multiple of 4 GiB, so that scripts do the same in every node and process.
  [[nodiscard]] std::span<char> heap() const { return heap_->bytes(); }

  std::vector<lua::Script> scripts;

 private:
  Result<io::ArenaMemory, io::Error> heap_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SCRIPT_LIST_H_
