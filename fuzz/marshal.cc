// Door: the bytes given to table.unmarshal, and with them what a replica or a dump may hold.
//
// What is read must be written again exactly as it came; everything else must be refused.

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/lua/bare_lua.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  lua::BareLua lua;
  lua.set("s", Bytes(reinterpret_cast<const char*>(data), size));
  CHECK(lua.run(R"(
    local good, t = pcall(table.unmarshal, s)
    return not good or table.marshal(t) == s)") == "true");
  return 0;
}
