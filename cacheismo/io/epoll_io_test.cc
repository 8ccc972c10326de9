// What is the kernel backend's own, beyond the conformance suite: signals, descriptors that run
// out, files of unix sockets, destruction with streams open, and the length of a wait.

#include "cacheismo/io/epoll_io.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/io/receive_buffer.h"

namespace cacheismo::io {
namespace {

const Address loopback{Address::Kind::tcp, "127.0.0.1", 0};

class Recorder final : public StreamEvents,
                       public ListenerEvents,
                       public TimerEvents,
                       public SignalEvents {
 public:
  explicit Recorder(EpollIo& io) : io_(io) {}

  void on_accepted(ListenerId, Result<Accepted, Error> result) override {
    accepts.push_back(result);
    if (result) io_.attach(result->stream, *this);
  }
  void on_connected(StreamId, Result<void, Error> result) override { connects.push_back(result); }
  void on_received(StreamId, Result<Received, Error> result) override {
    receives.push_back(result ? std::string(result->leased) : to_string(result.error()));
  }
  void on_sent(StreamId, Result<std::size_t, Error>) override { ++sends; }
  void on_closed(StreamId) override { ++closes; }
  void on_timer(TimerId) override { ++timers; }
  void on_signal(int number) override { signals.push_back(number); }

  std::vector<Result<Accepted, Error>> accepts;
  std::vector<Result<void, Error>> connects;
  std::vector<std::string> receives;
  std::vector<int> signals;
  int sends = 0;
  int closes = 0;
  int timers = 0;

 private:
  EpollIo& io_;
};

class EpollIoTest : public testing::Test {
 protected:
  template <class Condition>
  [[nodiscard]] bool run_until(Condition done) {
    const MonotonicTime end = io_.now().monotonic + std::chrono::seconds(60);
    while (!done() && io_.now().monotonic < end) io_.run_once(std::chrono::seconds(1));
    return done();
  }
  MonotonicTime soon() { return io_.now().monotonic + std::chrono::minutes(1); }

