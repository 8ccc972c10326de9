#include "bench/load/dataset.h"

#include "cacheismo/base/check.h"

namespace cacheismo::load {
namespace {

// 61 is prime, so that starts are spread over it whatever pattern the ids have.
constexpr std::string_view alphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";
static_assert(alphabet.size() == 61);

}  // namespace

std::size_t Dataset::key_bytes_needed(std::uint64_t key_count) {
  std::size_t digits = 1;
  for (std::uint64_t rest = (key_count - 1) / 10; rest > 0; rest /= 10) ++digits;
  return digits + 1;
}

Dataset::Dataset(const DatasetOptions& options) : options_(options) {
  CHECK_GT(options.key_count, 0u);
  CHECK_LE(key_bytes_needed(options.key_count), options.key_bytes);
  CHECK_LE(options.key_bytes, 250u);
  CHECK_LE(options.value_bytes_min, options.value_bytes_max);
  const std::size_t bytes = options.value_bytes_max + alphabet.size();
  text_.reserve(bytes);
  for (std::size_t i = 0; i < bytes; ++i) text_.push_back(alphabet[i % alphabet.size()]);
}

void Dataset::append_key(std::uint64_t id, std::string& out) const {
  const std::size_t start = out.size();
  out.append(options_.key_bytes, '0');
  out[start] = 'k';
  for (std::size_t at = out.size(); id > 0; id /= 10) {
    out[--at] = static_cast<char>('0' + id % 10);
  }
}

std::optional<std::uint64_t> Dataset::id_of(std::string_view key) const {
  if (key.size() != options_.key_bytes || key[0] != 'k') return std::nullopt;
  std::uint64_t id = 0;
  for (const char digit : key.substr(1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    id = id * 10 + static_cast<std::uint64_t>(digit - '0');
    if (id >= options_.key_count) return std::nullopt;
  }
  return id;
}

std::string_view Dataset::value(std::uint64_t id) const {
  const std::uint64_t mixed = (id + 1) * 0x9E3779B97F4A7C15u >> 16;
  const std::size_t spread = options_.value_bytes_max - options_.value_bytes_min + 1;
  const std::size_t bytes = options_.value_bytes_min + mixed % spread;
  return std::string_view(text_).substr(id % alphabet.size(), bytes);
}

}  // namespace cacheismo::load
