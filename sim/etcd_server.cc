#include "sim/etcd_server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {

using cluster::PlayedEtcd;

/// One connection.
class EtcdServer::Client final : public io::StreamEvents {
 public:
  Client(EtcdServer& server, std::uint64_t the_number, io::StreamId stream)
      : number(the_number), server_(server), stream_(stream) {
    server_.io_.attach(stream_, *this);
    server_.io_.receive(stream_);
  }

  void say(Bytes text) {
    queued_ += text;
    send_more();
  }
  void reset() {
    if (closing_) return;
    server_.io_.reset_on_close(stream_);
    close();
  }

  const std::uint64_t number;
  std::string watched;  ///< key; empty: none
  std::uint64_t from = 0;

 private:
  void on_connected(io::StreamId, Result<void, io::Error>) override { CHECK(false); }
  void on_received(io::StreamId, Result<io::Received, io::Error> result) override {
    if (closing_) return;
    if (!result) {
      close();
      return;
    }
    input_ += result->leased;
    while (const auto request = take_request()) server_.answer(*this, *request);
    if (!closing_) server_.io_.receive(stream_);
  }
  void on_sent(io::StreamId, Result<std::size_t, io::Error> result) override {
    sending_ = false;
    if (closing_) return;
    if (!result) {
      close();
      return;
    }
    output_.erase(0, *result);
    send_more();
  }
  void on_closed(io::StreamId) override { server_.clients_.erase(number); }

  void close() {
    closing_ = true;
    server_.io_.close(stream_);
  }
  void send_more() {
    if (closing_ || sending_) return;
    output_ += std::exchange(queued_, {});
    if (output_.empty()) return;
    sending_ = true;
    const Bytes view = output_;
    server_.io_.send(stream_, {&view, 1});
  }
  [[nodiscard]] std::optional<std::string> take_request() {
    constexpr Bytes length_name = "Content-Length: ";
    const std::size_t head = input_.find("\r\n\r\n");
    if (head == std::string::npos) return std::nullopt;
    const std::size_t length = input_.find(length_name);
    CHECK_LT(length, head);
    const std::size_t whole = head + 4 + std::stoull(input_.substr(length + length_name.size()));
    if (input_.size() < whole) return std::nullopt;
    std::string request = input_.substr(0, whole);
    input_.erase(0, whole);
    return request;
  }

  EtcdServer& server_;
  io::StreamId stream_;
  std::string input_;
  std::string output_;  ///< pinned while it is sent
  std::string queued_;
  bool sending_ = false;
  bool closing_ = false;
};

EtcdServer::EtcdServer(SimIo& io, io::Address address) : io_(io), address_(std::move(address)) {
  set_up(true);
}

EtcdServer::~EtcdServer() {
  CHECK(!up_);
  CHECK(clients_.empty());
}

// ---- Life ---------------------------------------------------------------------------------------

void EtcdServer::set_up(bool up) {
  if (up == up_) return;
  up_ = up;
  if (up) {
    listener_ = io_.listen(address_, {}, *this).value();
    io_.accept(listener_);
    return;
  }
  io_.close_listener(listener_);
  reset_all();
}

void EtcdServer::reset_all() {
  for (auto& [number, client] : clients_) client->reset();
  for (const auto& [timer, late] : late_) io_.cancel_timer({timer});
  late_.clear();
}

void EtcdServer::on_accepted(io::ListenerId listener, Result<io::Accepted, io::Error> result) {
  if (result) {
    const std::uint64_t number = ++clients_count_;
    clients_.emplace(number, std::make_unique<Client>(*this, number, result->stream));
  }
  if (up_ && listener == listener_) io_.accept(listener_);
}

// ---- Requests -----------------------------------------------------------------------------------

void EtcdServer::answer(Client& client, const std::string& request) {
  ++requests_;
  etcd_.expire(now());
  std::string text;
  if (request.starts_with("POST /v3/watch ")) {
    const auto body =
        PlayedEtcd::Json::parse(request.substr(request.find("\r\n\r\n") + 4))["create_request"];
    client.watched = PlayedEtcd::decode(body["key"]);
    client.from = PlayedEtcd::number(body["start_revision"]);
    text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
           PlayedEtcd::chunk("{\"result\":{\"created\":true}}\n");
  } else {
    text = etcd_.answer(request, now());
  }
  if (delay_ == Duration(0)) {
    client.say(text);
  } else {
    late_.emplace(io_.set_timer(now() + delay_, *this).value, Late{client.number, std::move(text)});
  }
  tell_watchers();
}

void EtcdServer::on_timer(io::TimerId timer) {
  const auto late = late_.extract(timer.value);
  const auto client = clients_.find(late.mapped().client);
  if (client == clients_.end()) return;
  client->second->say(late.mapped().text);
  tell_watchers();
}

/// Not before the watch was answered, which may come late.
void EtcdServer::tell_watchers() {
  for (const auto& entry : clients_) {
    Client& client = *entry.second;
    const bool waits = std::ranges::any_of(
        late_, [&](const auto& late) { return late.second.client == client.number; });
    if (client.watched.empty() || waits) continue;
    const std::string news = etcd_.news(client.watched, client.from);
    if (!news.empty()) client.say(news);
  }
}

// ---- What a test does ---------------------------------------------------------------------------

void EtcdServer::put(const std::string& key, const std::string& value) {
  etcd_.put(key, value);
  tell_watchers();
}

void EtcdServer::erase(const std::string& key) {
  etcd_.erase(key);
  tell_watchers();
}

std::string EtcdServer::value(const std::string& key) {
  etcd_.expire(now());
  const auto found = etcd_.keys.find(key);
  return found == etcd_.keys.end() ? std::string() : found->second.value;
}

MonotonicTime EtcdServer::held_until(const std::string& key) {
  etcd_.expire(now());
  const auto found = etcd_.keys.find(key);
  if (found == etcd_.keys.end() || found->second.lease == 0) return {};
  return etcd_.leases.at(found->second.lease).until;
}

}  // namespace cacheismo::sim
