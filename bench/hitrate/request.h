// Request: one line of a trace, and the key that its key_id stands for.
//
//   key of 42, 24 bytes:   qAAAAAAAAAA.............   base-64 digits of the id, lowest first,
//                          |11 digits||up to its size|    A-Z, a-z, 0-9, -, _ ; then dots
//
//  1. The same id and size always give the same key, on every machine; printable, no space.
//  2. Two ids give two keys of one size, as long as key_fits() holds for both.
//
// What it is not: it says nothing about a value's bytes, only about how many there are.

#ifndef CACHEISMO_BENCH_HITRATE_REQUEST_H_
#define CACHEISMO_BENCH_HITRATE_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace cacheismo::hitrate {

enum class Op : std::uint8_t {
  get,     ///< look-aside: when it misses, the client stores the value with this request's sizes
  set,     ///< stores unconditionally
  remove,  ///< deletes; not counted as a hit or a miss
};

struct Request {
  std::uint32_t time_seconds = 0;  ///< never goes back from one request to the next
  std::uint32_t key_id = 0;        ///< dense: the next new key has the number of keys before it
  std::uint32_t value_bytes = 0;
  std::uint32_t ttl_seconds = 0;  ///< 0: never expires; otherwise a hit only before time + ttl
  std::uint16_t key_bytes = 0;    ///< 1 to limits::key_bytes_max
  Op op = Op::get;

  /// Key and value: what an item of this request takes in a cache without any overhead.
  [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{key_bytes} + value_bytes; }

  bool operator==(const Request&) const = default;
};
static_assert(sizeof(Request) == 20);  // whole traces are held in memory: 40 MB per 2 million

/// Digits of an id that a key carries at most: 6 bits each, 64 bits in all.
inline constexpr std::size_t key_digits_max = 11;

/// True if `key_bytes` are enough to tell `key_id` from all smaller ones.
[[nodiscard]] constexpr bool key_fits(std::uint64_t key_id, std::size_t key_bytes) {
  return key_bytes >= key_digits_max || (key_id >> (6 * key_bytes)) == 0;
}

/// Overwrites `out` with the key. Requires key_fits().
inline void write_key(std::uint64_t key_id, std::size_t key_bytes, std::string& out) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  out.assign(key_bytes, '.');
  for (std::size_t i = 0; i < key_bytes && i < key_digits_max; ++i, key_id >>= 6) {
    out[i] = digits[key_id & 63];
  }
}

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_REQUEST_H_
