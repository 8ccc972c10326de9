#include "cacheismo/node/lookahead.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cacheismo/base/limits.h"

namespace cacheismo::node {
namespace {

/// The shortest line that can name a key: `mg k`.
constexpr std::size_t line_bytes_min = 5;

struct Line {
  Bytes key;
  std::size_t block_bytes = 0;  ///< of the data block behind it, line end included
};

/// The number that starts after `skip` words of `rest`; 0 if there is none.
std::size_t number_after(Bytes rest, int skip) {
  std::size_t at = 0;
  for (; skip > 0; --skip) {
    at = rest.find(' ', at);
    if (at == Bytes::npos) return 0;
    ++at;
  }
  std::size_t number = 0;
  for (; at < rest.size() && rest[at] >= '0' && rest[at] <= '9' && number < 1'000'000; ++at)
    number = number * 10 + static_cast<std::size_t>(rest[at] - '0');
  return number;
}

Line guess(Bytes line) {
  const std::size_t word_end = line.find(' ');
  if (word_end == Bytes::npos) return {};
  const Bytes rest = line.substr(word_end + 1);
  Line guessed;
  guessed.key = rest.substr(0, rest.find(' '));
  if (guessed.key.ends_with('\r')) guessed.key.remove_suffix(1);
  switch (line[0]) {
    case 's':  // set; stats has no key, and no number behind it
    case 'a':  // add, append
    case 'r':  // replace
    case 'p':  // prepend
    case 'c':  // cas
      guessed.block_bytes = number_after(rest, 3) + 2;
      break;
    case 'm':
      if (line[1] == 's') guessed.block_bytes = number_after(rest, 1) + 2;
      break;
    default: break;
  }
  return guessed;
}

}  // namespace

std::size_t look_ahead(const store::Store& store, Bytes in) {
  store::Key keys[keys_ahead];
  std::size_t count = 0;
  const std::size_t all = in.size();
  while (count < keys_ahead && in.size() >= line_bytes_min) {
    const void* newline = std::memchr(in.data(), '\n', std::min(in.size(), limits::line_bytes_max));
    if (newline == nullptr) break;
    const auto line_bytes = static_cast<std::size_t>(static_cast<const char*>(newline) - in.data());
    const Line line = guess(in.substr(0, line_bytes));
    if (!line.key.empty() && line.key.size() <= limits::key_bytes_max)
      keys[count++] = store.key(line.key);
    in.remove_prefix(std::min(line_bytes + 1 + line.block_bytes, in.size()));
  }
  if (count > 1) store.prefetch(std::span<const store::Key>(keys, count));
  return all - in.size();
}

}  // namespace cacheismo::node
