// PlayedEtcd: as much of etcd as EtcdMember speaks to, and members that speak to it, for tests.
//
//   TestMember: EtcdMember + two wires --requests--> PlayedEtcd: keys, leases, revisions
//                                      <--replies, news--
//
// Time stands still unless a test moves it. A reply can be kept back, or be lost.

#ifndef CACHEISMO_CLUSTER_PLAYED_ETCD_H_
#define CACHEISMO_CLUSTER_PLAYED_ETCD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/etcd_member.h"
#include "cacheismo/proto/base64.h"

namespace cacheismo::cluster {

class PlayedEtcd {
 public:
  using Json = nlohmann::json;
  struct Kept {
    std::string value;
    std::uint64_t mod_revision = 0;
    std::uint64_t lease = 0;
  };
  struct Lease {
    std::uint64_t ttl_s = 0;
    MonotonicTime until;
  };

  bool up = true;
  std::map<std::string, Kept> keys;
  std::map<std::uint64_t, Lease> leases;
  std::uint64_t revision = 1;
  std::vector<std::string> asked;  ///< paths, in order

  void put(const std::string& key, const std::string& value, std::uint64_t lease = 0) {
    keys[key] = {.value = value, .mod_revision = ++revision, .lease = lease};
  }
  void erase(const std::string& key) {
    if (keys.erase(key) > 0) ++revision;
  }

  /// Leases that have lapsed take their keys with them.
  void expire(MonotonicTime now) {
    for (auto lease = leases.begin(); lease != leases.end();) {
      const std::uint64_t id = lease->first;
      const bool over = lease->second.until <= now;
      lease = over ? leases.erase(lease) : std::next(lease);
      if (over && std::erase_if(keys, [&](auto& one) { return one.second.lease == id; }) > 0)
        ++revision;
    }
  }

  /// The reply to one whole request that is no watch.
  std::string answer(const std::string& request, MonotonicTime now) {
    const std::string path = request.substr(5, request.find(' ', 5) - 5);
    const Json body = Json::parse(request.substr(request.find("\r\n\r\n") + 4));
    asked.push_back(path);
    if (path == "/v3/lease/grant") {
      const std::uint64_t id = 7000 + ++last_lease_;
      const std::uint64_t ttl_s = number(body["TTL"]);
      leases[id] = {.ttl_s = ttl_s, .until = now + std::chrono::seconds(ttl_s)};
      return reply({{"ID", std::to_string(id)}, {"TTL", std::to_string(ttl_s)}});
    }
    if (path == "/v3/lease/keepalive") {
      Json result = {{"ID", body["ID"]}};
      const auto lease = leases.find(number(body["ID"]));
      if (lease != leases.end()) {
        lease->second.until = now + std::chrono::seconds(lease->second.ttl_s);
        result["TTL"] = std::to_string(lease->second.ttl_s);
      }
      return reply({{"result", result}});
    }
    if (path == "/v3/lease/revoke") {
      const auto lease = leases.find(number(body["ID"]));
      if (lease == leases.end()) return no_lease();
      lease->second.until = now;
      expire(now);
      return reply(Json::object());
    }
    if (path == "/v3/kv/range") return reply(range(decode(body["key"])));
    return put_if_same(body);
  }

  /// What a watch of `key` from `from` on has to tell; moves `from` behind it.
  std::string news(const std::string& key, std::uint64_t& from) const {
    const auto found = keys.find(key);
    if (found == keys.end() || found->second.mod_revision < from) return {};
    from = found->second.mod_revision + 1;
    const Json event = {{"kv", pair(key, found->second)}};
    return chunk(Json{{"result", {{"events", {event}}}}}.dump() + "\n");
  }

  static std::string chunk(const std::string& text) {
    char size[20];
    (void)snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
  }
  static std::uint64_t number(const Json& text) { return std::stoull(text.get<std::string>()); }
  static std::string decode(const Json& text) {
    return proto::base64_bytes(text.get<std::string>()).value_or("");
  }

