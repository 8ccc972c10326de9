#include "sim/conversation/player.h"

#include <map>

namespace cacheismo::conversation {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Player {
 public:
  explicit Player(Clients& clients) : clients_(clients) {}

  std::optional<std::string> play(const Situation& situation) {
    for (const Step& step : situation.steps) {
      if (!play(step)) return "line " + std::to_string(step.line) + ": " + error_;
    }
    for (const auto& [name, state] : open_) {
      if (state != State::ready) continue;
      if (!probe(name)) return "at the end, [" + name + "]: " + error_;
    }
    return clients_.finish();
  }

 private:
  enum class State : std::uint8_t { ready, waiting, over };

  bool fail(std::string why) {
    error_ = std::move(why);
    return false;
  }

  bool play(const Step& step) {
    const std::string& name = step.connection;
    switch (step.kind) {
      case Step::Kind::send: {
        std::string bytes;
        for (const Piece& piece : step.pieces) {
          const auto text = spell(piece);
          if (!text) return false;
          bytes += *text;
        }
        open_[name] = State::ready;
        clients_.send(name, bytes);
        return true;
      }
      case Step::Kind::expect: return expect(name, step.pieces);
      case Step::Kind::advance:
        return clients_.advance(step.time) || fail("time does not pass here at will");
      case Step::Kind::silent: return probe(name);
      case Step::Kind::waiting:
        open_[name] = State::waiting;
        return !has_bytes(name) || fail("expected no reply, got " + got_until_now(name));
      case Step::Kind::closed: return closed(name);
      case Step::Kind::close:
        open_[name] = State::over;
        clients_.close(name);
        return true;
      case Step::Kind::reset:
        open_[name] = State::over;
        clients_.reset(name);
        return true;
    }
    return false;
  }

  /// What a piece stands for when it is sent.
  std::optional<std::string> spell(const Piece& piece) {
    switch (piece.kind) {
      case Piece::Kind::literal: return piece.text;
      case Piece::Kind::now: return std::to_string(clients_.unix_seconds() + piece.offset_seconds);
      case Piece::Kind::line: break;
      case Piece::Kind::number:
        if (const auto known = numbers_.find(piece.text); known != numbers_.end())
          return known->second;
    }
    (void)fail("{" + piece.text + "} is not known yet");
    return std::nullopt;
  }

  bool expect(const std::string& name, const std::vector<Piece>& pieces) {
    got_.clear();
    for (const Piece& piece : pieces) {
      const bool fine = piece.kind == Piece::Kind::number && !numbers_.contains(piece.text)
                            ? expect_number(name, piece)
                        : piece.kind == Piece::Kind::line ? expect_line(name)
                                                          : expect_literal(name, piece);
      if (!fine) return false;
    }
    return true;
  }

  bool expect_literal(const std::string& name, const Piece& piece) {
    const auto text = spell(piece);
    if (!text) return false;
    std::size_t matched = 0;
    while (matched < text->size()) {
      const Read read = read_some(name, text->size() - matched);
      got_ += read.bytes;
      const bool same = Bytes(*text).substr(matched).starts_with(read.bytes);
      if (read.kind != Read::Kind::bytes || !same)
        return fail("expected " + printable(Bytes(*text).substr(matched)) + " but got " +
                    outcome(read) + " (of this step: " + printable(got_) + got_until_now(name) +
                    ")");
      matched += read.bytes.size();
    }
    return true;
  }

  bool expect_number(const std::string& name, const Piece& piece) {
    std::string digits;
    const auto end = read_while(name, digits, is_digit);
    if (!end) return false;
    if (digits.empty()) return fail("expected a number but got " + printable(got_));
    if (!piece.text.empty()) numbers_[piece.text] = digits;
    return true;
  }

  bool expect_line(const std::string& name) {
    std::string ignored;
    return read_while(name, ignored, [](char c) { return c != '\r' && c != '\n'; }).has_value();
  }

  /// Reads one byte at a time while they fit, and pushes back the one that does not.
  template <class Fits>
  std::optional<char> read_while(const std::string& name, std::string& into, Fits fits) {
    for (;;) {
      const Read read = read_some(name, 1);
      if (read.kind != Read::Kind::bytes) {
        (void)fail("the reply ends too early: " + outcome(read) + " after " + printable(got_));
        return std::nullopt;
      }
      const char c = read.bytes[0];
      if (!fits(c)) {
        peeked_[name] = c;
        return c;
      }
      got_ += c;
      into += c;
    }
  }

  Read read_some(const std::string& name, std::size_t bytes_max) {
    const auto peeked = peeked_.find(name);
    if (peeked == peeked_.end()) return clients_.read(name, bytes_max);
    Read read{Read::Kind::bytes, std::string(1, peeked->second)};
    peeked_.erase(peeked);
    return read;
  }

  bool has_bytes(const std::string& name) {
    return peeked_.contains(name) || clients_.has_bytes(name);
  }

  bool closed(const std::string& name) {
    open_[name] = State::over;
    const Read read = read_some(name, 4096);
    return read.kind == Read::Kind::eof || read.kind == Read::Kind::reset ||
           fail("expected the server to close but got " + outcome(read));
  }

  bool probe(const std::string& name) {
    if (has_bytes(name)) return fail("expected no further reply, got " + got_until_now(name));
    clients_.send(name, "mn\r\n");
    return expect(name, {{Piece::Kind::literal, "MN\r\n", 0}}) ||
           fail("silence was expected; a probe with mn: " + error_);
  }

  static std::string outcome(const Read& read) {
    switch (read.kind) {
      case Read::Kind::bytes: return printable(read.bytes);
      case Read::Kind::eof: return "a close";
      case Read::Kind::reset: return "a reset";
      case Read::Kind::nothing: break;
    }
    return "nothing";
  }

  /// What else has come, for messages.
  std::string got_until_now(const std::string& name) {
    std::string text;
    while (has_bytes(name)) {
      const Read read = read_some(name, 4096);
      if (read.kind != Read::Kind::bytes) break;
      text += read.bytes;
    }
    return printable(text);
  }

  Clients& clients_;
  std::string error_;
  std::string got_;  // by the step that is being played
  std::map<std::string, State> open_;
  std::map<std::string, std::string> numbers_;
  std::map<std::string, char> peeked_;  // read, but not yet wanted
};

}  // namespace

std::optional<std::string> play(const Situation& situation, Clients& clients) {
  return Player(clients).play(situation);
}

}  // namespace cacheismo::conversation
