#include "bench/pauses/pauses.h"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"

namespace cacheismo::pauses {
namespace {

using store::Seconds;
using store::Store;

constexpr std::size_t value_bytes = 76;
/// At some five cycles each.
constexpr int work_steps = 600;
/// With header, slot and index, rounded up: all items fit.
constexpr std::uint64_t item_bytes = 144;

std::uint64_t thread_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(time.tv_nsec);
}

class Stage {
 public:
  Stage(std::uint64_t items, bool timed)
      : items_(items), bytes_(std::max(items * item_bytes, 4 * MiB)), timed_(timed) {
    region_ = static_cast<char*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    CHECK(region_ != MAP_FAILED);
    store_ = std::make_unique<Store>(
        std::span<char>(region_, bytes_),
        store::StoreOptions{.limit_bytes = bytes_, .item_bytes_max = 1 * MiB, .hash_seed = 1});
  }
  ~Stage() {
    store_.reset();
    munmap(region_, bytes_);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Scenario growth() {
    begin("growth");
    fill(value_bytes, store::never);
    return end();
  }
  Scenario shifting() {
    begin("shifting");
    for (const std::size_t size : {700u, 3000u, 9000u, 60u}) {
      const std::uint64_t count = bytes_ / (size + 60) * 5 / 4;
      for (std::uint64_t i = 0; i < count; ++i) put(++next_, size, store::never);
    }
    return end();
  }
  Scenario expiry() {
    empty();
    fill(value_bytes, Seconds{now_.value + 60});
    begin("expiry");
    now_.value += 60;
    upkeep();
    return end();
  }
  Scenario flush() {
    empty();
    fill(value_bytes, store::never);
    begin("flush");
    call(Verb::flush, [&] { store_->flush(now_, now_); });
    for (std::uint64_t i = 0; i < items_ / 10; ++i) put(++next_, value_bytes, store::never);
    upkeep();
    return end();
  }
  Scenario shrinking() {
    empty();
    const std::uint64_t first = next_ + 1;
    fill(value_bytes, store::never);
    begin("shrinking");
    for (std::uint64_t i = first; i <= next_; ++i) {
      const std::string name = key(i);
      const store::Key hashed = store_->key(name);
      call(Verb::remove, [&] { (void)store_->remove(hashed, {}, now_); });
    }
    upkeep();
    return end();
  }

  Scenario scan() {
    empty();
    const std::uint64_t first = next_ + 1;
    fill(value_bytes, store::never);
    begin("scan");
    Found found;
    const std::string prefix = key(first).substr(0, key_bytes - 3);
    const store::ScanRule rule{
        .prefix = prefix,
        .visits_max = limits::scan_lines_per_turn * store::ScanRule::visits_min,
        .lines_max = limits::scan_lines_per_turn};
    store::Scanned scanned;
    do {
      call(Verb::scan, [&] { scanned = store_->scan(scanned.next, rule, found, now_); });
      Work& max = scenario_.rows[static_cast<std::size_t>(Verb::scan)].max;
      max.lines = std::max<std::uint64_t>(max.lines, scanned.lines);
      some_gets();
    } while (scanned.next != 0);
    CHECK_GE(found.count, std::min(items_, 1000 - first % 1000));
    return end();
  }
  Scenario machine(std::uint64_t times) {
    begin("machine");
    for (std::uint64_t i = 0; i < times; ++i) call(Verb::control, [&] { work(); });
    return end();
  }

 private:
  static constexpr std::size_t key_bytes = 24;
  struct Found final : Store::Visitor {
    void visit(const store::ItemView&) override { ++count; }
    std::uint64_t count = 0;
  };

  static std::string key(std::uint64_t number) {
    char text[key_bytes + 1];
    std::snprintf(text, sizeof text, "key:%020llu", static_cast<unsigned long long>(number));
    return {text, key_bytes};
  }

  void begin(const char* name) { scenario_ = {.name = name, .rows = {}}; }
  Scenario end() { return std::exchange(scenario_, {}); }
  void empty() {
    store_->flush(now_, now_);
    ++now_.value;
    while (store_->maintain({.items = 100'000}, now_)) continue;
  }

  void fill(std::size_t size, Seconds expiry) {
    for (std::uint64_t i = 0; i < items_; ++i) put(++next_, size, expiry);
  }
  void put(std::uint64_t number, std::size_t size, Seconds expiry) {
    const std::string name = key(number);
    const store::Key hashed = store_->key(name);
    const Bytes value(text_.data(), size);
    call(Verb::put, [&] {
      const auto result = store_->put(hashed, {.expiry = expiry}, value, now_);
      CHECK_EQ(result.outcome, store::Outcome::stored);
    });
  }
  /// As the node does it, with gets in between.
  void upkeep() {
    for (bool busy = true; busy;) {
      call(Verb::maintain, [&] { busy = store_->maintain({.items = limits::upkeep_items}, now_); });
      some_gets();
    }
  }
  void some_gets() {
    for (int i = 0; i < 4; ++i) {
      const std::string name = key(1 + prng_.below(next_));
      const store::Key hashed = store_->key(name);
      call(Verb::get, [&] { (void)store_->get(hashed, now_); });
    }
  }
  /// Each step needs the result of the last: about a microsecond, and nothing but a register.
  void work() {
    std::uint64_t value = worked_;
    for (int i = 0; i < work_steps; ++i) value = (value ^ value >> 29) * 0x9E3779B97F4A7C15u;
    worked_ = value;
  }

  template <class Body>
  void call(Verb verb, Body body) {
    Row& row = scenario_.rows[static_cast<std::size_t>(verb)];
    ++row.calls;
    const store::StoreStats before = store_->stats();
    const std::uint64_t start_ns = timed_ ? thread_ns() : 0;
    body();
    if (timed_) row.times_ns.push_back(static_cast<std::uint32_t>(thread_ns() - start_ns));
    const store::StoreStats after = store_->stats();
    const auto items = [](const store::StoreStats& stats) {
      return stats.evictions + stats.reclaimed + stats.flushed_reclaimed;
    };
    row.max.items = std::max(row.max.items, items(after) - items(before));
    row.max.pages_moved = std::max(row.max.pages_moved, after.pages_moved - before.pages_moved);
    row.max.bytes_copied = std::max(row.max.bytes_copied, after.bytes_copied - before.bytes_copied);
    row.max.index_steps = std::max(row.max.index_steps, after.index_steps - before.index_steps);
    row.max.log_steps = std::max(row.max.log_steps, after.log_steps - before.log_steps);
  }

  std::uint64_t items_;
  std::uint64_t bytes_;
  bool timed_;
  char* region_ = nullptr;
  std::unique_ptr<Store> store_;
  Scenario scenario_;
  Prng prng_{1};
  Seconds now_{2};
  std::uint64_t next_ = 0;
  std::uint64_t worked_ = 1;
  const std::string text_ = std::string(9000, 'v');
};

}  // namespace

double Row::above_us(double fraction) {
  if (times_ns.empty()) return 0;
  std::sort(times_ns.begin(), times_ns.end());
  const auto above = static_cast<std::size_t>(fraction * static_cast<double>(times_ns.size()));
  return times_ns[times_ns.size() - 1 - std::min(above, times_ns.size() - 1)] / 1000.0;
}

std::vector<Scenario> play(std::uint64_t items, bool timed) {
  Stage stage(items, timed);
  std::vector<Scenario> played;
  played.push_back(stage.growth());
  played.push_back(stage.shifting());
  played.push_back(stage.expiry());
  played.push_back(stage.flush());
  played.push_back(stage.shrinking());
  played.push_back(stage.scan());
  std::uint64_t times = 0;
  for (const Scenario& scenario : played) {
    for (const Row& row : scenario.rows) times = std::max(times, row.calls);
  }
  played.push_back(stage.machine(times));
  return played;
}

}  // namespace cacheismo::pauses
