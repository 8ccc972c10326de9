#include "cacheismo/node/stats.h"

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/version.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {
namespace {

class Lines {
 public:
  explicit Lines(OutputBuffer& out) : out_(out) {}
  void operator()(Bytes name, Bytes value) {
    CHECK_GE(out_.room(), name.size() + value.size() + 16);
    out_.advance_to(proto::put_stat(out_.cursor(), name, value));
  }
  void operator()(Bytes name, const char* value) { (*this)(name, Bytes(value)); }
  void operator()(Bytes name, std::uint64_t value) {
    CHECK_GE(out_.room(), name.size() + proto::decimal_bytes_max + 16);
    out_.advance_to(proto::put_stat(out_.cursor(), name, value));
  }
  void operator()(Bytes name, bool on, Bytes yes, Bytes no) { (*this)(name, on ? yes : no); }

 private:
  OutputBuffer& out_;
};

std::string seconds_text(Duration time) {
  const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return fmt::format("{}.{:06}", us / 1'000'000, us % 1'000'000);
}

void append_process(const NodeState& node, Lines& stat) {
  const io::Usage usage = node.io.usage();
  const std::int64_t unix_s =
      std::chrono::floor<std::chrono::seconds>(node.io.now().wall.time_since_epoch()).count();
  stat("pid", static_cast<std::uint64_t>(usage.process_id));
  stat("uptime", Clock::uptime(node.now));
  stat("time", static_cast<std::uint64_t>(unix_s));
  stat("version", protocol_version);
  stat("libevent", "none");
  stat("pointer_size", 8 * sizeof(void*));
  stat("rusage_user", Bytes(seconds_text(usage.user_time)));
  stat("rusage_system", Bytes(seconds_text(usage.system_time)));
}

void append_connections(const NodeState& node, Lines& stat) {
  const Counters& counters = node.counters;
  stat("max_connections", node.config.connections_max);
  stat("curr_connections", node.connections->open());
  stat("total_connections", counters.total_connections);
  stat("rejected_connections", counters.rejected_connections);
  stat("connection_structures", node.connections->slots());
  stat("response_obj_oom", std::uint64_t{0});
  stat("response_obj_count", node.outputs.leased() + node.outputs.free());
  stat("response_obj_bytes", (node.outputs.leased() + node.outputs.free()) * sizeof(OutputBlock));
  stat("read_buf_count", node.inputs.buffers());
  stat("read_buf_bytes", node.inputs.leased_bytes() + node.inputs.free_bytes());
  stat("read_buf_bytes_free", node.inputs.free_bytes());
  stat("read_buf_oom", counters.input_refused);
  stat("reserved_fds", std::uint64_t{0});
}

void append_requests(const Counters& counters, const store::StoreStats& store, Lines& stat) {
  stat("cmd_get", counters.cmd_get);
  stat("cmd_set", counters.cmd_set);
  stat("cmd_flush", counters.cmd_flush);
  stat("cmd_touch", counters.cmd_touch);
  stat("cmd_meta", counters.cmd_meta);
  stat("get_hits", counters.get_hits);
  stat("get_misses", counters.get_misses);
  stat("get_expired", store.expired_on_access);
  stat("get_flushed", std::uint64_t{0});
  stat("delete_misses", counters.delete_misses);
  stat("delete_hits", counters.delete_hits);
  stat("incr_misses", counters.incr_misses);
  stat("incr_hits", counters.incr_hits);
  stat("decr_misses", counters.decr_misses);
  stat("decr_hits", counters.decr_hits);
  stat("cas_misses", counters.cas_misses);
  stat("cas_hits", counters.cas_hits);
  stat("cas_badval", counters.cas_badval);
  stat("touch_hits", counters.touch_hits);
  stat("touch_misses", counters.touch_misses);
  stat("store_too_large", counters.store_too_large);
  stat("store_no_memory", counters.store_no_memory);
  stat("auth_cmds", counters.auth_cmds);
  stat("auth_errors", counters.auth_errors);
  stat("bytes_read", counters.bytes_read);
  stat("bytes_written", counters.bytes_written);
}

void append_memory(const NodeState& node, const store::StoreStats& store, Lines& stat) {
  const Counters& counters = node.counters;
  stat("limit_maxbytes", store.limit_bytes);
  stat("accepting_conns", std::uint64_t{node.accepting ? 1u : 0u});
  stat("listen_disabled_num", counters.listen_disabled);
  stat("time_in_listen_disabled_us", counters.time_in_listen_disabled_us);
  stat("threads", std::uint64_t{1});
  stat("conn_yields", counters.conn_yields);
  stat("hash_power_level", std::uint64_t{0});
  stat("hash_bytes", store.index_bytes);
  stat("log_bytes", store.log_bytes);
  for (const Bytes name :
       {"hash_is_expanding", "slab_reassign_rescues", "slab_reassign_chunk_rescues",
        "slab_reassign_inline_reclaim", "slab_reassign_busy_items", "slab_reassign_busy_deletes",
        "slab_reassign_busy_nomem", "slab_reassign_last_busy_status", "slab_reassign_running",
        "slabs_moved", "malloc_fails"})
    stat(name, std::uint64_t{0});
  stat("log_worker_dropped", std::uint64_t{0});
  stat("log_worker_written", counters.watch_lines_written + counters.watch_lines_dropped);
  stat("log_watcher_skipped", counters.watch_lines_dropped);
  stat("log_watcher_sent", counters.watch_lines_written);
  stat("log_watchers", node.watchers.count());
  stat("unexpected_napi_ids", std::uint64_t{0});
  stat("round_robin_fallback", std::uint64_t{0});
  stat("bytes", store.bytes);
  stat("curr_items", store.items);
  stat("total_items", store.total_items);
  stat("slab_global_page_pool", std::uint64_t{0});
  stat("expired_unfetched", store.expired_unfetched);
  stat("evicted_unfetched", store.evicted_unfetched);
  stat("evictions", store.evictions);
  stat("reclaimed", store.reclaimed);
  stat("crawler_reclaimed", std::uint64_t{0});
  stat("crawler_items_checked", std::uint64_t{0});
  stat("lrutail_reflocked", std::uint64_t{0});
}

void append_own(const NodeState& node, const store::StoreStats& store, Lines& stat) {
  stat("cacheismo_version", own_version);
  stat("idle_kicks", node.counters.idle_kicks);
  stat("slow_readers_cut", node.counters.slow_readers_cut);
  stat("rss_bytes", node.io.usage().resident_bytes);
  stat("user_bytes", store.user_bytes);
  stat("pinned_bytes", store.pinned_bytes);
  stat("draft_bytes", store.draft_bytes);
  stat("input_backlog_bytes", node.inputs.backlog_bytes());
  stat("pages_moved", store.pages_moved);
  stat("bytes_copied", store.bytes_copied);
  stat("index_steps", store.index_steps);
  stat("log_steps", store.log_steps);
  stat("flushed_reclaimed", store.flushed_reclaimed);
  stat("evicted_bytes", store.evicted_bytes);
  stat("evictions_per_put_max", store.evictions_per_put_max);
  stat("evictions_per_put_p999", store.evictions_per_put_p999);
  stat("surplus_evictions_per_put_max", store.surplus_evictions_per_put_max);
  stat("surplus_evictions_per_put_p999", store.surplus_evictions_per_put_p999);
}

}  // namespace

void append_general_stats(const NodeState& node, OutputBuffer& out) {
  Lines stat(out);
  const store::StoreStats store = node.store.stats();
  append_process(node, stat);
  append_connections(node, stat);
  append_requests(node.counters, store, stat);
  append_memory(node, store, stat);
  append_own(node, store, stat);
}

void append_settings(const NodeState& node, OutputBuffer& out) {
  Lines stat(out);
  const Config& config = node.config;
  const io::Address* tcp = nullptr;
  const io::Address* unix_socket = nullptr;
  for (const io::Address& address : config.listen)
    (address.kind == io::Address::Kind::tcp ? tcp : unix_socket) = &address;
  stat("maxbytes", node.store.stats().limit_bytes);
  stat("maxconns", config.connections_max);
  stat("tcpport", tcp != nullptr ? tcp->port : 0u);
  stat("udpport", std::uint64_t{0});
  stat("inter", tcp != nullptr ? Bytes(tcp->host).substr(0, 64) : Bytes("NULL"));
  stat("verbosity", static_cast<std::uint64_t>(config.verbosity));
  stat("oldest", std::uint64_t{0});
  stat("evictions", config.evict, "on", "off");
  stat("domain_socket",
       unix_socket != nullptr ? Bytes(unix_socket->host).substr(0, 128) : Bytes("NULL"));
  stat("umask", Bytes(fmt::format("{:o}", config.listen_options.unix_mode)));
  stat("shutdown_command", config.shutdown_enabled, "yes", "no");
  stat("growth_factor", "1.00");
  stat("chunk_size", std::uint64_t{0});
  stat("num_threads", std::uint64_t{1});
  stat("num_threads_per_udp", std::uint64_t{0});
  stat("stat_key_prefix", Bytes(&config.prefix_delimiter, 1));
  stat("detail_enabled", node.prefixes.enabled(), "yes", "no");
  stat("reqs_per_event", config.requests_per_event);
  stat("cas_enabled", config.cas, "yes", "no");
  stat("tcp_backlog", static_cast<std::uint64_t>(config.listen_options.backlog));
  stat("binding_protocol", "ascii");
  stat("auth_enabled_sasl", "no");
  stat("auth_enabled_ascii", config.authenticate, "yes", "no");
  stat("item_size_max", config.item_bytes_max);
  stat("maxconns_fast", "yes");
  stat("hashpower_init", std::uint64_t{0});
  stat("slab_reassign", "no");
  stat("slab_automove", std::uint64_t{0});
  stat("lru_crawler", "yes");
  stat("flush_enabled", config.flush_enabled, "yes", "no");
  stat("dump_enabled", config.dump_enabled, "yes", "no");
  stat("hash_algorithm", "xxh3");
  stat("lru_maintainer_thread", "no");
  stat("lru_segmented", "no");
  stat("idle_timeout",
       static_cast<std::uint64_t>(
           std::chrono::duration_cast<std::chrono::seconds>(config.idle_timeout).count()));
  stat("watcher_logbuf_size", limits::output_bytes);
  stat("track_sizes", "no");
  stat("watch_enabled", config.watch_enabled, "yes", "no");
}

void append_item_stats(const NodeState& node, OutputBuffer& out) {
  const store::StoreStats store = node.store.stats();
  if (store.items == 0) return;
  Lines stat(out);
  stat("items:1:number", store.items);
  stat("items:1:mem_requested", store.bytes);
  stat("items:1:evicted", store.evictions);
  stat("items:1:outofmemory", node.counters.store_no_memory);
  stat("items:1:reclaimed", store.reclaimed);
  stat("items:1:expired_unfetched", store.expired_unfetched);
  stat("items:1:evicted_unfetched", store.evicted_unfetched);
}

void append_slab_stats(const NodeState& node, OutputBuffer& out) {
  const store::StoreStats store = node.store.stats();
  const Counters& counters = node.counters;
  Lines stat(out);
  if (store.items > 0) {
    stat("1:chunk_size", std::uint64_t{1});
    stat("1:total_chunks", store.limit_bytes);
    stat("1:used_chunks", store.bytes);
    stat("1:free_chunks", store.limit_bytes > store.bytes ? store.limit_bytes - store.bytes : 0);
    stat("1:mem_requested", store.bytes);
    stat("1:get_hits", counters.get_hits);
    stat("1:cmd_set", counters.cmd_set);
    stat("1:delete_hits", counters.delete_hits);
    stat("1:incr_hits", counters.incr_hits);
    stat("1:decr_hits", counters.decr_hits);
    stat("1:cas_hits", counters.cas_hits);
    stat("1:cas_badval", counters.cas_badval);
    stat("1:touch_hits", counters.touch_hits);
  }
  stat("active_slabs", std::uint64_t{store.items > 0 ? 1u : 0u});
  stat("total_malloced", store.limit_bytes);
}

void reset_stats(NodeState& node) {
  node.counters = {};
  node.store.reset_stats();
  node.prefixes.clear();
}

}  // namespace cacheismo::node
