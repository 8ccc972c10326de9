#include "sim/cluster/copies.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::sim {
namespace {

using proto::ReplyPart;
using proto::ReplyWord;

constexpr Duration step = std::chrono::milliseconds(1);
constexpr std::size_t copies = 2;                      // of replicate.lua
constexpr std::uint64_t client_chance = 2u << 20;      // no other client's number
constexpr std::uint32_t inspector_number = 1'000'000;  // no client's

}  // namespace

Copies::Copies(World& world, const RingChanges& rings, Options options)
    : world_(world), rings_(rings), options_(std::move(options)) {
  for (std::uint32_t i = 0; i < options_.keys; i++) keys_.emplace_back("r" + std::to_string(i));
  CopyClient::Options client = options_.client;
  client.nodes = options_.nodes;
  client.can_write = [this] { return !options_.clocks_drift && can_write(); };
  for (std::uint32_t i = 0; i < options_.clients; i++) {
    client.number = i + 1;
    SimIo& io = world_.add_host("10.0.3." + std::to_string(client.number));
    clients_.push_back(std::make_unique<CopyClient>(io, world_.clockwork(), keys_, client,
                                                    world_.workload(client_chance + i)));
  }
}

void Copies::start() {
  for (const auto& client : clients_) client->start();
}

void Copies::stop() {
  for (const auto& client : clients_) client->stop();
}

bool Copies::stopped() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->stopped(); });
}

std::uint64_t Copies::foreign(std::size_t node) const {
  std::uint64_t sum = 0;
  for (const auto& client : clients_) sum += client->tally().foreign[node];
  return sum;
}

std::vector<std::string> Copies::take_violations() {
  std::vector<std::string> all = std::exchange(violations_, {});
  for (const auto& client : clients_) {
    for (std::string& text : client->take_violations()) all.push_back(std::move(text));
  }
  return all;
}

/// There is a second owner, memory, and a common idea of the time.
bool Copies::can_write() const {
  return !options_.clocks_differ && !options_.may_lose &&
         holders(rings_.epoch(), keys_.front()).size() == copies;
}

std::vector<std::size_t> Copies::holders(std::uint64_t epoch, const CopiedKey& key) const {
  return rings_.owners(epoch, key.name(), copies);
}

// ---- What becomes of copies ---------------------------------------------------------------------

void Copies::node_lost(std::size_t node) {
  const std::int64_t now_ns = world_.now().count();
  for (CopiedKey& key : keys_) key.lost(node, {now_ns, now_ns});
}

void Copies::flushed(const linear::History& history) {
  for (const linear::Operation& one : history) {
    if (one.verb != linear::Verb::flush) continue;
    const std::int64_t end_ns = linear::is_known(one) ? one.return_ns : quiet_from_ns_;
    for (CopiedKey& key : keys_) {
      for (std::size_t node = 0; node < options_.nodes.size(); node++)
        key.lost(node, {one.call_ns, end_ns});
    }
  }
}

// ---- The end ------------------------------------------------------------------------------------

/// What comes until the end of a reply, or until it is too late.
std::string Copies::ask(RawConnection& connection, const std::string& request) {
  connection.write(request);
  const Duration until = world_.now() + options_.timeout;
  const auto complete = [&] {
    ReplyPart part;
    return proto::parse_reply(connection.arrived(), part).kind == proto::ReplyParsed::Kind::part;
  };
  while (!complete() && !connection.ended() && world_.now() < until) world_.run_for(step);
  return connection.take();
}

void Copies::end(RawConnection& connection) {
  connection.close();
  const Duration until = world_.now() + options_.timeout;
  while (!connection.closed() && world_.now() < until) world_.run_for(step);
  if (!connection.closed()) violations_.push_back("healed: a node does not let go of a connection");
}

/// At what each holder has under each key.
void Copies::look(SimIo& io) {
  for (CopiedKey& key : keys_) {
    for (const std::size_t node : holders(rings_.epoch(), key)) {
      RawConnection connection(io, options_.nodes[node], options_.timeout);
      const std::string reply = ask(connection, "mg " + key.name() + " v P1.0.0.1000\r\n");
      ReplyPart part;
      (void)proto::parse_reply(reply, part);
      const bool there = part.word == ReplyWord::meta_value;
      if (there || part.word == ReplyWord::meta_miss) {
        key.look(node, world_.now().count(),
                 there ? std::optional(std::string(part.value)) : std::nullopt);
        seen_.looks++;
      } else {
        violations_.push_back("healed: n" + std::to_string(node + 1) + " does not say what it has");
      }
      end(connection);
    }
  }
}

/// Writes the key once more, by way of some node.
void Copies::renew(SimIo& io, std::size_t node, CopiedKey& key) {
  RawConnection connection(io, options_.nodes[node], options_.timeout);
  const std::string value = 'x' + std::to_string(inspector_number) + '-' + key.name();
  const std::size_t write = key.begin_write(value, world_.now().count());
  const std::string reply = ask(connection, copy_request(key.name(), value));
  ReplyPart part;
  const auto parsed = proto::parse_reply(reply, part);
  const bool heard = parsed.kind == proto::ReplyParsed::Kind::part;
  const auto told = heard ? told_of_write(part) : std::nullopt;
  key.end_write(write, told.value_or(CopiedKey::Told::nothing), world_.now().count());
  const bool complete = told == CopiedKey::Told::complete;
  seen_.renewed += complete ? 1u : 0u;
  if (!complete && can_write())
    violations_.push_back("healed: n" + std::to_string(node + 1) + " does not write " + key.name() +
                          ": " + reply);
  end(connection);
}

void Copies::inspect(SimIo& io) {
  quiet_from_ns_ = world_.now().count();
  look(io);
  std::size_t node = 0;
  for (CopiedKey& key : keys_) renew(io, node++ % options_.nodes.size(), key);
  look(io);
}

void Copies::inspect_again(SimIo& io) { look(io); }

/// From when every node has a ring until there is the next one.
std::vector<CopiedKey::Era> Copies::eras(const CopiedKey& key) const {
  std::vector<CopiedKey::Era> eras;
  for (std::uint64_t epoch = 1; epoch <= rings_.epoch(); epoch++) {
    const std::int64_t from_ns = epoch == 1 ? 0 : rings_.heard_by_all_ns(epoch);
    const std::int64_t to_ns =
        epoch == rings_.epoch() ? linear::never_ns : rings_.published_ns(epoch + 1) - 1;
    if (from_ns <= to_ns) eras.push_back({{from_ns, to_ns}, holders(epoch, key)});
  }
  return eras;
}

std::vector<std::string> Copies::judge() {
  std::vector<std::string> wrong;
  CopiedKey::Options judged{.may_lose = options_.may_lose, .quiet_from_ns = quiet_from_ns_};
  for (CopiedKey& key : keys_) {
    judged.eras = eras(key);
    for (std::string& text : key.judge(judged)) wrong.push_back(std::move(text));
    seen_.guarded += key.counts().guarded;
    seen_.secured += key.counts().secured;
    seen_.agreed += key.counts().agreed;
  }
  for (const auto& client : clients_) {
    const CopyClient::Tally& one = client->tally();
    seen_.asked += one.asked;
    seen_.complete += one.complete;
    seen_.partly += one.partly;
    seen_.uncertain += one.uncertain;
    seen_.hits += one.hits;
    seen_.misses += one.misses;
    seen_.censuses += one.censuses;
    seen_.partial_censuses += one.partial_censuses;
  }
  return wrong;
}

}  // namespace cacheismo::sim
