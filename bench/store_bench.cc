// store_bench: what the store costs by itself, beside the textbook's cache (store_rivals.h) that
// keeps the same exact LRU over the same items, in the same run.
//
//   Items of 100 bytes: keys of 24, values of 76. `uniform` and `zipf` (0.99) say which keys are
//   asked for; the order of use is mixed before anything is measured, so that neighbours in the
//   list are not neighbours in memory.
//
//   get        a hit: found, its use noted, its value copied out
//   get_batch  the same for 16 keys at a time, of which ours is told beforehand
//   set        over an existing item
//   set_new    a new key into a full cache: the least recently used goes for it
//
//   round 1:  [ours, window a][textbook, window a]     round 2:  [textbook, b][ours, b]     ...
//
// Both caches live at the same time and take turns, window by window, with the same keys, which lie
// ready as text. Time is the thread's processor time, so that others on the machine disturb little;
// the ratio is taken in each round, and the median of the rounds is printed with the quartiles.
// Ten million items need 5 GB of memory; the ordinary test run leaves them out.
//
// bench/store_counts counts instructions and cache misses of the same loops (measure_window).

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/store_rivals.h"
#include "cacheismo/base/prng.h"

namespace cacheismo::bench {
namespace {

const char a_value[value_bytes] = {'v', 'a', 'l', 'u', 'e'};

enum class Shape { uniform, zipf };
enum class Operation { get, get_batch, set, set_new };

const char* name_of(Shape shape) { return shape == Shape::uniform ? "uniform" : "zipf"; }
const char* name_of(Operation operation) {
  static constexpr const char* names[] = {"get", "get_batch", "set", "set_new"};
  return names[static_cast<int>(operation)];
}

struct Options {
  std::vector<std::uint64_t> items = {1'000'000, 10'000'000};
  std::uint64_t rounds = 31;
  std::uint64_t window = 32'768;
  std::string only;  ///< operation/shape, or its beginning
  std::string side;  ///< only this one runs, in one window: for counters from outside
};

/// Which keys are asked for: numbers below `items`.
class Draws {
 public:
  Draws(Shape shape, std::uint64_t items) : shape_(shape), n_(static_cast<double>(items)) {
    // Gray and others, 1994: Zipf ranks from a uniform number; ranks are scattered over the keys.
    if (shape == Shape::uniform) return;
    for (std::uint64_t i = 1; i <= items; ++i) zeta_ += std::pow(static_cast<double>(i), -theta);
    eta_ = (1 - std::pow(2 / n_, 1 - theta)) / (1 - (1 + std::pow(0.5, theta)) / zeta_);
  }
  [[nodiscard]] std::uint64_t next() {
    const auto items = static_cast<std::uint64_t>(n_);
    if (shape_ == Shape::uniform) return prng_.below(items);
    const double u = prng_.unit();
    const double uz = u * zeta_;
    std::uint64_t rank = 0;
    if (uz >= 1 + std::pow(0.5, theta))
      rank = static_cast<std::uint64_t>(n_ * std::pow(eta_ * u - eta_ + 1, 1 / (1 - theta)));
    else if (uz >= 1)
      rank = 1;
    return std::min(rank, items - 1) * 2654435761u % items;
  }

 private:
  static constexpr double theta = 0.99;
  Prng prng_{7};
  Shape shape_;
  double n_;
  double zeta_ = 0;
  double eta_ = 0;
};

double cpu_ns() {
  timespec time;
  CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// The loops that are measured, and nothing else. Returns processor time for each operation, ns.
template <class Cache>
[[gnu::noinline]] double measure_window(Cache& cache, Operation operation,
                                        std::span<const KeyText> keys) {
  char out[value_bytes];
  std::size_t hits = 0;
  const double begin = cpu_ns();
  switch (operation) {
    case Operation::get:
      for (const KeyText& key : keys) hits += cache.get(key.bytes(), out) ? 1 : 0;
      break;
    case Operation::get_batch:
      for (std::size_t i = 0; i < keys.size(); i += batch_keys)
        hits += cache.get_batch(keys.subspan(i, std::min(batch_keys, keys.size() - i)), out);
      break;
    case Operation::set:
    case Operation::set_new:
      for (const KeyText& key : keys) cache.set(key.bytes(), {a_value, value_bytes});
      hits = keys.size();
      break;
  }
  const double ns = cpu_ns() - begin;
  CHECK_EQ(hits, keys.size());
  return ns / static_cast<double>(keys.size());
}

struct Quartiles {
  double low;
  double median;
  double high;
};
Quartiles quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {values[n / 4], values[n / 2], values[n - 1 - n / 4]};
}

class Bench {
 public:
  Bench(const Options& options, std::uint64_t items)
      : options_(options), items_(items), window_(options.window) {
    if (has(Ours::name)) ours_ = std::make_unique<Ours>(items);
    if (has(Textbook::name)) textbook_ = std::make_unique<Textbook>();
    for (std::uint64_t n = 0; n < items; ++n) set(KeyText(n));
    Prng prng(3);
    char out[value_bytes];
    for (std::uint64_t n = 0; n < items; ++n) {
      const KeyText key(prng.below(items));
      if (ours_) CHECK(ours_->get(key.bytes(), out));
      if (textbook_) CHECK(textbook_->get(key.bytes(), out));
    }
    // A run of one operation needs no zeta.
    if (wanted(Shape::uniform)) shapes_.push_back(Shape::uniform);
    if (wanted(Shape::zipf)) shapes_.push_back(Shape::zipf);
  }

