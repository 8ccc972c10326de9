#include "cacheismo/cluster/naive_ring.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>

#include "cacheismo/base/hash.h"

namespace cacheismo::cluster {
namespace {

std::uint32_t word_of_md5(const std::string& text, std::size_t n) {
  unsigned char digest[MD5_DIGEST_LENGTH];
  MD5(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::uint32_t word = 0;
  for (std::size_t byte = 4; byte-- > 0;) word = word * 256 + digest[4 * n + byte];
  return word;
}

std::vector<std::uint32_t> active_of(const RingSpec& spec) {
  std::vector<std::uint32_t> active;
  for (std::uint32_t n = 0; n < spec.members.size(); ++n)
    if (spec.members[n].state == MemberState::active) active.push_back(n);
  return active;
}

/// By the first of each pair; equal ones in the order of members.
template <class Rank>
std::vector<std::uint32_t> ordered(std::vector<std::pair<Rank, std::uint32_t>> ranks) {
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::uint32_t> members;
  for (const auto& rank : ranks) members.push_back(rank.second);
  return members;
}

}  // namespace

std::vector<std::uint32_t> naive_ketama_owners(const RingSpec& spec, Bytes part) {
  const std::vector<std::uint32_t> active = active_of(spec);
  const auto servers = static_cast<float>(active.size());
  std::uint32_t total_weight = 0;
  for (const std::uint32_t n : active) total_weight += spec.members[n].weight;
  const std::uint32_t hash = word_of_md5(std::string(part), 0);

  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranks;
  for (const std::uint32_t n : active) {
    const Member& member = spec.members[n];
    const float share = static_cast<float>(member.weight) / static_cast<float>(total_weight);
    const auto digests = static_cast<int>(std::floor(share * 160 / 4 * servers + 1e-10F));
    const std::string port = member.port == 11211 ? "" : ":" + std::to_string(member.port);
    std::uint32_t nearest = std::numeric_limits<std::uint32_t>::max();
    for (int k = 0; k < digests; ++k) {
      for (std::size_t word = 0; word < 4; ++word) {
        const std::uint32_t point = word_of_md5(member.host + port + "-" + std::to_string(k), word);
        nearest = std::min(nearest, point - hash);  // clockwise, around the end by itself
      }
    }
    ranks.emplace_back(nearest, n);
  }
  return ordered(std::move(ranks));
}

std::vector<std::uint32_t> naive_rendezvous_owners(const RingSpec& spec, Bytes part) {
  std::vector<std::pair<long double, std::uint32_t>> ranks;
  for (const std::uint32_t n : active_of(spec)) {
    const Member& member = spec.members[n];
    std::uint64_t x = hash64(part, 0) ^ hash64(member.name, 0);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    const long double u = static_cast<long double>(x) / 0x1p64L;
    ranks.emplace_back(-std::log(u) / static_cast<long double>(member.weight), n);
  }
  return ordered(std::move(ranks));
}

}  // namespace cacheismo::cluster
