// Network: connections between hosts, their listeners and the links between them.
//
//   connect --request_arrives--> backlog of a listener --answer_arrives--> connected
//   side 0 ==pipe 0==> side 1        a channel is two pipes and two ends
//   side 0 <==pipe 1== side 1        every arrival takes a link's latency, and waits while clogged
//
//  1. Bytes are never lost, doubled or reordered inside a channel; they are late, or it dies.
//  2. A reset reaches the other side behind the bytes that were under way before it. What has
//     arrived can still be read; what has not is lost.
//  3. A channel lives until both of its ends are released; events that name an older generation
//     are ignored.
//  4. A listener's backlog is bounded. A TCP connect that meets a full one asks again after 1 s,
//     2 s, 4 s as Linux does; a connect to a unix socket is told at once.
//  5. In a partition bytes, resets and answers wait for its end, as retransmission makes them; a
//     connect that sets out into it vanishes.
//
// What it is not: it completes no operation and calls nobody's code but HostEvents, and that only
// while it handles an event, never inside a call.

#ifndef CACHEISMO_SIM_NETWORK_H_
#define CACHEISMO_SIM_NETWORK_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/io/io.h"
#include "sim/clockwork.h"
#include "sim/links.h"
#include "sim/pipe.h"

namespace cacheismo::sim {

/// What a host hears from the network.
class HostEvents {
 public:
  virtual void on_answer(std::uint32_t stream, Result<void, io::Error> result) = 0;
  virtual void on_readable(std::uint32_t stream) = 0;
  virtual void on_writable(std::uint32_t stream) = 0;
  virtual void on_reset(std::uint32_t stream) = 0;
  virtual void on_connection_waiting(std::uint32_t listener) = 0;

 protected:
  ~HostEvents() = default;
};

/// One end of a channel.
struct End {
  std::uint32_t channel = 0;
  std::uint8_t side = 0;
};

class Network {
 public:
  explicit Network(Clockwork& clockwork) : clockwork_(clockwork) {}

  /// Adds a host with a numeric address of its own. Returns its number, counted from 0.
  std::uint16_t add_host(std::string ip, HostEvents& events);

  /// Connects to this address vanish: neither answer nor error ever comes.
  void black_hole(const io::Address& address) { black_holes_.push_back(address); }

  /// Clogs and partitions. What waits for an end that is called off comes then all the same.
  [[nodiscard]] Links& links() { return links_; }

  // ---- Listening --------------------------------------------------------------------------------

  /// Returns the listener's number and its address with a real port.
  [[nodiscard]] Result<std::uint32_t, io::Error> listen(std::uint16_t host,
                                                        const io::Address& address, int backlog);
  [[nodiscard]] const io::Address& address(std::uint32_t listener) const;
  [[nodiscard]] bool has_waiting(std::uint32_t listener) const;
  /// Takes the oldest waiting connection for stream `slot`. Requires has_waiting().
  [[nodiscard]] End accept(std::uint32_t listener, std::uint32_t slot);
  /// Connections that still wait are reset.
  void close_listener(std::uint32_t listener);

  // ---- Channels ---------------------------------------------------------------------------------
  // `local_ns` is the caller's own time: a busy host is ahead of the world.

  [[nodiscard]] End connect(std::uint16_t host, std::uint32_t slot, const io::Address& address,
                            std::int64_t local_ns);
  /// An end from which nothing was sent, of a stream whose host had no descriptor for it.
  [[nodiscard]] End unconnected(std::uint16_t host, std::uint32_t slot);
  [[nodiscard]] io::Address peer_address(End end) const;

  /// Bytes that can be read now at this end.
  [[nodiscard]] std::uint64_t readable(End end) const { return incoming(end).readable(); }
  [[nodiscard]] bool at_end(End end) const { return incoming(end).at_end(); }
  [[nodiscard]] bool is_reset(End end) const;
  [[nodiscard]] std::uint64_t room(End end) const { return outgoing(end).room(); }

