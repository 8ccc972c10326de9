// Door: keys, which strangers choose, on rings whose members the input chooses too.
//
// The first byte is the hashing, the second the number of members; four bytes and two strings make
// a member, the rest are keys, each behind a byte with its length. Every key's owners must be those
// of the naive ring (of jump: each active member once), whatever was asked for before.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/cluster/naive_ring.h"
#include "cacheismo/cluster/ring.h"
#include "fuzz/orders.h"

namespace cacheismo::cluster {
namespace {

constexpr std::uint32_t members_max = 10;
constexpr int keys_max = 8;  // the naive ring computes thousands of digests for each

std::string text_from(fuzz::Orders& orders, std::uint32_t bytes_max) {
  std::string text(orders.below(bytes_max + 1), '\0');
  for (char& c : text) c = static_cast<char>(orders.byte());
  return text;
}

RingSpec spec_from(fuzz::Orders& orders) {
  RingSpec spec;
  spec.hashing = static_cast<Hashing>(orders.below(3));
  const std::uint32_t count = orders.below(members_max + 1);
  for (std::uint32_t n = 0; n < count; ++n) {
    Member member;
    const std::uint32_t port = orders.wide();
    if (port % 4 != 0) member.port = static_cast<std::uint16_t>(port);
    member.weight = orders.byte();
    member.state = static_cast<MemberState>((orders.byte() + 1) % 3);
    // Mostly well-formed and different ones, so that most inputs are rings.
    member.name = "n" + std::to_string(n) + text_from(orders, 2);
    member.host = "h" + std::to_string(n) + text_from(orders, 4);
    spec.members.push_back(std::move(member));
  }
  return spec;
}

std::vector<std::uint32_t> owners_of(const Ring& ring, Bytes key) {
  std::vector<std::uint32_t> owners(ring.members().size());
  owners.resize(ring.owners(key, owners));
  CHECK_EQ(owners.front(), ring.owner(key));
  return owners;
}

void check_key(const Ring& ring, const RingSpec& spec, Bytes key) {
  const Bytes part = Ring::hashed_part(key);
  CHECK(part.data() >= key.data() && part.data() + part.size() <= key.data() + key.size());
  std::vector<std::uint32_t> owners = owners_of(ring, key);
  switch (ring.hashing()) {
    case Hashing::ketama: CHECK(owners == naive_ketama_owners(spec, part)); return;
    case Hashing::rendezvous: CHECK(owners == naive_rendezvous_owners(spec, part)); return;
    case Hashing::jump: break;
  }
  std::sort(owners.begin(), owners.end());
  std::vector<std::uint32_t> active;
  for (std::uint32_t n = 0; n < spec.members.size(); ++n)
    if (spec.members[n].state == MemberState::active) active.push_back(n);
  CHECK(owners == active);
}

void play(fuzz::Orders orders) {
  const RingSpec spec = spec_from(orders);
  const auto ring = Ring::make(spec);
  if (!ring) {
    CHECK(!ring.error().empty());
    return;
  }
  for (std::uint32_t n = 0; n < spec.members.size(); ++n)
    CHECK_EQ(*ring->find(spec.members[n].name), n);
  for (int n = 0; n < keys_max && !orders.empty(); ++n)
    check_key(*ring, spec, text_from(orders, 255));
}

}  // namespace
}  // namespace cacheismo::cluster

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  cluster::play(fuzz::Orders(Bytes(reinterpret_cast<const char*>(data), size)));
  return 0;
}
