// The verbs: cacheismo check DIR, cacheismo test DIR, cacheismo copy FROM TO.

#include <optional>
#include <utility>

#include "cacheismo/flag_values.h"
#include "cacheismo/flags.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo {
namespace {

constexpr std::uint64_t default_port = 11211;
constexpr std::uint64_t passes_max = 1000;

Result<std::pair<std::string, std::uint16_t>, std::string> parse_node(Bytes text) {
  const HostPort split = split_host_port(text);
  const auto port =
      split.port.empty() ? std::optional(default_port) : proto::parse_unsigned(split.port);
  if (!split.valid || split.host.empty() || !port || *port == 0 || *port > 65535)
    return failure("copy wants nodes as host:port, not \"" + std::string(text) + '"');
  return std::pair(std::string(split.host), static_cast<std::uint16_t>(*port));
}

Result<Options, std::string> parse_copy(std::span<const char* const> arguments) {
  Options options;
  options.action = Action::copy;
  CopyOptions& copy = options.copy;
  std::size_t nodes = 0;
  for (const Bytes word : arguments.subspan(2)) {
    constexpr Bytes passes = "--passes=";
    constexpr Bytes auth_file = "--auth-file=";
    if (word == "--resume") {
      copy.resume = true;
    } else if (word == "--verify") {
      copy.verify = true;
    } else if (word == "--follow") {
      copy.follow = true;
    } else if (word.starts_with(auth_file)) {
      if (auto path = parse_path("--auth-file", word.substr(auth_file.size()), copy.auth_file);
          !path)
        return failure(path.error());
    } else if (word.starts_with(passes)) {
      const auto number = proto::parse_unsigned(word.substr(passes.size()));
      if (!number || *number == 0 || *number > passes_max)
        return failure(std::string("--passes wants a number from 1 to 1000"));
      copy.passes_max = static_cast<std::uint32_t>(*number);
    } else if (word.starts_with('-')) {
      return failure("unknown flag " + std::string(word) +
                     " of copy: there are --resume, --verify, --follow, --passes=<num> and "
                     "--auth-file=<file>");
    } else if (nodes < 2) {
      auto node = parse_node(word);
      if (!node) return failure(node.error());
      (nodes == 0 ? copy.from_host : copy.to_host) = node->first;
      (nodes == 0 ? copy.from_port : copy.to_port) = node->second;
      ++nodes;
    } else {
      ++nodes;
      break;
    }
  }
  if (nodes != 2)
    return failure(std::string("cacheismo copy wants two nodes, FROM and TO, as host:port"));
  if ((copy.resume || copy.follow) && copy.verify)
    return failure(
        std::string("--verify only compares: it goes with neither --resume nor --follow"));
  return options;
}

}  // namespace

Result<Options, std::string> parse_verb(std::span<const char* const> arguments) {
  const std::string verb = arguments[1];
  if (verb == "copy") return parse_copy(arguments);
  Options options;
  options.action = verb == "check" ? Action::check_scripts : Action::test_scripts;
  if (verb != "check" && verb != "test") {
    return failure("what is \"" + verb + "\"? Only flags are expected (-h lists them)");
  }
  if (arguments.size() != 3 || Bytes(arguments[2]).empty()) {
    return failure("cacheismo " + verb + " wants one directory of scripts");
  }
  options.directory = arguments[2];
  return options;
}

}  // namespace cacheismo
