// Dataset: the keys and values of a load, computed from a number and never stored.
//
//   key of 42, 12 bytes:   k0000000042  left-padded with zeros behind the letter k
//   value of 42:           a window of one repeating text, its start and length chosen by the id
//
// So the generator can tell a wrong value from a right one without remembering anything, however
// many keys there are. Two ids have the same value only by chance (61 starts), which is enough to
// notice replies that were swapped or cut.

#ifndef CACHEISMO_BENCH_LOAD_DATASET_H_
#define CACHEISMO_BENCH_LOAD_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cacheismo::load {

struct DatasetOptions {
  std::uint64_t key_count = 100'000;
  std::size_t key_bytes = 24;
  std::size_t value_bytes_min = 100;
  std::size_t value_bytes_max = 100;
};

class Dataset {
 public:
  /// Requires key_count > 0, key_bytes_needed(key_count) <= key_bytes <= 250, and
  /// value_bytes_min <= value_bytes_max.
  explicit Dataset(const DatasetOptions& options);

  /// The shortest key that can name `key_count` ids.
  [[nodiscard]] static std::size_t key_bytes_needed(std::uint64_t key_count);

  [[nodiscard]] const DatasetOptions& options() const { return options_; }

  /// Appends the key of `id`. Requires id < key_count.
  void append_key(std::uint64_t id, std::string& out) const;

  /// The id that `key` names, or nullopt if it is no key of this dataset.
  [[nodiscard]] std::optional<std::uint64_t> id_of(std::string_view key) const;

  /// Lives as long as the dataset.
  [[nodiscard]] std::string_view value(std::uint64_t id) const;

 private:
  DatasetOptions options_;
  std::string text_;  ///< value_bytes_max + 61 bytes; values are windows of it
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_DATASET_H_
