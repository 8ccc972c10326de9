#include "bench/load/wire.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace cacheismo::load {
namespace {

/// A line that has not ended within this many bytes is no reply: the longest, `VALUE` with a key of
/// 250 bytes and three numbers, stays under 320.
constexpr std::size_t line_bytes_max = 1024;

/// No value of the generator is longer; a length above it is not waited for.
constexpr std::uint64_t value_bytes_max = std::uint64_t{1} << 31;

void append_number(std::uint64_t number, std::string& out) {
  char digits[20];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof(digits), number);
  out.append(digits, end.ptr);
}

void append_bulk_head(std::size_t bytes, std::string& out) {
  out += '$';
  append_number(bytes, out);
  out += "\r\n";
}

Step step(Step::Kind kind, std::size_t consumed, bool last, Bytes key = {}, Bytes value = {}) {
  return Step{.kind = kind, .last = last, .consumed = consumed, .key = key, .value = value};
}

Step broken(Bytes line) { return step(Step::Kind::broken, 0, true, {}, line); }

std::optional<std::uint64_t> number_of(Bytes text) {
  std::uint64_t number = 0;
  const std::from_chars_result end =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc{} || end.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

/// Cuts the next space-separated word off `rest`.
Bytes next_word(Bytes& rest) {
  const std::size_t space = rest.find(' ');
  const Bytes word = rest.substr(0, space);
  rest.remove_prefix(space == Bytes::npos ? rest.size() : space + 1);
  return word;
}

/// `text` as a command of its space-separated words.
void append_command(Bytes text, std::string& out) {
  out += '*';
  append_number(static_cast<std::uint64_t>(std::count(text.begin(), text.end(), ' ')) + 1, out);
  out += "\r\n";
  while (!text.empty()) {
    const Bytes word = next_word(text);
    append_bulk_head(word.size(), out);
    out += word;
    out += "\r\n";
  }
}

/// A value step for the `bytes` that follow `head` bytes of line, or need_more, or broken.
Step value_step(Bytes input, std::size_t head, std::uint64_t bytes, bool last, Bytes key) {
  if (bytes > value_bytes_max) return broken(input.substr(0, head));
  if (input.size() < head || input.size() - head < bytes + 2) return Step{};
  const Bytes value = input.substr(head, bytes);
  if (input.substr(head + bytes, 2) != "\r\n") return broken(input.substr(0, head));
  return step(Step::Kind::value, head + bytes + 2, last, key, value);
}

bool is_memcached_error(Bytes line) {
  return line == "ERROR" || line.starts_with("SERVER_ERROR") || line.starts_with("CLIENT_ERROR");
}

Step read_classic(const Expected& expected, Bytes input, Bytes line) {
  const std::size_t head = line.size() + 2;
  if (expected.operation == Operation::set) {
    if (line == "STORED") return step(Step::Kind::stored, head, true);
  } else if (line == "END") {
    return step(Step::Kind::end, head, true);
  } else if (line.starts_with("VALUE ")) {
    Bytes rest = line.substr(6);
    const Bytes key = next_word(rest);
    const Bytes flags = next_word(rest);
    const std::optional<std::uint64_t> bytes = number_of(next_word(rest));
    if (flags != "0" || !bytes) return broken(line);
    return value_step(input, head, *bytes, false, key);
  }
  if (is_memcached_error(line)) return step(Step::Kind::refused, head, true, {}, line);
  return broken(line);
}

Step read_meta(const Expected& expected, Bytes input, Bytes line) {
  const std::size_t head = line.size() + 2;
  if (expected.operation == Operation::set) {
    if (line == "HD") return step(Step::Kind::stored, head, true);
  } else if (line == "EN" && expected.keys == 1) {
    return step(Step::Kind::miss, head, true);
  } else if (line == "MN" && expected.keys > 1) {
    return step(Step::Kind::end, head, true);
  } else if (line.starts_with("VA ")) {
    Bytes rest = line.substr(3);
    const std::optional<std::uint64_t> bytes = number_of(next_word(rest));
    const Bytes flag = next_word(rest);
    if (!bytes || (!flag.empty() && flag[0] != 'k')) return broken(line);
    return value_step(input, head, *bytes, expected.keys == 1,
                      flag.empty() ? flag : flag.substr(1));
  }
  if (is_memcached_error(line)) return step(Step::Kind::refused, head, true, {}, line);
  return broken(line);
}

Step read_redis(const Expected& expected, Bytes input, Bytes line) {
  std::size_t head = line.size() + 2;
  if (line.starts_with('-')) return step(Step::Kind::refused, head, true, {}, line);
  if (expected.operation == Operation::set) {
    if (line == "+OK") return step(Step::Kind::stored, head, true);
    return broken(line);
  }
  if (expected.operation == Operation::call && (line.starts_with('+') || line.starts_with(':'))) {
    return step(Step::Kind::value, head, true, {}, line.substr(1));
  }
  if (expected.keys > 1 && expected.answered == 0) {
    if (!line.starts_with('*') || number_of(line.substr(1)) != expected.keys) return broken(line);
    const std::size_t end = input.find("\r\n", head);
    if (end == Bytes::npos) {
      return input.size() - head > line_bytes_max ? broken(line) : Step{};
    }
    line = input.substr(head, end - head);
    head = end + 2;
  }
  const bool last = expected.answered + 1 == expected.keys;
  if (line == "$-1") return step(Step::Kind::miss, head, last);
  if (!line.starts_with('$')) return broken(line);
  const std::optional<std::uint64_t> bytes = number_of(line.substr(1));
  if (!bytes) return broken(line);
  return value_step(input, head, *bytes, last, {});
}

}  // namespace

