// Goal: what reply_format writes, parse_reply reads: the two sides of the protocol agree.
// Method: random facts are written as a reply and read back, from a buffer of the exact size.

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/proto/reply_format.h"
#include "cacheismo/proto/reply_parser.h"
#include "cacheismo/proto/request_parser.h"

namespace cacheismo::proto {
namespace {

rc::Gen<char> key_byte() {
  return rc::gen::suchThat(rc::gen::arbitrary<char>(),
                           [](char c) { return c != ' ' && c != '\n' && c != '\r'; });
}

rc::Gen<std::string> some_key() {
  return rc::gen::suchThat(rc::gen::container<std::string>(key_byte()), [](const std::string& key) {
    return !key.empty() && key.size() <= limits::key_bytes_max;
  });
}

/// Reads `wire` back from its exact bytes; keeps them alive in `held`.
ReplyPart read_back(Bytes wire, std::vector<char>& held) {
  held.assign(wire.begin(), wire.end());
  ReplyPart part;
  const ReplyParsed parsed = parse_reply(Bytes(held.data(), held.size()), part);
  RC_ASSERT(parsed.kind == ReplyParsed::Kind::part);
  RC_ASSERT(parsed.consumed == wire.size());
  return part;
}

RC_GTEST_PROP(ReplyParser, ReadsTheValuesThatAreWritten, ()) {
  const std::string key = *some_key();
  const std::string value = *rc::gen::arbitrary<std::string>();
  const auto client_flags = *rc::gen::arbitrary<std::uint32_t>();
  std::optional<std::uint64_t> cas;
  if (*rc::gen::arbitrary<bool>()) cas = *rc::gen::arbitrary<std::uint64_t>();

  std::vector<char> buffer(value_header_bytes_max + value.size() + 2);
  char* end = put_value_header(buffer.data(), key, client_flags, value.size(), cas);
  end = put_crlf(put(end, value));

  std::vector<char> held;
  const ReplyPart part =
      read_back(Bytes(buffer.data(), static_cast<std::size_t>(end - buffer.data())), held);
  RC_ASSERT(part.word == ReplyWord::value);
  RC_ASSERT(part.key == key);
  RC_ASSERT(part.value == value);
  RC_ASSERT(part.client_flags == client_flags);
  RC_ASSERT(part.cas == cas);
}

RC_GTEST_PROP(ReplyParser, ReadsTheMetaFlagsThatAreWritten, ()) {
  const std::string key = *some_key();
  const std::string value = *rc::gen::arbitrary<std::string>();
  MetaFacts facts{.key = key, .value_bytes = value.size()};
  facts.cas = *rc::gen::arbitrary<std::uint64_t>();
  facts.client_flags = *rc::gen::arbitrary<std::uint32_t>();
  facts.ttl_seconds_before = *rc::gen::inRange<std::int64_t>(-1, 1u << 31);
  facts.stale = *rc::gen::arbitrary<bool>();

  RequestParser parser;
  RC_ASSERT(parser.parse("mg k t c v O12 f s k\n").kind == Parsed::Kind::command);
  std::vector<char> buffer(meta_line_bytes_max + value.size() + 2);
  char* end = put_meta_value_line(buffer.data(), parser.command().meta, MetaEcho::hit, facts);
  end = put_crlf(put(end, value));

  std::vector<char> held;
  const ReplyPart part =
      read_back(Bytes(buffer.data(), static_cast<std::size_t>(end - buffer.data())), held);
  RC_ASSERT(part.word == ReplyWord::meta_value);
  RC_ASSERT(part.value == value);
  RC_ASSERT(part.flag('t') == std::to_string(facts.ttl_seconds_before));
  RC_ASSERT(part.flag('c') == std::to_string(facts.cas));
  RC_ASSERT(part.flag('f') == std::to_string(facts.client_flags));
  RC_ASSERT(part.flag('s') == std::to_string(value.size()));
  RC_ASSERT(part.flag('O') == Bytes("12"));
  RC_ASSERT(part.flag('k') == Bytes(key));
  RC_ASSERT(part.flag('X').has_value() == facts.stale);
}

}  // namespace
}  // namespace cacheismo::proto
