#include "cacheismo/cluster/ketama.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <utility>

// MD5() in one call is deprecated in favour of EVP, which reads the environment and a configuration
// file at its first use, takes locks, and refuses MD5 where the system is in FIPS mode. This one
// computes.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>

#include "cacheismo/base/check.h"

namespace cacheismo::cluster {
namespace {

constexpr std::uint16_t default_port = 11211;
constexpr int points_per_server = 160;
constexpr std::size_t points_per_digest = 4;

using Digest = std::array<unsigned char, MD5_DIGEST_LENGTH>;

Digest md5(Bytes bytes) {
  Digest digest;
  MD5(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

std::uint32_t word(const Digest& digest, std::size_t n) {
  return std::uint32_t{digest[4 * n]} | std::uint32_t{digest[4 * n + 1]} << 8 |
         std::uint32_t{digest[4 * n + 2]} << 16 | std::uint32_t{digest[4 * n + 3]} << 24;
}

}  // namespace

std::uint32_t ketama_digests(const KetamaShare& share) {
  CHECK_LT(share.total_weight, 1u << 24);  // a float holds it exactly
  // The order and the width of every step are libmemcached's. Nothing here can be fused: the only
  // sum is of doubles, and what goes into it is a float.
  const float part = static_cast<float>(share.weight) / static_cast<float>(share.total_weight);
  const float digests =
      part * points_per_server / points_per_digest * static_cast<float>(share.servers);
  const auto nudged = static_cast<float>(static_cast<double>(digests) + 0.0000000001);
  return static_cast<std::uint32_t>(nudged);  // rounds towards 0
}

/// The first word of the key's MD5. A key that fits into one block of 64 bytes, as most do, is
/// padded here, which leaves the one step that computes.
std::uint32_t ketama_hash(Bytes key) {
  constexpr std::size_t padded_max = MD5_CBLOCK - 9;  // behind it: one bit, and 8 bytes of length
  if (key.size() > padded_max) return word(md5(key), 0);
  std::array<unsigned char, MD5_CBLOCK> block{};
  key.copy(reinterpret_cast<char*>(block.data()), key.size());
  block[key.size()] = 0x80;
  const std::size_t bits = key.size() * 8;
  block[MD5_CBLOCK - 8] = static_cast<unsigned char>(bits & 0xff);
  block[MD5_CBLOCK - 7] = static_cast<unsigned char>(bits >> 8);
  MD5_CTX state;
  MD5_Init(&state);
  MD5_Transform(&state, block.data());
  return state.A;
}

void KetamaPoints::add(Bytes host, std::uint16_t port, std::uint32_t digests,
                       std::uint16_t member) {
  std::string name(host);
  if (port != default_port) name += ':' + std::to_string(port);
  name += '-';
  const std::size_t stem = name.size();
  for (std::uint32_t k = 0; k < digests; ++k) {
    name.resize(stem);
    name += std::to_string(k);
    const Digest digest = md5(name);
    for (std::size_t n = 0; n < points_per_digest; ++n) {
      values_.push_back(word(digest, n));
      members_.push_back(member);
    }
  }
}

void KetamaPoints::sort() {
  std::vector<std::uint32_t> order(values_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
    return values_[a] != values_[b] ? values_[a] < values_[b] : a < b;
  });
  KetamaPoints sorted;
  sorted.values_.reserve(order.size());
  sorted.members_.reserve(order.size());
  for (const std::uint32_t from : order) {
    sorted.values_.push_back(values_[from]);
    sorted.members_.push_back(members_[from]);
  }
  *this = std::move(sorted);
}

std::size_t KetamaPoints::first(std::uint32_t hash) const {
  CHECK(!values_.empty());
  const auto found = std::lower_bound(values_.begin(), values_.end(), hash);
  return found == values_.end() ? 0 : static_cast<std::size_t>(found - values_.begin());
}

}  // namespace cacheismo::cluster
