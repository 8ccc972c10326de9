// Command: an ordinary command of the protocol, as scripts of the original interface see it.
//
// What it is not: the protocol's own command (proto/); the node makes the one of the other.

#ifndef CACHEISMO_LUA_COMMAND_H_
#define CACHEISMO_LUA_COMMAND_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cacheismo::lua {

/// The commands that a script may take over.
enum class Verb : std::uint8_t {
  get,
  gets,
  set,
  add,
  replace,
  prepend,
  append,
  cas,
  remove,  ///< "delete"
  incr,
  decr,
  touch,
};
inline constexpr std::array<const char*, 12> verb_names = {"get",     "gets",    "set",    "add",
                                                           "replace", "prepend", "append", "cas",
                                                           "delete",  "incr",    "decr",   "touch"};
inline constexpr std::size_t verb_count = verb_names.size();

[[nodiscard]] constexpr const char* name_of(Verb verb) {
  return verb_names[static_cast<std::size_t>(verb)];
}

struct CommandData {
  Verb verb = Verb::get;
  std::string key;                ///< empty: there are several
  std::vector<std::string> keys;  ///< of a get or gets with more than one; else empty
  std::uint32_t flags = 0;
  std::int64_t exptime = 0;  ///< as the client gave it: seconds from now, or since 1970; 0: never
  std::uint64_t delta = 0;   ///< of incr and decr
  std::uint64_t cas = 0;
  std::string data;
  bool noreply = false;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_COMMAND_H_
