// Filling: a store of its own that is written to, and what each store did to it.
//
//  1. Every key is new, so that what leaves does so by eviction.
//  2. Values from draft_bytes on come as drafts, a few windows at a time, as the node receives
//     them.
//  3. A store that is refused ends the run.
//
// What it is not: it reads nothing back; the properties of store/ do.

#ifndef CACHEISMO_BENCH_DENSITY_FILLING_H_
#define CACHEISMO_BENCH_DENSITY_FILLING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "bench/density/mix.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::density {

/// What one store (put or draft) did.
struct Stored {
  std::uint64_t evictions = 0;
  std::uint64_t item_bytes = 0;     ///< of the new item: key, value, header, slots
  std::uint64_t evicted_bytes = 0;  ///< the same of those that went
};

class Filling {
 public:
  /// The node's bound between an input buffer and a draft.
  static constexpr std::size_t draft_bytes = 4 * KiB;

  Filling(std::uint64_t memory_bytes, std::uint64_t seed);
  ~Filling();
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;

  /// One item under a new key, and what that did.
  Stored store(const Mix& mix);

  /// Stores until the keys and values written come to `cachefuls` times the memory.
  void fill(const Mix& mix, double cachefuls);

  /// Reads items in any order, four times as many as there are: what goes next is then anywhere.
  void shuffle();

  /// Stores one more cacheful and looks 16 times: the mean density.
  [[nodiscard]] double steady_density(const Mix& mix);

  [[nodiscard]] double density() const;
  /// Memory beyond keys and values, an item.
  [[nodiscard]] double overhead() const;
  [[nodiscard]] store::StoreStats stats() const { return store_->stats(); }
  [[nodiscard]] store::Store& cache() { return *store_; }

 private:
  /// Returns the size of the value.
  std::size_t write(const Mix& mix);
  void put(const store::Key& key, std::size_t value_bytes);
  void draft(const store::Key& key, std::size_t value_bytes);

  std::uint64_t memory_bytes_;
  char* region_;
  std::unique_ptr<store::Store> store_;
  Prng prng_;
  std::uint64_t keys_ = 0;
  std::string value_;
};

}  // namespace cacheismo::density

#endif  // CACHEISMO_BENCH_DENSITY_FILLING_H_
