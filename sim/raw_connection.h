// RawConnection: one end of a connection that sends what it is given and keeps what it gets; it
// knows no protocol. For tests that say byte by byte what a client does.

#ifndef CACHEISMO_SIM_RAW_CONNECTION_H_
#define CACHEISMO_SIM_RAW_CONNECTION_H_

#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class RawConnection final : private io::StreamEvents {
 public:
  /// Starts to connect at once. `io` must outlive the connection.
  RawConnection(SimIo& io, const io::Address& address, Duration timeout);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// Appends bytes to what is to be sent.
  void write(Bytes bytes);
  /// Half-close: no more bytes will come once everything written has left.
  void shutdown();
  /// Ends the connection as close() does; what has not left yet is dropped.
  void close();
  /// Ends the connection with a reset.
  void reset();
  /// A client that does not read leaves the server's bytes in the socket buffers.
  void set_reading(bool reading);

  /// What has arrived and was not taken before.
  [[nodiscard]] std::string take();
  [[nodiscard]] const std::string& arrived() const { return arrived_; }
  [[nodiscard]] bool connected() const { return connected_; }
  /// eof or reset once the other side said so; refused or timeout if it never stood.
  [[nodiscard]] std::optional<io::Error> ended() const { return ended_; }
  /// Bytes that were written and have not been taken by the network yet.
  [[nodiscard]] std::size_t unsent() const { return sending_.size() - sent_ + queued_.size(); }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;
  void send_more();
  void receive_more();
  [[nodiscard]] bool usable() const { return connected_ && !closing_; }

  SimIo& io_;
  io::StreamId stream_;
  std::string sending_;  // pinned while a send is outstanding
  std::size_t sent_ = 0;
  std::string queued_;
  std::string arrived_;
  std::optional<io::Error> ended_;
  bool connected_ = false;
  bool send_outstanding_ = false;
  bool receive_outstanding_ = false;
  bool reading_ = true;
  bool broken_ = false;
  bool shutdown_wanted_ = false;
  bool shut_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_RAW_CONNECTION_H_
