// OwnScripts: what --scripts DIR brings into a run: somebody's scripts, and how they are called.
//
//   DIR/quota.lua      as the daemon loads it
//   DIR/quota.calls    quota:take:user<9>:1 quota:left:user<9>
//
// A line of a .calls file is what one get asks for: virtual keys, with blanks between them. `<N>`
// is drawn anew each time, a number from 0 to N - 1. Empty lines and those that begin with # are
// left out.

#ifndef CACHEISMO_SIM_OWN_SCRIPTS_H_
#define CACHEISMO_SIM_OWN_SCRIPTS_H_

#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/lua/script.h"

namespace cacheismo::sim {

struct OwnScripts {
  std::vector<lua::Script> scripts;
  std::vector<std::string> calls;  ///< lines
};

/// The text of a failure says which file, line and why. A directory without a call is one: nothing
/// would run.
[[nodiscard]] Result<OwnScripts, std::string> read_own_scripts(const std::string& directory);

/// The lines of one .calls file; `name` is for the failure.
[[nodiscard]] Result<std::vector<std::string>, std::string> parse_calls(const std::string& name,
                                                                        Bytes text);

/// The line with a number in the place of each `<N>`.
[[nodiscard]] std::string drawn_call(Bytes line, Prng& chance);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_OWN_SCRIPTS_H_
