#include "cacheismo/node/handover.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/forward.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/item_copy.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/proto/base64.h"

namespace cacheismo::node {

using cluster::RingHistory;
using lua::Answer;
using proto::SpeltKey;

namespace {

/// The key `cluster:take:KEY` or `cluster:give:KEY`; nullopt: it is too long, and the item stays
/// where it is.
std::optional<SpeltKey> spelt(Bytes what, Bytes key) {
  SpeltKey made = proto::spell_key(std::string(what).append(key));
  if (made.text.size() > limits::key_bytes_max) return std::nullopt;
  return made;
}

}  // namespace

Handover::Handover(NodeState& node, Routing& routing, Peers& peers)
    : node_(node), routing_(routing), peers_(peers) {}

void Handover::ring_changed() {
  copies_hold_ = !active() && routing_.history().previous() != nullptr;
  changed_at_ = received_at_ = node_.io.now().monotonic;
  node_.store.begin_descent();
  scan_ = Scan::recent;
  cursor_ = 0;
  failed_ = false;
}

void Handover::drop(Bytes key) {
  if (node_.store.remove(node_.store.key(key), {}, node_.now) == store::Outcome::stored)
    ++counters_.dropped;
}

/// Whether what is stored under a key that was never settled here is a copy of the previous ring.
bool Handover::is_copy(Bytes key) const {
  if (!copies_hold_ || !routing_.history().open()) return false;
  const auto item = node_.store.peek(node_.store.key(key), node_.now);
  return item && item->copied();
}

/// Nobody has told what the key's state was by the ring of `epoch`.
void Handover::inherit_or_drop(Bytes key, std::uint64_t epoch) {
  if (epoch == routing_.ring().epoch() && is_copy(key)) {
    ++counters_.inherited;
  } else {
    drop(key);
  }
}

// ---- The new owner ------------------------------------------------------------------------------

Handover::Touch Handover::touch(const cluster::PlacedKey& key, std::uint32_t slot) {
  RingHistory& history = routing_.history();
  if (history.judge(key) == RingHistory::State::good) return Touch::go_on;
  if (ask(key, slot)) return Touch::wait;
  inherit_or_drop(key.key, history.ring().epoch());
  history.settle(key.key, history.ring().epoch());
  return Touch::go_on;
}

/// Asks the old owner, or joins those who wait. False: there is nobody to ask.
bool Handover::ask(const cluster::PlacedKey& placed, std::uint32_t slot) {
  const std::string key(placed.key);
  if (const auto found = asked_.find(key); found != asked_.end()) {
    takings_.at(found->second).waiting.push_back(slot);
    return true;
  }
  const cluster::Member* before = routing_.history().owner_before(placed.by);
  if (before == nullptr || routing_.history().full()) return false;
  const auto address = routing_.address_of(before->name);
  const auto name = spelt("cluster:take:", key);
  if (!address || !name) return false;
  PeerRequest request;
  request.opaque = peers_.next_opaque();
  request.key = name->text;
  request.bytes = fmt::format("mg {} v{}", name->text, name->flag());
  cluster::append_envelope({.opaque = request.opaque, .hop = routing_.hop()}, request.bytes);
  request.lane = Lane::taking;
  // Whoever has forwarded what waits for it hears of a miss in time.
  request.deadline = node_.io.now().monotonic + node_.config.cluster.timeout / 2;
  request.read_only = true;
  const auto call = peers_.submit(*address, std::move(request), *this);
  if (!call) {
    ++counters_.take_failed;
    return false;
  }
  asked_.emplace(key, *call);
  takings_.emplace(*call, Taking{.key = key,
                                 .by = std::string(placed.by),
                                 .epoch = routing_.ring().epoch(),
                                 .waiting = {slot}});
  return true;
}

bool Handover::is_good(const Taking& taking) const {
  return routing_.history().judge({taking.key, taking.by}) == RingHistory::State::good;
}

void Handover::forget(std::uint32_t slot) {
  for (auto& [call, taking] : takings_) std::erase(taking.waiting, slot);
}

/// Whatever came of it, the key is settled by the ring of the question, and those who waited go on:
/// if the key has moved meanwhile, there is more to ask, or it is another node's. `form`: empty,
/// nothing came.
void Handover::end_taking(std::uint64_t call, Bytes form) {
  auto held = takings_.extract(call);
  const Taking& taking = held.mapped();
  asked_.erase(taking.key);
  // Somebody may have written it meanwhile.
  if (!is_good(taking)) {
    if (form.empty()) {
      inherit_or_drop(taking.key, taking.epoch);
    } else {
      drop(taking.key);
    }
    routing_.history().settle(taking.key, taking.epoch);
    const auto item = take_item(form);
    if (item && item->key == taking.key && is_good(taking)) {
      ++(store_form(node_.store, *item, node_.now) ? counters_.taken : counters_.no_room);
      if (!routing_.owns_placed(taking.by)) move_on(taking.key);
    }
  }
  for (const std::uint32_t slot : taking.waiting) node_.connections->at(slot).settled();
}

/// The sender tries again what begins with "cluster:".
Answer Handover::nowhere(const Placement& at) {
  text_ = "cluster: no place: " + at.error();
  return {.is = Answer::Is::error, .text = text_};
}

Answer Handover::give(Bytes key, Bytes form) {
  received_at_ = node_.io.now().monotonic;
  RingHistory& history = routing_.history();
  if (node_.hop && node_.hop->epoch != history.ring().epoch())
    return {.is = Answer::Is::error, .text = "cluster: this node has another ring"};
  const auto item = take_item(form);
  if (!item || !form.empty() || item->key != key)
    return {.is = Answer::Is::error, .text = "malformed item"};
  const Placement at(node_, key, Placement::Of::item);
  if (at.failed()) return nowhere(at);
  const bool late =
      history.judge(at.key()) == RingHistory::State::good || history.yielded(key) != 0;
  if (!routing_.owns_placed(at.key().by) || late) {
    ++counters_.received_late;
    return {};
  }
  drop(key);
  if (!history.settle(key, history.ring().epoch())) return {};
  if (!store_form(node_.store, *item, node_.now)) {
    ++counters_.no_room;
    return {};
  }
  ++counters_.received;
  return {.is = Answer::Is::value, .text = "OK"};
}

// ---- The old owner ------------------------------------------------------------------------------

Answer Handover::take(Bytes key) {
  const Placement at(node_, key, Placement::Of::item);
  if (at.failed()) return nowhere(at);
  if (!node_.hop || !routing_.history().yield(at.key(), node_.hop->epoch)) return {};
  text_.clear();
  if (!append_form(node_.store, key, FormOf::item, node_.config.item_bytes_max, node_.now, text_))
    return {};
  return {.is = Answer::Is::value, .text = text_};
}

/// What is to become of one item that the scan has met.
void Handover::move_on(const std::string& key) {
  RingHistory& history = routing_.history();
  const Placement at(node_, key, Placement::Of::item);
  if (at.failed()) return give_again();
  const Bytes by = at.key().by;
  const bool good = history.judge(at.key()) == RingHistory::State::good;
  const cluster::Ring* const previous = is_copy(key) ? history.previous() : nullptr;
  // Whether the owner of then can be asked, or gives by itself.
  const bool has_giver =
      previous != nullptr && routing_.address_of(previous->members()[previous->owner(by)].name);
  if (routing_.owns_placed(by)) {
    if (good || asked_.contains(key) || has_giver) return;
    inherit_or_drop(key, history.ring().epoch());
    if (previous != nullptr) history.settle(key, history.ring().epoch());
    return;
  }
  // A copy that was brought here under this ring.
  if (node_.replicas->is_of_ring(key, history.ring().epoch())) return;
  bool stays = false;
  bool is_last = false;  // state of the key: nobody else will tell one
  if (previous != nullptr) {
    const auto then = history.copy_rank(*previous, by);
    const auto now = history.copy_rank(history.ring(), by);
    // Whoever keeps copies keeps one at least.
    stays = then && now && *now <= std::max<std::size_t>(1, *then);
    const bool was_owner = then == std::size_t{0};
    is_last = was_owner || !has_giver;
    if (stays && !is_last) return;
  }
  const bool is_state = history.yield(at.key(), history.ring().epoch()) || is_last;
  send_gift(at.key(), is_state, stays);
}

void Handover::send_gift(const cluster::PlacedKey& placed, bool is_state, bool stays) {
  const cluster::Ring& ring = routing_.history().ring();
  const std::string key(placed.key);
  const auto owner = routing_.address_of(ring.members()[ring.owner(placed.by)].name);
  const auto name = spelt("cluster:give:", key);
  std::string form;
  const bool has_form =
      is_state && owner && name &&
      append_form(node_.store, key, FormOf::item, node_.config.item_bytes_max, node_.now, form);
  Bytes bytes = form;
  if (!has_form || take_item(bytes)->kind == ItemForm::Kind::long_one) {
    if (!stays) drop(key);
    return;
  }
  PeerRequest request;
  request.opaque = peers_.next_opaque();
  request.key = name->text;
  request.bytes = fmt::format("ms {} {}{}", name->text, form.size(), name->flag());
  cluster::append_envelope({.opaque = request.opaque, .hop = routing_.hop()}, request.bytes);
  bytes_left_ -= static_cast<std::int64_t>(form.size());
  request.bytes += form;
  request.bytes += "\r\n";
  request.lane = Lane::bulk;
  request.deadline = node_.io.now().monotonic + node_.config.cluster.timeout;
  if (const auto call = peers_.submit(*owner, std::move(request), *this)) {
    gifts_.emplace(*call, Gift{.key = key, .stays = stays});
  } else {
    give_again();
  }
}

/// A gift was not taken; another scan will meet it.
void Handover::give_again() {
  ++counters_.give_failed;
  failed_ = true;
}

bool Handover::may_give(MonotonicTime now) {
  const std::int64_t since_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now - counted_at_).count();
  counted_at_ += std::chrono::milliseconds(since_ms);
  // More than a second's is never allowed.
  bytes_left_ += limits::handover_bytes_per_second / 1000 * std::min<std::int64_t>(since_ms, 1000);
  bytes_left_ = std::min(bytes_left_, limits::handover_bytes_at_once);
  // Whatever the first scan has given is gone before the other one looks.
  const bool looks_anew = scan_ == Scan::all && cursor_ == 0;
  return bytes_left_ > 0 && gifts_.size() < (looks_anew ? 1 : handover_gifts_max);
}

