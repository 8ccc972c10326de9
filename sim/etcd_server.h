// EtcdServer: a played etcd (cluster/played_etcd.h) on a simulated host, for nodes that take their
// ring from it over simulated connections.
//
//   EtcdServer etcd(world.add_host("10.0.2.1"), {tcp, "10.0.2.1", 2379});
//   etcd.set_up(false);                 connects are refused, what stood is reset
//   etcd.set_delay(2s);                 each reply comes so late
//   etcd.put(key, text);                as an operator would, past all nodes
//
//  1. Requests of one connection are answered in their order; watches hear of every change.
//  2. A lease ends by this host's clock, also while the server is down.
//
// What it is not: an etcd that forgets. Its keys outlive its being down.

#ifndef CACHEISMO_SIM_ETCD_SERVER_H_
#define CACHEISMO_SIM_ETCD_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/played_etcd.h"
#include "cacheismo/io/io.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class EtcdServer final : private io::ListenerEvents, private io::TimerEvents {
 public:
  EtcdServer(SimIo& io, io::Address address);
  /// Requires that it was stopped and that the world has run since.
  ~EtcdServer();
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  void set_up(bool up);
  /// Ends every connection with a reset; new ones are accepted.
  void reset_all();
  void set_delay(Duration delay) { delay_ = delay; }
  void stop() { set_up(false); }

  void put(const std::string& key, const std::string& value);
  void erase(const std::string& key);
  /// Of a key whose lease, if it has one, holds; empty: there is none.
  [[nodiscard]] std::string value(const std::string& key);
  /// When the lease of the key at last ends; zero: there is no key with one.
  [[nodiscard]] MonotonicTime held_until(const std::string& key);

  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] SimIo& io() { return io_; }

 private:
  class Client;
  struct Late {
    std::uint64_t client = 0;
    std::string text;
  };

  void on_accepted(io::ListenerId listener, Result<io::Accepted, io::Error> result) override;
  void on_timer(io::TimerId timer) override;
  void answer(Client& client, const std::string& request);
  void tell_watchers();
  [[nodiscard]] MonotonicTime now() const { return io_.now().monotonic; }

  SimIo& io_;
  io::Address address_;
  io::ListenerId listener_;
  bool up_ = false;
  Duration delay_{0};
  cluster::PlayedEtcd etcd_;
  std::map<std::uint64_t, std::unique_ptr<Client>> clients_;  ///< in the order in which they came
  std::map<std::uint64_t, Late> late_;                        ///< replies, by timer
  std::uint64_t clients_count_ = 0;
  std::uint64_t requests_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_ETCD_SERVER_H_
