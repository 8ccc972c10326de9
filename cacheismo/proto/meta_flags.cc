#include "cacheismo/proto/meta_flags.h"

#include "cacheismo/proto/decimal.h"

namespace cacheismo::proto {
namespace {

constexpr std::uint64_t bit(char letter) { return std::uint64_t{1} << (letter - 'A'); }

constexpr std::uint64_t letters(Bytes text) {
  std::uint64_t set = 0;
  for (char c : text) set |= bit(c);
  return set;
}

// P and L are reserved for proxies: accepted and ignored (memcached doc/protocol.txt).
constexpr std::uint64_t kKnown = letters("bcfhklOqstuvxCDEFIJLMNPRT");

bool read_unsigned(Bytes argument, std::uint64_t& out) {
  const auto value = parse_unsigned(argument);
  if (value) out = *value;
  return value.has_value();
}

template <class Number>
bool read_optional(std::optional<Number> value, std::optional<Number>& out) {
  out = value;
  return value.has_value();
}

MetaFlagError read_flag(const MetaFlag& flag, Meta& meta) {
  bool good = true;
  std::uint64_t number = 0;
  switch (flag.letter) {
    case 'b': meta.base64 = true; break;
    case 'q': meta.quiet = true; break;
    case 'C': good = read_optional(parse_unsigned(flag.argument), meta.compare_cas); break;
    case 'E': good = read_optional(parse_unsigned(flag.argument), meta.assign_cas); break;
    case 'T': good = read_optional(parse_signed(flag.argument), meta.ttl); break;
    case 'N': good = read_optional(parse_signed(flag.argument), meta.vivify); break;
    case 'R': good = read_optional(parse_signed(flag.argument), meta.recache); break;
    case 'D': good = read_unsigned(flag.argument, meta.delta); break;
    case 'J': good = read_unsigned(flag.argument, meta.initial); break;
    case 'F':
      good = read_unsigned(flag.argument, number);
      meta.client_flags = static_cast<std::uint32_t>(number);
      break;
    case 'M':
      if (flag.argument.empty()) return MetaFlagError::bad_mode;
      meta.mode = flag.argument.front();
      break;
    case 'O':
      if (flag.argument.size() + 1 > limits::opaque_token_bytes_max)
        return MetaFlagError::opaque_too_long;
      break;
    default: break;
  }
  return good ? MetaFlagError::none : MetaFlagError::bad_argument;
}

void clear(Meta& meta) {
  meta.count = 0;
  meta.letters = 0;
  meta.mode = 0;
  meta.client_flags = 0;
  meta.ttl.reset();
  meta.vivify.reset();
  meta.recache.reset();
  meta.compare_cas.reset();
  meta.assign_cas.reset();
  meta.delta = 1;
  meta.initial = 0;
  meta.base64 = false;
  meta.quiet = false;
}

}  // namespace

MetaFlagError parse_meta_flags(Bytes flags, Meta& meta) {
  clear(meta);
  KeyCursor cursor(flags);
  for (Bytes token = cursor.next(); !token.empty(); token = cursor.next()) {
    if (meta.count == meta.tokens.size()) return MetaFlagError::too_many;
    meta.tokens[meta.count++] = {token.front(), token.substr(1)};
  }
  for (const MetaFlag& flag : meta.all()) {
    const bool letter =
        (flag.letter >= 'A' && flag.letter <= 'Z') || (flag.letter >= 'a' && flag.letter <= 'z');
    if (!letter || (kKnown & bit(flag.letter)) == 0) return MetaFlagError::unknown;
    if (meta.has(flag.letter)) return MetaFlagError::duplicate;
    meta.letters |= bit(flag.letter);
    if (const MetaFlagError error = read_flag(flag, meta); error != MetaFlagError::none)
      return error;
  }
  return MetaFlagError::none;
}

}  // namespace cacheismo::proto
