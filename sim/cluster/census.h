// Census: what mapreduce.lua answers, and whether it can be so.
//
//   user 30
//   page 20
//   counted 51 keys on 2 of 3 nodes, not on n2
//
//  1. The largest count is first; those shown are together no more than were counted.
//  2. Who answered and who did not are all: no node is missing, and none is named twice.
//
// What it is not: it does not know how many keys there are.

#ifndef CACHEISMO_SIM_CLUSTER_CENSUS_H_
#define CACHEISMO_SIM_CLUSTER_CENSUS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {

struct Census {
  std::uint64_t keys = 0;
  std::uint64_t answered = 0;  ///< nodes
  std::uint64_t asked = 0;
};

/// nullopt: it cannot be so. `nodes_max`: more are in no ring.
[[nodiscard]] std::optional<Census> parse_census(Bytes text, std::uint64_t nodes_max);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_CENSUS_H_
