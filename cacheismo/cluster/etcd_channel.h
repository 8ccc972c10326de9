// EtcdChannel: one connection to etcd's gateway, one request at a time; bytes in, bytes out.
//
//            on_connecting      on_connected
//     down ----------------> connecting ------> up --ask()--> asked --last reply--> up
//       ^                        |              |               |
//       `-------- on_closed -- closing <-------- close() -------'
//
//  1. A request is asked only of a channel that is idle(); what it sent last is answered.
//  2. The reply to a watch has no end: of it, each line is a reply.
//  3. Whatever arrives, it keeps at most etcd_body_bytes_max of a reply, and as much of input.
//
// It is not the socket: its owner connects, sends output(), and closes when closing.

#ifndef CACHEISMO_CLUSTER_ETCD_CHANNEL_H_
#define CACHEISMO_CLUSTER_ETCD_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/etcd_wire.h"
#include "cacheismo/cluster/http_reply.h"

namespace cacheismo::cluster {

struct EtcdReply {
  const char* fault = nullptr;  ///< not null: what came is no reply, and the channel is of no use
  std::uint32_t status = 0;
  std::string body;
  bool last = true;  ///< the channel is idle again, unless it ends
};

class EtcdChannel {
 public:
  enum class State : std::uint8_t { down, connecting, up, closing };
  enum class Takes : std::uint8_t { whole_replies, lines };

  explicit EtcdChannel(Takes takes) : takes_(takes) {}

  [[nodiscard]] State state() const { return state_; }
  /// Up, and nothing is asked.
  [[nodiscard]] bool idle() const { return state_ == State::up && !asked_; }

  /// Requires down, connecting, closing.
  void on_connecting();
  void on_connected();
  void on_closed();
  /// Nothing that is outstanding will be answered. Does nothing when down or closing.
  void close();

  /// Requires idle().
  void ask(std::string request);
  /// What is still to be sent; pinned until taken(), or until on_closed().
  [[nodiscard]] Bytes output() const;
  void taken(std::size_t bytes);

  /// Requires up.
  void on_received(Bytes bytes);
  /// The next reply in what was received. Ask until there is none, after taken() too.
  [[nodiscard]] std::optional<EtcdReply> next_reply();

 private:
  [[nodiscard]] std::optional<EtcdReply> take_line();
  [[nodiscard]] EtcdReply finish();

  Takes takes_;
  State state_ = State::down;
  bool asked_ = false;
  std::string request_;
  std::size_t sent_ = 0;  ///< of request_
  HttpReplyReader reader_;
  std::string input_;
  std::uint32_t status_ = 0;
  std::string body_;          ///< of the reply that is coming, or of its latest line
  std::size_t searched_ = 0;  ///< of body_, for the end of a line
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_ETCD_CHANNEL_H_
