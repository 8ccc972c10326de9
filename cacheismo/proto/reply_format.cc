#include "cacheismo/proto/reply_format.h"

#include "cacheismo/proto/percent.h"

namespace cacheismo::proto {
namespace {

constexpr std::uint64_t letters(Bytes text) {
  std::uint64_t set = 0;
  for (const char c : text) set |= std::uint64_t{1} << (c - 'A');
  return set;
}

std::uint64_t echoed(MetaEcho echo) {
  switch (echo) {
    case MetaEcho::hit: return letters("Okstcflh");
    case MetaEcho::stored: return letters("Okcs");
    case MetaEcho::arithmetic: return letters("Okct");
    case MetaEcho::name_only: break;
  }
  return letters("Ok");
}

char* put_flag(char* out, char letter) {
  out[0] = ' ';
  out[1] = letter;
  return out + 2;
}

char* put_key(char* out, Bytes key, bool base64) {
  if (!base64) return put(out, key);
  return put_flag(base64_encode(key, out), 'b');
}

/// The five words that `me` and metadump share.
char* put_item_words(char* out, const ItemFacts& facts) {
  out = put_signed(put(out, " exp="), facts.expiry);
  out = put_signed(put(out, " la="), facts.last_access);
  out = put_decimal(put(out, " cas="), facts.cas);
  out = put(out, facts.fetched ? " fetch=yes" : " fetch=no");
  out = put_decimal(put(out, " cls="), facts.size_class);
  return put_decimal(put(out, " size="), facts.item_bytes);
}

bool fits_on_a_line(Bytes key) {
  for (const char c : key) {
    if (c == ' ' || c == '\r' || c == '\n') return false;
  }
  return true;
}

}  // namespace

char* put_value_header(char* out, Bytes key, std::uint32_t client_flags, std::uint64_t value_bytes,
                       std::optional<std::uint64_t> cas) {
  out = put(out, "VALUE ");
  out = put(out, key);
  *out++ = ' ';
  out = put_decimal(out, client_flags);
  *out++ = ' ';
  out = put_decimal(out, value_bytes);
  if (cas) {
    *out++ = ' ';
    out = put_decimal(out, *cas);
  }
  return put_crlf(out);
}

char* put_stat(char* out, Bytes name, Bytes value) {
  out = put(put(out, "STAT "), name);
  *out++ = ' ';
  return put_crlf(put(out, value));
}

char* put_stat(char* out, Bytes name, std::uint64_t value) {
  char digits[decimal_bytes_max];
  const char* end = put_decimal(digits, value);
  return put_stat(out, name, Bytes(digits, static_cast<std::size_t>(end - digits)));
}

char* put_meta_flags(char* out, const Meta& meta, MetaEcho echo, const MetaFacts& facts) {
  const std::uint64_t shown = echoed(echo);
  bool ttl_was_set = false;
  for (const MetaFlag& flag : meta.all()) {
    if (flag.letter == 'T' || flag.letter == 'N') ttl_was_set = true;
    if (((shown >> (flag.letter - 'A')) & 1u) == 0) continue;
    out = put_flag(out, flag.letter);
    switch (flag.letter) {
      case 'O': out = put(out, flag.argument); break;
      case 'k': out = put_key(out, facts.key, meta.base64); break;
      case 's': out = put_decimal(out, facts.value_bytes); break;
      case 't':
        out = put_signed(out, ttl_was_set ? facts.ttl_seconds : facts.ttl_seconds_before);
        break;
      case 'c': out = put_decimal(out, facts.cas); break;
      case 'f': out = put_decimal(out, facts.client_flags); break;
      case 'l': out = put_decimal(out, facts.idle_seconds); break;
      case 'h': *out++ = facts.fetched ? '1' : '0'; break;
      default: break;
    }
  }
  if (facts.token_sent) out = put_flag(out, 'Z');
  if (facts.stale) out = put_flag(out, 'X');
  if (facts.won) out = put_flag(out, 'W');
  return out;
}

char* put_meta_line(char* out, Bytes status, const Meta& meta, MetaEcho echo,
                    const MetaFacts& facts) {
  return put_crlf(put_meta_flags(put(out, status), meta, echo, facts));
}

char* put_meta_value_line(char* out, const Meta& meta, MetaEcho echo, const MetaFacts& facts) {
  out = put_decimal(put(out, "VA "), facts.value_bytes);
  return put_crlf(put_meta_flags(out, meta, echo, facts));
}

char* put_me_line(char* out, const ItemFacts& facts, bool base64) {
  out = put(out, "ME ");
  out = base64 ? base64_encode(facts.key, out) : put(out, facts.key);
  return put_crlf(put_item_words(out, facts));
}

char* put_metadump_line(char* out, const ItemFacts& facts) {
  out = put_percent_encoded(put(out, "key="), facts.key);
  out = put_decimal(put(put_item_words(out, facts), " flags="), facts.client_flags);
  return put(out, " \n");
}

char* put_mgdump_line(char* out, Bytes key) {
  return put_crlf(put_key(put(out, "mg "), key, !fits_on_a_line(key)));
}

}  // namespace cacheismo::proto
