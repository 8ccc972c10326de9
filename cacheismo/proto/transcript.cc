#include "cacheismo/proto/transcript.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "cacheismo/base/check.h"

namespace cacheismo::proto {
namespace {

/// One line of comma-separated fields.
class Fields {
 public:
  explicit Fields(int name) { number(static_cast<std::uint64_t>(name)); }
  void number(std::uint64_t value) { text_ += std::to_string(value) + ","; }
  void bytes(Bytes value) {
    text_ += value;
    text_ += ',';
  }
  template <class Number>
  void optional(const std::optional<Number>& value) {
    text_ += value ? std::to_string(*value) + "," : "none,";
  }
  [[nodiscard]] std::string line() && { return std::move(text_) + "\n"; }

 private:
  std::string text_;
};

void add_meta(const Meta& meta, Fields& fields) {
  fields.bytes(meta.encoded_key);
  for (const MetaFlag& flag : meta.all()) fields.bytes(flag.letter + std::string(flag.argument));
  fields.number(meta.letters);
  fields.number(static_cast<std::uint64_t>(meta.mode));
  fields.number(meta.client_flags);
  fields.optional(meta.ttl);
  fields.optional(meta.vivify);
  fields.optional(meta.recache);
  fields.optional(meta.compare_cas);
  fields.optional(meta.assign_cas);
  fields.number(meta.delta);
  fields.number(meta.initial);
  fields.number(meta.base64);
  fields.number(meta.quiet);
}

bool is_storage(Verb verb) { return verb == Verb::ms || (verb >= Verb::set && verb <= Verb::cas); }

bool is_meta(Verb verb) { return verb >= Verb::mg && verb != Verb::mn; }

/// Bytes in heap memory of exactly their size.
class ExactCopy {
 public:
  explicit ExactCopy(Bytes bytes) : memory_(new char[bytes.size()]), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), memory_.get());
  }
  [[nodiscard]] Bytes bytes() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t size_;
};

void check_within(Bytes view, Bytes bounds) {
  if (view.empty()) return;
  CHECK(std::less_equal<>()(bounds.data(), view.data()));
  CHECK(std::less_equal<>()(view.data() + view.size(), bounds.data() + bounds.size()));
}

void check_views(const RequestParser& parser, Bytes input) {
  const Command& command = parser.command();
  switch (command.verb) {
    case Verb::get:
    case Verb::gets:
    case Verb::gat:
    case Verb::gats: check_within(command.keys, input); return;
    case Verb::stats:
    case Verb::watch:
    case Verb::lru_crawler:
    case Verb::cache_memlimit:
    case Verb::shutdown: check_within(command.arguments, input); return;
    case Verb::version:
    case Verb::verbosity:
    case Verb::quit:
    case Verb::flush_all:
    case Verb::mn: return;
    default: break;
  }
  const bool decoded = is_meta(command.verb) && command.meta.base64;
  // A decoded key lies in the parser itself.
  const Bytes own(reinterpret_cast<const char*>(&parser), sizeof parser);
  check_within(command.key, decoded ? own : input);
  CHECK(!command.key.empty());
  CHECK_LE(command.key.size(), limits::key_bytes_max);
  if (!is_meta(command.verb)) return;
  check_within(command.meta.encoded_key, input);
  for (const MetaFlag& flag : command.meta.all()) check_within(flag.argument, input);
}

}  // namespace

