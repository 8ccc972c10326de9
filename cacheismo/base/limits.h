// Limits: every capacity of the project, with its unit, its reason and where the number is from.
//
// A queue without a bound is a defect. Relations between limits are asserted at the end of the
// file.

#ifndef CACHEISMO_BASE_LIMITS_H_
#define CACHEISMO_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/units.h"

namespace cacheismo::limits {

// ---- Protocol ----------------------------------------------------------------------------------

/// Longest key, bytes. memcached KEY_MAX_LENGTH.
inline constexpr std::size_t key_bytes_max = 250;

/// Longest key that is a key still when it is written in base64, bytes: so goes one with spaces or
/// control characters.
inline constexpr std::size_t base64_key_bytes_max = key_bytes_max / 4 * 3;

/// Longest command line without its newline that is waited for, bytes. memcached closes a
/// connection that has buffered more than this without a newline, `get ` and `gets ` lines
/// excepted.
inline constexpr std::size_t line_bytes_max = 2048;

/// Longest `get ` or `gets ` line, bytes. memcached has no limit here and grows its buffer with the
/// line; clients were seen to send 180 KB. A connection that exceeds this is closed.
inline constexpr std::size_t multiget_line_bytes_max = 8 * MiB;

/// Spaces before the `get ` or `gets ` of such a line. memcached looks no further.
inline constexpr std::size_t multiget_leading_spaces_max = 100;

/// Meta flags on one line. memcached answers "options flags are too long" above 20 tokens, of which
/// the command and its key are two.
inline constexpr std::size_t meta_tokens_max = 18;

/// Longest opaque token, bytes, its letter O counted: 31 bytes pass behind it, 32 do not.
inline constexpr std::size_t opaque_token_bytes_max = 32;

/// Longest declared length of a value that is waited for (and swallowed), bytes. memcached: 2^31
/// - 3.
inline constexpr std::uint64_t declared_length_max = 2147483645;

/// Longest authentication data block, bytes. memcached: "auth token too long".
inline constexpr std::size_t auth_token_bytes_max = 16384;

/// Relative expiry times end here, seconds (30 days); above is an absolute Unix time. memcached
/// REALTIME_MAXDELTA.
inline constexpr std::int64_t relative_expiry_seconds_max = 60 * 60 * 24 * 30;

// ---- Memory ------------------------------------------------------------------------------------

/// Half the reach of a 24-bit page number at 8 KiB a page, bytes.
inline constexpr std::uint64_t arena_bytes_max = 64 * GiB;

/// Smallest arena that holds the index, the page tables and one page of items, bytes.
inline constexpr std::uint64_t arena_bytes_min = 1 * MiB;

/// Largest -I, bytes. memcached allows 1 GiB.
inline constexpr std::uint64_t item_bytes_max = 1 * GiB;

/// Smallest -I, bytes. memcached: 1 KiB.
inline constexpr std::uint64_t item_bytes_min = 1 * KiB;

// ---- Objects -----------------------------------------------------------------------------------

/// Longest key of an entry, bytes. Twice what a script's table needs that names its entries by keys
/// of clients; an inner node has four such at most before it is split.
inline constexpr std::size_t object_key_bytes_max = 512;

/// Longest value of an entry, bytes. What is longer takes several entries.
inline constexpr std::size_t object_value_bytes_max = 1 * KiB;

/// What an object's entries and nodes may come to unless told otherwise, bytes, and never more than
/// a quarter of the arena: one put into the largest still leaves most of the cache as it was.
inline constexpr std::uint64_t object_bytes_max = 16 * MiB;

/// What one update of an object may hold in changed nodes outside of the arena, bytes: a method
/// that changes 6,000 nodes. Half of what resident memory may be above the arena.
inline constexpr std::size_t object_scratch_bytes_max = 4 * MiB;

// ---- Connections -------------------------------------------------------------------------------

/// What one receive may return, bytes. One buffer of this size is shared by all connections.
inline constexpr std::size_t receive_bytes = 64 * KiB;

/// Requests that were received in part wait in a buffer of at most this size, bytes, leased only
/// while they wait; a longer value goes straight into the store's memory. Two command lines.
inline constexpr std::size_t pending_input_bytes = 4 * KiB;

/// Replies of one connection that wait for the peer to read, bytes, pinned values not counted. The
/// connection's requests are not executed while it is full.
inline constexpr std::size_t output_bytes = 16 * KiB;

/// A value at least this long is sent from the store's memory instead of being copied into the
/// output buffer, bytes.
inline constexpr std::size_t send_in_place_bytes = 4 * KiB;

/// Room that a single reply may need, bytes: a value that is copied, its key in base64 and every
/// meta flag's answer. Requests are executed only while the output buffer has this much left.
inline constexpr std::size_t reply_bytes_max = send_in_place_bytes + 1 * KiB;

/// Longest text behind SERVER_ERROR, bytes: a script's message, its place and the id.
inline constexpr std::size_t error_bytes_max = 600;

/// Values of one connection that are pinned for sending at the same time. With the block around
/// them they fill one output buffer's 16 KiB; more would cost room that small replies need.
inline constexpr std::size_t output_cuts_max = 32;

/// A connection pins no further value once it has pinned this much, bytes, so that one slow reader
/// of many big values does not hold them all. As much as one send offers.
inline constexpr std::uint64_t output_pinned_bytes_max = 256 * KiB;

/// A connection's unexecuted input when its output is full: what one receive returned, behind a
/// request that was received in part, bytes.
inline constexpr std::size_t backlog_block_bytes = receive_bytes + pending_input_bytes;

/// What a connection may have resident outside of the arena while it has at most a request and its
/// replies under way, bytes: a block of output, one of input, the views of a receive and a send (1
/// KiB each), 256 bytes of Connection, 128 of Stream, and the allocator's own. An idle one stays
/// below 1 KiB. More of the input, and the line of a multi-get, are counted apart.
inline constexpr std::size_t connection_bytes = 24 * KiB;

/// Unexecuted input of all connections together, partial requests below pending_input_bytes not
/// counted, bytes. A connection that would exceed it is closed. 1,800 clients that pipeline without
/// reading.
inline constexpr std::size_t input_backlog_bytes_max = 128 * MiB;

/// Free blocks that each pool keeps for the next connection, bytes: 64 output blocks.
inline constexpr std::size_t free_block_bytes_max = 1 * MiB;

/// Keys of a multi-get that are looked up before other connections get a turn. About 0.2 ms.
inline constexpr std::size_t multiget_keys_per_turn = 1024;

/// Lines of the index that a dump looks at before other connections get a turn. Nobody is to wait
/// longer than 0.2 ms for it: a slice of a walk by prefix over 10 million items took 33 us in the
/// median and 362 us at p99.99 with twice as many.
inline constexpr std::uint32_t scan_lines_per_turn = 32;

/// Keys that have changed, kept for whoever copies a node while it is in use, bytes; none while
/// nobody does. At 40 bytes a key 26,000: what 100,000 writes a second change in 0.25 s, where a
/// copier asks every few milliseconds. Who falls behind compares everything once more.
inline constexpr std::size_t change_log_bytes = 1 * MiB;

/// Changed keys that one answer tells, with what they are by now. As many items as a slice of a
/// dump looks at, ten in each of scan_lines_per_turn lines.
inline constexpr std::uint32_t changes_per_turn = 10 * scan_lines_per_turn;

/// A log of changes that nobody has asked for this long is given up. A copier waits at most 30 s
/// for the other node.
inline constexpr Duration change_log_patience = std::chrono::seconds(60);

/// Largest part of the arena, as a fraction 1 / n, that values may hold which are gone from the
/// cache and only kept for readers; the slowest readers are cut above it.
inline constexpr std::uint64_t pinned_gone_share = 4;

/// Connections that may `watch`. memcached: 20, WATCHER_TOO_MANY above.
inline constexpr std::size_t watchers_max = 20;

/// Keys of which a sample tells how much they are used: 66 KiB a node. More than anybody looks at,
/// in sets of eight, so that the ten hottest find room whatever sets they fall into.
inline constexpr std::size_t hot_keys_max = 256;

/// Prefixes that `stats detail` tells apart.
inline constexpr std::size_t prefixes_max = 4096;

/// Views in one send. Linux IOV_MAX is 1024; 64 of 4 KiB fill a socket buffer.
inline constexpr std::size_t send_views_max = 64;

// ---- Scripts -----------------------------------------------------------------------------------

/// Smallest heap of all scripts of a node, bytes: one Lua state takes 100 KiB, the shipped types
/// another 300, and a reload has both at once.
inline constexpr std::size_t script_heap_bytes_min = 4 * MiB;

/// Files of a scripts directory, and the bytes of one. A reload reads and compiles all at once.
inline constexpr std::size_t scripts_max = 1000;
inline constexpr std::size_t script_bytes_max = 1 * MiB;

/// Requests to other nodes that a call waits for at once: a hundred keys from each of ten nodes.
inline constexpr std::size_t remote_requests_max = 1024;

/// How long a request of a script waits for its answer unless it says otherwise, and at most. What
/// takes longer has no client any more.
inline constexpr Duration remote_timeout = std::chrono::seconds(1);
inline constexpr Duration remote_timeout_max = std::chrono::seconds(60);

/// Calls of node to node that may be nested: client -> script -> 4 more. A script that asks its own
/// node, or one that asks back, ends there.
inline constexpr std::uint32_t remote_depth_max = 4;

/// What scripts' requests to other nodes and their replies may hold together until the scripts go
/// on, bytes; what is above fails with `overload`. As much as the scripts' heap.
inline constexpr std::size_t remote_bytes_max = 64 * MiB;

// ---- Cluster -----------------------------------------------------------------------------------

/// Replies of one connection that wait for other nodes, or behind one that does. As many requests
/// as a client pipelines at most; memtier and mutilate stay below 100.
inline constexpr std::size_t owed_replies_max = 256;

/// Bytes of such replies that have arrived, above which no further request of their connection is
/// executed: what one connection may have pinned (output_pinned_bytes_max) four times.
inline constexpr std::size_t owed_reply_bytes_max = 1 * MiB;

/// Longest request to another node that is kept until it is answered, to be asked again, bytes.
/// Longer ones, which are few, fail with their connection.
inline constexpr std::size_t retry_bytes_max = 4 * KiB;

/// How often the source of the ring is asked whether it has changed.
inline constexpr Duration ring_check_interval = std::chrono::seconds(1);

// ---- Peers -------------------------------------------------------------------------------------

/// Peers that a node keeps connections to, two each at most. More nodes than a client library was
/// seen to be given; the longest unused makes room.
inline constexpr std::size_t peers_max = 256;

/// Calls of one connection that are queued or wait for their reply: what 64 clients may have under
/// way, each with as many as it may be owed. Above: overload.
inline constexpr std::size_t peer_calls_max = 64 * owed_replies_max;

/// Requests of one connection that are queued, bytes: 64 values of 64 KiB. Above: overload, but for
/// a single one behind which nothing waits.
inline constexpr std::size_t peer_queued_bytes_max = 4 * MiB;

/// A request longer than this goes over the peer's second connection, bytes, so that the short ones
/// do not wait behind it. What one receive returns.
inline constexpr std::size_t peer_bulk_bytes = receive_bytes;

/// Short requests to one peer that are copied together for one send, bytes: peer_calls_max of 64
/// bytes each, where views would do for send_views_max of them.
inline constexpr std::size_t peer_gathered_bytes_max = 64 * KiB;

/// How long a call to a peer may take unless it says otherwise, and how long a connect.
inline constexpr Duration peer_timeout = std::chrono::seconds(1);
inline constexpr Duration peer_connect_timeout = std::chrono::milliseconds(200);

/// A connection whose oldest reply is awaited by nobody any more and has not come for this long is
/// given up.
inline constexpr Duration peer_stuck = 5 * peer_timeout;

/// A connection that was not used for this long is closed.
inline constexpr Duration peer_idle = std::chrono::seconds(60);

/// Failures in a row after which a peer is left alone; for how long at first, doubled with each
/// probe that fails, and at most.
inline constexpr std::uint32_t peer_failures_max = 3;
inline constexpr Duration peer_pause_min = std::chrono::milliseconds(200);
inline constexpr Duration peer_pause_max = std::chrono::seconds(1);

/// Of calls that may be executed twice, one in this many may be sent again after a connection was
/// lost, and so many at once. A peer that is in trouble gets at most a tenth more work by it.
inline constexpr std::uint32_t peer_again_share = 10;
inline constexpr std::uint32_t peer_again_at_once_max = 32;

// ---- Ring --------------------------------------------------------------------------------------

/// Members of a ring, in whatever state. Their 40,960 ketama points take 240 KiB.
inline constexpr std::size_t ring_members_max = 256;

/// Largest weight of a member. A 32-bit float holds the sum of all members' weights exactly, which
/// is how memcached's clients compute shares.
inline constexpr std::uint32_t ring_weight_max = 65535;

/// Longest name of a member, bytes: one label of a DNS name, which is what nodes are called by.
inline constexpr std::size_t ring_name_bytes_max = 63;

/// Longest host of a member, bytes. Longest DNS name as text, RFC 1035.
inline constexpr std::size_t ring_host_bytes_max = 253;

/// Longest ring file, bytes: the longest lines of all members, and as much again for comments.
inline constexpr std::size_t ring_file_bytes_max = 256 * KiB;

// ---- Upkeep ------------------------------------------------------------------------------------

/// A node's upkeep runs this often; the store's promise is to give expired memory back within a
/// second.
inline constexpr Duration upkeep_interval = std::chrono::milliseconds(100);

/// Upkeep that has more to do goes on after this pause, in which requests are served.
inline constexpr Duration busy_upkeep_interval = std::chrono::milliseconds(1);

/// What a node gives away in a second after the ring has changed, and at once after a pause: half
/// of what a network of 1 Gbit/s carries, while it serves.
inline constexpr std::int64_t handover_bytes_per_second = 64 * MiB;
inline constexpr std::int64_t handover_bytes_at_once = 4 * MiB;

/// What one run of upkeep may do, in items of a flush that it reclaims (store::Budget): 0.05 to 0.1
/// ms, and below 0.2 ms but for one run in 10,000, so that a request waits no longer for it.
inline constexpr std::uint32_t upkeep_items = 384;

// ---- Relations ---------------------------------------------------------------------------------

static_assert(line_bytes_max < pending_input_bytes);
static_assert(multiget_leading_spaces_max + 5 < line_bytes_max);
static_assert(pending_input_bytes < receive_bytes);
static_assert(multiget_line_bytes_max > 180 * 1000);
static_assert(reply_bytes_max > send_in_place_bytes + 2 * key_bytes_max + 128);
static_assert(output_bytes > 2 * reply_bytes_max);
static_assert(connection_bytes >= output_bytes + pending_input_bytes + 3 * KiB);
static_assert(line_bytes_max + auth_token_bytes_max < backlog_block_bytes);
static_assert(peer_queued_bytes_max >= 2 * peer_bulk_bytes);
static_assert(peer_gathered_bytes_max >= send_in_place_bytes);
static_assert(peer_connect_timeout < peer_timeout);
static_assert(peer_again_at_once_max < peer_calls_max);
static_assert(declared_length_max < (std::uint64_t{1} << 31));
static_assert(ring_members_max * ring_weight_max < std::size_t{1} << 24);
static_assert(ring_members_max < 1 << 16);
static_assert(ring_members_max * (ring_name_bytes_max + ring_host_bytes_max + 64) <
              ring_file_bytes_max / 2);
static_assert(item_bytes_min < arena_bytes_min / 2);

}  // namespace cacheismo::limits

#endif  // CACHEISMO_BASE_LIMITS_H_
