#include "bench/load/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "bench/load/process_cpu.h"
#include "cacheismo/base/check.h"

namespace cacheismo::load {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t progress_period_ns = second_ns / 5;

/// How long replies may take after the last request was sent.
constexpr std::uint64_t drain_ns = 5 * second_ns;

/// Preloading keeps up to this many sets in flight on a connection, while their bytes are few.
constexpr std::size_t preload_in_flight = 32;
constexpr std::size_t preload_bytes = 256 * 1024;

std::uint64_t clock_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * second_ns +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }

Result<int, std::string> connected_socket(const Options& options) {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
  std::string name = options.unix_path;
  if (!options.unix_path.empty()) {
    auto& address = reinterpret_cast<sockaddr_un&>(storage);
    address.sun_family = AF_UNIX;
    if (name.size() >= sizeof(address.sun_path)) return failure("the path is too long: " + name);
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    bytes = sizeof(sockaddr_un);
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    if (inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1) {
      return failure("not an IPv4 address: " + options.host);
    }
    bytes = sizeof(sockaddr_in);
    name = fmt::format("{}:{}", options.host, options.port);
  }
  const int descriptor = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failure(fmt::format("socket: {}", std::strerror(errno)));
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&storage), bytes) != 0) {
    std::string reason = fmt::format("cannot connect to {}: {}", name, std::strerror(errno));
    close(descriptor);
    return failure(std::move(reason));
  }
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  if (options.unix_path.empty()) {
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  return descriptor;
}

}  // namespace

Load::Load(const Options& options)
    : options_(options),
      dataset_(options.dataset),
      picker_(options.dataset.key_count, options.zipf_exponent),
      operations_(Prng(options.seed).derive(1)),
      arrivals_(Prng(options.seed).derive(2)),
      progress_(!options.quiet && isatty(STDERR_FILENO) != 0) {}

Load::~Load() {
  if (epoll_ >= 0) close(epoll_);
}

Result<void, std::string> Load::connect() {
  CHECK(connections_.empty());
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return failure(fmt::format("epoll: {}", std::strerror(errno)));
  for (std::size_t index = 0; index < options_.connections; ++index) {
    const Result<int, std::string> descriptor = connected_socket(options_);
    if (!descriptor) return failure(descriptor.error());
    connections_.push_back(std::make_unique<Connection>(
        *descriptor, options_.protocol, dataset_, options_.call ? &*options_.call : nullptr,
        std::max(options_.pipeline, preload_in_flight)));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    CHECK_EQ(epoll_ctl(epoll_, EPOLL_CTL_ADD, *descriptor, &event), 0);
  }
  waits_for_room_.assign(options_.connections, false);
  return {};
}

const Tally& Load::run() {
  CHECK(!connections_.empty());
  now_ns_ = monotonic_ns();
  deadline_ns_ = now_ns_ + static_cast<std::uint64_t>(options_.deadline.count());
  if (options_.preload) {
    for (std::size_t index = 0; index < connections_.size(); ++index) fill(index);
  } else {
    enter_warmup();
  }
  while (phase_ != Phase::done) {
    serve_events(timeout_ms());
    now_ns_ = monotonic_ns();
    if (open_loop() && offering()) dispatch_due();
    advance();
    if (progress_ && now_ns_ >= progress_due_ns_) show_progress();
  }
  if (progress_) std::fputs("\r\033[K", stderr);
  tally_.unanswered += in_flight();
  return tally_;
}

void Load::serve_events(int timeout_ms) {
  std::array<epoll_event, 256> events;
  const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < ready; ++i) {
    const std::size_t index = events[static_cast<std::size_t>(i)].data.u64;
    Connection& connection = *connections_[index];
    if (connection.lost()) continue;
    if (events[static_cast<std::size_t>(i)].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      const auto now = [this] { return now_ns_ = monotonic_ns(); };
      connection.receive(now, phase_ == Phase::measure, tally_);
    }
    fill(index);
  }
}

/// Gives a connection what it may start now, and the kernel what it takes.
void Load::fill(std::size_t index) {
  Connection& connection = *connections_[index];
  if (phase_ == Phase::preload) {
    fill_preload(connection);
  } else if (offering() && open_loop()) {
    while (connection.has_room() && connection.in_flight() < options_.pipeline &&
           due_ns_ <= now_ns_) {
      start_next(connection, due_ns_);
      schedule_next();
    }
  } else if (offering() && connection.in_flight() == 0 && !connection.lost()) {
    for (std::size_t i = 0; i < options_.pipeline; ++i) start_next(connection, now_ns_);
  }
  if (connection.unsent_bytes() > 0) connection.flush(tally_);
  watch(index);
}

void Load::fill_preload(Connection& connection) {
  while (preloaded_ < dataset_.options().key_count && connection.has_room() &&
         connection.in_flight() < preload_in_flight && connection.unsent_bytes() < preload_bytes) {
    const std::uint64_t id = preloaded_++;
    connection.start(Operation::set, std::span(&id, 1), now_ns_, false);
  }
}

void Load::start_next(Connection& connection, std::uint64_t due_ns) {
  ids_.clear();
  if (options_.call) {
    ids_.push_back(picker_.pick(operations_));
    connection.start(Operation::call, ids_, due_ns, phase_ == Phase::measure);
    return;
  }
  const bool is_get = operations_.chance(options_.get_percent, 100);
  for (std::size_t i = 0; i < (is_get ? options_.keys_per_get : 1); ++i) {
    ids_.push_back(picker_.pick(operations_));
  }
  connection.start(is_get ? Operation::get : Operation::set, ids_, due_ns,
                   phase_ == Phase::measure);
}

