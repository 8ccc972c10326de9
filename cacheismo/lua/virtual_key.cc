#include "cacheismo/lua/virtual_key.h"

#include "cacheismo/base/check.h"

namespace cacheismo::lua {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

VirtualKeyParts::VirtualKeyParts(Bytes rest) {
  CHECK_LE(rest.size(), bytes_max);
  if (rest.empty()) return;
  rest.remove_prefix(1);
  if (rest.find('%') != Bytes::npos) [[unlikely]] {
    decode(rest);
    return;
  }
  std::size_t colon = 0;
  while ((colon = rest.find(':')) != Bytes::npos) {
    add(rest.substr(0, colon));
    rest.remove_prefix(colon + 1);
  }
  add(rest);
}

void VirtualKeyParts::decode(Bytes rest) {
  char* to = bytes_;
  const char* part = to;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == ':') {
      add(Bytes(part, static_cast<std::size_t>(to - part)));
      part = to;
      continue;
    }
    if (c == '%' && i + 2 < rest.size()) {
      const int high = hex_digit(rest[i + 1]);
      const int low = hex_digit(rest[i + 2]);
      if (high >= 0 && low >= 0) {
        *to++ = static_cast<char>(high << 4 | low);
        i += 2;
        continue;
      }
    }
    *to++ = c;
  }
  add(Bytes(part, static_cast<std::size_t>(to - part)));
}

}  // namespace cacheismo::lua
