// CopyClient: writes, deletes and reads replicated keys by any node, one request at a time
// (node_client.h), and records what it was told.
//
//  1. What is asked ends by its deadline: the sum of what the script may wait. What became of a
//     write of which it heard nothing stays unknown.
//  2. Every write has a value of its own.
//  3. Now and then it has all nodes count their keys (census.h).
//  4. Of violations there are also: coverage, not all nodes are among those who counted and those
//     who did not; and calm for what is no answer.
//
// What it is not: it judges no value (copied_key.h), and knows no ring.

#ifndef CACHEISMO_SIM_CLUSTER_COPY_CLIENT_H_
#define CACHEISMO_SIM_CLUSTER_COPY_CLIENT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/clockwork.h"
#include "sim/cluster/copied_key.h"
#include "sim/cluster/node_client.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

/// The request that writes a copied value, in the terms of sim/copy_scripts.h.
[[nodiscard]] std::string copy_request(const std::string& key, Bytes value);
/// What the reply to a write, its line, says; nullopt: no such line.
[[nodiscard]] std::optional<CopiedKey::Told> told_of_write(const proto::ReplyPart& part);

class CopyClient final : public NodeClient {
 public:
  struct Options : Life {
    std::uint64_t value_bytes_max = 0;
    std::uint64_t long_one_in = 16;
    std::optional<std::size_t> census_owner;  ///< who counts; none: it changes
    /// Whether all copies can be written when nothing breaks; asked when one could not.
    std::function<bool()> can_write;
  };
  struct Tally {
    std::uint64_t asked = 0;
    std::uint64_t complete = 0;   ///< writes that all holders have confirmed
    std::uint64_t partly = 0;     ///< writes that one has
    std::uint64_t uncertain = 0;  ///< reads that found nothing, and not everybody answered
    std::uint64_t errors = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t censuses = 0;  ///< that all nodes have answered
    std::uint64_t partial_censuses = 0;
    std::vector<std::uint64_t> foreign;  ///< [node]: what it may have had to forward
  };

  CopyClient(SimIo& io, const Clockwork& clockwork, std::vector<CopiedKey>& keys, Options options,
             Prng chance);

  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  enum class What : std::uint8_t { read, set, remove, census };

  // NodeClient
  [[nodiscard]] Duration ask(std::string& text) override;
  [[nodiscard]] bool take(const proto::ReplyPart& part) override;
  [[nodiscard]] std::string kind() const override { return "copy client"; }
  [[nodiscard]] std::string under_way() const override;

  [[nodiscard]] bool take_read(const proto::ReplyPart& part);
  [[nodiscard]] bool take_census(const proto::ReplyPart& part);
  [[nodiscard]] bool take_written(const proto::ReplyPart& part);
  void take_error(const proto::ReplyPart& part);
  [[nodiscard]] std::string new_value();

  std::vector<CopiedKey>& keys_;
  Options options_;
  std::uint64_t values_ = 0;
  What what_ = What::read;
  std::uint32_t key_ = 0;
  std::size_t write_ = 0;             ///< its number at the key
  std::optional<std::string> value_;  ///< that the read has found so far
  std::string request_;               ///< its first line
  Tally tally_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_COPY_CLIENT_H_
