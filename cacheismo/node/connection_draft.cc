// Connection, third part: a value that is too long to wait in the input buffer is received into the
// memory where it will stay.
//
//   [ line ] [ value ........................ ] [\r\n]
//   input_     windows of the store's draft     draft_end_
//
// The store takes memory as bytes arrive, so an announced length alone takes none, and bounds what
// all drafts together may hold.

#include <algorithm>
#include <array>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/node/connection.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::node {

using store::Outcome;

/// The draft has been begun. Its line is at the front of the kept input, or else of `from`; what
/// follows the line there is the beginning of the value.
void Connection::start_draft(Bytes& from) {
  drafting_ = true;
  draft_received_ = 0;
  draft_windows_end_ = 0;
  if (input_.empty()) {
    if (!keep(from.substr(0, draft_line_))) return;
    from.remove_prefix(draft_line_);
    return;
  }
  if (input_.size() == draft_line_) return;
  Bytes begun = input_.bytes().substr(draft_line_);
  feed_draft(begun);
  if (drafting_) {
    input_.truncate(draft_line_);
  } else {
    swallow_ -= begun.size();  // given up: the rest of what was kept is gone already
  }
}

/// Fills `out` with windows from what has been received on. False: no memory for the next byte.
bool Connection::reserve_draft(std::size_t& windows, std::span<MutableBytes> out) {
  NodeState& node = *node_;
  windows = node.store.windows(draft_, draft_received_, out, node.now);
  draft_windows_end_ = draft_received_;
  for (std::size_t i = 0; i < windows; ++i)
    draft_windows_end_ += static_cast<std::uint32_t>(out[i].size());
  return windows > 0;
}

void Connection::feed_draft(Bytes& from) {
  while (drafting_ && !from.empty()) {
    if (draft_received_ >= draft_total_) {
      draft_end_[draft_received_ - draft_total_] = from.front();
      from.remove_prefix(1);
      ++draft_received_;
      if (draft_received_ == draft_total_ + sizeof(draft_end_)) finish_draft();
      continue;
    }
    std::array<MutableBytes, limits::send_views_max> windows;
    std::size_t count = 0;
    if (!reserve_draft(count, windows)) {
      give_up_draft(Outcome::no_memory);
      return;
    }
    for (std::size_t i = 0; i < count && !from.empty(); ++i) {
      const std::size_t part = std::min(windows[i].size(), from.size());
      std::memcpy(windows[i].data(), from.data(), part);
      from.remove_prefix(part);
      draft_received_ += static_cast<std::uint32_t>(part);
    }
  }
}

/// Asks for the rest of the value, and for its line end in the same go where the windows allow.
void Connection::receive_draft() {
  std::array<MutableBytes, limits::send_views_max> windows;
  std::size_t count = 0;
  std::uint64_t reach = draft_received_;
  if (draft_received_ < draft_total_) {
    // Memory is taken ahead of the bytes in proportion to what has come, so that many announced
    // values of which little arrives hold little.
    const std::size_t ahead = 4 + draft_received_ / (4 * KiB);
    const auto room = std::span(windows).first(std::min(windows.size() - 1, ahead));
    if (!reserve_draft(count, room)) {
      give_up_draft(Outcome::no_memory);
      receiving_ = false;
      settle();
      return;
    }
    reach = draft_windows_end_;
  }
  if (reach >= draft_total_) {
    const std::size_t have = draft_received_ > draft_total_ ? draft_received_ - draft_total_ : 0;
    windows[count++] = MutableBytes(draft_end_ + have, sizeof(draft_end_) - have);
  }
  node_->io.receive_into(stream_, std::span(windows.data(), count));
}

void Connection::draft_received(std::size_t count) {
  draft_received_ += static_cast<std::uint32_t>(count);
  CHECK_LE(draft_received_, draft_total_ + sizeof(draft_end_));
  if (draft_received_ < draft_total_ + sizeof(draft_end_)) return;
  node_->caller = slot_;
  output_.lease(node_->outputs);
  finish_draft();
}

void Connection::finish_draft() {
  NodeState& node = *node_;
  const proto::Parsed parsed = node.parser.parse(input_.bytes());
  CHECK(parsed.kind == proto::Parsed::Kind::command);
  const proto::Command& command = node.parser.command();
  node.hop = Routing::hop_of(command);
  CHECK_EQ(command.data_bytes, std::uint64_t{draft_total_});
  drafting_ = false;
  if (budget_ > 0) --budget_;
  Dispatcher dispatcher(node);
  bool refused = false;
  After after = After::go_on;
  {
    const Behind behind(*this);
    if (draft_end_[0] != '\r' || draft_end_[1] != '\n') {
      node.store.abandon(draft_);
      refused = dispatcher.bad_chunk(command, output_);
    } else if (!route_draft(command)) {
      after = dispatcher.commit(command, draft_, output_);
    }
  }
  if (after == After::waiting) {
    waits_for_call_ = waits_with_line_ = true;
    partial_ = false;
    return;
  }
  if (refused) forget_at_owner(command);
  input_.clear(node.inputs);
}

/// The rest of the value is swallowed.
void Connection::give_up_draft(Outcome why) {
  NodeState& node = *node_;
  node.store.abandon(draft_);
  drafting_ = false;
  const proto::Parsed parsed = node.parser.parse(input_.bytes());
  CHECK(parsed.kind == proto::Parsed::Kind::command);
  const proto::Command& command = node.parser.command();
  node.hop = Routing::hop_of(command);
  output_.lease(node.outputs);
  const bool wrong =
      node.routing != nullptr && node.routing->place(command).is == Routing::Place::Is::wrong;
  {
    const Behind behind(*this);
    if (wrong) {  // the key has moved meanwhile, and whoever has forwarded the value asks again
      refuse(command);
    } else {
      Dispatcher(node).refuse(command, why, output_);
    }
  }
  forget_at_owner(command);
  swallow_ = std::uint64_t{draft_total_} + sizeof(draft_end_) - draft_received_;
  input_.clear(node.inputs);
}

}  // namespace cacheismo::node
