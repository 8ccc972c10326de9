// CopyClient: writes, deletes and reads replicated keys by any node, one request at a time, and
// records what it was told.
//
//   waiting --> connecting to some node --> think --> ask --> reply --> think ...
//      ^                                               |
//      +---- reset, refused, deadline, odd reply ------+     what became of a write stays unknown
//
//  1. What is asked ends by its deadline: the sum of what the script may wait.
//  2. Every write has a value of its own.
//  3. Now and then it has all nodes count their keys (census.h).
//  4. Violations begin with what was broken: replies, deadline, calm, as those of KeyClient;
//     coverage: not all nodes are among those who counted and those who did not.
//  5. After stop() it finishes what is under way and closes; stopped() says when.
//
// What it is not: it judges no value (copied_key.h), and knows no ring.

#ifndef CACHEISMO_SIM_CLUSTER_COPY_CLIENT_H_
#define CACHEISMO_SIM_CLUSTER_COPY_CLIENT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/clockwork.h"
#include "sim/cluster/copied_key.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

/// The request that writes a copied value, in the terms of sim/copy_scripts.h.
[[nodiscard]] std::string copy_request(const std::string& key, Bytes value);
/// What the reply to a write, its line, says; nullopt: no such line.
[[nodiscard]] std::optional<CopiedKey::Told> told_of_write(const proto::ReplyPart& part);

class CopyClient final : private io::StreamEvents, private io::TimerEvents {
 public:
  struct Options {
    std::uint32_t number = 0;
    std::vector<io::Address> nodes;
    Duration think = std::chrono::milliseconds(4);  ///< mean pause between requests
    std::uint64_t value_bytes_max = 0;
    std::uint64_t long_one_in = 16;
    std::uint64_t requests_per_connection = 30;
    std::int64_t late_from_ns = linear::never_ns;
    std::int64_t calm_from_ns = linear::never_ns;
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
    std::uint64_t timeouts = 0;
    std::uint64_t lost = 0;
    std::uint64_t censuses = 0;  ///< that all nodes have answered
    std::uint64_t partial_censuses = 0;
    std::vector<std::uint64_t> foreign;  ///< [node]: what it may have had to forward
  };

  CopyClient(SimIo& io, const Clockwork& clockwork, std::vector<CopiedKey>& keys, Options options,
             Prng chance);

  void start();
  void stop() { stopping_ = true; }
  [[nodiscard]] bool stopped() const { return state_ == State::stopped; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] std::vector<std::string> take_violations() {
    return std::exchange(violations_, {});
  }

 private:
  enum class State : std::uint8_t { waiting, connecting, thinking, asking, closing, stopped };
  enum class What : std::uint8_t { read, set, remove, census };

  // StreamEvents, TimerEvents
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;
  void on_timer(io::TimerId timer) override;

  void set_timer(Duration after);
  void clear_timer();
  void connect();
  void think();
  void ask();
  void send_rest();
  void parse();
  /// False: the part fits nothing that was asked.
  [[nodiscard]] bool take(const proto::ReplyPart& part);
  [[nodiscard]] bool take_read(const proto::ReplyPart& part);
  [[nodiscard]] bool take_census(const proto::ReplyPart& part);
  [[nodiscard]] bool take_written(const proto::ReplyPart& part);
  void take_error(const proto::ReplyPart& part);
  void close();
  void lost();
  void violation(const std::string& what);
  [[nodiscard]] std::string new_value();

  SimIo& io_;
  const Clockwork& clockwork_;
  std::vector<CopiedKey>& keys_;
  Options options_;
  Prng chance_;
  State state_ = State::waiting;
  bool stopping_ = false;
  io::StreamId stream_;
  io::TimerId timer_;  ///< the only one: the state says what for
  std::size_t node_ = 0;
  std::int64_t began_ns_ = 0;
  std::uint64_t asked_here_ = 0;
  std::uint64_t values_ = 0;
  What what_ = What::read;
  std::uint32_t key_ = 0;
  std::size_t write_ = 0;             ///< its number at the key
  std::optional<std::string> value_;  ///< that the read has found so far
  std::string sending_;               ///< pinned while a send is outstanding
  std::size_t sent_ = 0;
  std::string input_;
  Tally tally_;
  std::vector<std::string> violations_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_COPY_CLIENT_H_
