// Goal: the parser's answers depend on the bytes alone, never on how they were cut.
// Method: a stream of request lines, good and odd, goes through a small reader (what a connection
// does with the parser) whole, byte by byte and in random cuts, and gives the same transcript;
// every view lies within the bytes that were parsed. The bytes handed over are copied to buffers of
// exactly their size, so that a sanitizer sees any look beyond them.

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/request_parser.h"
#include "cacheismo/proto/transcript.h"

namespace cacheismo::proto {
namespace {

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

  RequestTranscript whole;
  whole.receive(stream);

  RequestTranscript single_bytes;
  for (const char& c : stream) single_bytes.receive(Bytes(&c, 1));
  RC_ASSERT(single_bytes.text() == whole.text());
  RC_ASSERT(single_bytes.closed() == whole.closed());

  RequestTranscript pieces;
  for (std::size_t at = 0; at < stream.size();) {
    const auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 40));
    pieces.receive(Bytes(stream).substr(at, size));
    at += size;
  }
  RC_ASSERT(pieces.text() == whole.text());
  RC_ASSERT(pieces.closed() == whole.closed());
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
  if (a.kind == Parsed::Kind::command)
    RC_ASSERT(described(alone.command()) == described(followed.command()));
}

RC_GTEST_PROP(RequestParser, AMultiGetIsRefusedExactlyIfAKeyIsTooLong, ()) {
  std::string line = "get";
  bool fits = true;
  const auto lengths = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(
      rc::gen::oneOf(rc::gen::inRange(1, 30), rc::gen::inRange(240, 260))));
  for (const int length : lengths) {
    fits = fits && length <= static_cast<int>(limits::key_bytes_max);
    line += std::string(static_cast<std::size_t>(*rc::gen::inRange(1, 4)), ' ');
    line += std::string(static_cast<std::size_t>(length), 'k');
  }
  line += "\r\n";
  RequestParser parser;
  RC_ASSERT((parser.parse(line).kind == Parsed::Kind::command) == fits);
  KeyCursor keys(parser.command().keys);
  for (const int length : lengths)
    if (fits) RC_ASSERT(keys.next().size() == static_cast<std::size_t>(length));
}

}  // namespace
}  // namespace cacheismo::proto
