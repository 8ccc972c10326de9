// EtcdRing: a RingSource that is in etcd: cluster::EtcdMember, composed over the node's Io.
//
//   attach --> [calls] [watch]  two streams to one of the endpoints
//                 |       |
//              EtcdMember, which decides --> on_ring_changed(), the log
//
//  1. What one event has made the member want is done at the event's end: settle().
//  2. A stream is open from io.connect() to on_closed(); attached() is true as long as one is, or
//     as something is still to be told.
//  3. The node hears of a ring or of its end from callbacks of the Io only.
//  4. Hosts, those of etcd and those of the ring, may be names. Nothing waits for a resolver: a
//     ring is told of when its hosts are known, or after etcd_names_wait without those that are
//     not.
//
// What it is not: it does not know the protocol, and does not decide which ring is used.

#ifndef CACHEISMO_NODE_ETCD_RING_H_
#define CACHEISMO_NODE_ETCD_RING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/cluster/etcd_member.h"
#include "cacheismo/cluster/ring_change.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/host_names.h"
#include "cacheismo/node/log.h"

namespace cacheismo::node {

/// How long what needs an address waits for names that were never looked up before, and how often
/// it looks whether they are found. A resolver on this network answers in milliseconds.
inline constexpr Duration etcd_names_wait = std::chrono::milliseconds(500);
inline constexpr Duration etcd_names_poll = std::chrono::milliseconds(10);

struct EtcdRingOptions {
  cluster::EtcdOptions member;         ///< self.host empty: host and port of attach()'s address
  std::vector<io::Address> endpoints;  ///< of member.hosts, in their order; hosts may be names
  HostNames* names = nullptr;          ///< outlives the EtcdRing; used by it alone
};

class EtcdRing final : public RingSource, public io::TimerEvents {
 public:
  explicit EtcdRing(EtcdRingOptions options);
  /// Requires that it is not attached().
  ~EtcdRing();
  EtcdRing(const EtcdRing&) = delete;
  EtcdRing& operator=(const EtcdRing&) = delete;

  Result<RingView, std::string> read() override;
  bool changed() override;
  Result<void, std::string> change(const cluster::RingChange& change) override;
  std::string report() override;
  [[nodiscard]] bool speaks() const override { return true; }
  void attach(io::Io& io, Log& log, const io::Address& own, RingUser& user) override;
  void detach(bool leaves) override;
  [[nodiscard]] bool attached() const override { return attached_; }
  [[nodiscard]] bool may_write(MonotonicTime now) const override;

  void on_timer(io::TimerId timer) override;

 private:
  using Lane = cluster::EtcdMember::Lane;

  class Stream final : public io::StreamEvents {
   public:
    Stream(EtcdRing& ring, Lane lane) : ring_(ring), lane_(lane) {}
    /// Connects, sends, closes, if the member wants it.
    void settle();
    void close();
    [[nodiscard]] bool is_open() const { return open_; }

    void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
    void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
    void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
    void on_closed(io::StreamId stream) override;

   private:
    void connect();
    void lost(Bytes why);

    EtcdRing& ring_;
    Lane lane_;
    io::StreamId stream_;
    bool open_ = false;
    bool closing_ = false;
    bool sending_ = false;
  };

  [[nodiscard]] MonotonicTime now() const { return io_->now().monotonic; }
  void want_names();
  [[nodiscard]] bool awaits_names() const;
  void settle();
  void plan_wakeup();
  void tell_log();

  EtcdRingOptions options_;
  HostNames& names_;
  io::Io* io_ = nullptr;  ///< of attach(), with the next two
  Log* log_ = nullptr;
  RingUser* user_ = nullptr;
  std::optional<cluster::EtcdMember> member_;  ///< since attach()
  MonotonicTime names_until_;                  ///< when those that are unsure are done without
  std::uint64_t named_version_ = 0;            ///< of the ring whose hosts are in names_
  bool moved_ = false;                         ///< a host has another address than was read
  Stream calls_{*this, Lane::calls};
  Stream watch_{*this, Lane::watch};
  io::TimerId timer_;
  MonotonicTime timer_at_;
  std::uint64_t told_version_ = 0;  ///< of the ring that the user was told of
  std::uint64_t read_version_ = 0;  ///< of the one that it has read
  bool attached_ = false;
  bool ending_ = false;  ///< without leaving, or after it
  bool leaves_ = false;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_ETCD_RING_H_
