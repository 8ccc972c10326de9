#include "sim/journal.h"

#include <cinttypes>
#include <cstdio>

namespace cacheismo::sim {

const char* to_string(Note note) {
  switch (note) {
    case Note::draw: return "draw";
    case Note::connect: return "connect";
    case Note::connected: return "connected";
    case Note::refused: return "refused";
    case Note::accepted: return "accepted";
    case Note::accept_fail: return "accept_fail";
    case Note::arrived: return "arrived";
    case Note::received: return "received";
    case Note::receive_end: return "receive_end";
    case Note::sent: return "sent";
    case Note::send_end: return "send_end";
    case Note::window: return "window";
    case Note::reset: return "reset";
    case Note::shutdown: return "shutdown";
    case Note::closed: return "closed";
    case Note::timer: return "timer";
    case Note::fault: return "fault";
    case Note::request: return "request";
    case Note::reply: return "reply";
    case Note::end: return "end";
    case Note::ring: return "ring";
  }
  return "unknown";
}

void Journal::write_line(std::int64_t time_ns, Note kind, std::uint32_t host, std::uint32_t a,
                         std::uint32_t b, std::uint64_t value) {
  char text[160];
  const int length = std::snprintf(
      text, sizeof text,
      "%" PRId64 ".%09" PRId64 " h%" PRIu32 " %s %" PRIu32 " %" PRIu32 " %016" PRIx64,
      time_ns / 1'000'000'000, time_ns % 1'000'000'000, host, to_string(kind), a, b, value);
  lines_->line(Bytes(text, static_cast<std::size_t>(length)));
}

}  // namespace cacheismo::sim
