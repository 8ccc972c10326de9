#include "sim/oracle.h"

#include <cinttypes>
#include <cstdio>
#include <utility>

namespace cacheismo::sim {
namespace {

constexpr std::size_t violations_kept = 20;

}  // namespace

const char* to_string(Tally tally) {
  switch (tally) {
    case Tally::requests: return "requests";
    case Tally::replies: return "replies";
    case Tally::hits: return "hits";
    case Tally::misses: return "misses";
    case Tally::stored: return "stored";
    case Tally::no_memory: return "no_memory";
    case Tally::connections: return "connections";
    case Tally::connect_failures: return "connect_failures";
    case Tally::connections_lost: return "connections_lost";
    case Tally::timeouts: return "timeouts";
    case Tally::closed_while_idle: return "closed_while_idle";
    case Tally::turned_away: return "turned_away";
    case Tally::keys_retired: return "keys_retired";
    case Tally::half_closes: return "half_closes";
    case Tally::resets: return "resets";
    case Tally::stalls: return "stalls";
    case Tally::expired: return "expired";
    case Tally::compare_writes: return "compare_writes";
    case Tally::cas_not_kept: return "cas_not_kept";
    case Tally::compare_conflicts: return "compare_conflicts";
    case Tally::flushes: return "flushes";
    case Tally::calls: return "calls";
    case Tally::calls_missed: return "calls_missed";
    case Tally::calls_no_memory: return "calls_no_memory";
    case Tally::calls_in_doubt: return "calls_in_doubt";
    case Tally::shared_calls: return "shared_calls";
    case Tally::objects_gone: return "objects_gone";
    case Tally::evictions: return "evictions";
    case Tally::reclaimed: return "reclaimed";
  }
  return "unknown";
}

void Oracle::violation(std::int64_t now_ns, std::string text) {
  if (violations_.size() == violations_kept) return;
  char time[48];
  std::snprintf(time, sizeof time, "%" PRId64 ".%09" PRId64 "s ", now_ns / 1'000'000'000,
                now_ns % 1'000'000'000);
  violations_.push_back(time + std::move(text));
}

void Oracle::flush_ends(std::int64_t now_ns, bool may_come_later) {
  flushes_under_way_--;
  last_flush_ns_ = now_ns;
  flush_in_doubt_ = flush_in_doubt_ || may_come_later;
}

}  // namespace cacheismo::sim
