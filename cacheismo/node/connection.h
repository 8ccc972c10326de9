// Connection: one client: bytes in, requests executed in order, replies out.
//
//                     on_received                      on_sent (all)
//   idle ---receive--> executing ---output---> sending ---------------> idle, or executing again
//                        |  ^                                            when input is left
//              big value |  | committed
//                        v  |
//                      drafting: receive_into() the store's own memory
//
//  1. At any moment exactly one of these holds: an operation is outstanding, the connection waits
//     in the table's turn queue, it is a watcher with nothing to say, a method that it called waits
//     (Scripts), a reply is owed by another node (Routing), or it is closing.
//  2. Nothing is received while output waits, so a client that does not read is not read from; but
//     for one receive that was begun while a method waited or a reply was owed. What that brings
//     is kept or executed, and no draft begins before it has come.
//  3. Requests are executed where the Io has put them; what cannot be executed yet is copied into
//     the InputBuffer. An idle connection holds neither input nor output block.
//  4. A request that another node answers does not hold up those behind it: as long as its reply is
//     owed, theirs are put behind it in the ReplyQueue, and requests are received and executed.
//  5. While a value is drafted, the input buffer holds exactly its command line, which is parsed
//     again at the end: the connection itself keeps nothing of a command. If a script waits then,
//     the line stays at the front until it has finished.
//
// What it is not: it knows no verb but those that have a data block. At most 256 bytes (asserted).

#ifndef CACHEISMO_NODE_CONNECTION_H_
#define CACHEISMO_NODE_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/input_buffer.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/output_buffer.h"
#include "cacheismo/node/reply_queue.h"
#include "cacheismo/node/report.h"

namespace cacheismo::node {

class Connection final : public io::StreamEvents {
 public:
  /// Takes over an accepted stream and asks for its first bytes.
  void open(NodeState& node, std::uint32_t slot, io::StreamId stream);
  /// As open(), but only to say `text` and to close.
  void turn_away(NodeState& node, std::uint32_t slot, io::StreamId stream, Bytes text);

  /// Goes on with input that was left over when the turn of others came.
  void take_turn();
  /// Ends the stream now; what has not been sent is lost.
  void close(Bytes why);
  /// The node is draining: closes, unless there are requests that were received and not answered;
  /// then it closes behind the last reply.
  void drain();
  /// The method that this connection waited for has ended: its request is executed again.
  void call_finished();
  /// The key that this connection waited for has come from its old owner.
  void settled();
  /// Another node's reply is here, and nothing is owed before it.
  void reply_arrived();
  /// Requires that a reply is owed.
  [[nodiscard]] ReplyQueue& replies() {
    CHECK(replies_ != nullptr);
    return *replies_;
  }
  /// Sends what a watcher has gathered.
  void flush_watch();

  [[nodiscard]] bool in_use() const { return node_ != nullptr; }
  [[nodiscard]] bool closing() const { return closing_; }
  [[nodiscard]] bool watching() const { return watching_; }
  [[nodiscard]] bool waits_for_call() const { return waits_for_call_; }
  /// The request at the front has called a method that has waited and finished.
  [[nodiscard]] bool has_answer() const;
  [[nodiscard]] io::StreamId stream() const { return stream_; }
  [[nodiscard]] store::Seconds last_active() const { return last_active_; }
  /// memcached's names: conn_read, conn_nread, conn_swallow, conn_mwrite, conn_watch, conn_closing.
  [[nodiscard]] Bytes state_name() const;
  [[nodiscard]] const OutputBuffer& output() const { return output_; }
  [[nodiscard]] const InputBuffer& input() const { return input_; }
  /// The first broken invariant of the head, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

  // Links of the ConnectionTable.
  std::uint32_t older = 0;  ///< towards the longest inactive
  std::uint32_t newer = 0;  ///< towards the latest active

  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;

 private:
  /// Why execution stopped.
  enum class Stop : std::uint8_t {
    need_more,  ///< the rest of a request has not arrived
    draft,      ///< the front is a storage line whose value does not fit: start_draft()
    wait,       ///< output must be sent first, another's turn comes first, or it closes
  };
  struct Consumed {
    Stop why = Stop::need_more;
    std::size_t bytes = 0;
  };

  void reset(NodeState& node, std::uint32_t slot, io::StreamId stream);

  // connection.cc: the stream
  void settle();
  void send();
  void receive();
  void wait_for_turn();

  // connection_requests.cc: received bytes -> commands
  void run(Bytes leased);
  bool top_up(Bytes& leased);
  bool keep(Bytes bytes);
  [[nodiscard]] Consumed consume(Bytes in);
  /// Goes on with the report in progress. False: it has more to tell, and this turn is over.
  bool finish_report();
  /// One whole request at the front of `in`; 0: nothing was done, `why` says why.
  std::size_t step(Bytes in, Stop& why);
  std::size_t step_command(Bytes in, const proto::Parsed& parsed, Stop& why);
  std::size_t step_value(Bytes in, const proto::Parsed& parsed, Stop& why);
  std::size_t step_keys(Bytes keys, std::size_t line_left, Stop& why);
  std::size_t step_login(Bytes in, Stop& why);

