// Connection, fourth part: requests that other nodes answer, and replies in the order of requests
// all the same.
//
//   requests   get a   set b   get c   get d        a and c are another node's
//   output_                                         nothing yet: a is owed
//   replies_   [ owed a ][ STORED ][ owed c ][ VALUE d ]
//
// A reply that this node makes while one is owed is written into the output as ever, and then taken
// back into the queue: none of the commands knows of it. That copies it; without an owed reply
// nothing is copied.

#include "cacheismo/base/check.h"
#include "cacheismo/node/connection.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::node {

using proto::Command;
using proto::Verb;
namespace replies = proto::replies;

namespace {

bool names_one_key(Verb verb) {
  switch (verb) {
    case Verb::del:
    case Verb::incr:
    case Verb::decr:
    case Verb::touch:
    case Verb::mg:
    case Verb::md:
    case Verb::ma:
    case Verb::me:
    case Verb::ms: return true;
    default: return verb >= Verb::set && verb <= Verb::cas;
  }
}

}  // namespace

// ---- The queue ----------------------------------------------------------------------------------

ReplyQueue& Connection::reply_queue() {
  if (replies_ == nullptr) replies_ = std::make_unique<ReplyQueue>();
  return *replies_;
}

void Connection::hold_back(const OutputBuffer::Mark& mark, std::uint32_t group) {
  const std::string text = output_.take_back(mark, node_->store);
  if (!text.empty()) replies_->append(text, group);
}

bool Connection::say_replies() {
  bool said = false;
  while (replies_ != nullptr) {
    const std::string* text =
        replies_->front([this](OwedReply& reply) { node_->routing->drop(reply); });
    if (text == nullptr) break;
    output_.lease(node_->outputs);
    if (text->size() >= limits::send_in_place_bytes) {
      if (!output_.cut_room()) break;
      output_.append_copy(*text);
    } else {
      if (output_.room() < text->size()) break;
      output_.append(*text);
    }
    replies_->pop_front();
    said = true;
  }
  return said;
}

void Connection::reply_arrived() {
  // What is sending, or has its turn, sees to it when that is over.
  if (closing_ || sending_ || waiting_turn_) return;
  wait_for_turn();
}

bool Connection::has_answer() const {
  return node_->scripts != nullptr && node_->scripts->has_answer(slot_);
}

// ---- Commands that name one key -----------------------------------------------------------------

Connection::Routed Connection::route(const Command& command, Bytes data) {
  if (node_->routing == nullptr || has_answer()) return Routed::here;
  if (command.verb == Verb::flush_all) {
    if (!node_->config.flush_enabled) return Routed::here;
    if (node_->routing->forbids_writes()) {
      forbid(command);
    } else {
      flush_everywhere(command);
    }
    return Routed::answered;
  }
  // A script that has taken a command over decides by itself whom it asks.
  if (!names_one_key(command.verb) || Dispatcher(*node_).taken_over(command.verb) != nullptr)
    return Routed::here;
  Routing& routing = *node_->routing;
  const Routing::Place place = routing.place(command);
  switch (place.is) {
    case Routing::Place::Is::here:
      if (routing.forbids(place, command)) {
        forbid(command);
        return Routed::answered;
      }
      if (routing.settle(command.key, slot_)) return Routed::here;
      waits_for_call_ = true;
      return Routed::wait;
    case Routing::Place::Is::wrong: refuse(command); return Routed::answered;
    case Routing::Place::Is::nowhere:
      if (!command.noreply) output_.append(routing.nowhere());
      return Routed::answered;
    case Routing::Place::Is::elsewhere: break;
  }
  routing.forward(reply_queue(), slot_, place.member, command, data);
  return Routed::answered;
}

void Connection::settled() {
  waits_for_call_ = false;
  reply_arrived();
}

void Connection::refuse(const Command& command) {
  const bool forwarded = node_->hop && node_->hop->hops > 0;
  if (forwarded) {
    output_.append(node_->routing->wrong_owner(command.key));
  } else if (!command.noreply) {
    output_.append(node_->routing->not_the_owner());
  }
}

void Connection::forbid(const Command& command) {
  if (!command.noreply) output_.append(Routing::forbidden);
}

bool Connection::route_draft(const Command& command) {
  if (node_->routing == nullptr) return false;
  const Routing::Place place = node_->routing->place(command);
  Dispatcher dispatcher(*node_);
  if (dispatcher.taken_over(command.verb) != nullptr) return false;
  if (place.is == Routing::Place::Is::here && !node_->routing->forbids(place, command)) {
    if (!place.owned || node_->routing->is_settled(command.key)) return false;
    // The ring has changed since the value began to come, and the old owner was not asked.
    node_->store.abandon(draft_);
    refuse(command);
    return true;
  }
  // The draft has shown that the value is not too long; its bytes go to the owner.
  const std::string data = dispatcher.take_data(command, draft_);
  CHECK(route(command, data) == Routed::answered);
  return true;
}

