// Forward: one client's request as another node is asked it, and that node's reply as the client
// expects it.
//
//   get user:7            --> mg user:7 v f k O27 P1.0.7.1000.p
//   VALUE user:7 0 2      <-- VA 2 f0 kuser:7 O27
//
//   client's                 asked                                  answered
//   get gets gat gats        mg v f, c of gets, T of gat            VALUE block, or nothing
//   set add replace append   ms F T, M of all but set               STORED, NOT_STORED
//     prepend
//   cas                      ms F T C                               STORED, EXISTS, NOT_FOUND
//   delete                   md                                     DELETED, NOT_FOUND
//   incr decr                ma v D, M of decr                      the number, NOT_FOUND
//   touch                    mg T                                   TOUCHED, NOT_FOUND
//   mg ms md ma me           as they are, without q                 the same, with the client's O
//
//  1. Every request has a reply: a silent one is asked aloud, and its reply is dropped here.
//  2. Every reply that memcached gives a name can be told by key and opaque: `k` and `O` are asked
//     for, and taken out again where the client had not.
//  3. Lines of error pass as they are.
//
// What it is not: it knows no ring and no connection.

#ifndef CACHEISMO_CLUSTER_FORWARD_H_
#define CACHEISMO_CLUSTER_FORWARD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/hop.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::cluster {

/// How the reply of a forwarded request becomes the client's.
struct Forward {
  enum class Shape : std::uint8_t {
    value,    ///< get and its kin: a block or nothing; END is the caller's
    stored,   ///< storage commands
    deleted,  ///< delete
    number,   ///< incr, decr
    touched,  ///< touch
    meta,     ///< a status, filtered
    nothing,  ///< only what went wrong is said
  };
  Shape shape = Shape::value;
  proto::Verb verb = proto::Verb::get;
  bool silent = false;      ///< noreply: nothing is ever said
  bool quiet = false;       ///< meta `q`: the ordinary outcome is not said
  bool with_cas = false;    ///< gets, gats
  bool wants_key = false;   ///< meta `k`
  bool read_only = false;   ///< asking twice does no harm
  bool base64 = false;      ///< meta `b`
  bool has_opaque = false;  ///< meta `O`
  std::string opaque;       ///< its argument
  std::string key;          ///< as it was sent: encoded where the request says `b`
};

/// What the asking side has to say beside the command.
struct ForwardOptions {
  std::uint32_t opaque = 0;
  Hop hop;
};

/// What a get of one key asks for beside the value.
struct ForwardGet {
  bool with_cas = false;
  std::optional<std::int64_t> touch;  ///< gat: the new expiry, as the client wrote it
};

/// Appends the request for one key of a get, gets, gat or gats.
[[nodiscard]] Forward forward_get(Bytes key, const ForwardGet& how, const ForwardOptions& options,
                                  std::string& request);

/// Appends the request for any other command that names a key. `data` is that of a command with a
/// data block. nullopt: it has more meta flags than can be passed on.
[[nodiscard]] std::optional<Forward> forward_command(const proto::Command& command, Bytes data,
                                                     const ForwardOptions& options,
                                                     std::string& request);

/// Appends the request for a virtual key whose answer says only whether something went wrong.
[[nodiscard]] Forward forward_order(Bytes key, const ForwardOptions& options, std::string& request);

/// Appends the request to delete what a storage command names, whose outcome nobody asks about.
[[nodiscard]] Forward forward_removal(const proto::Command& command, const ForwardOptions& options,
                                      std::string& request);

/// Appends what a request to another node ends with, ` k O27 P1.0.7.1000` and the end of its line.
void append_envelope(const ForwardOptions& options, std::string& request);

/// Writes another opaque into a request made by either of the two.
void replace_opaque(std::string& request, std::uint32_t opaque);

/// Whether a node has refused the request as another's (hop.h).
[[nodiscard]] bool is_wrong_owner(const proto::ReplyPart& reply);

/// Appends what the client gets to see of a reply; perhaps nothing. False: no node answers such a
/// request so, and nothing was appended.
[[nodiscard]] bool append_reply(const Forward& forward, const proto::ReplyPart& reply,
                                std::string& out);

/// Appends `SERVER_ERROR text`, unless the client wants to hear nothing.
void append_failure(const Forward& forward, Bytes text, std::string& out);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_FORWARD_H_
