#include "cacheismo/node/watchers.h"

#include <algorithm>

#include "cacheismo/proto/command.h"
#include "cacheismo/proto/percent.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {
namespace {

/// One line: an encoded key, two short words and a handful of numbers.
constexpr std::size_t line_bytes_max = 3 * limits::key_bytes_max + 256 + 8 * 20;
static_assert(line_bytes_max < limits::reply_bytes_max);

}  // namespace

std::optional<std::uint8_t> Watchers::parse_topics(Bytes arguments) {
  std::uint8_t topics = 0;
  proto::KeyCursor words(arguments);
  for (Bytes word = words.next(); !word.empty(); word = words.next()) {
    if (word == "fetchers") {
      topics |= fetchers;
    } else if (word == "mutations") {
      topics |= mutations;
    } else if (word == "connevents") {
      topics |= connection_events;
    } else if (word == "deletions") {
      topics |= deletions;
    } else {
      return std::nullopt;
    }
  }
  return topics == 0 ? static_cast<std::uint8_t>(fetchers) : topics;
}

bool Watchers::add(std::uint32_t slot, std::uint8_t topics, OutputBuffer* out) {
  if (count_ == watchers_.size()) return false;
  watchers_[count_++] = {slot, topics, 0, out};
  topics_ |= topics;
  return true;
}

void Watchers::remove(std::uint32_t slot) {
  topics_ = 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (watchers_[i].slot == slot) continue;
    watchers_[kept++] = watchers_[i];
    topics_ |= watchers_[i].topics;
  }
  count_ = kept;
}

char* Watchers::begin_line(char* p, WallTime now, Bytes type) {
  const std::int64_t us =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  p = proto::put_signed(proto::put(p, "ts="), us / 1'000'000);
  p = proto::put_signed(proto::put(p, "."), us % 1'000'000);
  p = proto::put_decimal(proto::put(p, " gid="), ++line_number_);
  return proto::put(proto::put(p, " type="), type);
}

void Watchers::publish(Topic topic, Bytes line, Counters& counters) {
  for (std::size_t i = 0; i < count_; ++i) {
    Watcher& watcher = watchers_[i];
    if ((watcher.topics & topic) == 0) continue;
    if (watcher.out->room() < line.size() + 32) {
      ++watcher.skipped;
      ++counters.watch_lines_dropped;
      continue;
    }
    if (watcher.skipped > 0) {
      char* p = proto::put(watcher.out->cursor(), "skipped=");
      watcher.out->advance_to(proto::put(proto::put_decimal(p, watcher.skipped), "\n"));
      watcher.skipped = 0;
    }
    watcher.out->append(line);
    ++counters.watch_lines_written;
  }
}

void Watchers::item_get(WallTime now, Bytes key, bool hit, std::uint32_t cfd, std::uint64_t size,
                        Counters& counters) {
  char line[line_bytes_max];
  char* p = begin_line(line, now, "item_get key=");
  p = proto::put_percent_encoded(p, key);
  p = proto::put(p, hit ? " status=found clsid=1 cfd=" : " status=not_found clsid=0 cfd=");
  p = proto::put_decimal(p, cfd);
  p = proto::put(proto::put_decimal(proto::put(p, " size="), size), "\n");
  publish(fetchers, Bytes(line, static_cast<std::size_t>(p - line)), counters);
}

void Watchers::item_store(WallTime now, Bytes key, Bytes status, Bytes command, std::int64_t ttl,
                          std::uint32_t cfd, std::uint64_t size, Counters& counters) {
  char line[line_bytes_max];
  char* p = begin_line(line, now, "item_store key=");
  p = proto::put_percent_encoded(p, key);
  p = proto::put(proto::put(p, " status="), status);
  p = proto::put(proto::put(p, " cmd="), command);
  p = proto::put_signed(proto::put(p, " ttl="), std::max<std::int64_t>(ttl, 0));
  p = proto::put_decimal(proto::put(p, " clsid=1 cfd="), cfd);
  p = proto::put(proto::put_decimal(proto::put(p, " size="), size), "\n");
  publish(mutations, Bytes(line, static_cast<std::size_t>(p - line)), counters);
}

void Watchers::item_delete(WallTime now, Bytes key, Bytes command, std::uint32_t cfd,
                           Counters& counters) {
  char line[line_bytes_max];
  char* p = begin_line(line, now, "deleted key=");
  p = proto::put_percent_encoded(p, key);
  p = proto::put(proto::put(p, " cmd="), command);
  p = proto::put(proto::put_decimal(proto::put(p, " clsid=1 cfd="), cfd), "\n");
  publish(deletions, Bytes(line, static_cast<std::size_t>(p - line)), counters);
}

void Watchers::connection_event(WallTime now, Bytes type, Bytes address, Bytes reason,
                                std::uint32_t cfd, Counters& counters) {
  char line[line_bytes_max];
  char* p = begin_line(line, now, type);
  // The path of a unix socket is at most 107 bytes, an IPv6 address and port at most 54.
  p = proto::put(proto::put(p, " remote="), address.substr(0, 128));
  if (!reason.empty()) p = proto::put(proto::put(p, " reason="), reason);
  p = proto::put(proto::put_decimal(proto::put(p, " cfd="), cfd), "\n");
  publish(connection_events, Bytes(line, static_cast<std::size_t>(p - line)), counters);
}

}  // namespace cacheismo::node
