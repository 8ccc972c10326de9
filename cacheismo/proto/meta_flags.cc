#include "cacheismo/proto/meta_flags.h"

#include <optional>

#include "cacheismo/proto/decimal.h"

namespace cacheismo::proto {
namespace {

constexpr std::uint64_t bit(char letter) { return std::uint64_t{1} << (letter - 'A'); }

constexpr std::uint64_t letters(Bytes text) {
  std::uint64_t set = 0;
  for (const char c : text) set |= bit(c);
  return set;
}

// P and L are reserved for proxies: accepted and ignored (memcached doc/protocol.txt).
constexpr std::uint64_t known_letters = letters("bcfhklOqstuvxCDEFIJLMNPRT");

bool is_known(char letter) {
  return letter >= 'A' && letter <= 'z' && (known_letters & bit(letter)) != 0;
}

template <class Number>
MetaFlagError read(std::optional<Number> value, std::optional<Number>& out) {
  out = value;
  return value ? MetaFlagError::none : MetaFlagError::bad_token;
}

MetaFlagError read_unsigned(Bytes argument, std::uint64_t& out, MetaFlagError error) {
  const auto value = parse_unsigned(argument);
  if (value) out = *value;
  return value ? MetaFlagError::none : error;
}

MetaFlagError read_flag(const MetaFlag& flag, Meta& meta) {
  switch (flag.letter) {
    case 'b': meta.base64 = true; break;
    case 'q': meta.quiet = true; break;
    case 'C': return read(parse_unsigned(flag.argument), meta.compare_cas);
    case 'E': return read(parse_unsigned(flag.argument), meta.assign_cas);
    case 'T': return read(parse_signed(flag.argument), meta.ttl);
    case 'N': return read(parse_signed(flag.argument), meta.vivify);
    case 'R': return read(parse_signed(flag.argument), meta.recache);
    case 'D': return read_unsigned(flag.argument, meta.delta, MetaFlagError::bad_delta);
    case 'J': return read_unsigned(flag.argument, meta.initial, MetaFlagError::bad_initial);
    case 'F': {
      std::uint64_t wide = 0;
      const auto error = read_unsigned(flag.argument, wide, MetaFlagError::bad_client_flags);
      meta.client_flags = static_cast<std::uint32_t>(wide);
      return error;
    }
    case 'M': meta.mode = flag.argument.empty() ? meta_mode_missing : flag.argument[0]; break;
    case 'O':
      if (flag.argument.size() + 1 > limits::opaque_token_bytes_max)
        return MetaFlagError::opaque_too_long;
      break;
    default: break;
  }
  return MetaFlagError::none;
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

/// Cuts the flags into tokens; false: more than `count_max`.
bool cut(Bytes flags, std::size_t count_max, Meta& meta) {
  KeyCursor cursor(flags);
  for (Bytes token = cursor.next(); !token.empty(); token = cursor.next()) {
    if (meta.count == count_max) return false;
    meta.tokens[meta.count++] = {token.front(), token.substr(1)};
  }
  return true;
}

}  // namespace

MetaFlagError parse_meta_flags(Bytes flags, std::size_t count_max, Meta& meta) {
  clear(meta);
  if (!cut(flags, count_max, meta)) return MetaFlagError::too_many;
  MetaFlagError error = MetaFlagError::none;
  for (const MetaFlag& flag : meta.all()) {
    if (!is_known(flag.letter)) return MetaFlagError::unknown;
    if (meta.has(flag.letter)) return MetaFlagError::duplicate;
    meta.letters |= bit(flag.letter);
    if (const MetaFlagError bad = read_flag(flag, meta); bad != MetaFlagError::none) error = bad;
  }
  return error;
}

}  // namespace cacheismo::proto
