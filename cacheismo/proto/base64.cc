#include "cacheismo/proto/base64.h"

#include <cstdint>

namespace cacheismo::proto {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[(group >> 12) & 63];
    *out++ = left > 1 ? kAlphabet[(group >> 6) & 63] : '=';
    *out++ = left > 2 ? kAlphabet[group & 63] : '=';
  }
  return out;
}

std::optional<std::size_t> base64_decode(Bytes in, char* out) {
  if (in.empty() || in.size() % 4 != 0) return std::nullopt;
  std::size_t written = 0;
  for (std::size_t i = 0; i < in.size(); i += 4) {
    const bool last = i + 4 == in.size();
    const int padding = !last ? 0 : (in[i + 3] != '=') ? 0 : (in[i + 2] != '=') ? 1 : 2;
    std::uint32_t group = 0;
    for (int j = 0; j < 4; ++j) {
      const int value = j >= 4 - padding ? 0 : digit(in[i + static_cast<std::size_t>(j)]);
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    if (padding > 0 && (group & ((1u << (8 * padding)) - 1)) != 0) return std::nullopt;
    for (int j = 0; j < 3 - padding; ++j) out[written++] = static_cast<char>(group >> (16 - 8 * j));
  }
  return written;
}

}  // namespace cacheismo::proto
