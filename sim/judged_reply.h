// JudgedReply: a whole reply, copied out of the receive buffer and reduced to what is judged.

#ifndef CACHEISMO_SIM_JUDGED_REPLY_H_
#define CACHEISMO_SIM_JUDGED_REPLY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::sim {

struct JudgedValue {
  std::string key;
  std::string value;
  std::uint32_t client_flags = 0;
  std::optional<std::uint64_t> cas;
};

/// Classic and meta words that mean the same are one.
enum class Verdict : std::uint8_t {
  values,      ///< VALUE ... END, or VA; none: a miss
  done,        ///< STORED, DELETED, TOUCHED, HD, OK, MN, VERSION
  number,      ///< of incr, decr, ma
  not_stored,  ///< NOT_STORED, NS
  exists,      ///< EXISTS, EX
  not_found,   ///< NOT_FOUND, NF, EN
  no_memory,   ///< SERVER_ERROR out of memory ...
  other,       ///< any other error, or a word that fits nothing
  silence,     ///< a silent request that said nothing
};

/// What the last part of a reply says.
[[nodiscard]] Verdict verdict_of(const proto::ReplyPart& part);

struct JudgedReply {
  Verdict verdict = Verdict::other;
  std::vector<JudgedValue> values;
  std::uint64_t number = 0;
  std::optional<std::uint64_t> cas;     ///< c of a meta reply
  std::optional<std::uint32_t> opaque;  ///< O of a meta reply
  std::string text;                     ///< of `other`
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_JUDGED_REPLY_H_
