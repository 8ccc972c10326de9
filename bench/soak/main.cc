// cacheismo-soak: the promise of -m, kept or not, through a long and mixed load.
//
//   resident <= 1.02 x -m + 8 MiB + connections x limits::connection_bytes     at every sample, and
//                                                                             by the kernel's peak
//   Starts the real daemon, plays the phases of ledger.h over many connections, and checks every
//   reply. usage() says the rest.
//
//   exit code 0   the bound held and every reply was right
//   exit code 1   not so; the last line says what
//   exit code 2   a wrong option

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/soak/daemon.h"
#include "bench/soak/ledger.h"
#include "bench/soak/session.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"

namespace cacheismo::soak {
namespace {

constexpr std::uint64_t sample_period_ns = 5'000'000;
constexpr std::uint64_t progress_period_ns = 1'000'000'000;

/// Ends a hang; nothing takes that long.
constexpr std::uint64_t patience_ns = 120'000'000'000;

const char* usage() {
  return "cacheismo-soak [options]\n"
         "  --daemon PATH      the program (bazel-bin/cacheismo/cacheismo)\n"
         "  --memory MB        its -m (64)\n"
         "  --operations N     in all, over all connections (50000000)\n"
         "  --connections N    (1000)\n"
         "  --seed N           (1)\n"
         "  --no-bound         checks replies only: for a daemon under a sanitizer\n";
}

struct Options {
  std::string daemon = "bazel-bin/cacheismo/cacheismo";
  std::uint64_t memory_mib = 64;
  std::uint64_t operations = 50'000'000;
  std::uint64_t connections = 1000;
  std::uint64_t seed = 1;
  bool bounded = true;
};

std::optional<Options> parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--no-bound") {
      options.bounded = false;
      continue;
    }
    if (i + 1 == count) return std::nullopt;
    const std::string value = arguments[++i];
    if (name == "--daemon") {
      options.daemon = value;
      continue;
    }
    std::uint64_t* number = name == "--memory"        ? &options.memory_mib
                            : name == "--operations"  ? &options.operations
                            : name == "--connections" ? &options.connections
                            : name == "--seed"        ? &options.seed
                                                      : nullptr;
    if (number == nullptr) return std::nullopt;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *number);
    if (error != std::errc() || *end != 0 || *number == 0) return std::nullopt;
  }
  return options;
}

std::uint64_t monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(time.tv_nsec);
}

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / MiB; }

class Soak {
 public:
  explicit Soak(const Options& options)
      : options_(options),
        // So many that the smallest values fill the memory more than once.
        ledger_(std::max<std::uint64_t>(options.memory_mib * MiB / 64, options.connections * 16),
                options.seed),
        course_{.ledger = ledger_, .operations = options.operations, .error = {}} {}
  ~Soak() {
    if (epoll_ >= 0) close(epoll_);
  }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  /// What went wrong, or "".
  std::string run() {
    if (auto wrong = prepare(); !wrong.empty()) return wrong;
    start_ns_ = last_progress_ns_ = monotonic_ns();
    for (std::size_t i = 0; i < sessions_.size(); ++i) serve(i, false);
    while (course_.error.empty() && busy()) {
      serve_events();
      const std::uint64_t now_ns = monotonic_ns();
      if (now_ns >= sample_due_ns_) sample(now_ns);
      if (now_ns >= progress_due_ns_) show_progress(now_ns);
      if (now_ns - last_progress_ns_ > patience_ns) return "the daemon does not answer";
    }
    sample(monotonic_ns());
    if (!course_.error.empty()) return course_.error + '\n' + daemon_->said();
    return report();
  }

 private:
  [[nodiscard]] std::uint64_t bound() const {
    return options_.memory_mib * MiB / 100 * 102 + 8 * MiB +
           options_.connections * limits::connection_bytes;
  }

