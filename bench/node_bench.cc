// What a request costs inside a node: parsing, look-up, reply; everything but the system calls.
//
// NullIo hands the node one batch of request bytes, takes every send whole and never blocks.
// 100,000 items with 100-byte values, keys drawn at random from a fixed list, as bench/side_by_side
// does; and 1,000 objects of each of some types, whose methods virtual keys call. Times are per
// batch; `items_per_second` counts requests (keys for multi-gets). `valgrind --tool=callgrind` with
// --benchmark_filter counts the instructions of one of them, the same each time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/io/io.h"
#include "cacheismo/lua/objects/shipped.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/log.h"
#include "cacheismo/node/node.h"

namespace cacheismo::node {
namespace {

class NullIo final : public io::Io {
 public:
  io::Now now() const override { return now_; }
  MonotonicTime stopwatch() const override { return now_.monotonic; }
  Prng& random() override { return random_; }
  io::Usage usage() const override { return {}; }

  Result<io::ListenerId, io::Error> listen(const io::Address&, const io::ListenOptions&,
                                           io::ListenerEvents& events) override {
    listener_ = &events;
    return io::ListenerId{1};
  }
  io::Address local_address(io::ListenerId) const override { return {}; }
  void accept(io::ListenerId) override { accepting_ = true; }
  void close_listener(io::ListenerId) override {}

  io::StreamId connect(const io::Address&, MonotonicTime, io::StreamEvents&) override { return {}; }
  void attach(io::StreamId, io::StreamEvents& events) override { stream_ = &events; }
  io::Address peer_address(io::StreamId) const override { return {}; }
  void receive(io::StreamId) override { receiving_ = true; }
  void receive_into(io::StreamId, std::span<const MutableBytes>) override { CHECK(false); }
  void send(io::StreamId, std::span<const Bytes> views) override {
    for (const Bytes view : views) {
      benchmark::DoNotOptimize(view.data());
      sending_ += view.size();
    }
  }
  void shutdown(io::StreamId) override {}
  void cancel(io::StreamId) override {}
  void close(io::StreamId) override { closing_ = true; }

  io::TimerId set_timer(MonotonicTime deadline, io::TimerEvents& events) override {
    if (deadline <= now_.monotonic) turn_ = &events;
    return io::TimerId{++timers_};
  }
  bool cancel_timer(io::TimerId) override { return true; }

  // ---- The benchmark's side
  // -----------------------------------------------------------------------

  void open() { listener_->on_accepted({1}, io::Accepted{io::StreamId{1, 1}}); }
  /// Completes what stop() has ended.
  void finish() {
    CHECK(accepting_ && closing_);
    stream_->on_closed({1, 1});
    listener_->on_accepted({1}, failure(io::Error::cancelled));
  }
  /// One batch of bytes in; returns the bytes of the replies when the node asks for more.
  std::uint64_t exchange(Bytes batch) {
    CHECK(receiving_);
    receiving_ = false;
    std::uint64_t replies = 0;
    stream_->on_received({1, 1}, io::Received{batch, batch.size()});
    while (!receiving_) {
      if (turn_ != nullptr) std::exchange(turn_, nullptr)->on_timer({timers_});
      const std::size_t sent = std::exchange(sending_, 0);
      replies += sent;
      if (sent > 0) stream_->on_sent({1, 1}, sent);
    }
    return replies;
  }