/// A slice of the scan.
std::vector<std::string> Handover::next_keys() {
  class Keys final : public store::Store::Visitor {
   public:
    explicit Keys(std::vector<std::string>& to) : to_(to) {}
    void visit(const store::ItemView& item) override { to_.emplace_back(item.key()); }

   private:
    std::vector<std::string>& to_;
  };
  std::vector<std::string> keys;
  Keys visitor(keys);
  if (scan_ == Scan::recent) {
    if (!node_.store.descend(handover_gifts_max, visitor, node_.now)) scan_ = Scan::all;
    return keys;
  }
  const store::ScanRule rule{.visits_max = handover_gifts_max,
                             .lines_max = limits::scan_lines_per_turn};
  cursor_ = node_.store.scan(cursor_, rule, visitor, node_.now).next;
  if (cursor_ == 0) scan_ = Scan::none;
  return keys;
}

bool Handover::work() {
  const MonotonicTime now = node_.io.now().monotonic;
  if (scan_ == Scan::none && failed_ && now >= scan_again_at_) {
    scan_ = Scan::all;
    failed_ = false;
  }
  if (scan_ == Scan::none) {
    close_if_due();
    return false;
  }
  for (int slice = 0; slice < handover_slices_per_turn; ++slice) {
    if (!may_give(now)) return true;
    for (const std::string& key : next_keys()) move_on(key);
    if (scan_ == Scan::none) break;
  }
  if (scan_ != Scan::none) return true;
  scan_again_at_ = now + handover_pause;
  node_.log.write(Level::info, "handover_scanned",
                  fmt::format("epoch={} under_way={} given={} dropped={}", routing_.ring().epoch(),
                              gifts_.size(), counters_.given, counters_.dropped));
  return false;
}

