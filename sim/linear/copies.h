// Copies and Done: where a search has come to: what the owners of the key have, and which
// operations were taken; both spelt as bytes, so that it knows what it has met before.
//
// What it is not: it decides nothing (checker.cc).

#ifndef CACHEISMO_SIM_LINEAR_COPIES_H_
#define CACHEISMO_SIM_LINEAR_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/linear/register.h"

namespace cacheismo::linear {

/// What the owners of the key have.
struct Copies {
  State one;
  State other;             ///< of the second owner in a fork
  std::uint32_t fork = 0;  ///< its number from 1; 0: there is one owner

  bool operator==(const Copies&) const = default;
};

inline void append(std::string& out, std::uint64_t word) {
  out.append(reinterpret_cast<const char*>(&word), sizeof word);
}

inline void append(std::string& out, const Copies& copies) {
  for (const State& state : {copies.one, copies.other}) {
    append(out, state.value);
    append(out, state.token);
    append(out, static_cast<std::uint64_t>(state.dies_from_ns));
    append(out, static_cast<std::uint64_t>(state.dies_by_ns));
  }
  append(out, copies.fork);
}

/// Which operations were taken, as bits; spelt short when most of the early ones are.
class Done {
 public:
  explicit Done(std::size_t operations) : words_((operations + 63) / 64) {}
  void flip(std::uint32_t operation) { words_[operation / 64] ^= 1ull << (operation % 64); }
  [[nodiscard]] bool has(std::uint32_t operation) const {
    return (words_[operation / 64] >> (operation % 64) & 1) != 0;
  }

  void spell(const Copies& copies, const std::optional<Copies>& without, std::string& out) const {
    std::size_t begin = 0;
    std::size_t end = words_.size();
    while (begin < end && words_[begin] == ~0ull) begin++;
    while (end > begin && words_[end - 1] == 0) end--;
    out.clear();
    append(out, begin);
    append(out, copies);
    out += without ? '+' : '-';
    if (without) append(out, *without);
    for (std::size_t i = begin; i < end; i++) append(out, words_[i]);
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace cacheismo::linear

#endif  // CACHEISMO_SIM_LINEAR_COPIES_H_
