#include "sim/mark.h"

namespace cacheismo::sim {

const char* to_string(Mark mark) {
  switch (mark) {
    case Mark::cut_receive: return "cut_receive";
    case Mark::cut_send: return "cut_send";
    case Mark::single_byte_receive: return "single_byte_receive";
    case Mark::buffer_full: return "buffer_full";
    case Mark::latency_tail: return "latency_tail";
    case Mark::clogged: return "clogged";
    case Mark::connection_reset: return "connection_reset";
    case Mark::connect_refused: return "connect_refused";
    case Mark::connect_black_holed: return "connect_black_holed";
    case Mark::accept_then_reset: return "accept_then_reset";
    case Mark::backlog_full: return "backlog_full";
    case Mark::accept_no_resources: return "accept_no_resources";
    case Mark::half_closed: return "half_closed";
    case Mark::reset_by_close: return "reset_by_close";
    case Mark::sent_to_closed: return "sent_to_closed";
    case Mark::cancelled_receive: return "cancelled_receive";
    case Mark::cancelled_send: return "cancelled_send";
    case Mark::paused: return "paused";
    case Mark::wall_jumped_forward: return "wall_jumped_forward";
    case Mark::wall_jumped_back: return "wall_jumped_back";
    case Mark::drifting: return "drifting";
    case Mark::slow_processor: return "slow_processor";
    case Mark::shuffled_ties: return "shuffled_ties";
    case Mark::crashed: return "crashed";
    case Mark::restarted: return "restarted";
    case Mark::reset_by_crash: return "reset_by_crash";
    case Mark::partitioned: return "partitioned";
    case Mark::partitioned_one_way: return "partitioned_one_way";
    case Mark::held_by_partition: return "held_by_partition";
    case Mark::connect_partitioned: return "connect_partitioned";
  }
  return "unknown";
}

}  // namespace cacheismo::sim