  // connection_routing.cc: requests that other nodes answer
  [[nodiscard]] bool owes() const { return replies_ != nullptr && !replies_->empty(); }
  [[nodiscard]] ReplyQueue& reply_queue();
  /// What is appended to the output while it lives comes behind what was owed when it began.
  class Behind {
   public:
    explicit Behind(Connection& connection, std::uint32_t group = 0)
        : connection_(connection), group_(group), owing_(connection.owes()) {
      if (owing_) mark_ = connection.output_.mark();
    }
    ~Behind() {
      if (owing_) [[unlikely]]
        connection_.hold_back(mark_, group_);
    }
    Behind(const Behind&) = delete;
    Behind& operator=(const Behind&) = delete;

   private:
    Connection& connection_;
    OutputBuffer::Mark mark_{};
    std::uint32_t group_;
    bool owing_;
  };
  /// Puts what was appended behind `mark` behind what is owed.
  void hold_back(const OutputBuffer::Mark& mark, std::uint32_t group);
  /// Moves what is owed no more into the output. True: something was.
  bool say_replies();
  enum class Routed : std::uint8_t {
    here,      ///< it is this node's: execute it
    answered,  ///< another node will answer it, or this one has refused it
    wait,      ///< it is this node's, once its old owner has told what it had
  };
  [[nodiscard]] Routed route(const proto::Command& command, Bytes data);
  /// Says that the key is another node's, to which it cannot be forwarded.
  void refuse(const proto::Command& command);
  /// Says that this node may not change what it owns.
  void forbid(const proto::Command& command);
  /// The same for a value that has arrived in parts, whose draft is given up then.
  bool route_draft(const proto::Command& command);
  /// The value was refused: where another node owns the key, that forgets the old one.
  void forget_at_owner(const proto::Command& command);
  std::size_t step_keys_routed(Bytes keys, std::size_t line_left, Stop& why);
  enum class LookedUp : std::uint8_t {
    go_on,  ///< with the next key
    again,  ///< nothing was done: stop here, and ask again from this key
    ended,  ///< a line of error was said, which ends the reply
  };
  /// One key of a multi-get.
  [[nodiscard]] LookedUp look_up_routed(Bytes key);
  void flush_everywhere(const proto::Command& command);

  // connection_draft.cc: values that arrive in parts
  void start_draft(Bytes& from);
  void feed_draft(Bytes& from);
  void receive_draft();
  void draft_received(std::size_t count);
  void finish_draft();
  void give_up_draft(store::Outcome why);
  bool reserve_draft(std::size_t& windows, std::span<MutableBytes> out);

  NodeState* node_ = nullptr;
  io::StreamId stream_;
  std::uint32_t slot_ = 0;
  store::Seconds last_active_;

  InputBuffer input_;
  OutputBuffer output_;
  Report report_;
  std::unique_ptr<ReplyQueue> replies_;  ///< null: no request was forwarded since it was idle
  MultiGet multiget_;                    ///< of the multi-get in progress
  std::uint32_t multiget_left_ = 0;      ///< bytes of its line that are still to be done; 0: none
  std::uint32_t multiget_group_ = 0;     ///< of its replies in the queue; 0: none was forwarded yet
  std::uint64_t swallow_ = 0;            ///< bytes to be dropped as they arrive
  std::uint64_t need_ = 0;    ///< bytes that the request at the front has in all, if known
  std::uint32_t budget_ = 0;  ///< requests left in this turn

  store::Draft draft_;
  std::uint32_t draft_line_ = 0;         ///< bytes of its command line
  std::uint32_t draft_total_ = 0;        ///< bytes of the value
  std::uint32_t draft_received_ = 0;     ///< bytes of the value and its line end that are in place
  std::uint32_t draft_windows_end_ = 0;  ///< where the windows last asked for ended
  char draft_end_[2] = {};               ///< what arrived where \r\n must be

  bool partial_ : 1 = false;  ///< the kept input is the first part of one request
  bool drafting_ : 1 = false;
  bool receiving_ : 1 = false;  ///< a receive is outstanding
  bool sending_ : 1 = false;    ///< a send is outstanding
  bool waiting_turn_ : 1 = false;
  bool waits_for_call_ : 1 = false;   ///< the request at the front has called a method that waits
  bool received_early_ : 1 = false;   ///< the outstanding receive was begun with that, or owing
  bool waits_with_line_ : 1 = false;  ///< that has its data; only the line is at the front
  bool closing_ : 1 = false;          ///< close() was called on the stream
  bool close_when_sent_ : 1 = false;  ///< no further request is executed
  bool authenticated_ : 1 = false;
  bool watching_ : 1 = false;
  bool fresh_ : 1 = false;  ///< nothing was received yet: a binary client would say so now
};
static_assert(sizeof(Connection) <= 256);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_CONNECTION_H_
