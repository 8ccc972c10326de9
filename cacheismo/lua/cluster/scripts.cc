#include "cacheismo/lua/cluster/scripts.h"

namespace cacheismo::lua {

std::vector<Script> cluster_scripts() {
  return {
#include "cacheismo/lua/cluster/scripts_text.inc"
  };
}

}  // namespace cacheismo::lua
