// Dispatcher: one parsed command -> store verbs -> reply bytes in the connection's output.
//
//   Command --put_rule()--> store::Store --outcome--> reply (classic_commands.cc, meta_commands.cc)
//   Command ------------------------------> stats and administration (admin_commands.cc)
//
//  1. Every command but a multi-get and a report is executed in one step; it requires that
//     out.reply_room() holds.
//  2. A multi-get and a report stop when the output is full and go on from a cursor; what has been
//     answered is never built again.
//  3. It knows no connection: what a connection must do next is the After that it returns.
//
// Cost: one switch on the verb; a get is one hash, one look-up, one header, one copy.

#ifndef CACHEISMO_NODE_DISPATCHER_H_
#define CACHEISMO_NODE_DISPATCHER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/output_buffer.h"
#include "cacheismo/node/report.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {

/// A multi-get that was begun: what to do with each key.
struct MultiGet {
  bool with_cas = false;
  bool touch = false;
  bool ends = true;       ///< END follows the last key
  store::Seconds expiry;  ///< of touch
};

struct MultiGetStep {
  enum class Why : std::uint8_t {
    finished,   ///< every key was looked up, and END appended
    failed,     ///< a line of error was appended, which ends the reply
    full,       ///< the output has no room for the next value
    turn_over,  ///< limits::multiget_keys_per_turn were looked up
    waiting,    ///< the method that the next key names waits: ask again when it has finished
  };
  Why why = Why::finished;
  std::size_t used = 0;  ///< bytes of the key list that are done with
};

/// What the connection does behind a command.
enum class After : std::uint8_t {
  go_on,
  close,        ///< send what is there, then close
  report,       ///< the Report that was filled in has begun
  watch,        ///< this connection only listens from now on
  needs_empty,  ///< nothing was done: ask again when all output is sent
  waiting,      ///< a method waits: ask again when it has finished
};

class Dispatcher {
 public:
  explicit Dispatcher(NodeState& node) : node_(node) {}

  // ---- Commands with a data block ---------------------------------------------------------------

  /// A value that has arrived whole: go_on or waiting.
  [[nodiscard]] After put(const proto::Command& command, Bytes value, OutputBuffer& out);
  /// Starts a value that arrives in parts. Requires command.data_bytes > 0.
  [[nodiscard]] Result<store::Draft, store::Outcome> begin(const proto::Command& command);
  /// Ends it with the same reply as put(): go_on or waiting. Then the data block is the call's, and
  /// finish_put() ends the command when that has finished.
  [[nodiscard]] After commit(const proto::Command& command, store::Draft draft, OutputBuffer& out);
  void finish_put(const proto::Command& command, OutputBuffer& out);
  /// The value cannot be stored; its data block is for the caller to swallow. `why`: too_large or
  /// no_memory.
  void refuse(const proto::Command& command, store::Outcome why, OutputBuffer& out);
  /// The data block did not end in \r\n. True: it would have been too large anyway, and was refused
  /// for that.
  bool bad_chunk(const proto::Command& command, OutputBuffer& out);
  /// The value of a draft, which is given up.
  [[nodiscard]] std::string take_data(const proto::Command& command, store::Draft draft);

  // ---- Everything else --------------------------------------------------------------------------

  [[nodiscard]] MultiGet multi_get(const proto::Command& command) const;
  /// The expiry of a gat as a client would write it, for another node.
  [[nodiscard]] std::int64_t exptime_of(const MultiGet& how) const;
  /// Looks up the keys in `keys` (each checked, space-separated) in order.
  [[nodiscard]] MultiGetStep multi_get(const MultiGet& how, Bytes keys, OutputBuffer& out);

  /// The script that has taken a command over; null: none, which is the rule.
  [[nodiscard]] const lua::Method* taken_over(proto::Verb verb) const;
  /// Lets it answer: go_on or waiting.
  [[nodiscard]] After run_taken_over(const proto::Command& command, const lua::Method& method,
                                     std::string data, OutputBuffer& out);

  /// `pipelined`: this connection has replies in its output already.
  [[nodiscard]] After execute(const proto::Command& command, bool pipelined, OutputBuffer& out,
                              Report& report);

 private:
  // classic_commands.cc
  [[nodiscard]] store::PutRule put_rule(const proto::Command& command) const;
  void reply_put(const proto::Command& command, store::PutResult& result, OutputBuffer& out);
  bool append_hit(const MultiGet& how, const store::Key& key, store::ItemView& item,
                  OutputBuffer& out);
  void append_value(const store::ItemView& item, OutputBuffer& out);
  void del(const proto::Command& command, OutputBuffer& out);
  void touch(const proto::Command& command, OutputBuffer& out);
  void arithmetic(const proto::Command& command, OutputBuffer& out);
  bool joins_too_much(const proto::Command& command);
  void count_cas(store::Outcome outcome);
  void count_arithmetic(bool increment, store::Outcome outcome);
  [[nodiscard]] std::uint64_t cas_of(store::ItemView& item);
  void observe_get(Bytes key, bool hit, std::uint64_t size);
  void observe_store(const proto::Command& command, store::Outcome outcome);
  void observe_delete(Bytes key, Bytes command, bool hit);

