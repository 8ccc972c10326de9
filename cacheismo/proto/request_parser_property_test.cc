// Goal: the parser's answers depend on the bytes alone, never on how they were cut.
// Method: a stream of request lines, good and odd, goes through a small reader (what a connection
// does with the parser) whole, byte by byte and in random cuts, and gives the same transcript;
// every view lies within the bytes that were parsed. The bytes handed over are copied to buffers of
// exactly their size, so that a sanitizer sees any look beyond them.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/proto/request_parser.h"

namespace cacheismo::proto {
namespace {

using Kind = Parsed::Kind;

/// Everything a node could see in a command.
std::string described(const Command& command) {
  const Meta& meta = command.meta;
  std::string text = std::to_string(static_cast<int>(command.verb)) + ":";
  const auto number = [&text](std::uint64_t value) { text += std::to_string(value) + ","; };
  const auto bytes = [&text](Bytes value) { text += std::string(value) + ","; };
  number(command.noreply);
  switch (command.verb) {
    case Verb::gat:
    case Verb::gats: number(static_cast<std::uint64_t>(command.exptime)); [[fallthrough]];
    case Verb::get:
    case Verb::gets: bytes(command.keys); break;
    case Verb::cas: number(command.cas); [[fallthrough]];
    case Verb::set:
    case Verb::add:
    case Verb::replace:
    case Verb::append:
    case Verb::prepend:
      number(command.client_flags);
      number(command.data_bytes);
      [[fallthrough]];
    case Verb::touch: number(static_cast<std::uint64_t>(command.exptime)); [[fallthrough]];
    case Verb::del: bytes(command.key); break;
    case Verb::incr:
    case Verb::decr: bytes(command.key); [[fallthrough]];
    case Verb::verbosity: number(command.delta); break;
    case Verb::flush_all: number(static_cast<std::uint64_t>(command.exptime)); break;
    case Verb::ms: number(command.data_bytes); [[fallthrough]];
    case Verb::mg:
    case Verb::md:
    case Verb::ma:
    case Verb::me:
      bytes(command.key);
      bytes(meta.encoded_key);
      for (const MetaFlag& flag : meta.all()) bytes(flag.letter + std::string(flag.argument));
      number(meta.letters);
      number(static_cast<std::uint64_t>(meta.mode));
      number(static_cast<std::uint64_t>(meta.ttl.value_or(-77)));
      number(static_cast<std::uint64_t>(meta.vivify.value_or(-77)));
      number(static_cast<std::uint64_t>(meta.recache.value_or(-77)));
      number(meta.compare_cas.value_or(77));
      number(meta.assign_cas.value_or(77));
      number(meta.client_flags);
      number(meta.delta);
      number(meta.initial);
      number(meta.base64 * 2u + meta.quiet);
      break;
    case Verb::version:
    case Verb::quit:
    case Verb::mn: break;
    case Verb::stats:
    case Verb::watch:
    case Verb::lru_crawler:
    case Verb::cache_memlimit:
    case Verb::shutdown: bytes(command.arguments); break;
  }
  return text + "\n";
}

bool is_storage(Verb verb) { return verb == Verb::ms || (verb >= Verb::set && verb <= Verb::cas); }

/// What a connection does with the parser, without a node behind it.
class Reader {
 public:
  void receive(Bytes bytes) {
    pending_ += bytes;
    while (!closed_ && step()) {
    }
  }
  [[nodiscard]] const std::string& transcript() const { return transcript_; }

 private:
  bool step() {
    if (skip_ > 0) {
      const auto gone = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, pending_.size()));
      pending_.erase(0, gone);
      skip_ -= gone;
      if (skip_ > 0) return false;
    }
    const std::vector<char> exact(pending_.begin(), pending_.end());
    const Parsed parsed = parser_.parse(Bytes(exact.data(), exact.size()));
    if (parsed.kind == Kind::need_more) return false;
    RC_ASSERT(parsed.consumed <= exact.size());
    if (parsed.kind == Kind::hang_up) {
      closed_ = true;
      transcript_ += "closed\n";
      return false;
    }
    RC_ASSERT(parsed.consumed > 0u);
    if (parsed.kind == Kind::command) {
      transcript_ += described(parser_.command());
      if (is_storage(parser_.command().verb)) skip_ = parser_.command().data_bytes + 2;
    } else {
      transcript_ += "rejected " + std::to_string(parsed.swallow) + " " + std::string(parsed.reply);
      skip_ = parsed.swallow;
    }
    pending_.erase(0, parsed.consumed);
    return true;
  }

