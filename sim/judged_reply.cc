#include "sim/judged_reply.h"

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {

using proto::ReplyPart;
using proto::ReplyWord;

namespace {

constexpr Bytes no_memory_text = "out of memory storing object";
constexpr Bytes no_memory_of_script_text = ": out of memory storing the object id=";

}  // namespace

Verdict verdict_of(const ReplyPart& part) {
  switch (part.word) {
    case ReplyWord::end:
    case ReplyWord::meta_value: return Verdict::values;
    case ReplyWord::stored:
    case ReplyWord::deleted:
    case ReplyWord::touched:
    case ReplyWord::ok:
    case ReplyWord::version:
    case ReplyWord::meta_hit:
    case ReplyWord::meta_noop: return Verdict::done;
    case ReplyWord::number: return Verdict::number;
    case ReplyWord::not_stored:
    case ReplyWord::meta_not_stored: return Verdict::not_stored;
    case ReplyWord::exists:
    case ReplyWord::meta_exists: return Verdict::exists;
    case ReplyWord::not_found:
    case ReplyWord::meta_not_found:
    case ReplyWord::meta_miss: return Verdict::not_found;
    case ReplyWord::server_error:
      return part.text.starts_with(no_memory_text) ||
                     part.text.find(no_memory_of_script_text) != Bytes::npos
                 ? Verdict::no_memory
                 : Verdict::other;
    default: return Verdict::other;
  }
}

}  // namespace cacheismo::sim
