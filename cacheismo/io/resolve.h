// Resolve: from the names that people type to the numeric addresses of io.h.

#ifndef CACHEISMO_IO_RESOLVE_H_
#define CACHEISMO_IO_RESOLVE_H_

#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"

namespace cacheismo::io {

/// The numeric addresses of this machine that `name` stands for ("127.0.0.1", "localhost", "::"),
/// at least one, without duplicates. Of a name with several addresses those are left out on which
/// no socket can be bound here: /etc/hosts often lists ::1 where IPv6 is off. Blocks while names
/// are looked up: for the start of a process. The error says why.
[[nodiscard]] Result<std::vector<std::string>, std::string> resolve_local(const std::string& name);

/// A numeric address of another machine's `name`: the first that the resolver gives, IPv4 before
/// IPv6 unless that is all there is, so that every node that asks picks the same. Blocks.
[[nodiscard]] Result<std::string, std::string> resolve_remote(const std::string& name);

/// The usual text of a numeric address; nullopt: it is none, but perhaps a name. Does not block.
[[nodiscard]] std::optional<std::string> numeric_address(const std::string& text);

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_RESOLVE_H_
