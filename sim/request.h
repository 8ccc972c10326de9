// Request: one request of a simulated client: its bytes, and what is needed to judge its reply.

#ifndef CACHEISMO_SIM_REQUEST_H_
#define CACHEISMO_SIM_REQUEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "sim/object_call.h"

namespace cacheismo::sim {

enum class Op : std::uint8_t {
  get,   ///< one or more keys
  gets,  ///< the same, with CAS values
  gat,   ///< one key, with a new expiry
  set,
  add,
  replace,
  append,
  prepend,
  cas,
  del,
  incr,
  decr,
  touch,
  mg,
  ms,
  md,
  ma,
  mn,
  shared_get,
  shared_set,
  version,
  call,      ///< get of one or more virtual keys
  call_mg,   ///< of one
  call_set,  ///< the last argument is the data block
  flush_all,
};
inline constexpr std::size_t ops_count = static_cast<std::size_t>(Op::flush_all) + 1;

/// "get", ...
[[nodiscard]] const char* to_string(Op op);
/// Whether it calls methods of objects.
[[nodiscard]] inline bool is_call(Op op) {
  return op == Op::call || op == Op::call_mg || op == Op::call_set;
}

struct Request {
  Op op = Op::get;
  bool silent = false;  ///< noreply, or a meta command with q: success (mg: a miss) says nothing
  std::vector<std::uint32_t> keys;  ///< indices of the client's keys, or of shared keys
  std::vector<ObjectCall> calls;    ///< of call, call_mg, call_set
  std::string value;
  std::uint32_t client_flags = 0;
  std::int64_t exptime = 0;
  std::uint64_t cas = 0;
  std::uint64_t delta = 0;
  std::uint32_t opaque = 0;   ///< of meta commands
  std::uint64_t version = 0;  ///< of a shared value
  std::int64_t issued_ns = 0;
};

/// Fills `out` from `from` on with what `chance` draws.
void random_bytes(Prng& chance, std::string& out, std::size_t from);

/// The value that all clients agree on for version `version` of shared key `key`: its version
/// first.
[[nodiscard]] std::string shared_value(std::uint32_t key, std::uint64_t version, std::size_t size);

inline constexpr std::size_t shared_value_bytes_min = 8;

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_REQUEST_H_
