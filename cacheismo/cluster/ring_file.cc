#include "cacheismo/cluster/ring_file.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/shown.h"

namespace cacheismo::cluster {
namespace {

using Outcome = Result<void, std::string>;

constexpr Bytes blanks = " \t\r";

/// Takes the first word off the line; empty: there is none.
Bytes next_word(Bytes& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const Bytes word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

/// Digits only: no sign, no blank, no overflow.
template <class Number>
std::optional<Number> number(Bytes word) {
  Number value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// ", not "x"" or ", and there is none".
std::string instead(Bytes word) {
  return word.empty() ? ", and there is none" : ", not " + shown(word);
}

template <class Number>
Result<Number, std::string> number_of(Bytes what, Bytes word) {
  const auto value = number<Number>(word);
  if (value) return *value;
  return failure(std::string(what) + " has to be a number up to " +
                 std::to_string(std::numeric_limits<Number>::max()) + instead(word));
}

/// HOST:PORT, the host in brackets if it has colons itself.
Outcome read_address(Bytes word, Member& member) {
  const std::string form = "the address has to be HOST:PORT or [IPV6]:PORT";
  const bool bracketed = word.starts_with('[');
  const std::size_t colon = bracketed ? word.find(']') + 1 : word.find(':');
  // Without a `]` the colon is looked for at 0, where the `[` is.
  if (colon >= word.size() || word[colon] != ':') return failure(form + instead(word));
  const Bytes host = bracketed ? word.substr(1, colon - 2) : word.substr(0, colon);
  const Bytes port = word.substr(colon + 1);
  if (bracketed != (host.find(':') != Bytes::npos) || port.find(':') != Bytes::npos)
    return failure(form + instead(word));
  const auto value = number_of<std::uint16_t>("the port", port);
  if (!value) return failure(value.error());
  member.host = host;
  member.port = *value;
  return {};
}

class Reader {
 public:
  Outcome read_line(std::size_t line_number, Bytes line) {
    line_number_ = line_number;
    line = line.substr(0, line.find('#'));
    const Bytes word = next_word(line);
    if (word.empty()) return {};
    if (word == "epoch") return read_epoch(line);
    if (word == "hashing") return read_hashing(line);
    if (word == "node") return read_node(line);
    return failure("a line begins with epoch, hashing or node" + instead(word));
  }

  [[nodiscard]] bool has_epoch() const { return epoch_line_ != 0; }
  [[nodiscard]] RingSpec take_spec() { return std::move(spec_); }

 private:
  Outcome read_epoch(Bytes line) {
    if (auto first = mark_once("epoch", epoch_line_); !first) return first;
    const auto value = number_of<std::uint64_t>("the epoch", next_word(line));
    if (!value) return failure(value.error());
    spec_.epoch = *value;
    return read_end(line);
  }

  Outcome read_hashing(Bytes line) {
    if (auto first = mark_once("hashing", hashing_line_); !first) return first;
    const Bytes word = next_word(line);
    const auto value = parse_hashing(word);
    if (!value) return failure("the hashing has to be ketama, rendezvous or jump" + instead(word));
    spec_.hashing = *value;
    return read_end(line);
  }

  Outcome read_node(Bytes line) {
    Member member;
    const Bytes name = next_word(line);
    if (name.empty()) return failure("a node needs a name: node NAME HOST:PORT");
    member.name = name;
    if (auto read = read_address(next_word(line), member); !read) return read;
    if (auto read = read_options(line, member); !read) return read;
    if (auto good = check_member(member); !good) return good;
    if (auto good = check_new(member); !good) return good;
    spec_.members.push_back(std::move(member));
    member_lines_.push_back(line_number_);
    return {};
  }

  static Outcome read_options(Bytes line, Member& member) {
    bool has_weight = false;
    bool has_state = false;
    for (Bytes word = next_word(line); !word.empty(); word = next_word(line)) {
      bool& seen = word == "weight" ? has_weight : has_state;
      if (word != "weight" && word != "state")
        return failure("behind the address come weight W and state S" + instead(word));
      if (seen) return failure("the node has " + std::string(word) + " twice");
      seen = true;
      const Bytes argument = next_word(line);
      if (word == "weight") {
        const auto weight = number_of<std::uint32_t>("the weight", argument);
        if (!weight) return failure(weight.error());
        member.weight = *weight;
      } else {
        const auto state = parse_member_state(argument);
        if (!state)
          return failure("the state has to be joining, active or leaving" + instead(argument));
        member.state = *state;
      }
    }
    return {};
  }

  [[nodiscard]] Outcome check_new(const Member& member) const {
    for (std::size_t n = 0; n < spec_.members.size(); ++n) {
      const Member& other = spec_.members[n];
      const std::string on_line = " already on line " + std::to_string(member_lines_[n]);
      if (other.name == member.name)
        return failure("a node " + shown(member.name) + " is" + on_line);
      if (other.host == member.host && other.port == member.port)
        return failure("node " + shown(other.name) + on_line + " has this address");
    }
    if (spec_.members.size() < limits::ring_members_max) return {};
    return failure("more than " + std::to_string(limits::ring_members_max) + " nodes");
  }

  Outcome mark_once(Bytes what, std::size_t& seen_on_line) const {
    if (seen_on_line != 0) {
      return failure("the " + std::string(what) + " is already on line " +
                     std::to_string(seen_on_line));
    }
    seen_on_line = line_number_;
    return {};
  }

  static Outcome read_end(Bytes line) {
    const Bytes word = next_word(line);
    if (word.empty()) return {};
    return failure("the line should end before " + shown(word));
  }

  RingSpec spec_;
  std::size_t line_number_ = 0;
  std::size_t epoch_line_ = 0;    // 0: none yet
  std::size_t hashing_line_ = 0;  // 0: none yet
  std::vector<std::size_t> member_lines_;
};

}  // namespace

Result<RingSpec, std::string> parse_ring_file(Bytes text) {
  const auto on_line = [](std::size_t n, const std::string& what) {
    return failure("line " + std::to_string(n) + ": " + what);
  };
  if (text.size() > limits::ring_file_bytes_max) {
    return on_line(1, "the file has " + std::to_string(text.size()) + " bytes, more than " +
                          std::to_string(limits::ring_file_bytes_max));
  }
  Reader reader;
  std::size_t line_number = 1;
  for (;; ++line_number) {
    const std::size_t end = text.find('\n');
    if (auto read = reader.read_line(line_number, text.substr(0, end)); !read)
      return on_line(line_number, read.error());
    if (end == Bytes::npos) break;
    text.remove_prefix(end + 1);
  }
  if (!reader.has_epoch())
    return on_line(line_number, "the file ends without an epoch: add a line like \"epoch 1\"");
  return reader.take_spec();
}

std::string print_ring_file(const RingSpec& spec) {
  std::string text = "epoch " + std::to_string(spec.epoch) + "\nhashing " +
                     std::string(to_string(spec.hashing)) + '\n';
  for (const Member& member : spec.members) {
    const bool has_colon = member.host.find(':') != std::string::npos;
    text += "node " + member.name + ' ';
    text += has_colon ? '[' + member.host + ']' : member.host;
    text += ':' + std::to_string(member.port);
    if (member.weight != 1) text += " weight " + std::to_string(member.weight);
    if (member.state != MemberState::active)
      text += " state " + std::string(to_string(member.state));
    text += '\n';
  }
  return text;
}

}  // namespace cacheismo::cluster
