#include "cacheismo/io/epoll_io.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "cacheismo/base/check.h"
#include "cacheismo/io/epoll_token.h"

namespace cacheismo::io {
namespace {

// Events taken in one epoll_wait: 3 KiB of stack; more ready descriptors than this come next turn.
constexpr int events_max = 256;

Duration clock_value(clockid_t clock) {
  timespec value;
  CHECK_EQ(clock_gettime(clock, &value), 0);
  return std::chrono::seconds(value.tv_sec) + std::chrono::nanoseconds(value.tv_nsec);
}

std::uint64_t seed_from_os() {
  std::uint64_t seed = 0;
  CHECK_EQ(getrandom(&seed, sizeof seed, 0), static_cast<ssize_t>(sizeof seed));
  return seed;
}

Duration duration_of(const timeval& value) {
  return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
}

}  // namespace

EpollIo::EpollIo()
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      memory_fd_(open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      random_(seed_from_os()) {
  CHECK_GE(epoll_fd_, 0);
  read_clocks();
}

EpollIo::~EpollIo() {
  streams_.for_each([](Stream& stream) {
    if (stream.fd >= 0) ::close(stream.fd);
  });
  if (signal_fd_ >= 0) {
    ::close(signal_fd_);
    sigprocmask(SIG_UNBLOCK, &signals_, nullptr);
  }
  if (memory_fd_ >= 0) ::close(memory_fd_);
  ::close(epoll_fd_);
}

void EpollIo::read_clocks() {
  now_.monotonic = MonotonicTime(clock_value(CLOCK_MONOTONIC));
  now_.wall = WallTime(clock_value(CLOCK_REALTIME));
}

MonotonicTime EpollIo::stopwatch() const { return MonotonicTime(clock_value(CLOCK_MONOTONIC)); }

Usage EpollIo::usage() const {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  Usage usage;
  usage.process_id = getpid();
  usage.user_time = duration_of(used.ru_utime);
  usage.system_time = duration_of(used.ru_stime);
  char text[64];
  const ssize_t length = memory_fd_ < 0 ? 0 : pread(memory_fd_, text, sizeof text - 1, 0);
  if (length > 0) {
    // "size resident shared ...", in pages.
    text[length] = '\0';
    char* end = text;
    (void)std::strtoull(text, &end, 10);
    usage.resident_bytes =
        std::strtoull(end, nullptr, 10) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  return usage;
}

// ---- The loop -----------------------------------------------------------------------------------

std::size_t EpollIo::run_once(Duration wait) {
  epoll_event events[events_max];
  const int count = epoll_wait(epoll_fd_, events, events_max, wait_ms(wait));
  if (count < 0) CHECK_EQ(errno, EINTR);  // an unwatched signal, a debugger, SIGCONT
  read_clocks();
  callbacks_ = 0;
  const std::uint64_t sequence_end = timers_.sequence_end();
  for (int i = 0; i < count; ++i) note_event(events[i].data.u64, events[i].events);
  serve_queue();
  serve_timers(sequence_end);
  return callbacks_;
}

int EpollIo::wait_ms(Duration wait) const {
  if (!queue_.empty() || wait <= Duration::zero()) return 0;
  if (const auto deadline = timers_.next_deadline()) {
    // The clock has moved on since the last turn.
    const MonotonicTime current(clock_value(CLOCK_MONOTONIC));
    wait = std::min(wait, *deadline - current);
    if (wait <= Duration::zero()) return 0;
  }
  if (wait == Duration::max()) return -1;
  // Rounded up: a timer must not be early, and not be waited for in a busy loop.
  const auto ms =
      std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(wait, std::chrono::hours(1)));
  return static_cast<int>(ms.count());
}

void EpollIo::note_event(std::uint64_t token, std::uint32_t events) {
  if (token == signal_token) return serve_signals();
  if (!is_listener(token)) return note_stream_event(stream_of(token), events);
  if (Listener* listener = listeners_.find(listener_of(token))) {
    listener->readable = true;
    if (listener->accept_wanted) wake(*listener);
  }
}

void EpollIo::serve_queue() {
  serving_.swap(queue_);
  for (const std::uint64_t token : serving_) {
    if (is_listener(token)) {
      serve_listener(listener_of(token));
    } else {
      serve_stream(stream_of(token));
    }
  }
  serving_.clear();
}

void EpollIo::watch(int fd, std::uint32_t events, std::uint64_t token) {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.u64 = token;
  // Fails only without memory or above /proc/sys/fs/epoll/max_user_watches (millions).
  CHECK_EQ(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event), 0);
}

// ---- Timers and signals -------------------------------------------------------------------------

TimerId EpollIo::set_timer(MonotonicTime deadline, TimerEvents& events) {
  return timers_.add(deadline, {&events, {}});
}

bool EpollIo::cancel_timer(TimerId timer) { return timers_.cancel(timer); }

void EpollIo::serve_timers(std::uint64_t sequence_end) {
  while (const auto due = timers_.take_due(now_.monotonic, sequence_end)) {
    if (due->purpose.events == nullptr) {
      expire_connect(due->purpose.stream);
    } else {
      ++callbacks_;
      due->purpose.events->on_timer(due->id);
    }
  }
}

void EpollIo::watch_signals(std::span<const int> signal_numbers, SignalEvents& events) {
  CHECK_EQ(signal_fd_, -1);
  sigemptyset(&signals_);
  for (const int number : signal_numbers) sigaddset(&signals_, number);
  CHECK_EQ(sigprocmask(SIG_BLOCK, &signals_, nullptr), 0);
  signal_fd_ = signalfd(-1, &signals_, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK_GE(signal_fd_, 0);
  signal_events_ = &events;
  watch(signal_fd_, EPOLLIN, signal_token);
}

void EpollIo::serve_signals() {
  signalfd_siginfo info;
  while (read(signal_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    ++callbacks_;
    signal_events_->on_signal(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace cacheismo::io
