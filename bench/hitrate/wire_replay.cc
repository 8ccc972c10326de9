#include "bench/hitrate/wire_replay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {
namespace {

constexpr std::size_t input_bytes_first = 1024 * 1024;
/// Requests are taken while less than this waits to be sent.
constexpr std::size_t unsent_bytes_max = 256 * 1024;
constexpr double progress_period_seconds = 0.2;

double now_seconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string system_error(const char* call) {
  return fmt::format("{}: {}", call, std::strerror(errno));
}

Result<int, std::string> connected_socket(const WireOptions& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1) {
    return failure("not an IPv4 address: " + options.host);
  }
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failure(system_error("socket"));
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    std::string reason = system_error("connect");
    close(descriptor);
    return failure(std::move(reason));
  }
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return descriptor;
}

double last_time(const Trace& trace) {
  return trace.requests.empty() ? 0 : trace.requests.back().time_seconds;
}

LookAside::Options client_options(const Trace& trace, const WireOptions& options) {
  LookAside::Options client;
  client.protocol = options.protocol;
  client.depth = options.depth;
  client.keys = std::uint64_t{trace.keys} * options.copies;
  for (const Request& request : trace.requests) {
    client.value_bytes_max = std::max(client.value_bytes_max, request.value_bytes);
  }
  return client;
}

class Replay {
 public:
  Replay(int descriptor, const Trace& trace, const WireOptions& options)
      : descriptor_(descriptor),
        trace_(trace),
        options_(options),
        client_(client_options(trace, options)),
        total_(trace.requests.size() * options.copies),
        warmup_(options.warmup_requests * options.copies),
        tallies_(options.windows * 2),
        input_(input_bytes_first) {
    CHECK_GT(options.windows, 0u);
    CHECK_GT(options.copies, 0u);
  }
  ~Replay() { close(descriptor_); }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  Result<WireResult, std::string> run(const std::function<void(double)>& progress) {
    start_seconds_ = heard_seconds_ = now_seconds();
    double progress_due = start_seconds_;
    while (next_ < total_ || !client_.idle()) {
      const double now = now_seconds();
      if (progress && now >= progress_due) {
        progress(static_cast<double>(next_) / static_cast<double>(total_));
        progress_due = now + progress_period_seconds;
      }
      take_due(now - start_seconds_);
      if (const auto sent = send_some(); !sent) return failure(sent.error());
      if (const auto waited = wait(); !waited) return failure(waited.error());
      if (const auto received = receive_some(); !received) return failure(received.error());
    }
    return result();
  }

 private:
  const Request& request() const { return trace_.requests[next_ / options_.copies]; }

  /// When the next request is due, seconds from the start.
  double due_seconds() const {
    return request().time_seconds / (last_time(trace_) + 1) * options_.seconds;
  }

  void take_due(double elapsed) {
    while (next_ < total_ && client_.output().size() < unsent_bytes_max) {
      const double due = due_seconds();
      const std::uint64_t key_id =
          std::uint64_t{request().key_id} * options_.copies + next_ % options_.copies;
      if (due > elapsed || !client_.may_take(key_id)) return;
      if (options_.seconds > 0) lag_seconds_max_ = std::max(lag_seconds_max_, elapsed - due);
      client_.take(request(), key_id, wire_ttl_seconds(options_, trace_, request().ttl_seconds),
                   tally());
      ++next_;
    }
  }

  /// Of the next request: each window has one tally for the warm-up and one for what comes after.
  WireTally& tally() {
    const std::size_t window = next_ * options_.windows / total_;
    return tallies_[window * 2 + (next_ < warmup_ ? 0 : 1)];
  }

  Result<void, std::string> send_some() {
    std::string& output = client_.output();
    std::size_t sent = 0;
    while (sent < output.size()) {
      const ssize_t count =
          send(descriptor_, output.data() + sent, output.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) break;
      if (count < 0) return failure(system_error("send"));
      sent += static_cast<std::size_t>(count);
    }
    output.erase(0, sent);
    return {};
  }