 private:
  io::Now now_{MonotonicTime(std::chrono::hours(1)), WallTime(std::chrono::hours(24 * 365 * 50))};
  Prng random_{42};
  io::ListenerEvents* listener_ = nullptr;
  io::StreamEvents* stream_ = nullptr;
  io::TimerEvents* turn_ = nullptr;
  std::uint64_t timers_ = 0;
  std::size_t sending_ = 0;
  bool receiving_ = false;
  bool closing_ = false;
  bool accepting_ = false;
};

class NullLog final : public Log {
 public:
  void write(Level, Bytes, Bytes) override {}
};

class ShippedScripts final : public ScriptSource {
 public:
  Result<std::vector<lua::Script>, std::string> read() override { return lua::shipped_scripts(); }
};

constexpr int keys_total = 100'000;
constexpr int objects_total = 1000;
constexpr int fields_total = 10;
constexpr int batches = 1024;

std::string key(std::uint64_t n) { return "key:" + std::to_string(1'000'000'000 + n); }

class Bench {
 public:
  Bench()
      : arena_(64 * MiB, '\0'),
        script_heap_(std::move(*io::ArenaMemory::reserve(16 * MiB, 64 * KiB))) {
    Config config;
    config.listen = {{}};
    config.scripts.source = &scripts_;
    node_ = std::make_unique<Node>(config, io_, log_, std::span(arena_), script_heap_.bytes());
    CHECK(node_->start().has_value());
    io_.open();
    const std::string value(100, 'v');
    for (int i = 0; i < keys_total; ++i)
      io_.exchange("set " + key(static_cast<std::uint64_t>(i)) + " 0 0 100\r\n" + value + "\r\n");
  }
  ~Bench() {
    node_->stop(Stop::at_once);
    io_.finish();
    CHECK(node_->stopped());
  }

  void send(const std::string& request) { io_.exchange(request); }

  void run(benchmark::State& state, int requests, std::string (*request)(Prng&)) {
    Prng random(7);
    std::vector<std::string> script;
    for (int i = 0; i < batches; ++i) {
      std::string batch;
      for (int j = 0; j < requests; ++j) batch += request(random);
      script.push_back(std::move(batch));
    }
    std::size_t next = 0;
    std::uint64_t replies = 0;
    for (auto _ : state) {
      replies += io_.exchange(script[next]);
      next = (next + 1) % batches;
    }
    CHECK_GT(replies, 0u);
  }

 private:
  ShippedScripts scripts_;
  std::string arena_;
  io::ArenaMemory script_heap_;
  NullIo io_;
  NullLog log_;
  std::unique_ptr<Node> node_;
};

std::string one_get(Prng& random) { return "get " + key(random.below(keys_total)) + "\r\n"; }
std::string one_set(Prng& random) {
  return "set " + key(random.below(keys_total)) + " 0 0 100\r\n" + std::string(100, 'w') + "\r\n";
}
std::string get_50(Prng& random) {
  std::string line = "get";
  for (int i = 0; i < 50; ++i) line += " " + key(random.below(keys_total));
  return line + "\r\n";
}
std::string one_mg(Prng& random) { return "mg " + key(random.below(keys_total)) + " v f t\r\n"; }

void get(benchmark::State& state) {
  Bench().run(state, static_cast<int>(state.range(0)), one_get);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(get)->Arg(1)->Arg(16)->Arg(100);

void set(benchmark::State& state) {
  Bench().run(state, static_cast<int>(state.range(0)), one_set);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(set)->Arg(1)->Arg(16);

void meta_get(benchmark::State& state) {
  Bench().run(state, static_cast<int>(state.range(0)), one_mg);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(meta_get)->Arg(1)->Arg(16);

void multi_get_50(benchmark::State& state) {
  Bench().run(state, 1, get_50);
  state.SetItemsProcessed(state.iterations() * 50);
}
BENCHMARK(multi_get_50);

// ---- Objects ------------------------------------------------------------------------------------

std::string object(Prng& random) { return std::to_string(random.below(objects_total)); }
std::string field(Prng& random) { return ":f" + std::to_string(random.below(fields_total)); }
std::string one_map_get(Prng& random) {
  return "get map:get:" + object(random) + field(random) + "\r\n";
}
std::string one_map_put(Prng& random) {
  return "get map:put:" + object(random) + field(random) + ":01234567890123456789\r\n";
}
std::string one_increment(Prng& random) { return "get counter:incr:" + object(random) + ":1\r\n"; }
std::string one_quota(Prng& random) { return "get quota:addandcheck:" + object(random) + ":1\r\n"; }
std::string one_value(Prng& random) { return "get swcounter:add:" + object(random) + ":42\r\n"; }

void call(benchmark::State& state, std::string (*request)(Prng&)) {
  Bench bench;
  for (int i = 0; i < objects_total; ++i) {
    const std::string name = std::to_string(i);
    bench.send(fmt::format(
        "get map:new:{0} quota:new:{0}:1000000000:month swcounter:new:{0}:100\r\n", name));
    for (int j = 0; j < fields_total; ++j)
      bench.send(fmt::format("get map:put:{}:f{}:01234567890123456789\r\n", name, j));
    for (int j = 0; j < 100; ++j) bench.send("get swcounter:add:" + name + ":42\r\n");
  }
  bench.run(state, static_cast<int>(state.range(0)), request);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(call, map_get, one_map_get)->Arg(16);
BENCHMARK_CAPTURE(call, map_put, one_map_put)->Arg(16);
BENCHMARK_CAPTURE(call, counter_incr, one_increment)->Arg(16);
BENCHMARK_CAPTURE(call, quota_addandcheck, one_quota)->Arg(16);
BENCHMARK_CAPTURE(call, swcounter_add, one_value)->Arg(16);

}  // namespace
}  // namespace cacheismo::node