  RequestParser parser_;
  std::string pending_;
  std::string transcript_;
  std::uint64_t skip_ = 0;
  bool closed_ = false;
};

const std::vector<std::string>& words() {
  static const std::vector<std::string> list = {
      "get",    "gets",   "gat",     "gats",      "set",      "add",         "cas",
      "append", "delete", "prepend", "replace",   "incr",     "decr",        "touch",
      "mg",     "ms",     "md",      "ma",        "me",       "mn",          "stats",
      "watch",  "quit",   "version", "verbosity", "shutdown", "lru_crawler", "cache_memlimit",
      "bogus",  "",       "HTTP/1.1"};
  return list;
}

const std::vector<std::string>& arguments() {
  static const std::vector<std::string> list = {"a",       "key",  "Zm9v",
                                                "0",       "1",    "2",
                                                "30",      "-1",   "4294967296",
                                                "noreply", "b",    "k",
                                                "v",       "q",    "t",
                                                "T30",     "N5",   "C7",
                                                "E9",      "F3",   "MA",
                                                "MS",      "MI",   "D5",
                                                "J10",     "Oxy",  "I",
                                                "x",       "x\ty", "HTTP/1.0",
                                                "\r",      "=",    "P1",
                                                "L2",      "M",    "all",
                                                "+005",    "0x1",  std::string(251, 'k')};
  return list;
}

rc::Gen<std::string> request() {
  return rc::gen::exec([] {
    std::string line = *rc::gen::elementOf(words());
    const int count = *rc::gen::inRange(0, 7);
    for (int i = 0; i < count; ++i) {
      line += std::string(static_cast<std::size_t>(*rc::gen::inRange(1, 3)), ' ');
      line += *rc::gen::elementOf(arguments());
    }
    line += *rc::gen::element<std::string>("\r\n", "\n", " \r\n");
    if (*rc::gen::inRange(0, 3) == 0) line += "data\r\n";
    return line;
  });
}

RC_GTEST_PROP(RequestParser, AnyCutOfAStreamGivesTheSameCommands, ()) {
  std::string stream;
  for (const std::string& line : *rc::gen::container<std::vector<std::string>>(request()))
    stream += line;

  Reader whole;
  whole.receive(stream);

  Reader single_bytes;
  for (const char& c : stream) single_bytes.receive(Bytes(&c, 1));
  RC_ASSERT(single_bytes.transcript() == whole.transcript());

  Reader pieces;
  for (std::size_t at = 0; at < stream.size();) {
    const auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 40));
    pieces.receive(Bytes(stream).substr(at, size));
    at += size;
  }
  RC_ASSERT(pieces.transcript() == whole.transcript());
}

RC_GTEST_PROP(RequestParser, BytesBehindALineDoNotChangeItsMeaning, ()) {
  const std::string line = *request();
  const std::string behind = *rc::gen::arbitrary<std::string>();
  const std::size_t end = line.find('\n') + 1;
  RequestParser alone;
  RequestParser followed;
  const Parsed a = alone.parse(Bytes(line).substr(0, end));
  const std::string longer = line.substr(0, end) + behind;
  const Parsed b = followed.parse(longer);
  RC_ASSERT(a.kind == b.kind);
  RC_ASSERT(a.consumed == b.consumed);
  RC_ASSERT(a.swallow == b.swallow);
  RC_ASSERT(a.reply == b.reply);
  if (a.kind == Kind::command)
    RC_ASSERT(described(alone.command()) == described(followed.command()));
}

}  // namespace
}  // namespace cacheismo::proto
