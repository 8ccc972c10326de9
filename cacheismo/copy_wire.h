// CopyWire: one conversation with a node, as a client that waits: requests out, replies in order.
//
//   send("mg a v\r\n"); send("mg b v\r\n");      reply() -> a's        reply() -> b's
//
//  1. send() never waits. While reply() does, every wire of the Io goes on, so that two nodes may
//     be kept busy at once.
//  2. What ends the conversation ends it for good; each failure names the node.
//
//  3. It is gone from the Io when its destructor returns, which takes turns of the Io.
//
// What it is not: for a server: it turns the Io itself, the kernel's or a simulated one (CopyIo).

#ifndef CACHEISMO_COPY_WIRE_H_
#define CACHEISMO_COPY_WIRE_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo {

/// What a copy's requests say of themselves (cluster/hop.h): a program asks, and the node that is
/// asked answers by itself, within the patience of a wire.
inline constexpr Bytes copy_hop = "P1.0.0.30000";

/// An Io, and what makes it go on.
class CopyIo {
 public:
  [[nodiscard]] virtual io::Io& io() = 0;
  /// Runs completions, if need be after waiting for one. May come back early, and with nothing
  /// done, but time goes on.
  virtual void turn(Duration wait) = 0;

 protected:
  ~CopyIo() = default;
};

/// What all wires of a copy share.
struct CopyLink {
  explicit CopyLink(CopyIo& the_io) : io(the_io) {}
  CopyIo& io;
  bool stop = false;  ///< set by a signal; ends every wait
  std::string user;   ///< empty: nobody asks for a password
  std::string password;
};

class CopyWire final : public io::StreamEvents {
 public:
  /// How long a connection may take, and a reply. A node answers each request of a copy within
  /// milliseconds; what is silent for so long has lost its machine or its network.
  static constexpr Duration connect_patience = std::chrono::seconds(5);
  static constexpr Duration reply_patience = std::chrono::seconds(30);

  /// `name` stands in front of failures. `link` outlives the wire.
  CopyWire(std::string name, io::Address address, const CopyLink& link);
  ~CopyWire();
  CopyWire(const CopyWire&) = delete;
  CopyWire& operator=(const CopyWire&) = delete;

  /// Connects, and says the password if there is one.
  [[nodiscard]] Result<void, std::string> connect();
  void send(Bytes bytes);
  /// The next part of a reply; its views live until the next call.
  [[nodiscard]] Result<proto::ReplyPart, std::string> reply();

  /// A request and its reply that do nothing: -o idle_timeout closes who is silent. Requires that
  /// no reply is owed.
  [[nodiscard]] Result<void, std::string> keep_alive();

  [[nodiscard]] std::string failed(Bytes what) const { return name_ + ": " + std::string(what); }

  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId) override { open_ = false; }

 private:
  void pump();
  [[nodiscard]] Result<void, std::string> wait(MonotonicTime deadline);

  std::string name_;
  io::Address address_;
  const CopyLink& link_;
  io::Io& io_;
  io::StreamId stream_;
  std::string error_;    ///< why nothing more will come
  std::string sending_;  ///< pinned while a send is outstanding
  std::size_t sent_ = 0;
  std::string unsent_;
  std::string received_;
  std::size_t read_ = 0;  ///< of received_
  bool open_ = false;     ///< the Io knows of it
  bool connected_ = false;
  bool send_outstanding_ = false;
  bool receive_outstanding_ = false;
};

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_WIRE_H_
