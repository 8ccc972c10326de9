// Types: which object types and methods are declared, and what became of their calls.
//
//   "quota:addandcheck:alice:1" --find--> Method{quota, addandcheck, update}
//
//  1. Only what a script declared is found; names of Lua's own never are.
//  2. Each ordinary command is taken over by one function at most.
//  3. A type's route is no method that a key could name.
//  4. find() is one look at a filter for a key whose type is unknown, and one hash more for others,
//     or none where the method is the one that was found before: requests come in runs.
//
// What it is not: it holds references to Lua functions, and never calls one.

#ifndef CACHEISMO_LUA_TYPES_H_
#define CACHEISMO_LUA_TYPES_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/command.h"

namespace cacheismo::lua {

enum class Kind : std::uint8_t {
  create,   ///< new: its table becomes the object
  read,     ///< (self, ...): may not write
  update,   ///< (self, ...): all or nothing
  async,    ///< (key, ...): may wait
  route,    ///< (key): what the object is placed by; sees nothing else
  handler,  ///< (command, originalKey, cacheKey, ...): the original interface
  command,  ///< (command): runs instead of an ordinary command
};

/// How long calls took, in powers of two of a microsecond.
class Latencies {
 public:
  /// `calls`: how many this one stands for.
  void add(std::int64_t ns, std::uint64_t calls);
  /// The upper end of the range that `percent` of the calls stayed below, microseconds.
  [[nodiscard]] std::uint64_t percentile_us(unsigned percent) const;

 private:
  std::array<std::uint64_t, 40> counts_{};
};

struct MethodStats {
  /// The first calls are all timed; then one in so many, and each that takes more than a slice of
  /// steps (run.h): two looks at a clock are a tenth of a short call.
  static constexpr std::uint64_t timed_at_first = 64;
  static constexpr std::uint64_t timed_every = 16;

  std::uint64_t calls = 0;
  std::uint64_t errors = 0;     ///< of the script: error(), a wrong type
  std::uint64_t kills = 0;      ///< out of steps, time or memory
  std::uint64_t conflicts = 0;  ///< the object could not be written: memory, size
  std::uint64_t steps = 0;
  Latencies latencies;
};

struct Type;

struct Method {
  const Type* type = nullptr;
  std::string name;
  std::string path;  ///< "quota:addandcheck", as in a virtual key
  Kind kind = Kind::read;
  int function = 0;  ///< a reference in the registry
  mutable MethodStats stats;
};

struct Type {
  std::string name;
  std::string script;  ///< its file: "quota.lua"
  std::int64_t version = 1;
  int make_default = no_function;  ///< default(key): creates on first use
  int migrate = no_function;       ///< migrate(old, from_version)
  const Method* route = nullptr;   ///< one of `methods`
  std::vector<std::unique_ptr<Method>> methods;
  static constexpr int no_function = -2;  // LUA_NOREF
};

class Types {
 public:
  /// Requires a name that is not there yet.
  Type& add(std::string name, std::string script);
  Method& add(Type& type, std::string name, Kind kind, int function);
  /// Requires that the type has none yet.
  void add_route(Type& type, int function);

  /// Requires that nobody has taken over `verb`.
  const Method& take_over(Verb verb, std::string script, int function);

  /// What runs instead of an ordinary command; nullptr: nothing does.
  [[nodiscard]] const Method* takes_over(Verb verb) const {
    return takeovers_[static_cast<std::size_t>(verb)];
  }

  /// What a key's first two parts name; nullptr: it is an ordinary key. `rest` becomes what follows
  /// them, the colon included.
  [[nodiscard]] const Method* find(Bytes key, Bytes& rest) const;
  [[nodiscard]] const Type* type(Bytes name) const;
  /// The type of the item "TYPE$KEY", if it has a route; nullptr: the item is placed by its key.
  /// `key` becomes what is behind the "$".
  [[nodiscard]] const Type* routed(Bytes item_key, Bytes& key) const {
    return routed_.empty() ? nullptr : find_routed(item_key, key);
  }
  [[nodiscard]] const std::vector<std::unique_ptr<Type>>& all() const { return types_; }
  /// The commands that were taken over, as methods of a type "command" for each script; find() does
  /// not know them.
  [[nodiscard]] const std::vector<std::unique_ptr<Type>>& commands() const { return commands_; }

 private:
  [[nodiscard]] static std::size_t filter_bit(Bytes type) {
    return (static_cast<unsigned char>(type.front()) * 31u + type.size()) % filter_bits;
  }
  void rehash();
  [[nodiscard]] const Type* find_routed(Bytes item_key, Bytes& key) const;

  static constexpr std::size_t filter_bits = 512;
  std::bitset<filter_bits> filter_;
  std::vector<std::unique_ptr<Type>> types_;
  std::vector<std::unique_ptr<Type>> commands_;
  std::vector<const Type*> routed_;  ///< those that have a route
  std::array<const Method*, verb_count> takeovers_{};
  std::vector<const Method*> methods_;  ///< in order of declaration
  struct Slot {
    std::uint64_t hash = 0;
    const Method* method = nullptr;
  };
  std::vector<Slot> slots_;  ///< open addressing, a power of two, at most half full
  mutable const Method* last_found_ = nullptr;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_TYPES_H_
