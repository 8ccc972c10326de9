#include "cacheismo/cluster/ring_change.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/cluster/shown.h"
#include "cacheismo/proto/percent.h"

namespace cacheismo::cluster {
namespace {

constexpr const char* usage =
    "cluster: there are join:NAME:HOST%3APORT, leave:NAME and state:NAME:STATE, STATE being "
    "joining, active or leaving";

/// Up to the next colon, decoded; takes it off `text`. nullopt: a broken escape.
std::optional<std::string> take_part(Bytes& text) {
  const std::size_t colon = text.find(':');
  std::string part(text.substr(0, colon));
  text.remove_prefix(colon == Bytes::npos ? text.size() : colon + 1);
  const auto size = proto::percent_decode(part, part.data());
  if (!size) return std::nullopt;
  part.resize(*size);
  return part;
}

/// A member as a ring file's line has it; the failure is that of the ring file.
Result<Member, std::string> parse_member(const std::string& name, const std::string& address) {
  for (const std::string& word : {name, address}) {
    const bool one_word = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return c > ' ' && c <= '~' && c != '#';
    });
    if (!one_word) return failure("cluster: " + shown(word) + " is no name or address");
  }
  auto spec = parse_ring_file("epoch 1\nnode " + name + ' ' + address + '\n');
  if (!spec) return failure("cluster: " + spec.error().substr(spec.error().find(' ', 5) + 1));
  return std::move(spec->members.front());
}

}  // namespace

Result<RingChange, std::string> parse_ring_change(Bytes text) {
  const bool ends_open = text.ends_with(':');
  const auto verb = take_part(text);
  const auto name = take_part(text);
  if (!verb || !name || name->empty() || ends_open) return failure(std::string(usage));
  RingChange change;
  std::string argument;
  if (!text.empty()) {
    const auto part = take_part(text);
    if (!part || part->empty() || !text.empty()) return failure(std::string(usage));
    argument = *part;
  }
  const bool leaves = *verb == "leave";
  if (leaves != argument.empty()) return failure(std::string(usage));
  const auto member = parse_member(*name, *verb == "join" ? argument : "any:1");
  if (!member) return failure(member.error());
  change.member = *member;
  if (*verb == "join") return change;
  change.member.host.clear();
  change.member.port = 0;
  change.is = leaves ? RingChange::Is::leave : RingChange::Is::state;
  if (leaves) return change;
  const auto state = parse_member_state(argument);
  if (*verb != "state" || !state) return failure(std::string(usage));
  change.member.state = *state;
  return change;
}

std::string print_ring_change(const RingChange& change) {
  switch (change.is) {
    case RingChange::Is::leave: return "leave:" + change.member.name;
    case RingChange::Is::state:
      return "state:" + change.member.name + ':' + std::string(to_string(change.member.state));
    case RingChange::Is::join: break;
  }
  const std::string address = print_address(change.member);
  std::string encoded(3 * address.size(), '\0');
  encoded.resize(static_cast<std::size_t>(proto::put_percent_encoded(encoded.data(), address) -
                                          encoded.data()));
  return "join:" + change.member.name + ':' + encoded;
}

std::string print_address(const Member& member) {
  const bool has_colon = member.host.find(':') != std::string::npos;
  return (has_colon ? '[' + member.host + ']' : member.host) + ':' + std::to_string(member.port);
}

Result<RingSpec, std::string> apply(const RingChange& change, const RingSpec& spec) {
  RingSpec next = spec;
  const Member& wanted = change.member;
  const auto found = std::find_if(next.members.begin(), next.members.end(),
                                  [&](const Member& one) { return one.name == wanted.name; });
  const bool there = found != next.members.end();
  switch (change.is) {
    case RingChange::Is::join:
      if (there) {
        found->host = wanted.host;
        found->port = wanted.port;
      } else {
        next.members.push_back(wanted);
      }
      break;
    case RingChange::Is::leave:
      if (there) next.members.erase(found);
      break;
    case RingChange::Is::state:
      if (!there) return failure("the ring has no node " + shown(wanted.name));
      found->state = wanted.state;
      break;
  }
  if (next == spec) return next;
  if (next.epoch == std::numeric_limits<std::uint64_t>::max())
    return failure(std::string("the ring has the last epoch that there is"));
  ++next.epoch;
  if (auto ring = Ring::make(next); !ring) return failure(ring.error());
  return next;
}

}  // namespace cacheismo::cluster