  std::string prepare() {
    const rlim_t wanted = options_.connections + 100;
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = std::max(descriptors.rlim_cur, wanted);
    descriptors.rlim_max = std::max(descriptors.rlim_max, wanted);
    if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0) return "too few descriptors for this";
    auto started = Daemon::start(options_.daemon, {"-m", std::to_string(options_.memory_mib), "-c",
                                                   std::to_string(options_.connections + 8)});
    if (!started) return started.error();
    daemon_ = std::move(*started);
    start_rss_ = daemon_->rss_bytes();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::uint64_t i = 0; i < options_.connections; ++i) {
      const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(daemon_->port());
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return "cannot connect";
      const int on = 1;
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      fcntl(descriptor, F_SETFL, O_NONBLOCK);
      sessions_.push_back(
          std::make_unique<Session>(descriptor, i, options_.connections, options_.seed, course_));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
    }
    waits_.assign(sessions_.size(), false);
    return "";
  }

  [[nodiscard]] bool busy() const {
    return course_.finished < course_.started || course_.started < course_.operations;
  }

  void serve_events() {
    std::array<epoll_event, 256> events;
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
    course_.now_s = static_cast<std::uint32_t>((monotonic_ns() - start_ns_) / 1'000'000'000u);
    for (int i = 0; i < ready && course_.error.empty(); ++i)
      serve(events[static_cast<std::size_t>(i)].data.u64,
            (events[static_cast<std::size_t>(i)].events & ~EPOLLOUT) != 0);
  }

  void serve(std::size_t number, bool readable) {
    Session& session = *sessions_[number];
    if (readable) session.receive();
    session.send();
    if (session.idle() && course_.started < course_.operations) session.start_batch();
    if (waits_[number] == session.wants_to_send()) return;
    waits_[number] = session.wants_to_send();
    epoll_event event{};
    event.events = waits_[number] ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u64 = number;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, session.descriptor(), &event);
  }

  void sample(std::uint64_t now_ns) {
    sample_due_ns_ = now_ns + sample_period_ns;
    const std::uint64_t rss = daemon_->rss_bytes();
    ++samples_;
    if (rss > rss_max_) {
      rss_max_ = rss;
      rss_max_phase_ = Ledger::phase(course_.started, course_.operations).name;
    }
    if (options_.bounded && rss > bound() && course_.error.empty()) {
      course_.error =
          fmt::format("{:.1f} MiB resident after {} operations, above the bound of {:.1f} MiB",
                      mib(rss), course_.finished, mib(bound()));
    }
    rss_ = rss;
  }

  void show_progress(std::uint64_t now_ns) {
    if (course_.finished != progress_finished_) last_progress_ns_ = now_ns;
    const double rate = static_cast<double>(course_.finished - progress_finished_) /
                        (static_cast<double>(progress_period_ns) / 1e9);
    fmt::print(stderr, "\rsoak: {:3}% {} of {} operations, {:.0f}/s, {:.1f} of {:.1f} MiB, {}  ",
               course_.finished * 100 / options_.operations, course_.finished, options_.operations,
               rate, mib(rss_), mib(bound()),
               Ledger::phase(course_.finished, course_.operations).name);
    progress_finished_ = course_.finished;
    progress_due_ns_ = now_ns + progress_period_ns;
  }

  std::string report() {
    const std::uint64_t peak = std::max(daemon_->peak_rss_bytes(), rss_max_);
    fmt::print(stderr, "\r\033[K");
    fmt::print("operations   {} over {} connections in {} s, every reply as it must be\n",
               course_.finished, options_.connections, course_.now_s);
    fmt::print("replies      {} hits, {} misses, {} stores, {} flushes, {:.1f} GiB of values\n",
               course_.hits, course_.misses, course_.stores, course_.flushes,
               mib(course_.value_bytes) / 1024);
    fmt::print(
        "resident     {:.1f} MiB at start, {:.1f} at most in {} samples (in \"{}\"), {:.1f} "
        "by the kernel\n",
        mib(start_rss_), mib(rss_max_), samples_, rss_max_phase_, mib(peak));
    fmt::print("bound        {:.1f} MiB = 1.02 x {} + 8 + {} x {} bytes\n", mib(bound()),
               options_.memory_mib, options_.connections, limits::connection_bytes);
    fmt::print("left         {:.1f} MiB; {:.1f} MiB beside -m at the peak\n",
               mib(bound()) - mib(peak), mib(peak) - static_cast<double>(options_.memory_mib));
    const std::string said = daemon_->said();
    if (options_.bounded && peak > bound())
      return fmt::format("{:.1f} MiB at the peak, above the bound", mib(peak));
    if (const std::string end = daemon_->stop(); !end.empty()) return end + '\n' + said;
    return "";
  }

  const Options options_;
  Ledger ledger_;
  Course course_;
  std::unique_ptr<Daemon> daemon_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<bool> waits_;  ///< by session: EPOLLOUT is asked for
  int epoll_ = -1;
  std::uint64_t start_ns_ = 0;
  std::uint64_t sample_due_ns_ = 0;
  std::uint64_t progress_due_ns_ = 0;
  std::uint64_t last_progress_ns_ = 0;
  std::uint64_t progress_finished_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t start_rss_ = 0;
  std::uint64_t rss_ = 0;
  std::uint64_t rss_max_ = 0;
  const char* rss_max_phase_ = "";
};

}  // namespace
}  // namespace cacheismo::soak

int main(int count, char** arguments) {
  using namespace cacheismo::soak;
  const auto options = parse(count, arguments);
  if (!options) {
    fmt::print(stderr, "{}", usage());
    return 2;
  }
  fmt::print("seed {}\n", options->seed);
  std::fflush(stdout);
  const std::string wrong = Soak(*options).run();
  if (wrong.empty()) return 0;
  fmt::print(stderr, "\nsoak: {}\n", wrong);
  return 1;
}
