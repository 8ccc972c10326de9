#include "cacheismo/lua/objects/shipped.h"

namespace cacheismo::lua {

std::vector<Script> shipped_scripts() {
  return {
#include "cacheismo/lua/objects/shipped_text.inc"
  };
}

}  // namespace cacheismo::lua