  /// Until the server has said something, takes more, or the next request is due.
  Result<void, std::string> wait() {
    pollfd poll{.fd = descriptor_, .events = 0, .revents = 0};
    if (!client_.idle()) poll.events |= POLLIN;
    if (!client_.output().empty()) poll.events |= POLLOUT;
    double seconds = options_.patience_seconds;
    const double elapsed = now_seconds() - start_seconds_;
    if (next_ < total_ && due_seconds() > elapsed) {
      seconds = std::min(seconds, due_seconds() - elapsed);
    } else if (client_.idle()) {
      return {};
    }
    const timespec timeout = {static_cast<time_t>(seconds),
                              static_cast<long>((seconds - std::floor(seconds)) * 1e9)};
    const int ready = ppoll(&poll, 1, &timeout, nullptr);
    if (ready < 0 && errno != EINTR) return failure(system_error("poll"));
    if (ready > 0 || client_.idle()) heard_seconds_ = now_seconds();
    if (now_seconds() - heard_seconds_ >= options_.patience_seconds) {
      return failure(fmt::format("the server says nothing for {} s", options_.patience_seconds));
    }
    return {};
  }

  Result<void, std::string> receive_some() {
    if (input_.size() - input_end_ < input_.size() / 4) {
      std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
      input_end_ -= std::exchange(input_begin_, 0);
      if (input_end_ > input_.size() / 2) input_.resize(input_.size() * 2);
    }
    const ssize_t count =
        recv(descriptor_, input_.data() + input_end_, input_.size() - input_end_, 0);
    if (count == 0) return failure("the server closed the connection");
    if (count < 0) {
      if (errno == EAGAIN || errno == EINTR) return {};
      return failure(system_error("recv"));
    }
    input_end_ += static_cast<std::size_t>(count);
    const auto consumed =
        client_.answer(Bytes(input_.data() + input_begin_, input_end_ - input_begin_));
    if (!consumed) return failure(consumed.error());
    input_begin_ += *consumed;
    if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
    return {};
  }

  WireResult result() const {
    WireResult result;
    for (std::size_t i = 0; i < options_.windows; ++i) {
      result.warmup += tallies_[2 * i];
      result.measured += tallies_[2 * i + 1];
      result.windows.push_back(tallies_[2 * i]);
      result.windows.back() += tallies_[2 * i + 1];
    }
    result.seconds = now_seconds() - start_seconds_;
    result.lag_seconds_max = lag_seconds_max_;
    result.first_refusal = client_.first_refusal();
    return result;
  }

  int descriptor_;
  const Trace& trace_;
  const WireOptions& options_;
  LookAside client_;
  std::uint64_t total_;
  std::uint64_t warmup_;
  std::uint64_t next_ = 0;
  std::vector<WireTally> tallies_;
  std::vector<char> input_;
  std::size_t input_begin_ = 0, input_end_ = 0;
  double start_seconds_ = 0;
  double heard_seconds_ = 0;
  double lag_seconds_max_ = 0;
};

}  // namespace

std::uint32_t wire_ttl_seconds(const WireOptions& options, const Trace& trace,
                               std::uint32_t ttl_seconds) {
  if (ttl_seconds == 0 || options.seconds <= 0) return 0;
  const double shrunk = std::round(ttl_seconds / (last_time(trace) + 1) * options.seconds);
  constexpr auto most = static_cast<double>(limits::relative_expiry_seconds_max);
  return static_cast<std::uint32_t>(std::clamp(shrunk, 1.0, most));
}

Result<WireResult, std::string> replay_on_wire(const Trace& trace, const WireOptions& options,
                                               const std::function<void(double)>& progress) {
  const auto descriptor = connected_socket(options);
  if (!descriptor) return failure(descriptor.error());
  return Replay(*descriptor, trace, options).run(progress);
}

}  // namespace cacheismo::hitrate
