// Transcripts: what a reader of a byte stream sees, as text that can be compared.
//
// The two classes do with the parsers what a connection does: keep what is not yet a whole request
// (or reply), parse it again when more has come, drop data blocks. Two transcripts of one stream
// are equal however the stream was cut; tests and fuzz targets rely on it. On the way they CHECK
// what the parsers promise: progress, nothing consumed that was not there, every view within the
// bytes that were parsed. Those bytes lie in heap memory of exactly their size, so that a sanitizer
// sees any look beyond them. For tests only.

#ifndef CACHEISMO_PROTO_TRANSCRIPT_H_
#define CACHEISMO_PROTO_TRANSCRIPT_H_

#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/proto/reply_parser.h"
#include "cacheismo/proto/request_parser.h"

namespace cacheismo::proto {

/// Every field that the verb of `command` has, on one line.
[[nodiscard]] std::string described(const Command& command);

/// Every field of `part`, on one line.
[[nodiscard]] std::string described(const ReplyPart& part);

class RequestTranscript {
 public:
  /// The next bytes of the stream. Ignored once closed().
  void receive(Bytes bytes);
  [[nodiscard]] const std::string& text() const { return text_; }
  /// The parser asked to hang up.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  bool step();
  void skip_block();

  RequestParser parser_;
  std::string pending_;
  std::string text_;
  std::uint64_t skip_bytes_ = 0;
  bool closed_ = false;
};

class ReplyTranscript {
 public:
  /// The next bytes of the stream. Ignored once malformed().
  void receive(Bytes bytes);
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  bool step();

  std::string pending_;
  std::string text_;
  bool malformed_ = false;
};

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_TRANSCRIPT_H_
