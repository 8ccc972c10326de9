#include "bench/hitrate/wire.h"

#include <charconv>
#include <optional>

#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {
namespace {

/// A line that has not ended within this many bytes is no reply: the longest, `VALUE` with a key of
/// 250 bytes and two numbers, stays under 300.
constexpr std::size_t line_bytes_max = 1024;

void append_number(std::uint64_t number, std::string& out) {
  char digits[20];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof(digits), number);
  out.append(digits, end.ptr);
}

void append_bulk(Bytes bytes, std::string& out) {
  out += '$';
  append_number(bytes.size(), out);
  out += "\r\n";
  out += bytes;
  out += "\r\n";
}

std::optional<std::uint64_t> number_of(Bytes text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Reply broken(Bytes line) { return {.kind = Reply::Kind::broken, .consumed = 0, .value = line}; }

/// A hit whose value of `bytes` follows the line of `head` bytes, and `tail` follows the value.
Reply hit(Bytes input, std::size_t head, std::optional<std::uint64_t> bytes, Bytes tail,
          Bytes key) {
  if (!bytes || *bytes > limits::item_bytes_max) return broken(input.substr(0, head));
  const std::size_t whole = head + *bytes + tail.size();
  if (input.size() < whole) return {};
  if (input.substr(head + *bytes, tail.size()) != tail) return broken(input.substr(0, head));
  return {
      .kind = Reply::Kind::hit, .consumed = whole, .key = key, .value = input.substr(head, *bytes)};
}

Reply read_classic(Op op, Bytes input, Bytes line) {
  const std::size_t head = line.size() + 2;
  if (line == "ERROR" || line.starts_with("SERVER_ERROR") || line.starts_with("CLIENT_ERROR")) {
    return {.kind = Reply::Kind::refused, .consumed = head, .value = line};
  }
  switch (op) {
    case Op::set:
      return line == "STORED" ? Reply{.kind = Reply::Kind::done, .consumed = head} : broken(line);
    case Op::remove:
      return line == "DELETED" || line == "NOT_FOUND"
                 ? Reply{.kind = Reply::Kind::done, .consumed = head}
                 : broken(line);
    case Op::get: break;
  }
  if (line == "END") return {.kind = Reply::Kind::miss, .consumed = head};
  constexpr Bytes start = "VALUE ";
  if (!line.starts_with(start)) return broken(line);
  const Bytes words = line.substr(start.size());
  const std::size_t space = words.find(" 0 ");
  if (space == Bytes::npos) return broken(line);
  return hit(input, head, number_of(words.substr(space + 3)), "\r\nEND\r\n",
             words.substr(0, space));
}

Reply read_redis(Op op, Bytes input, Bytes line) {
  const std::size_t head = line.size() + 2;
  if (line.starts_with('-')) {
    return {.kind = Reply::Kind::refused, .consumed = head, .value = line};
  }
  switch (op) {
    case Op::set:
      return line == "+OK" ? Reply{.kind = Reply::Kind::done, .consumed = head} : broken(line);
    case Op::remove:
      return line == ":1" || line == ":0" ? Reply{.kind = Reply::Kind::done, .consumed = head}
                                          : broken(line);
    case Op::get: break;
  }
  if (line == "$-1") return {.kind = Reply::Kind::miss, .consumed = head};
  if (!line.starts_with('$')) return broken(line);
  return hit(input, head, number_of(line.substr(1)), "\r\n", {});
}

}  // namespace

void append_get(Protocol protocol, Bytes key, std::string& out) {
  if (protocol == Protocol::classic) {
    out += "get ";
    out += key;
    out += "\r\n";
  } else {
    out += "*2\r\n$3\r\nGET\r\n";
    append_bulk(key, out);
  }
}

void append_set(Protocol protocol, Bytes key, Bytes value, std::uint32_t ttl_seconds,
                std::string& out) {
  if (protocol == Protocol::classic) {
    out += "set ";
    out += key;
    out += " 0 ";
    append_number(ttl_seconds, out);
    out += ' ';
    append_number(value.size(), out);
    out += "\r\n";
    out += value;
    out += "\r\n";
    return;
  }
  out += ttl_seconds == 0 ? "*3\r\n$3\r\nSET\r\n" : "*5\r\n$3\r\nSET\r\n";
  append_bulk(key, out);
  append_bulk(value, out);
  if (ttl_seconds == 0) return;
  out += "$2\r\nEX\r\n";
  std::string digits;
  append_number(ttl_seconds, digits);
  append_bulk(digits, out);
}

void append_delete(Protocol protocol, Bytes key, std::string& out) {
  if (protocol == Protocol::classic) {
    out += "delete ";
    out += key;
    out += "\r\n";
  } else {
    out += "*2\r\n$3\r\nDEL\r\n";
    append_bulk(key, out);
  }
}

Reply read_reply(Protocol protocol, Op op, Bytes input) {
  const std::size_t end = input.find('\n');
  if (end == Bytes::npos) return input.size() > line_bytes_max ? broken(input) : Reply{};
  if (end == 0 || input[end - 1] != '\r') return broken(input.substr(0, end));
  const Bytes line = input.substr(0, end - 1);
  return protocol == Protocol::classic ? read_classic(op, input, line)
                                       : read_redis(op, input, line);
}

}  // namespace cacheismo::hitrate
