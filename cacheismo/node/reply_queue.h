// ReplyQueue: the replies of one connection that wait because another node owes an earlier one.
//
//   front [ owed by n2 ][ ready: END\r\n ][ owed by n3 ][ ready: STORED\r\n ] back
//           ^ a call of Peers      ^ text that this node has made meanwhile
//
//  1. Replies leave at the front, in the order of the requests.
//  2. A group is the replies of one request that was asked of several nodes. An error ends it: what
//     is left of it says nothing.
//  3. full() holds before memory is without bound: nothing more is executed then.
//
// What it is not: it asks nobody (Routing does) and sends nothing (Connection does).

#ifndef CACHEISMO_NODE_REPLY_QUEUE_H_
#define CACHEISMO_NODE_REPLY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/forward.h"
#include "cacheismo/node/peers.h"

namespace cacheismo::node {

/// One reply, owed or ready.
struct OwedReply {
  cluster::Forward forward;
  std::string request;      ///< to ask again; empty: too long to be kept, or a get
  std::string member;       ///< who was asked
  std::uint64_t call = 0;   ///< of Peers, while it is owed
  std::uint32_t group = 0;  ///< 0: a request of its own
  Lane lane = Lane::brief;
  bool ready = false;
  bool error = false;    ///< `text` is an error line
  bool retried = false;  ///< it was asked again once
  std::string text;      ///< what the client gets, once ready
};

class ReplyQueue {
 public:
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool full() const {
    return size() >= limits::owed_replies_max || held_bytes_ >= limits::owed_reply_bytes_max;
  }
  [[nodiscard]] std::size_t size() const { return replies_.size() - said_; }

  /// A group for the replies of one request.
  [[nodiscard]] std::uint32_t new_group() { return ++last_group_; }
  /// An error of the group has been said: nothing that belongs to it is said any more.
  [[nodiscard]] bool is_silenced(std::uint32_t group) const {
    return group != 0 && group == silenced_;
  }

  /// A reply that is owed, or an error that is ready at once. Returns its number, to be found again
  /// with at().
  std::uint64_t owe(OwedReply reply) {
    held_bytes_ += reply.text.size();
    if (replies_.empty()) replies_.reserve(replies_at_once);
    replies_.push_back(std::move(reply));
    return first_ + size() - 1;
  }
  /// A reply, or a part of one, that is here already. Requires !empty().
  void append(Bytes text, std::uint32_t group);

  /// Requires that the reply has not left.
  [[nodiscard]] OwedReply& at(std::uint64_t number) {
    CHECK_GE(number, first_);
    return replies_.at(said_ + static_cast<std::size_t>(number - first_));
  }
  /// The reply is here. True: it is at the front, so that there is something to say.
  bool arrived(std::uint64_t number, std::string text, bool error);

  /// The text at the front if it is ready; nullptr otherwise. What a group's error has silenced is
  /// dropped, owed or not: `dropped` is told each such call.
  template <class Dropped>
  [[nodiscard]] const std::string* front(Dropped&& dropped) {
    while (!empty()) {
      OwedReply& reply = replies_[said_];
      if (reply.group == 0 || reply.group != silenced_) return reply.ready ? &reply.text : nullptr;
      if (!reply.ready) dropped(reply);
      pop();
    }
    return nullptr;
  }
  /// The front has been said.
  void pop_front() {
    const OwedReply& reply = replies_[said_];
    if (reply.error && reply.group != 0) silenced_ = reply.group;
    pop();
  }

  /// Every reply, front to back; for whoever gives them up.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t i = said_; i < replies_.size(); ++i) visit(replies_[i]);
  }

  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  void pop() {
    held_bytes_ -= replies_[said_].text.size();
    replies_[said_] = {};
    ++said_;
    ++first_;
    if (said_ < said_max && said_ < replies_.size()) return;
    replies_.erase(replies_.begin(), replies_.begin() + static_cast<std::ptrdiff_t>(said_));
    said_ = 0;
  }

  /// As many as clients pipeline mostly.
  static constexpr std::size_t replies_at_once = 16;
  /// A deque would allocate for every second reply. Moving up those behind so many that were said
  /// costs less than saying them did, for as many as may wait.
  static constexpr std::size_t said_max = limits::owed_replies_max / 4;

  std::vector<OwedReply> replies_;
  std::size_t said_ = 0;        ///< of replies_, at its front
  std::uint64_t first_ = 0;     ///< number of the front
  std::size_t held_bytes_ = 0;  ///< of all texts
  std::uint32_t last_group_ = 0;
  std::uint32_t silenced_ = 0;  ///< the group that an error has ended
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_REPLY_QUEUE_H_
