// Door: a ring file, which a person or a program writes while a node watches it.
//
// Whatever the text, it is refused with a line's number, or gives a spec that prints to the text it
// is read from again; and Ring::make has either a ring or a reason for it.

#include <cstddef>
#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  const auto spec = cluster::parse_ring_file(Bytes(reinterpret_cast<const char*>(data), size));
  if (!spec) {
    CHECK(spec.error().starts_with("line "));
    for (const char c : spec.error()) CHECK(c >= ' ' && c <= '~');
    return 0;
  }
  CHECK_LE(spec->members.size(), limits::ring_members_max);
  for (const cluster::Member& member : spec->members) CHECK(cluster::check_member(member));
  const std::string printed = cluster::print_ring_file(*spec);
  const auto again = cluster::parse_ring_file(printed);
  CHECK(again.has_value());
  CHECK(*again == *spec);
  const auto ring = cluster::Ring::make(*spec);
  if (!ring) {
    CHECK(!ring.error().empty());
    return 0;
  }
  CHECK(ring->members()[ring->owner("key")].state == cluster::MemberState::active);
  return 0;
}
