// What the kernel hands back with an event, and what the queue of work holds: whose it is.
//
//   63          32 31 30            0
//   | generation  |0 |     slot     |   a stream
//   | listener id |1 |      0       |   a listener
//   |      0      |1 |      1       |   the signal descriptor

#ifndef CACHEISMO_IO_EPOLL_TOKEN_H_
#define CACHEISMO_IO_EPOLL_TOKEN_H_

#include <cstdint>

#include "cacheismo/io/io.h"

namespace cacheismo::io {

inline constexpr std::uint32_t listener_mark = 0x80000000u;
inline constexpr std::uint64_t signal_token = 0x80000001u;

constexpr std::uint64_t token_of(StreamId id) {
  return std::uint64_t{id.generation} << 32 | id.slot;
}
constexpr std::uint64_t token_of(ListenerId id) {
  return std::uint64_t{id.value} << 32 | listener_mark;
}
constexpr bool is_listener(std::uint64_t token) {
  return static_cast<std::uint32_t>(token) == listener_mark;
}
constexpr StreamId stream_of(std::uint64_t token) {
  return StreamId{static_cast<std::uint32_t>(token), static_cast<std::uint32_t>(token >> 32)};
}
constexpr ListenerId listener_of(std::uint64_t token) {
  return ListenerId{static_cast<std::uint32_t>(token >> 32)};
}

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_EPOLL_TOKEN_H_
