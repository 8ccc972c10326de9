#include "cacheismo/node/reply_queue.h"

namespace cacheismo::node {

void ReplyQueue::append(Bytes text, std::uint32_t group) {
  CHECK(!empty());
  held_bytes_ += text.size();
  OwedReply& last = replies_.back();
  if (last.ready && !last.error && last.group == group) {
    last.text += text;
    return;
  }
  OwedReply& reply = replies_.emplace_back();
  reply.group = group;
  reply.ready = true;
  reply.text = std::string(text);
}

bool ReplyQueue::arrived(std::uint64_t number, std::string text, bool error) {
  OwedReply& reply = at(number);
  CHECK(!reply.ready);
  reply.ready = true;
  reply.error = error;
  reply.call = 0;
  reply.request.clear();
  reply.text = std::move(text);
  held_bytes_ += reply.text.size();
  return number == first_;
}

std::optional<std::string> ReplyQueue::audit() const {
  std::size_t bytes = 0;
  for (std::size_t i = said_; i < replies_.size(); ++i) {
    const OwedReply& reply = replies_[i];
    bytes += reply.text.size();
    if (reply.ready == (reply.call != 0)) return "replies: one is both owed and ready, or neither";
  }
  if (bytes != held_bytes_) return "replies: the bytes held do not add up";
  return std::nullopt;
}

}  // namespace cacheismo::node
