#include "cacheismo/proto/base64.h"

#include <algorithm>
#include <cstdint>

namespace cacheismo::proto {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

}  // namespace

char* base64_encode(Bytes in, char* out) {
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const std::size_t left = in.size() - i;
    std::uint32_t group = static_cast<unsigned char>(in[i]) << 16;
    if (left > 1) group |= static_cast<unsigned char>(in[i + 1]) << 8;
    if (left > 2) group |= static_cast<unsigned char>(in[i + 2]);
    *out++ = alphabet[group >> 18];
    *out++ = alphabet[(group >> 12) & 63];
    *out++ = left > 1 ? alphabet[(group >> 6) & 63] : '=';
    *out++ = left > 2 ? alphabet[group & 63] : '=';
  }
  return out;
}

std::optional<std::size_t> base64_decode(Bytes in, char* out) {
  std::size_t symbols = 0;
  for (const char c : in) symbols += c == '=' || digit(c) >= 0;
  if (symbols == 0 || symbols % 4 != 0) return std::nullopt;
  std::size_t written = 0;
  std::uint32_t group = 0;
  std::size_t in_group = 0;
  std::size_t padding = 0;
  for (const char c : in) {
    const int value = digit(c);
    if (value < 0 && c != '=') continue;
    if (c == '=') ++padding;
    group = group << 6 | static_cast<std::uint32_t>(value < 0 ? 0 : value);
    if (++in_group < 4) continue;
    if (padding > 2) return std::nullopt;
    for (std::size_t i = 0; i < 3 - padding; ++i)
      out[written++] = static_cast<char>(group >> (16 - 8 * i));
    if (padding > 0) break;
    group = 0;
    in_group = 0;
  }
  return written;
}

std::string base64_text(Bytes in) {
  std::string text(base64_size(in.size()), '\0');
  base64_encode(in, text.data());
  return text;
}

std::optional<std::string> base64_bytes(Bytes text) {
  std::string bytes(base64_decoded_size_max(text.size()), '\0');
  const auto size = base64_decode(text, bytes.data());
  if (!size) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

SpeltKey spell_key(Bytes key) {
  const bool plain = std::all_of(key.begin(), key.end(), [](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code > ' ' && code != 127;
  });
  if (plain) return {.text = std::string(key)};
  return {.text = base64_text(key), .base64 = true};
}

}  // namespace cacheismo::proto
