// FlagValues: what may stand behind a flag: numbers, sizes, addresses, lists of -o options.

#ifndef CACHEISMO_FLAG_VALUES_H_
#define CACHEISMO_FLAG_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/flags.h"

namespace cacheismo {

struct NumberRange {
  std::int64_t low;
  std::int64_t high;
};

/// A decimal number, sign allowed, nothing behind it. `flag` names it in the error.
[[nodiscard]] Result<std::int64_t, std::string> parse_number(Bytes flag, Bytes text,
                                                             NumberRange range);

/// Bytes, with an optional k, m or g (either case) for powers of 1024.
[[nodiscard]] Result<std::uint64_t, std::string> parse_size(Bytes flag, Bytes text,
                                                            NumberRange range);

/// A time of 1 ms to a minute.
[[nodiscard]] Result<void, std::string> parse_milliseconds(Bytes flag, Bytes text, Duration& into);

/// The name of a file.
[[nodiscard]] Result<void, std::string> parse_path(Bytes flag, Bytes text, std::string& into);

/// --node-name: as a ring file spells it.
[[nodiscard]] Result<void, std::string> parse_node_name(Bytes text, std::string& into);

/// Calls `use` with each part of `list` between separators, up to the first that fails.
template <class Use>
Result<void, std::string> for_each_part(Bytes list, Bytes separators, Use use) {
  for (;;) {
    const std::size_t end = list.find_first_of(separators);
    if (auto result = use(list.substr(0, end)); !result) return result;
    if (end == Bytes::npos) return {};
    list.remove_prefix(end + 1);
  }
}

struct HostPort {
  Bytes host;
  Bytes port;  ///< empty: none was given
  bool valid = true;
};

/// "host", "host:port", "[::1]:port", "::1"; only the form is looked at.
[[nodiscard]] HostPort split_host_port(Bytes text);

/// Permission bits in octal.
[[nodiscard]] Result<std::uint32_t, std::string> parse_mode(Bytes flag, Bytes text);

/// -l: addresses separated by commas or semicolons, each a name or a numeric address with an
/// optional :port ("127.0.0.1", "localhost:11212", "[::1]:11213", "::1"), appended to `addresses`
/// once each.
[[nodiscard]] Result<void, std::string> parse_listen(Bytes list, std::uint16_t default_port,
                                                     const Environment& environment,
                                                     std::vector<io::Address>& addresses);

/// The command lines that begin with a verb. Requires one that begins with no flag.
[[nodiscard]] Result<Options, std::string> parse_verb(std::span<const char* const> arguments);

/// -o: name or name=value, separated by commas.
[[nodiscard]] Result<void, std::string> parse_extended(Bytes list, Options& options);

}  // namespace cacheismo

#endif  // CACHEISMO_FLAG_VALUES_H_
