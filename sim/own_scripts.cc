#include "sim/own_scripts.h"

#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "cacheismo/base/limits.h"
#include "cacheismo/io/file.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t calls_bytes_max = 1 << 20;  // of one file: more than anybody types

/// `<N>` at the front of `text`, N of 1 or more; nullopt: it is something else.
std::optional<std::uint64_t> bound_at(Bytes text, std::size_t& bytes) {
  const std::size_t end = text.find('>');
  if (!text.starts_with('<') || end == Bytes::npos) return std::nullopt;
  std::uint64_t bound = 0;
  const auto read = std::from_chars(text.data() + 1, text.data() + end, bound);
  if (read.ec != std::errc() || read.ptr != text.data() + end || bound == 0) return std::nullopt;
  bytes = end + 1;
  return bound;
}

Result<void, std::string> check_line(Bytes line) {
  if (line.size() > 2000) return failure(std::string("longer than 2000 bytes"));
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) {
      return failure(std::string("a control character: write it as %0A and the like"));
    }
  }
  for (std::size_t at = line.find('<'); at != Bytes::npos; at = line.find('<', at + 1)) {
    std::size_t bytes = 0;
    if (!bound_at(line.substr(at), bytes)) {
      return failure(std::string("`<` begins a number to be drawn, as in <10>: write it as %3C"));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>, std::string> parse_calls(const std::string& name, Bytes text) {
  std::vector<std::string> calls;
  for (int number = 1; !text.empty(); number++) {
    const std::size_t end = text.find('\n');
    const Bytes line = text.substr(0, end);
    text = end == Bytes::npos ? Bytes{} : text.substr(end + 1);
    if (line.find_first_not_of(' ') == Bytes::npos || line.starts_with('#')) continue;
    if (const auto fine = check_line(line); !fine) {
      return failure(name + " line " + std::to_string(number) + ": " + fine.error());
    }
    calls.emplace_back(line);
  }
  return calls;
}

Result<OwnScripts, std::string> read_own_scripts(const std::string& directory) {
  const auto names = io::list_files(directory);
  if (!names) return failure(names.error());
  OwnScripts own;
  for (const std::string& name : *names) {
    const bool is_script = Bytes(name).ends_with(".lua");
    if (!is_script && !Bytes(name).ends_with(".calls")) continue;
    std::string path = directory;
    path += '/';
    path += name;
    auto text = io::read_file(path, is_script ? limits::script_bytes_max : calls_bytes_max);
    if (!text) return failure(text.error());
    if (is_script) {
      own.scripts.push_back({.name = name, .source = std::move(*text)});
      continue;
    }
    auto calls = parse_calls(path, *text);
    if (!calls) return failure(calls.error());
    std::move(calls->begin(), calls->end(), std::back_inserter(own.calls));
  }
  if (own.calls.empty()) {
    return failure(directory + ": no file whose name ends in .calls says what is called");
  }
  return own;
}

std::string drawn_call(Bytes line, Prng& chance) {
  std::string drawn;
  while (!line.empty()) {
    std::size_t bytes = 0;
    if (const auto bound = bound_at(line, bytes)) {
      drawn += std::to_string(chance.below(*bound));
      line = line.substr(bytes);
      continue;
    }
    drawn += line.front();
    line = line.substr(1);
  }
  return drawn;
}

}  // namespace cacheismo::sim