/// Open loop: hands out every request that is due, while some connection has room.
void Load::dispatch_due() {
  for (std::size_t tried = 0; tried < connections_.size() && due_ns_ <= now_ns_; ++tried) {
    const std::size_t index = next_connection_;
    if (++next_connection_ == connections_.size()) next_connection_ = 0;
    Connection& connection = *connections_[index];
    if (!connection.has_room() || connection.in_flight() >= options_.pipeline) continue;
    start_next(connection, due_ns_);
    schedule_next();
    connection.flush(tally_);
    watch(index);
    tried = 0;
  }
}

void Load::schedule_next() {
  double gap_ns = 1e9 / options_.rate_per_second;
  if (options_.arrivals == Arrivals::poisson) gap_ns *= -std::log(1 - arrivals_.unit());
  due_fraction_ns_ += gap_ns;
  const double whole = std::floor(due_fraction_ns_);
  due_ns_ += static_cast<std::uint64_t>(whole);
  due_fraction_ns_ -= whole;
}

/// Asks for EPOLLOUT exactly while bytes wait for room.
void Load::watch(std::size_t index) {
  const Connection& connection = *connections_[index];
  const bool waits = connection.unsent_bytes() > 0;
  if (connection.lost() || waits == waits_for_room_[index]) return;
  waits_for_room_[index] = waits;
  epoll_event event{};
  event.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = index;
  CHECK_EQ(epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.descriptor(), &event), 0);
}

void Load::advance() {
  const bool all_lost = tally_.lost == connections_.size();
  if (all_lost || now_ns_ >= deadline_ns_) {
    tally_.deadline_passed = now_ns_ >= deadline_ns_;
    if (tally_.deadline_passed) tally_.note_error("the deadline passed");
    if (phase_ == Phase::measure) enter_drain();
    phase_ = Phase::done;
    return;
  }
  switch (phase_) {
    case Phase::preload:
      if (preloaded_ == dataset_.options().key_count && in_flight() == 0) enter_warmup();
      return;
    case Phase::warmup:
      if (now_ns_ >= phase_end_ns_) enter_measure();
      return;
    case Phase::measure:
      if (now_ns_ >= phase_end_ns_ ||
          (options_.requests_max > 0 && tally_.finished >= options_.requests_max)) {
        enter_drain();
      }
      return;
    case Phase::drain:
      if (in_flight() == 0 || now_ns_ >= phase_end_ns_) phase_ = Phase::done;
      return;
    case Phase::done: return;
  }
}

void Load::enter_warmup() {
  phase_ = Phase::warmup;
  phase_end_ns_ = now_ns_ + static_cast<std::uint64_t>(options_.warmup.count());
  due_ns_ = now_ns_;
  for (std::size_t index = 0; index < connections_.size(); ++index) fill(index);
}

void Load::enter_measure() {
  phase_ = Phase::measure;
  cpu_start_ns_ = process_cpu_ns(options_.server_pid).value_or(0);
  own_cpu_start_ns_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  measure_start_ns_ = monotonic_ns();
  phase_end_ns_ = measure_start_ns_ + static_cast<std::uint64_t>(options_.duration.count());
}

void Load::enter_drain() {
  const std::uint64_t end_ns = monotonic_ns();
  tally_.window = Duration(end_ns - measure_start_ns_);
  tally_.own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_cpu_start_ns_;
  if (options_.server_pid != 0) {
    tally_.server_cpu_ns = process_cpu_ns(options_.server_pid);
    if (tally_.server_cpu_ns) *tally_.server_cpu_ns -= cpu_start_ns_;
  }
  if (open_loop()) {
    for (; due_ns_ < std::min(end_ns, phase_end_ns_); schedule_next()) ++tally_.never_sent;
  }
  phase_ = Phase::drain;
  phase_end_ns_ = end_ns + drain_ns;
}

int Load::timeout_ms() const {
  constexpr int idle_ms = 50;
  std::uint64_t wake_ns = phase_ == Phase::preload ? UINT64_MAX : phase_end_ns_;
  if (open_loop() && offering() && due_ns_ > now_ns_) wake_ns = std::min(wake_ns, due_ns_);
  if (wake_ns <= now_ns_) return 0;
  return static_cast<int>(std::min<std::uint64_t>((wake_ns - now_ns_) / 1'000'000, idle_ms));
}

std::uint64_t Load::in_flight() const {
  std::uint64_t total = 0;
  for (const auto& connection : connections_) total += connection->in_flight();
  return total;
}

void Load::show_progress() {
  progress_due_ns_ = now_ns_ + progress_period_ns;
  switch (phase_) {
    case Phase::preload:
      fmt::print(stderr, "\r\033[Kpreload {:.0f} %",
                 100.0 * static_cast<double>(preloaded_) /
                     static_cast<double>(dataset_.options().key_count));
      break;
    case Phase::warmup: fmt::print(stderr, "\r\033[Kwarm-up"); break;
    case Phase::measure:
      fmt::print(stderr, "\r\033[Kmeasuring {:.1f} of {:.1f} s, {:.0f} requests/s, {} errors",
                 static_cast<double>(now_ns_ - measure_start_ns_) / 1e9,
                 static_cast<double>(options_.duration.count()) / 1e9,
                 static_cast<double>(tally_.finished - progress_finished_) * 1e9 /
                     static_cast<double>(progress_period_ns),
                 tally_.refused + tally_.wrong_values + tally_.lost);
      progress_finished_ = tally_.finished;
      break;
    case Phase::drain: fmt::print(stderr, "\r\033[Kwaiting for the last replies"); break;
    case Phase::done: break;
  }
  std::fflush(stderr);
}

}  // namespace cacheismo::load
