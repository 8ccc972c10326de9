// ring_tool: who owns these keys? Real clients are compared with what it prints.
//
//   ring_tool < a ring file, a line "keys", then a key on each line
//
// Prints the owner's name for each key. Exit 1: the ring file is none, and standard error says why.

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_file.h"

namespace cacheismo::cluster {
namespace {

std::string read_all(std::FILE* in) {
  std::string text;
  char piece[4096];
  while (const std::size_t size = std::fread(piece, 1, sizeof piece, in)) text.append(piece, size);
  return text;
}

int refuse(const std::string& reason) {
  std::fprintf(stderr, "ring_tool: %s\n", reason.c_str());
  return 1;
}

int run(Bytes input) {
  constexpr Bytes divider = "\nkeys\n";
  const std::size_t end = input.find(divider);
  if (end == Bytes::npos) return refuse("there is no line \"keys\" behind the ring file");
  auto spec = parse_ring_file(input.substr(0, end));
  if (!spec) return refuse(spec.error());
  const auto ring = Ring::make(std::move(*spec));
  if (!ring) return refuse(ring.error());
  input.remove_prefix(end + divider.size());
  while (!input.empty()) {
    const std::size_t key_bytes = std::min(input.find('\n'), input.size());
    const Member& owner = ring->members()[ring->owner(input.substr(0, key_bytes))];
    std::printf("%s\n", owner.name.c_str());
    input.remove_prefix(std::min(key_bytes + 1, input.size()));
  }
  return 0;
}

}  // namespace
}  // namespace cacheismo::cluster

int main() { return cacheismo::cluster::run(cacheismo::cluster::read_all(stdin)); }
