#include "bench/load/call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::load {
namespace {

/// Takes `word` off the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// A number's digits, on the stack.
class Digits {
 public:
  explicit Digits(std::uint64_t number)
      : end_(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr) {}
  [[nodiscard]] std::string_view text() const { return {digits_.data(), end_}; }

 private:
  std::array<char, 20> digits_;
  const char* end_;
};

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text) {
  constexpr std::pair<std::string_view, Kind> words[] = {{"{object}", Kind::object},
                                                         {"{field}", Kind::field},
                                                         {"{value}", Kind::value},
                                                         {"{number}", Kind::number}};
  Pattern pattern;
  while (!text.empty()) {
    const std::size_t literal = std::min(text.find_first_of("{}"), text.size());
    if (literal > 0) {
      pattern.pieces_.push_back({Kind::literal, std::string(text.substr(0, literal))});
      text.remove_prefix(literal);
      continue;
    }
    const auto* word = std::find_if(std::begin(words), std::end(words),
                                    [&](const auto& each) { return take(text, each.first); });
    if (word == std::end(words)) return std::nullopt;
    pattern.pieces_.push_back({word->second, {}});
  }
  return pattern;
}

bool Pattern::has_number() const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.kind == Kind::number; });
}

void Pattern::append(const Dataset& dataset, std::uint64_t id, std::uint64_t fields,
                     std::string& out) const {
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Kind::literal: out += piece.text; break;
      case Kind::object: out += Digits(id / fields).text(); break;
      case Kind::field: out += Digits(id % fields).text(); break;
      case Kind::value: out += dataset.value(id); break;
      case Kind::number: CHECK(false); break;
    }
  }
}

bool Pattern::matches(const Dataset& dataset, std::uint64_t id, std::uint64_t fields,
                      std::string_view text) const {
  for (const Piece& piece : pieces_) {
    bool taken = false;
    switch (piece.kind) {
      case Kind::literal: taken = take(text, piece.text); break;
      case Kind::object: taken = take(text, Digits(id / fields).text()); break;
      case Kind::field: taken = take(text, Digits(id % fields).text()); break;
      case Kind::value: taken = take(text, dataset.value(id)); break;
      case Kind::number: {
        const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
        taken = digits > 0;
        text.remove_prefix(digits);
        break;
      }
    }
    if (!taken) return false;
  }
  return text.empty();
}

}  // namespace cacheismo::load
