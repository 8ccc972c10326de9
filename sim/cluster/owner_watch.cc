#include "sim/cluster/owner_watch.h"

#include <algorithm>

#include "cacheismo/proto/decimal.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t line_bytes_max = 2048;  // of values nobody asks for more than a beginning

/// The word that begins with `letter` behind the first two of a meta line; empty: there is none.
Bytes word_with(Bytes line, char letter) {
  for (std::size_t at = line.find(' '); at != Bytes::npos; at = line.find(' ', at + 1)) {
    if (at + 1 < line.size() && line[at + 1] == letter) {
      const Bytes word = line.substr(at + 2);
      return word.substr(0, word.find(' '));
    }
  }
  return {};
}

/// Calls `take` for each line that has become complete.
template <class Take>
void add_lines(std::string& kept, Bytes bytes, const Take& take) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const Bytes part = bytes.substr(0, end);
    if (kept.size() < line_bytes_max) kept += part.substr(0, line_bytes_max);
    if (end == Bytes::npos) return;
    bytes.remove_prefix(end + 1);
    if (kept.ends_with('\r')) kept.pop_back();
    take(Bytes(kept));
    kept.clear();
  }
}

bool is_request(Bytes line) {
  return line.size() > 3 && line[0] == 'm' && line[2] == ' ' && line.find(" P") != Bytes::npos;
}

}  // namespace

OwnerWatch::OwnerWatch(const Clockwork& clockwork, const Keys& keys, const RingChanges& rings,
                       std::size_t nodes)
    : clockwork_(clockwork), keys_(keys), rings_(rings), taken_(nodes) {
  constexpr linear::Verb verbs[] = {linear::Verb::get, linear::Verb::set, linear::Verb::count};
  for (std::uint32_t key = 0; key < keys_.count(); key++) {
    names_.emplace(keys_.item(key), key);
    for (const linear::Verb verb : verbs) names_.emplace(keys_.asked_by_get(key, verb), key);
    if (keys_.kind(key) == Keys::Kind::map)
      names_.emplace("map:put:" + keys_.name(key) + ":f", key);
  }
}

OwnerWatch::Stream& OwnerWatch::at(std::uint16_t host, io::StreamId stream) {
  return streams_[{host, stream.slot}];
}

void OwnerWatch::closed(std::uint16_t host, io::StreamId stream) {
  streams_.erase({host, stream.slot});
}

void OwnerWatch::received(std::uint16_t host, io::StreamId id, Bytes bytes) {
  Stream& stream = at(host, id);
  add_lines(stream.in, bytes, [&](Bytes line) {
    if (is_request(line)) request_line(stream, line);
  });
}

void OwnerWatch::sent(std::uint16_t host, io::StreamId id, Bytes bytes) {
  Stream& stream = at(host, id);
  add_lines(stream.out, bytes, [&](Bytes line) { reply_line(host, stream, line); });
}

void OwnerWatch::request_line(Stream& stream, Bytes line) {
  const Bytes rest = line.substr(3);
  const auto found = names_.find(rest.substr(0, rest.find(' ')));
  const auto opaque = proto::parse_unsigned(word_with(line, 'O'));
  if (found == names_.end() || !opaque) return;
  stream.requests[*opaque] = {found->second, clockwork_.now_ns};
}

void OwnerWatch::reply_line(std::uint16_t host, Stream& stream, Bytes line) {
  if (is_request(line)) {
    const auto hops = proto::parse_unsigned(word_with(line, 'P').substr(0, 1));
    if (hops && *hops > 1)
      violations_.push_back("hops: n" + std::to_string(host + 1) + " has sent " +
                            std::string(line));
    return;
  }
  const bool is_answer = line.size() > 3 && line[2] == ' ' && line[0] >= 'A' && line[0] <= 'Z';
  if (!is_answer) return;
  const auto opaque = proto::parse_unsigned(word_with(line, 'O'));
  const auto found = opaque ? stream.requests.find(*opaque) : stream.requests.end();
  if (found == stream.requests.end()) return;
  const Request request = found->second;
  stream.requests.erase(found);
  judged_++;
  if (owned(host, request)) return;
  const std::string item = keys_.item(request.key);
  const std::uint64_t epoch = taken_[host].empty() ? 0 : taken_[host].back().epoch;
  violations_.push_back("owner: n" + std::to_string(host + 1) + " has answered for " + item +
                        ", which is n" + std::to_string(rings_.owner(epoch, item) + 1) +
                        "'s by its ring of epoch " + std::to_string(epoch) + ": " +
                        std::string(line));
}

/// By one of the rings that the node has had since the request came.
bool OwnerWatch::owned(std::uint16_t host, const Request& request) const {
  const std::string item = keys_.item(request.key);
  const std::vector<Taken>& taken = taken_[host];
  for (std::size_t i = taken.size(); i-- > 0;) {
    if (rings_.owner(taken[i].epoch, item) == host) return true;
    if (taken[i].at_ns < request.at_ns) return false;
  }
  return false;
}

}  // namespace cacheismo::sim