  /// Moves bytes that can be read. Requires out.size() <= readable().
  void read(End end, MutableBytes out, std::int64_t local_ns);
  /// Requires count <= room() and count <= the views' bytes: takes the first `count` of them.
  void write(End end, std::span<const Bytes> views, std::uint64_t count, std::int64_t local_ns);
  /// A later window_opens says that room() is not 0 any more.
  void wait_for_room(End end) { outgoing(end).sender_waits = true; }
  void shutdown(End end, std::int64_t local_ns);
  /// The owner of this end loses everything: it reads nothing more, the other side sees a reset. It
  /// still has to release().
  void abort(End end, std::int64_t local_ns);
  /// The owner of this end is gone. With `abort` or unread bytes the other side sees a reset,
  /// otherwise the end of the stream.
  void release(End end, bool abort, std::int64_t local_ns);

  /// The network itself resets a channel; both sides learn of it.
  void reset(std::uint32_t channel);
  /// Some channel that stands, chosen by `draw`; -1 if there is none.
  [[nodiscard]] std::int64_t pick_connection(std::uint64_t draw) const;
  [[nodiscard]] std::uint32_t channels_open() const { return open_; }

  /// Handles an event of the network's kinds.
  void handle(const Event& event);

 private:
  enum class State : std::uint8_t { unused, asking, waiting, standing };
  struct Side {
    std::uint16_t host = 0;
    std::uint32_t slot = 0;
    bool owned = false;  ///< a stream has it
    bool reset = false;  ///< it knows that the connection is gone
    bool shut = false;   ///< it has said eof
  };
  struct Channel {
    State state = State::unused;
    std::uint32_t generation = 0;
    std::uint32_t listener = 0;
    std::uint32_t attempts = 0;
    io::Error refusal{};
    bool refused = false;
    io::Address target;
    std::array<Side, 2> sides;
    std::array<Pipe, 2> pipes;  ///< pipes[s] carries what side s sends
  };
  struct Listener {
    bool open = false;
    std::uint16_t host = 0;
    std::uint32_t backlog = 0;
    io::Address address;
    std::deque<std::uint32_t> waiting;
  };
  struct Host {
    std::string ip;
    HostEvents* events;
  };

  [[nodiscard]] Pipe& outgoing(End end) { return channels_[end.channel]->pipes[end.side]; }
  [[nodiscard]] const Pipe& outgoing(End end) const {
    return channels_[end.channel]->pipes[end.side];
  }
  [[nodiscard]] Pipe& incoming(End end) { return channels_[end.channel]->pipes[1 - end.side]; }
  [[nodiscard]] const Pipe& incoming(End end) const {
    return channels_[end.channel]->pipes[1 - end.side];
  }

  [[nodiscard]] std::uint32_t take_channel();
  void free_if_released(std::uint32_t channel);
  /// When something that `side` sends at `from_ns` is due at the other side.
  [[nodiscard]] std::int64_t arrival(const Channel& channel, std::uint8_t side,
                                     std::int64_t from_ns);
  void schedule(std::int64_t time_ns, EventKind kind, std::uint32_t channel, std::uint8_t side);
  void send_segments(std::uint32_t channel, std::uint8_t side, std::int64_t local_ns);
  void tell_reset(std::uint32_t channel, std::uint8_t side, std::int64_t local_ns);

  [[nodiscard]] bool is_local(std::uint16_t host, const std::string& ip) const;
  [[nodiscard]] Result<std::uint32_t, io::Error> find_listener(std::uint16_t from,
                                                               const io::Address& address) const;
  void refuse(std::uint32_t channel, io::Error error);

  void on_request(std::uint32_t channel);
  void on_answer(std::uint32_t channel);
  void on_bytes(std::uint32_t channel, std::uint8_t side, const Event& event);
  void on_window(std::uint32_t channel, std::uint8_t side);
  void on_reset(std::uint32_t channel, std::uint8_t side);

  Clockwork& clockwork_;
  std::vector<Host> hosts_;
  Links links_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::uint32_t> free_channels_;
  std::vector<io::Address> black_holes_;
  std::uint32_t open_ = 0;
  std::uint16_t next_port_ = 32768;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_NETWORK_H_