void Connection::forget_at_owner(const Command& command) {
  const bool replaces = command.verb == Verb::set || command.verb == Verb::ms;
  if (node_->routing == nullptr || !replaces) return;
  if (Dispatcher(*node_).taken_over(command.verb) != nullptr) return;
  const Routing::Place place = node_->routing->place(command);
  if (place.is == Routing::Place::Is::elsewhere)
    node_->routing->remove(reply_queue(), slot_, place.member, command);
}

/// A client that knows one node takes it for the whole cache: its flush is every node's.
void Connection::flush_everywhere(const Command& command) {
  ReplyQueue& queue = reply_queue();
  const std::uint32_t group = queue.new_group();
  node_->routing->order_all(queue, slot_, "cluster:flush:" + std::to_string(command.exptime), group,
                            command.noreply);
  const Behind behind(*this, group);
  Report none;
  (void)Dispatcher(*node_).execute(command, true, output_, none);
}

// ---- Multi-gets ---------------------------------------------------------------------------------

Connection::LookedUp Connection::look_up_routed(Bytes key) {
  const bool answered = has_answer();
  const Routing::Place place = answered ? Routing::Place{} : node_->routing->place(key);
  Dispatcher dispatcher(*node_);
  if (place.is == Routing::Place::Is::elsewhere) {
    ReplyQueue& queue = reply_queue();
    if (multiget_group_ == 0) multiget_group_ = queue.new_group();
    cluster::ForwardGet how{.with_cas = multiget_.with_cas, .touch = std::nullopt};
    if (multiget_.touch) how.touch = dispatcher.exptime_of(multiget_);
    node_->routing->forward_get(queue, slot_, place.member, key, how, multiget_group_);
    return LookedUp::go_on;
  }
  const bool wrong = place.is == Routing::Place::Is::wrong;
  if (!answered && !wrong && !node_->routing->settle(key, slot_)) {
    waits_for_call_ = true;
    return LookedUp::again;
  }
  MultiGet one = multiget_;
  one.ends = false;
  const Behind behind(*this, multiget_group_);
  const bool nowhere = place.is == Routing::Place::Is::nowhere;
  if (wrong || nowhere || node_->routing->forbids_get(place, key, multiget_.touch)) {
    if (!output_.reply_room()) return LookedUp::again;
    output_.append(wrong     ? node_->routing->not_the_owner()
                   : nowhere ? std::string(node_->routing->nowhere())
                             : std::string(Routing::forbidden));
    return LookedUp::ended;
  }
  switch (dispatcher.multi_get(one, key, output_).why) {
    case MultiGetStep::Why::finished: return LookedUp::go_on;
    case MultiGetStep::Why::failed: return LookedUp::ended;
    case MultiGetStep::Why::waiting: waits_for_call_ = true; [[fallthrough]];
    case MultiGetStep::Why::full:
    case MultiGetStep::Why::turn_over: break;
  }
  return LookedUp::again;
}

std::size_t Connection::step_keys_routed(Bytes keys, std::size_t line_left, Stop& why) {
  proto::KeyCursor cursor(keys);
  std::size_t used = 0;
  const auto stop_at = [&](std::size_t bytes) {
    multiget_left_ = static_cast<std::uint32_t>(line_left - bytes);
    why = Stop::wait;
    return bytes;
  };
  for (std::size_t looked_up = 0;; ++looked_up) {
    used = keys.size() - cursor.rest().size();
    const Bytes key = cursor.next();
    const bool silenced = replies_ != nullptr && replies_->is_silenced(multiget_group_);
    if (silenced) {
      multiget_left_ = 0;
      return line_left;
    }
    if (key.empty()) break;
    if (owes() && replies_->full()) return stop_at(used);
    if (looked_up == limits::multiget_keys_per_turn) {
      wait_for_turn();
      return stop_at(used);
    }
    const LookedUp looked = look_up_routed(key);
    if (looked == LookedUp::go_on) continue;
    if (looked == LookedUp::again) return stop_at(used);
    multiget_left_ = 0;
    return line_left;
  }
  if (owes()) {
    replies_->append(replies::end, multiget_group_);
  } else if (output_.room() < replies::end.size()) {
    return stop_at(used);
  } else {
    output_.append(replies::end);
  }
  multiget_left_ = 0;
  return line_left;
}

}  // namespace cacheismo::node