  void run() {
    for (const Shape shape : shapes_) {
      Draws draws(shape, items_);
      for (const Operation operation : {Operation::get, Operation::get_batch, Operation::set})
        if (wanted(operation, shape)) compare(operation, shape, draws);
    }
    if (!wanted(Operation::set_new, Shape::uniform)) return;
    fill_up();
    Draws none(Shape::uniform, items_);
    compare(Operation::set_new, Shape::uniform, none);
  }

 private:
  [[nodiscard]] bool has(std::string_view side) const {
    return options_.side.empty() || options_.side == side;
  }
  [[nodiscard]] bool wanted(Operation operation, Shape shape) const {
    const std::string name = std::string(name_of(operation)) + "/" + name_of(shape);
    return name.starts_with(options_.only);
  }
  [[nodiscard]] bool wanted(Shape shape) const {
    return wanted(Operation::get, shape) || wanted(Operation::get_batch, shape) ||
           wanted(Operation::set, shape);
  }
  void set(const KeyText& key) {
    if (ours_) ours_->set(key.bytes(), {a_value, value_bytes});
    if (textbook_) textbook_->set(key.bytes(), {a_value, value_bytes});
  }

  /// New keys until ours evicts; the textbook gets the same limit.
  void fill_up() {
    std::uint64_t added = 0;
    while (ours_ ? ours_->evictions() == 0 : added < items_ / 16) {
      set(KeyText(next_new_++));
      ++added;
    }
    if (textbook_) textbook_->limit(ours_ ? ours_->items() : items_ + added);
  }

  void draw(Operation operation, Draws& draws) {
    for (KeyText& key : window_)
      key = KeyText(operation == Operation::set_new ? next_new_++ : draws.next());
  }

  void compare(Operation operation, Shape shape, Draws& draws) {
    if (!options_.side.empty()) {
      draw(operation, draws);
      const double ns = ours_ ? measure_window(*ours_, operation, window_)
                              : measure_window(*textbook_, operation, window_);
      std::printf("%9llu %-9s %-8s %8.1f ns\n", static_cast<unsigned long long>(items_),
                  name_of(operation), name_of(shape), ns);
      return;
    }
    std::vector<double> ours;
    std::vector<double> textbook;
    std::vector<double> ratios;
    for (std::uint64_t round = 0; round < options_.rounds; ++round) {
      draw(operation, draws);
      if (round % 2 == 0) ours.push_back(measure_window(*ours_, operation, window_));
      textbook.push_back(measure_window(*textbook_, operation, window_));
      if (round % 2 == 1) ours.push_back(measure_window(*ours_, operation, window_));
      ratios.push_back(textbook.back() / ours.back());
    }
    const Quartiles ratio = quartiles(ratios);
    std::printf("%9llu %-9s %-8s %9.1f %12.1f %9.2f  (%.2f to %.2f)\n",
                static_cast<unsigned long long>(items_), name_of(operation), name_of(shape),
                quartiles(ours).median, quartiles(textbook).median, ratio.median, ratio.low,
                ratio.high);
    std::fflush(stdout);
  }

  const Options& options_;
  std::uint64_t items_;
  std::vector<KeyText> window_;
  std::vector<Shape> shapes_;
  std::unique_ptr<Ours> ours_;
  std::unique_ptr<Textbook> textbook_;
  std::uint64_t next_new_ = std::uint64_t{1} << 40;
};

// ---- The command line ---------------------------------------------------------------------------

constexpr const char* usage =
    "store_bench: the store beside std::unordered_map and std::list, same exact LRU, same run\n"
    "  --items=N[,N...]  items held (default 1000000,10000000; ten million need 5 GB)\n"
    "  --rounds=N        windows for each side (default 31)\n"
    "  --window=N        operations in a window (default 32768)\n"
    "  --only=TEXT       operation/keys that start so: get/uniform, get_batch, set/zipf, set_new\n"
    "  --side=SIDE       ours or textbook alone, one window: for counters from outside\n";

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc() && end == text.data() + text.size());
  CHECK_GT(value, 0u);
  return value;
}

bool parse(std::span<char*> arguments, Options& options) {
  for (const std::string_view argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (equals == std::string_view::npos) return false;
    std::string_view value = argument.substr(equals + 1);
    if (name == "--items") {
      options.items.clear();
      for (std::size_t comma = 0; comma != std::string_view::npos; value.remove_prefix(comma + 1)) {
        comma = value.find(',');
        options.items.push_back(number(value.substr(0, comma)));
        if (comma == std::string_view::npos) break;
      }
    } else if (name == "--rounds") {
      options.rounds = number(value);
    } else if (name == "--window") {
      options.window = number(value);
    } else if (name == "--only") {
      options.only = value;
    } else if (name == "--side" && (value == Ours::name || value == Textbook::name)) {
      options.side = value;
    } else {
      return false;
    }
  }
  return true;
}

int run(std::span<char*> arguments) {
  Options options;
  if (!parse(arguments, options)) {
    std::fputs(usage, stderr);
    return 2;
  }
  if (options.side.empty())
    std::printf("%9s %-9s %-8s %9s %12s %9s  (quartiles)\n", "items", "operation", "keys",
                "ours, ns", "textbook, ns", "times");
  for (const std::uint64_t items : options.items) Bench(options, items).run();
  return 0;
}

}  // namespace
}  // namespace cacheismo::bench

int main(int argc, char** argv) {
  return cacheismo::bench::run(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
}
