#include "sim/etcd_world.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/name_book.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/etcd_ring.h"
#include "sim/arena.h"
#include "sim/raw_connection.h"

namespace cacheismo::sim {
namespace {

using namespace std::chrono_literals;

constexpr int keys_count = 8;
constexpr std::uint64_t memory_bytes = 8 * MiB;

node::EtcdRingOptions ring_options(std::size_t number, const EtcdWorld::How& how,
                                   node::HostNames& names) {
  node::EtcdRingOptions options;
  for (const io::Address& endpoint : how.endpoints)
    options.member.hosts.push_back(io::to_string(endpoint));
  options.endpoints = how.endpoints;
  options.names = &names;
  options.member.prefix = "/cacheismo/sim/";
  options.member.self.name = EtcdWorld::name_of(number);
  options.member.self.host = how.own_host;
  options.member.lease_s = EtcdWorld::lease_s;
  options.member.joins = true;
  return options;
}

node::Config config_of(std::size_t number, node::EtcdRing& ring) {
  node::Config config;
  config.memory_bytes = memory_bytes;
  config.listen = {EtcdWorld::address_of(number)};
  config.cluster.source = &ring;
  config.cluster.node_name = EtcdWorld::name_of(number);
  config.cluster.changes_enabled = true;
  return config;
}

/// Takes the first line.
std::string take_line(Bytes& text) {
  const std::size_t end = text.find("\r\n");
  if (end == Bytes::npos) return {};
  std::string line(text.substr(0, end));
  text.remove_prefix(end + 2);
  return line;
}

/// Takes the answer to `mg cluster:epoch v`; 0: there is none.
std::uint64_t take_epoch(Bytes& text) {
  if (!take_line(text).starts_with("VA ")) return 0;
  const std::string line = take_line(text);
  return line.empty() ? 0 : std::stoull(line);
}

}  // namespace

struct EtcdWorld::Server {
  Server(SimIo& io, std::size_t number, const How& how)
      : arena(memory_bytes),
        names(how.resolve),
        ring(ring_options(number, how, names)),
        node(config_of(number, ring), io, log, arena.bytes(), {}) {}

  Arena arena;
  KeptLog log;
  NameBook names;
  node::EtcdRing ring;
  node::Node node;
};

// ---- Beginning and end --------------------------------------------------------------------------

EtcdWorld::EtcdWorld(std::uint64_t seed, const FaultPlan& plan)
    : world_(seed, plan), etcd_(world_.add_host(etcd_address().host), etcd_address()) {
  for (std::size_t node = 0; node < nodes_count; ++node)
    hosts_.push_back(&world_.add_host(address_of(node).host));
  servers_.resize(nodes_count);
  looker_ = &world_.add_host("10.0.1.1");
  looker_->set_cuts(Cuts::whole);
}

EtcdWorld::~EtcdWorld() {
  for (std::size_t node = 0; node < nodes_count; ++node) end(node, node::Stop::at_once);
  etcd_.stop();
  world_.run_for(5s);
  for (const SimIo* host : hosts_) EXPECT_EQ(host->streams_open(), 0u);
}

void EtcdWorld::start(std::size_t node, const How& how) {
  servers_[node] = std::make_unique<Server>(*hosts_[node], node, how);
  EXPECT_TRUE(servers_[node]->node.start());
}

void EtcdWorld::end(std::size_t node, node::Stop how) {
  if (servers_[node] == nullptr) return;
  const node::Node& ended = servers_[node]->node;
  servers_[node]->node.stop(how);
  for (int i = 0; i < 100 && !ended.stopped(); ++i) world_.run_for(100ms);
  EXPECT_TRUE(ended.stopped());
  servers_[node].reset();
  epochs_[node] = 0;
}

void EtcdWorld::part_from_etcd(std::size_t node, Duration length) {
  const std::uint16_t etcd = etcd_.io().number();
  const std::uint16_t host = hosts_[node]->number();
  const std::int64_t until_ns = (world_.now() + length).count();
  world_.network().links().part({host, etcd}, until_ns);
  world_.network().links().part({etcd, host}, until_ns);
}

// ---- Asking -------------------------------------------------------------------------------------

std::string EtcdWorld::ask(std::size_t node, Bytes request) {
  constexpr Bytes end = "MN\r\n";
  RawConnection connection(*looker_, address_of(node), 1s);
  connection.write(request);
  connection.write("mn\r\n");
  const auto over = [&] { return connection.ended() || connection.arrived().ends_with(end); };
  for (int i = 0; i < 1000 && !over(); ++i) world_.run_for(1ms);
  connection.close();
  while (!connection.closed()) world_.run_for(1ms);
  std::string reply = connection.take();
  if (reply.ends_with(end)) reply.resize(reply.size() - end.size());
  return reply;
}

std::string EtcdWorld::value(std::size_t node, const std::string& key) {
  constexpr Bytes behind = "\r\nEND\r\n";
  std::string reply = ask(node, "get " + key + "\r\n");
  if (!reply.starts_with("VALUE ") || !reply.ends_with(behind)) return reply;
  const std::size_t at = reply.find("\r\n") + 2;
  return reply.substr(at, reply.size() - at - behind.size());
}

std::string EtcdWorld::write_own(std::size_t node) {
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "own" + std::to_string(i);
    if (value(node, "cluster:owner:" + key) != name_of(node)) continue;
    return ask(node, "ms " + key + " 1 P1.0.1.500\r\nx\r\n");
  }
  return "it owns nothing";
}

