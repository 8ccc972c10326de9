// KeyClient: asks a few things of a few keys at a time (node_client.h), and records what it hears.
//
//  1. Replies come in the order of the requests, the values of a get in the order of its keys.
//  2. Every write has a value of its own, so that a reader can tell whose it read.
//  3. A CAS token is used on the connection that it was told on, and not later.
//  4. An error reply leaves the outcome unknown and the connection open. One of a cluster that does
//     not say that the outcome is unknown is believed: the operation is withdrawn. A reply that
//     fits no request is a violation.
//  5. Of violations there are also: coverage, what a script has heard of several nodes does not add
//     up; and calm for what is no answer.
//
// What it is not: it knows nothing about who owns a key, but counts what it asks of others than
// those whom its options name as owners.

#ifndef CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_
#define CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/cluster/node_client.h"
#include "sim/cluster/recorder.h"
#include "sim/own_scripts.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class KeyClient final : public NodeClient {
 public:
  struct Options : Life {
    std::vector<std::size_t> owners;             ///< [key], of `nodes`; empty: not known
    Duration timeout = std::chrono::seconds(1);  ///< of what goes in one go
    std::uint32_t pipeline_max = 1;              ///< requests in one go
    std::uint32_t keys_per_get_max = 1;          ///< keys of one get
    std::uint64_t value_bytes_max = 0;           ///< of one value in `long_one_in`
    std::uint64_t long_one_in = 16;              ///< the other values are as short as can be
    bool mortal = false;                         ///< some values have seconds to live
    std::uint64_t flush_one_in = 0;              ///< of the goes; 0: nobody flushes
    std::uint64_t relay_one_in = 0;  ///< of what scripts can ask of the owner; 0: none do
    bool short_of_memory = false;    ///< nodes may say that they are
    /// Gets that are no key's: what is behind `get `, drawn from lines. Only that they are answered
    /// is judged. See sim/own_scripts.h.
    std::vector<std::string> calls;
  };
  struct Tally {
    std::uint64_t asked = 0;     ///< operations
    std::uint64_t answered = 0;  ///< operations
    std::uint64_t multi_gets = 0;
    std::uint64_t errors = 0;          ///< error replies
    std::uint64_t relayed = 0;         ///< operations
    std::uint64_t relayed_errors = 0;  ///< error replies to those
    std::uint64_t calls = 0;
    std::uint64_t call_errors = 0;  ///< of scripts; those of the cluster are among the errors
    std::uint64_t mortal = 0;       ///< operations that say for how many seconds
    std::uint64_t flushes = 0;
    std::uint64_t no_memory = 0;  ///< error replies that say so
    std::uint64_t withdrawn = 0;  ///< operations of errors that say that nothing was executed
    std::vector<std::uint64_t> foreign;  ///< [node]: operations asked there that it may not own
  };

  KeyClient(SimIo& io, Recorder& recorder, Options options, Prng chance);

  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// The first error that a script has answered with; empty: none.
  [[nodiscard]] const std::string& call_error() const { return call_error_; }

 private:
  /// One operation of a request that is under way.
  struct Part {
    Recorder::Handle handle;
    linear::Operation told;  ///< outcome unknown: nothing yet
  };
  /// A request: one operation, or a get of several.
  struct Asked {
    std::vector<Part> parts;
    bool is_get = false;
    bool relayed = false;
    std::string call = {};  ///< not empty: of Options::calls, and there are no parts
    std::size_t heard = 0;  ///< values of parts before this one will not come any more
  };

  // NodeClient
  void forget() override;
  [[nodiscard]] Duration ask(std::string& text) override;
  [[nodiscard]] bool take(const proto::ReplyPart& part) override;
  [[nodiscard]] std::string kind() const override { return "client"; }
  [[nodiscard]] std::string under_way() const override;

  [[nodiscard]] linear::Operation draw_operation(std::uint32_t key);
  [[nodiscard]] std::string new_value(std::uint32_t key);
  void make_mortal(std::uint32_t key, linear::Operation& operation);
  void ask_flush(std::string& text);
  void ask_one(std::string& text);
  void ask_several(std::uint32_t count, std::string& text);
  void ask_call(std::string& text);
  [[nodiscard]] bool relays() {
    return options_.relay_one_in > 0 && relays_.chance(1, options_.relay_one_in);
  }
  [[nodiscard]] bool take_call(const proto::ReplyPart& part, const Asked& asked);
  void add_part(Asked& asked, std::uint32_t key, const linear::Operation& operation);
  [[nodiscard]] bool take_value(const proto::ReplyPart& part, Asked& asked);
  [[nodiscard]] bool take_end(const proto::ReplyPart& part, Asked& asked);
  void take_error(const proto::ReplyPart& part, Asked& asked);
  void finish();

  Recorder& recorder_;
  Options options_;
  Prng lives_;   ///< of seconds and flushes
  Prng relays_;  ///< of what scripts ask
  std::uint64_t values_ = 0;
  std::deque<Asked> under_way_;
  std::vector<std::uint64_t> tokens_;  ///< [key], told on this connection; 0: none
  std::string call_error_;
  Tally tally_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_