void append_get(Protocol protocol, const Dataset& dataset, std::span<const std::uint64_t> ids,
                std::string& out) {
  switch (protocol) {
    case Protocol::classic:
      out += "get";
      for (const std::uint64_t id : ids) {
        out += ' ';
        dataset.append_key(id, out);
      }
      out += "\r\n";
      return;
    case Protocol::meta:
      for (const std::uint64_t id : ids) {
        out += "mg ";
        dataset.append_key(id, out);
        out += ids.size() == 1 ? " v\r\n" : " v k q\r\n";
      }
      if (ids.size() > 1) out += "mn\r\n";
      return;
    case Protocol::redis:
      out += '*';
      append_number(ids.size() + 1, out);
      out += ids.size() == 1 ? "\r\n$3\r\nGET\r\n" : "\r\n$4\r\nMGET\r\n";
      for (const std::uint64_t id : ids) {
        append_bulk_head(dataset.options().key_bytes, out);
        dataset.append_key(id, out);
        out += "\r\n";
      }
      return;
  }
}

void append_set(Protocol protocol, const Dataset& dataset, std::uint64_t id, std::string& out) {
  const Bytes value = dataset.value(id);
  switch (protocol) {
    case Protocol::classic:
      out += "set ";
      dataset.append_key(id, out);
      out += " 0 0 ";
      append_number(value.size(), out);
      out += "\r\n";
      break;
    case Protocol::meta:
      out += "ms ";
      dataset.append_key(id, out);
      out += ' ';
      append_number(value.size(), out);
      out += "\r\n";
      break;
    case Protocol::redis:
      out += "*3\r\n$3\r\nSET\r\n";
      append_bulk_head(dataset.options().key_bytes, out);
      dataset.append_key(id, out);
      out += "\r\n";
      append_bulk_head(value.size(), out);
      break;
  }
  out += value;
  out += "\r\n";
}

void append_call(Protocol protocol, const Dataset& dataset, const Call& call, std::uint64_t id,
                 std::string& out) {
  switch (protocol) {
    case Protocol::classic:
      out += "get ";
      call.append_request(dataset, id, out);
      out += "\r\n";
      return;
    case Protocol::meta:
      out += "mg ";
      call.append_request(dataset, id, out);
      out += " v\r\n";
      return;
    case Protocol::redis: {
      std::string text;
      call.append_request(dataset, id, text);
      append_command(text, out);
      return;
    }
  }
}

Step read_step(Protocol protocol, const Expected& expected, Bytes input) {
  const std::size_t end = input.find('\n');
  if (end == Bytes::npos) return input.size() > line_bytes_max ? broken(input) : Step{};
  if (end == 0 || input[end - 1] != '\r') return broken(input.substr(0, end));
  const Bytes line = input.substr(0, end - 1);
  switch (protocol) {
    case Protocol::classic: return read_classic(expected, input, line);
    case Protocol::meta: return read_meta(expected, input, line);
    case Protocol::redis: return read_redis(expected, input, line);
  }
  return broken(line);
}

}  // namespace cacheismo::load