std::string described(const Command& command) {
  Fields fields(static_cast<int>(command.verb));
  fields.number(command.noreply);
  switch (command.verb) {
    case Verb::gat:
    case Verb::gats: fields.number(static_cast<std::uint64_t>(command.exptime)); [[fallthrough]];
    case Verb::get:
    case Verb::gets: fields.bytes(command.keys); break;
    case Verb::cas: fields.number(command.cas); [[fallthrough]];
    case Verb::set:
    case Verb::add:
    case Verb::replace:
    case Verb::append:
    case Verb::prepend:
      fields.number(command.client_flags);
      fields.number(command.data_bytes);
      [[fallthrough]];
    case Verb::touch: fields.number(static_cast<std::uint64_t>(command.exptime)); [[fallthrough]];
    case Verb::del: fields.bytes(command.key); break;
    case Verb::incr:
    case Verb::decr: fields.bytes(command.key); [[fallthrough]];
    case Verb::verbosity: fields.number(command.delta); break;
    case Verb::flush_all: fields.number(static_cast<std::uint64_t>(command.exptime)); break;
    case Verb::ms: fields.number(command.data_bytes); [[fallthrough]];
    case Verb::mg:
    case Verb::md:
    case Verb::ma:
    case Verb::me:
      fields.bytes(command.key);
      add_meta(command.meta, fields);
      break;
    case Verb::version:
    case Verb::quit:
    case Verb::mn: break;
    case Verb::stats:
    case Verb::watch:
    case Verb::lru_crawler:
    case Verb::cache_memlimit:
    case Verb::shutdown: fields.bytes(command.arguments); break;
  }
  return std::move(fields).line();
}

std::string described(const ReplyPart& part) {
  Fields fields(static_cast<int>(part.word));
  fields.bytes(part.key);
  fields.bytes(part.value);
  fields.bytes(part.text);
  fields.bytes(part.flags);
  fields.number(part.client_flags);
  fields.optional(part.cas);
  fields.number(part.number);
  return std::move(fields).line();
}

void RequestTranscript::receive(Bytes bytes) {
  if (closed_) return;
  pending_ += bytes;
  while (!closed_ && step()) {
  }
}

void RequestTranscript::skip_block() {
  const auto gone = std::min<std::uint64_t>(skip_bytes_, pending_.size());
  pending_.erase(0, static_cast<std::size_t>(gone));
  skip_bytes_ -= gone;
}

bool RequestTranscript::step() {
  skip_block();
  if (skip_bytes_ > 0) return false;
  const ExactCopy input(pending_);
  const Parsed parsed = parser_.parse(input.bytes());
  if (parsed.kind == Parsed::Kind::need_more) return false;
  CHECK_LE(parsed.consumed, pending_.size());
  CHECK_GT(parsed.consumed, 0u);
  switch (parsed.kind) {
    case Parsed::Kind::hang_up: closed_ = true; break;
    case Parsed::Kind::reject:
      text_ +=
          "rejected " + std::to_string(parsed.swallow) + " " + std::string(parsed.reply) + "\n";
      skip_bytes_ = parsed.swallow;
      break;
    default:
      check_views(parser_, input.bytes().substr(0, parsed.consumed));
      text_ += described(parser_.command());
      if (is_storage(parser_.command().verb)) skip_bytes_ = parser_.command().data_bytes + 2;
  }
  pending_.erase(0, parsed.consumed);
  return true;
}

void ReplyTranscript::receive(Bytes bytes) {
  if (malformed_) return;
  pending_ += bytes;
  while (!malformed_ && step()) {
  }
}

bool ReplyTranscript::step() {
  const ExactCopy input(pending_);
  ReplyPart part;
  const ReplyParsed parsed = parse_reply(input.bytes(), part);
  if (parsed.kind == ReplyParsed::Kind::need_more) {
    CHECK_GT(parsed.wanted, pending_.size());
    return false;
  }
  if (parsed.kind == ReplyParsed::Kind::malformed) {
    malformed_ = true;
    return false;
  }
  CHECK_GT(parsed.consumed, 0u);
  CHECK_LE(parsed.consumed, pending_.size());
  const Bytes taken = input.bytes().substr(0, parsed.consumed);
  for (const Bytes view : {part.key, part.value, part.text, part.flags}) check_within(view, taken);
  text_ += described(part);
  pending_.erase(0, parsed.consumed);
  return true;
}

}  // namespace cacheismo::proto