  EpollIo io_;
  Recorder recorder_{io_};
};

TEST_F(EpollIoTest, TurnWithNothingToDoReturnsAfterItsWait) {
  const MonotonicTime before = io_.now().monotonic;
  EXPECT_EQ(io_.run_once(std::chrono::milliseconds(2)), 0u);
  EXPECT_GE(io_.now().monotonic - before, std::chrono::milliseconds(2));
}

TEST_F(EpollIoTest, WaitForEverEndsAtATimer) {
  (void)io_.set_timer(io_.now().monotonic + std::chrono::milliseconds(3), recorder_);
  while (recorder_.timers == 0) io_.run_once(Duration::max());
  EXPECT_EQ(recorder_.timers, 1);
}

TEST_F(EpollIoTest, WatchedSignalIsACallback) {
  constexpr int numbers[] = {SIGUSR1, SIGHUP};
  io_.watch_signals(numbers, recorder_);
  EXPECT_EQ(io_.run_once(Duration::zero()), 0u);
  kill(getpid(), SIGUSR1);
  EXPECT_TRUE(run_until([&] { return !recorder_.signals.empty(); }));
  EXPECT_EQ(recorder_.signals, std::vector{SIGUSR1});
  kill(getpid(), SIGHUP);
  EXPECT_TRUE(run_until([&] { return recorder_.signals.size() == 2; }));
}

TEST_F(EpollIoTest, SignalsAreTheProcesssAgainAfterwards) {
  {
    EpollIo io;
    Recorder recorder(io);
    constexpr int numbers[] = {SIGUSR2};
    io.watch_signals(numbers, recorder);
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, nullptr, &blocked);
    EXPECT_TRUE(sigismember(&blocked, SIGUSR2));
  }
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_FALSE(sigismember(&blocked, SIGUSR2));
}

TEST_F(EpollIoTest, AcceptWithoutDescriptorsFailsAndSucceedsLater) {
  const ListenerId listener = io_.listen(loopback, {}, recorder_).value();
  const StreamId client = io_.connect(io_.local_address(listener), soon(), recorder_);
  EXPECT_TRUE(run_until([&] { return recorder_.connects.size() == 1; }));
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(0);
  close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  io_.accept(listener);
  EXPECT_TRUE(run_until([&] { return recorder_.accepts.size() == 1; }));
  EXPECT_EQ(recorder_.accepts[0].error(), Error::no_resources);
  const StreamId hopeless = io_.connect(io_.local_address(listener), soon(), recorder_);
  EXPECT_TRUE(run_until([&] { return recorder_.connects.size() == 2; }));
  EXPECT_EQ(recorder_.connects[1].error(), Error::no_resources);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  io_.accept(listener);
  EXPECT_TRUE(run_until([&] { return recorder_.accepts.size() == 2; }));
  EXPECT_TRUE(recorder_.accepts[1]);
  io_.close(client);
  io_.close(hopeless);
  EXPECT_TRUE(run_until([&] { return recorder_.closes == 2; }));
}

TEST_F(EpollIoTest, DestroyingClosesDescriptorsAndRunsNoCompletion) {
  const ListenerId listener = io_.listen(loopback, {}, recorder_).value();
  io_.accept(listener);
  {
    EpollIo dying;
    Recorder silent(dying);
    const StreamId stream = dying.connect(io_.local_address(listener), soon(), silent);
    while (silent.connects.empty()) dying.run_once(std::chrono::seconds(1));
    dying.receive(stream);
  }
  EXPECT_TRUE(run_until([&] { return recorder_.accepts.size() == 1; }));
  const StreamId stream = recorder_.accepts[0]->stream;
  io_.receive(stream);
  EXPECT_TRUE(run_until([&] { return recorder_.receives.size() == 1; }));
  EXPECT_EQ(recorder_.receives[0], "eof");
}

TEST_F(EpollIoTest, UnixSocketsFileGoesWithItsListenerUnlessItIsAnothersByNow) {
  char directory[] = "/tmp/cacheismo.XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/socket";
  const Address address{Address::Kind::unix_socket, path, 0};
  const ListenerId first = io_.listen(address, {}, recorder_).value();
  EXPECT_EQ(io_.local_address(first), address);
  io_.close_listener(first);
  struct stat status;
  EXPECT_NE(lstat(path.c_str(), &status), 0);

  const ListenerId second = io_.listen(address, {}, recorder_).value();
  ASSERT_EQ(unlink(path.c_str()), 0);
  const ListenerId third = io_.listen(address, {}, recorder_).value();
  io_.close_listener(second);
  EXPECT_EQ(lstat(path.c_str(), &status), 0) << "it took the file of another listener";
  io_.close_listener(third);
  EXPECT_EQ(rmdir(directory), 0);
}

TEST_F(EpollIoTest, UsageIsThatOfThisProcess) {
  const Usage usage = io_.usage();
  EXPECT_EQ(usage.process_id, getpid());
  EXPECT_GT(usage.resident_bytes, 1 * MiB);
  EXPECT_GT((usage.user_time + usage.system_time).count(), 0);
}

TEST_F(EpollIoTest, ChanceIsSeededByTheSystem) {
  EpollIo other;
  EXPECT_NE(io_.random().next(), other.random().next());
}

TEST_F(EpollIoTest, LeaseThatIsKeptIsFoundByAddressSanitizer) {
#ifdef CACHEISMO_POISONS_LEASES
  ReceiveBuffer buffer;
  const MutableBytes lease = buffer.open();
  lease[0] = 'x';
  EXPECT_EQ(lease[0], 'x');
  buffer.close();
  EXPECT_DEATH(lease[0] = 'y', "use-after-poison");
#else
  GTEST_SKIP() << "only with --config=asan";
#endif
}

TEST_F(EpollIoTest, SecondReceiveIsAProgrammersError) {
  const ListenerId listener = io_.listen(loopback, {}, recorder_).value();
  const StreamId client = io_.connect(io_.local_address(listener), soon(), recorder_);
  EXPECT_TRUE(run_until([&] { return recorder_.connects.size() == 1; }));
  io_.receive(client);
  EXPECT_DEATH(io_.receive(client), "CHECK failed");
  io_.close(client);
  EXPECT_DEATH(io_.close(client), "CHECK failed");
}

}  // namespace
}  // namespace cacheismo::io
