#include "sim/request.h"

#include "cacheismo/base/check.h"

namespace cacheismo::sim {

const char* to_string(Op op) {
  constexpr const char* names[] = {"get",     "gets",   "gat",     "set",        "add",
                                   "replace", "append", "prepend", "cas",        "delete",
                                   "incr",    "decr",   "touch",   "mg",         "ms",
                                   "md",      "ma",     "mn",      "shared_get", "shared_set",
                                   "version", "call",   "call_mg", "call_set",   "flush_all"};
  static_assert(sizeof(names) / sizeof(names[0]) == ops_count);
  return names[static_cast<std::size_t>(op)];
}

void random_bytes(Prng& chance, std::string& out, std::size_t from) {
  std::size_t at = from;
  for (; at + 8 <= out.size(); at += 8) {
    const std::uint64_t word = chance.next();
    for (std::size_t i = 0; i < 8; i++) out[at + i] = static_cast<char>(word >> (8 * i));
  }
  for (; at < out.size(); at++) out[at] = static_cast<char>(chance.next());
}

std::string shared_value(std::uint32_t key, std::uint64_t version, std::size_t size) {
  CHECK_GE(size, shared_value_bytes_min);
  std::string value(size, '\0');
  for (std::size_t i = 0; i < shared_value_bytes_min; i++) {
    value[i] = static_cast<char>(version >> (8 * i));
  }
  Prng bytes = Prng(version).derive(key);
  random_bytes(bytes, value, shared_value_bytes_min);
  return value;
}

}  // namespace cacheismo::sim