void Handover::close_if_due() {
  RingHistory& history = routing_.history();
  if (!history.open() || failed_ || !gifts_.empty() || !takings_.empty()) return;
  const MonotonicTime now = node_.io.now().monotonic;
  if (now - changed_at_ < handover_time_min || now - received_at_ < handover_quiet_time) return;
  history.close();
  node_.log.write(Level::info, "handover_closed",
                  fmt::format("epoch={} taken={} received={}", history.ring().epoch(),
                              counters_.taken, counters_.received));
}

// ---- Replies ------------------------------------------------------------------------------------

void Handover::on_peer_reply(std::uint64_t call, const proto::ReplyPart& reply) {
  if (auto gift = gifts_.extract(call)) {
    // What the new owner cannot store by itself, it will not store later either.
    if (reply.is_error() && reply.text.starts_with("cluster:")) {
      give_again();
      return;
    }
    ++counters_.given;
    const std::string& key = gift.mapped().key;
    const Placement at(node_, key, Placement::Of::item);
    if (at.failed()) {
      give_again();
    } else if (!routing_.owns_placed(at.key().by) && !gift.mapped().stays &&
               !node_.replicas->is_of_ring(key, routing_.ring().epoch())) {
      drop(key);
    }
    return;
  }
  const auto found = takings_.find(call);
  if (found == takings_.end()) return;
  const bool came = reply.word == proto::ReplyWord::meta_value;
  if (!came) ++(reply.is_error() ? counters_.take_failed : counters_.taken_empty);
  end_taking(call, came ? reply.value : Bytes());
}

void Handover::on_peer_failure(std::uint64_t call, cluster::Failure, bool) {
  if (gifts_.erase(call) > 0) return give_again();
  const auto found = takings_.find(call);
  if (found == takings_.end()) return;
  ++counters_.take_failed;
  end_taking(call, {});
}

std::optional<std::string> Handover::audit() const {
  if (asked_.size() != takings_.size()) return "handover: a key was asked for twice, or never";
  return std::nullopt;
}

}  // namespace cacheismo::node