  // meta_commands.cc
  [[nodiscard]] store::PutRule meta_put_rule(const proto::Command& command) const;
  void reply_meta_put(const proto::Command& command, store::PutResult& result, OutputBuffer& out);
  [[nodiscard]] After meta_get(const proto::Command& command, OutputBuffer& out);
  /// The mg of another node whose client said get, gat or touch.
  void plain_get(const proto::Command& command, OutputBuffer& out);
  void meta_delete(const proto::Command& command, OutputBuffer& out);
  void meta_arithmetic(const proto::Command& command, OutputBuffer& out);
  void meta_debug(const proto::Command& command, OutputBuffer& out);
  [[nodiscard]] std::optional<store::Seconds> expiry_of(std::optional<std::int64_t> ttl) const;

  // virtual_keys.cc
  /// What `key` names; null: it is an ordinary key. `rest` becomes what follows TYPE:METHOD.
  [[nodiscard]] const lua::Method* method_of(Bytes key, Bytes& rest) const;
  [[nodiscard]] lua::Answer call(const lua::Method& method, Bytes rest, std::optional<Bytes> data,
                                 const lua::Caller& caller = {});
  /// What the other node that has sent a meta command says of whoever waits for it.
  [[nodiscard]] lua::Caller peer_caller() const;
  /// A key of `cluster:`, `rest` what follows that; `data` of an ms or set.
  [[nodiscard]] lua::Answer call_cluster(Bytes rest, std::optional<Bytes> data);
  /// Requires reply_room(). True: go on with the next key; else `why` says what is next.
  bool virtual_get(const MultiGet& how, Bytes key, const lua::Method& method, Bytes rest,
                   OutputBuffer& out, MultiGetStep::Why& why);
  [[nodiscard]] After virtual_meta_get(const proto::Command& command, const lua::Method& method,
                                       Bytes rest, OutputBuffer& out);
  [[nodiscard]] After virtual_put(const proto::Command& command, const lua::Method& method,
                                  Bytes rest, Bytes data, OutputBuffer& out);
  void reply_virtual_put(const proto::Command& command, const lua::Answer& answer,
                         OutputBuffer& out);
  /// The method that a set or ms calls; null for other storage commands and ordinary keys.
  [[nodiscard]] const lua::Method* method_of_put(const proto::Command& command, Bytes& rest) const;
  /// Text that goes to the client as it is.
  void append_raw(Bytes text, OutputBuffer& out);
  void append_text(Bytes text, OutputBuffer& out);
  void append_error(Bytes text, OutputBuffer& out);

  // transfer_commands.cc
  /// An mg of the Transfer; requires that it reads() the command.
  void transfer_get(const proto::Command& command, OutputBuffer& out);
  /// Whether a storage command is the Transfer's.
  [[nodiscard]] bool is_transfer(const proto::Command& command) const;
  void transfer_put(const proto::Command& command, Bytes data, OutputBuffer& out);

  // taken_over.cc
  void reply_taken_over(const proto::Command& command, const lua::Answer& answer,
                        OutputBuffer& out);
  void count_taken_over(const proto::Command& command, Bytes reply);
  void count_taken_over_get(const proto::Command& command, Bytes reply);

  // admin_commands.cc
  void flush_all(const proto::Command& command, OutputBuffer& out);
  void flush(std::int64_t exptime);
  /// What `cluster:flush:EXPTIME` does at a node that another one tells of a flush_all.
  [[nodiscard]] lua::Answer flush_for_peer(Bytes exptime);
  void verbosity(const proto::Command& command, OutputBuffer& out);
  void memory_limit(const proto::Command& command, OutputBuffer& out);
  [[nodiscard]] After stats(const proto::Command& command, OutputBuffer& out, Report& report);
  [[nodiscard]] After cachedump(Bytes class_word, Bytes limit_word, OutputBuffer& out,
                                Report& report);
  void stats_detail(Bytes word, OutputBuffer& out);
  [[nodiscard]] After crawler(const proto::Command& command, bool pipelined, OutputBuffer& out,
                              Report& report);
  /// The words of `lru_crawler metadump` or `mgdump`.
  struct Dump {
    bool metadump = false;
    Bytes classes;
    Bytes prefix;  ///< as sent; empty: every key
  };
  [[nodiscard]] After dump(const Dump& dump, bool pipelined, OutputBuffer& out, Report& report);
  [[nodiscard]] After watch(const proto::Command& command, bool pipelined, OutputBuffer& out);
  [[nodiscard]] After shutdown(const proto::Command& command, OutputBuffer& out);

  NodeState& node_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_DISPATCHER_H_
