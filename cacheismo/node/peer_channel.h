// Peers::Channel: one link and its stream: what the Io completes is told to the link, and what the
// link wants is asked of the Io.
//
//   event of the Io --> PeerLink, completions --> touch() ... at the end of the event: settle()
//                                                               connects, sends, plans the wakeup
//
//  1. A stream is open from io.connect() to on_closed(), which is the link's on_closed() too, so
//     that what a send has pinned stays.
//  2. While the link is up, a receive is outstanding.
//
// What it is not: a header for anybody but peers.cc and peer_channel.cc.

#ifndef CACHEISMO_NODE_PEER_CHANNEL_H_
#define CACHEISMO_NODE_PEER_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/circuit.h"
#include "cacheismo/cluster/failure.h"
#include "cacheismo/cluster/peer_link.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::node {

/// The bracket around what the Io or the owner starts; what it touched is seen to at its end.
class Peers::Event {
 public:
  explicit Event(Peers& peers) : peers_(peers), outermost_(!peers.in_event_) {
    peers_.in_event_ = true;
    if (outermost_) peers_.node_.begin_event();
  }
  ~Event() {
    if (!outermost_) return;
    peers_.flush();
    peers_.in_event_ = false;
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

 private:
  Peers& peers_;
  bool outermost_;
};

/// One link and its stream.
class Peers::Channel final : public io::StreamEvents, public cluster::PeerEvents {
 public:
  Channel(Peers& peers, const io::Address& address)
      : peers_(peers),
        address_(address),
        link_(*this, peers.node_.config.item_bytes_max + limits::line_bytes_max,
              Prng(peers.node_.io.random().next())) {}

  [[nodiscard]] Result<void, cluster::Failure> submit(cluster::PeerCall call) {
    last_used_ = peers_.now();
    return link_.submit(std::move(call), last_used_);
  }
  void cancel(std::uint64_t call) { link_.cancel(call, peers_.now()); }

  /// Connects and sends, if there is reason to.
  void settle();
  /// Fails what is due, closes what is idle or stuck.
  void expire();
  void give_up(cluster::Failure why);
  /// When expire() is to be called.
  [[nodiscard]] std::optional<MonotonicTime> due() const;

  [[nodiscard]] const cluster::PeerLink& link() const { return link_; }
  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] MonotonicTime last_used() const { return last_used_; }
  [[nodiscard]] std::optional<std::string> audit() const;

  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;

  void on_reply(std::uint64_t call, const proto::ReplyPart& reply) override;
  void on_failure(std::uint64_t call, cluster::Failure failure, bool sent) override;

  bool touched = false;  ///< it is in touched_

 private:
  void send();
  void receive();
  void lost();
  void close();
  void report_circuit();

  Peers& peers_;
  const io::Address& address_;
  cluster::PeerLink link_;
  io::StreamId stream_;
  std::string gathered_;  ///< short requests that are being sent
  MonotonicTime last_used_;
  cluster::Circuit::State reported_ = cluster::Circuit::State::closed;
  bool open_ = false;  ///< there is a stream
  bool closing_ = false;
  bool receiving_ = false;
  bool sending_ = false;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_PEER_CHANNEL_H_
