#include "sim/cluster/census.h"

#include <set>

#include "cacheismo/proto/decimal.h"

namespace cacheismo::sim {
namespace {

constexpr Bytes line_end = "\r\n";
constexpr Bytes missing_text = ", not on ";

/// Takes `word` from the front; false: something else is there.
bool take(Bytes& text, Bytes word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<std::uint64_t> take_number(Bytes& text) {
  const std::size_t end = text.find_first_not_of("0123456789");
  const auto number = proto::parse_unsigned(text.substr(0, end));
  text.remove_prefix(end == Bytes::npos ? text.size() : end);
  return number;
}

/// The names behind the last line; false: it does not end there, or one comes twice.
bool take_names(Bytes text, std::set<std::string>& names) {
  while (!text.empty()) {
    if (!take(text, missing_text)) return false;
    const std::size_t end = text.find(',');
    if (!names.emplace(text.substr(0, end)).second) return false;
    text.remove_prefix(end == Bytes::npos ? text.size() : end);
  }
  return true;
}

std::optional<Census> parse_last(Bytes line, std::uint64_t nodes_max) {
  if (!take(line, "counted ")) return std::nullopt;
  const auto keys = take_number(line);
  if (!keys || !take(line, " keys on ")) return std::nullopt;
  const auto answered = take_number(line);
  if (!answered || !take(line, " of ")) return std::nullopt;
  const auto asked = take_number(line);
  if (!asked || !take(line, " nodes")) return std::nullopt;
  std::set<std::string> missing;
  if (!take_names(line, missing) || *answered + missing.size() != *asked) return std::nullopt;
  if (*asked == 0 || *asked > nodes_max) return std::nullopt;
  return Census{.keys = *keys, .answered = *answered, .asked = *asked};
}

}  // namespace

std::optional<Census> parse_census(Bytes text, std::uint64_t nodes_max) {
  std::uint64_t shown = 0;
  std::uint64_t before = UINT64_MAX;
  while (true) {
    const std::size_t end = text.find(line_end);
    if (end == Bytes::npos) return std::nullopt;
    const Bytes line = text.substr(0, end);
    text.remove_prefix(end + line_end.size());
    if (text.empty()) {
      const auto census = parse_last(line, nodes_max);
      if (!census || shown > census->keys) return std::nullopt;
      return census;
    }
    const std::size_t blank = line.rfind(' ');
    if (blank == Bytes::npos) return std::nullopt;
    const auto count = proto::parse_unsigned(line.substr(blank + 1));
    if (!count || *count > before) return std::nullopt;
    before = *count;
    shown += *count;
  }
}

}  // namespace cacheismo::sim