 private:
  static Json pair(const std::string& key, const Kept& kept) {
    return {{"key", proto::base64_text(key)},
            {"value", proto::base64_text(kept.value)},
            {"mod_revision", std::to_string(kept.mod_revision)}};
  }
  static std::string no_lease() { return "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"; }
  Json range(const std::string& key) const {
    const auto found = keys.find(key);
    if (found == keys.end()) return Json::object();
    return {{"kvs", {pair(key, found->second)}}, {"count", "1"}};
  }
  std::string put_if_same(const Json& body) {
    const std::string key = decode(body["compare"][0]["key"]);
    const auto found = keys.find(key);
    const std::uint64_t there = found == keys.end() ? 0 : found->second.mod_revision;
    if (there != number(body["compare"][0]["mod_revision"]))
      return reply({{"responses", {{{"response_range", range(key)}}}}});
    const Json& put_request = body["success"][0]["request_put"];
    const std::uint64_t lease = put_request.contains("lease") ? number(put_request["lease"]) : 0;
    if (lease != 0 && !leases.contains(lease)) return no_lease();
    put(key, decode(put_request["value"]), lease);
    return reply({{"succeeded", true}});
  }
  std::string reply(Json body) const {
    body["header"] = {{"revision", std::to_string(revision)}};
    const std::string text = body.dump();
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  }

  std::uint64_t last_lease_ = 0;
};

/// A member and its two wires.
class TestMember {
 public:
  using Lane = EtcdMember::Lane;

  TestMember(PlayedEtcd& etcd, EtcdOptions options, std::uint64_t seed = 1)
      : etcd_(etcd), member_(std::move(options), Prng(seed)) {}

  EtcdMember& operator*() { return member_; }
  EtcdMember* operator->() { return &member_; }

  /// One thing that can happen on a lane, or nothing: close, connect, send, or receive.
  bool step(Lane lane, MonotonicTime now) {
    const bool done = step_unchecked(lane, now);
    EXPECT_EQ(member_.audit(), std::nullopt);
    for (const EtcdNote& note : member_.take_notes()) events.emplace_back(note.event);
    return done;
  }
  /// The connection breaks; what was under way is lost.
  void cut(Lane lane, MonotonicTime now) {
    Wire& wire = wires_[static_cast<std::size_t>(lane)];
    if (!wire.open || member_.wants_close(lane)) return;
    wire.to_client.clear();
    member_.on_lost(lane, "reset", now);
  }
  std::vector<std::string> events;  ///< of the notes

 private:
  struct Wire {
    bool open = false;
    bool connected = false;
    std::string to_client;
    std::string watched;  ///< key; empty: none
    std::uint64_t from = 0;
  };

  bool step_unchecked(Lane lane, MonotonicTime now) {
    Wire& wire = wires_[static_cast<std::size_t>(lane)];
    member_.expire(now);
    if (wire.open && member_.wants_close(lane)) {
      wire = {};
      member_.on_closed(lane);
      return true;
    }
    if (!wire.open) {
      if (!member_.wants_connect(lane, now)) return false;
      wire.open = true;
      member_.on_connecting(lane);
      return true;
    }
    if (!etcd_.up) {
      cut(lane, now);
      return true;
    }
    if (!wire.connected) {
      wire.connected = true;
      member_.on_connected(lane, now);
      return true;
    }
    if (const Bytes output = member_.output(lane); !output.empty()) {
      send(wire, std::string(output), now);
      member_.taken(lane, output.size(), now);
      return true;
    }
    if (!wire.watched.empty()) wire.to_client += etcd_.news(wire.watched, wire.from);
    if (wire.to_client.empty()) return false;
    member_.on_received(lane, std::exchange(wire.to_client, {}), now);
    return true;
  }

  void send(Wire& wire, const std::string& request, MonotonicTime now) {
    if (!request.starts_with("POST /v3/watch ")) {
      wire.to_client += etcd_.answer(request, now);
      return;
    }
    const auto body =
        PlayedEtcd::Json::parse(request.substr(request.find("\r\n\r\n") + 4))["create_request"];
    wire.watched = PlayedEtcd::decode(body["key"]);
    wire.from = PlayedEtcd::number(body["start_revision"]);
    wire.to_client = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                     PlayedEtcd::chunk("{\"result\":{\"created\":true}}\n");
  }

  PlayedEtcd& etcd_;
  EtcdMember member_;
  std::array<Wire, 2> wires_;
};

[[nodiscard]] inline EtcdOptions member_options(const std::string& name, const std::string& host) {
  return {.hosts = {"e1:2379", "e2:2379"},
          .prefix = "/c/",
          .self = {.name = name, .host = host},
          .lease_s = 3,
          .joins = true};
}

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_PLAYED_ETCD_H_
