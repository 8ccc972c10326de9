// The kernel's Io passes the conformance suite over TCP, TCP over IPv6 and unix sockets.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include <gtest/gtest.h>

#include "cacheismo/base/check.h"
#include "cacheismo/io/conformance.h"
#include "cacheismo/io/epoll_io.h"

namespace cacheismo::io {
namespace {

class Silent final : public ListenerEvents, public StreamEvents {
 public:
  void on_accepted(ListenerId, Result<Accepted, Error>) override {}
  void on_connected(StreamId, Result<void, Error>) override {}
  void on_received(StreamId, Result<Received, Error>) override {}
  void on_sent(StreamId, Result<std::size_t, Error>) override {}
  void on_closed(StreamId) override {}
};

class EpollBackend final : public Backend {
 public:
  explicit EpollBackend(Address address) : address_(std::move(address)) {
    if (address_.kind == Address::Kind::unix_socket) {
      char directory[] = "/tmp/cacheismo.XXXXXX";  // short: a socket's path has 107 bytes at most
      CHECK(mkdtemp(directory) != nullptr);
      address_.host = directory;
    }
    rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    descriptors_ = limit.rlim_cur;
  }

  ~EpollBackend() override {
    for (const std::string& path : paths_) (void)unlink(path.c_str());
    if (address_.kind == Address::Kind::unix_socket) CHECK_EQ(rmdir(address_.host.c_str()), 0);
  }

  Io& io() override { return io_; }

  bool run_until(const std::function<bool()>& done) override {
    // Ends a hang; nothing waits this long.
    const MonotonicTime end = io_.now().monotonic + std::chrono::seconds(60);
    while (!done()) {
      if (io_.now().monotonic > end) return false;
      io_.run_once(std::chrono::seconds(1));
    }
    return true;
  }

  void run_for(Duration duration) override {
    io_.run_once(Duration::zero());
    const MonotonicTime end = io_.now().monotonic + duration;
    while (io_.now().monotonic < end) io_.run_once(end - io_.now().monotonic);
  }

  Address listen_address() override {
    if (address_.kind == Address::Kind::tcp) return address_;
    paths_.push_back(address_.host + "/" + std::to_string(paths_.size()));
    return {Address::Kind::unix_socket, paths_.back(), 0};
  }

  Address refusing_address() override {
    Address address = listen_address();
    if (address.kind == Address::Kind::unix_socket) return address;
    // A port that was free a moment ago.
    const auto listener = io_.listen(address, {}, silent_);
    address = io_.local_address(listener.value());
    io_.close_listener(*listener);
    return address;
  }

  // A TCP listener whose backlog is full drops what arrives. (A unix socket's connect says at once
  // that it would have to wait, so there the black hole is TCP as well.)
  Address black_hole() override {
    const auto listener =
        io_.listen({Address::Kind::tcp, "127.0.0.1", 0}, {.backlog = 0}, silent_).value();
    Address address = io_.local_address(listener);
    for (int i = 0; i < 3; ++i) {
      (void)io_.connect(address, io_.now().monotonic + std::chrono::hours(1), silent_);
    }
    run_for(std::chrono::milliseconds(5));
    return address;
  }

  std::size_t connections_max() override { return (descriptors_ - 50) / 2; }

 private:
  Address address_;
  std::size_t descriptors_ = 0;
  std::vector<std::string> paths_;
  Silent silent_;
  EpollIo io_;
};

std::unique_ptr<Backend> tcp() {
  return std::make_unique<EpollBackend>(Address{Address::Kind::tcp, "127.0.0.1", 0});
}
std::unique_ptr<Backend> tcp6() {
  return std::make_unique<EpollBackend>(Address{Address::Kind::tcp, "::1", 0});
}
std::unique_ptr<Backend> unix_socket() {
  return std::make_unique<EpollBackend>(Address{Address::Kind::unix_socket, "", 0});
}

INSTANTIATE_TEST_SUITE_P(Tcp, Conformance, testing::Values(tcp));
INSTANTIATE_TEST_SUITE_P(Tcp6, Conformance, testing::Values(tcp6));
INSTANTIATE_TEST_SUITE_P(Unix, Conformance, testing::Values(unix_socket));

}  // namespace
}  // namespace cacheismo::io