bool EtcdWorld::logged(std::size_t node, const std::string& event) const {
  return std::ranges::any_of(servers_[node]->log.lines(), [&](const std::string& line) {
    return line.find("event=" + event) != std::string::npos;
  });
}

std::uint64_t EtcdWorld::epoch_in_etcd() {
  const auto spec = cluster::parse_ring_file(etcd_.value(ring_key()));
  return spec ? spec->epoch : 0;
}

// ---- Looking ------------------------------------------------------------------------------------

void EtcdWorld::look() {
  if (const std::uint64_t epoch = epoch_in_etcd(); epoch != 0) {
    EXPECT_GE(epoch, epoch_in_etcd_) << "the epoch in etcd";
    epoch_in_etcd_ = epoch;
  }
  for (std::size_t node = 0; node < nodes_count; ++node) {
    if (!runs(node)) continue;
    EXPECT_EQ(servers_[node]->node.audit(), std::nullopt);
    look_at(node);
  }
}

void EtcdWorld::look_at(std::size_t node) {
  std::string request;
  for (int key = 0; key < keys_count; ++key)
    request += fmt::format("mg cluster:epoch v\r\nms k{} 1 P1.0.1.500\r\n{}\r\n", key, node + 1);
  request += "mg cluster:epoch v\r\n";
  const MonotonicTime asked_at = etcd_.io().now().monotonic;
  judge(node, ask(node, request), asked_at);
}

/// The reply tells an epoch, what became of a write, an epoch, and so on. A write between two equal
/// epochs was accepted by the ring of that epoch.
void EtcdWorld::judge(std::size_t node, Bytes reply, MonotonicTime asked_at) {
  std::uint64_t before = take_epoch(reply);
  for (int key = 0; key < keys_count && before != 0; ++key) {
    EXPECT_GE(before, epochs_[node]) << name_of(node);
    epochs_[node] = before;
    const std::string said = take_line(reply);
    if (said.empty()) return;
    const std::uint64_t after = take_epoch(reply);
    if (said == "HD") {
      ++accepted_;
      EXPECT_GT(etcd_.held_until(member_key(node)), asked_at)
          << name_of(node) << " writes without a lease";
      if (before == after) {
        EXPECT_EQ(writers_.emplace(std::pair(before, key), node).first->second, node)
            << "k" << key << " has two owners in epoch " << before;
      }
    } else if (said + "\r\n" == refused) {
      ++refusals_;
    } else {
      EXPECT_TRUE(said.starts_with("SERVER_ERROR wrong-owner")) << said;
    }
    before = after;
  }
}

}  // namespace cacheismo::sim
