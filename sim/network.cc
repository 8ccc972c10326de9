#include "sim/network.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr std::uint64_t buffer_bytes_default = 128 * KiB;  // send and receive buffer together
constexpr std::int64_t retry_ns = 1'000'000'000;  // Linux: a lost SYN is sent again after 1 s
constexpr std::size_t hosts_max = 256;

std::uint32_t packed(std::uint32_t generation, std::uint8_t side) { return generation * 2 + side; }

}  // namespace

std::uint16_t Network::add_host(std::string ip, HostEvents& events) {
  CHECK_LT(hosts_.size(), hosts_max);
  CHECK_EQ(open_, 0u);  // a new host opens all links
  hosts_.push_back({std::move(ip), &events});
  links_.resize(hosts_.size());
  return static_cast<std::uint16_t>(hosts_.size() - 1);
}

// ---- Listening ----------------------------------------------------------------------------------

bool Network::is_local(std::uint16_t host, const std::string& ip) const {
  return ip == hosts_[host].ip || ip.starts_with("127.") || ip == "::1" || ip == "0.0.0.0" ||
         ip == "::";
}

Result<std::uint32_t, io::Error> Network::listen(std::uint16_t host, const io::Address& address,
                                                 int backlog) {
  io::Address real = address;
  if (address.kind == io::Address::Kind::tcp) {
    if (!is_local(host, address.host)) return failure(io::Error::unreachable);
    if (real.port == 0) {
      do {
        real.port = next_port_++;
        if (next_port_ == 0) next_port_ = 32768;
      } while (find_listener(host, real));
    }
  } else if (address.host.empty()) {
    return failure(io::Error::unreachable);
  }
  if (find_listener(host, real)) return failure(io::Error::refused);
  std::size_t index = 0;
  while (index < listeners_.size() && listeners_[index].open) index++;
  if (index == listeners_.size()) listeners_.emplace_back();
  listeners_[index] = {true, host, static_cast<std::uint32_t>(std::max(backlog, 1)), real, {}};
  return static_cast<std::uint32_t>(index);
}

Result<std::uint32_t, io::Error> Network::find_listener(std::uint16_t from,
                                                        const io::Address& address) const {
  bool known = false;
  for (const Host& host : hosts_) {
    known = known || host.ip == address.host || is_local(from, address.host);
  }
  for (std::size_t index = 0; index < listeners_.size(); index++) {
    const Listener& listener = listeners_[index];
    if (!listener.open || listener.address.kind != address.kind) continue;
    if (address.kind == io::Address::Kind::unix_socket) {
      if (listener.address.host == address.host) return static_cast<std::uint32_t>(index);
      continue;
    }
    const bool there = is_local(from, address.host) ? listener.host == from
                                                    : hosts_[listener.host].ip == address.host;
    if (there && listener.address.port == address.port) return static_cast<std::uint32_t>(index);
  }
  if (address.kind == io::Address::Kind::unix_socket) return failure(io::Error::refused);
  return failure(known ? io::Error::refused : io::Error::unreachable);
}

const io::Address& Network::address(std::uint32_t listener) const {
  CHECK(listeners_[listener].open);
  return listeners_[listener].address;
}

bool Network::has_waiting(std::uint32_t listener) const {
  return !listeners_[listener].waiting.empty();
}

End Network::accept(std::uint32_t listener, std::uint32_t slot) {
  CHECK(has_waiting(listener));
  const std::uint32_t index = listeners_[listener].waiting.front();
  listeners_[listener].waiting.pop_front();
  Channel& channel = *channels_[index];
  channel.state = State::standing;
  channel.sides[1].slot = slot;
  channel.sides[1].owned = true;
  return {index, 1};
}

void Network::close_listener(std::uint32_t listener) {
  Listener& closing = listeners_[listener];
  CHECK(closing.open);
  closing.open = false;
  for (const std::uint32_t index : closing.waiting) {
    channels_[index]->state = State::standing;
    release({index, 1}, true, clockwork_.now_ns);
  }
  closing.waiting.clear();
}

// ---- Channels -----------------------------------------------------------------------------------

std::uint32_t Network::take_channel() {
  std::uint32_t index = 0;
  if (free_channels_.empty()) {
    index = static_cast<std::uint32_t>(channels_.size());
    channels_.push_back(std::make_unique<Channel>());
  } else {
    index = free_channels_.back();
    free_channels_.pop_back();
  }
  Channel& channel = *channels_[index];
  channel.generation = (channel.generation + 1) & 0x7FFFFFFF;
  channel.attempts = 0;
  channel.refused = false;
  channel.sides = {};
  const std::uint64_t bytes =
      clockwork_.plan.buffer_bytes == 0 ? buffer_bytes_default : clockwork_.plan.buffer_bytes;
  for (Pipe& pipe : channel.pipes) pipe.reset(bytes);
  open_++;
  return index;
}

void Network::free_if_released(std::uint32_t index) {
  Channel& channel = *channels_[index];
  if (channel.sides[0].owned || channel.sides[1].owned || channel.state == State::waiting) return;
  channel.state = State::unused;
  open_--;
  free_channels_.push_back(index);
}

void Network::schedule(std::int64_t time_ns, EventKind kind, std::uint32_t channel,
                       std::uint8_t side) {
  clockwork_.schedule(time_ns, kind, 0, channel, packed(channels_[channel]->generation, side));
}

std::int64_t Network::arrival(const Channel& channel, std::uint8_t side, std::int64_t from_ns) {
  const std::int64_t due = from_ns + clockwork_.latency();
  const Link link{channel.sides[side].host, channel.sides[1 - side].host};
  return links_.passes_ns(link, due, clockwork_.marks);
}

End Network::unconnected(std::uint16_t host, std::uint32_t slot) {
  const std::uint32_t index = take_channel();
  Channel& channel = *channels_[index];
  channel.state = State::asking;
  channel.sides[0] = {host, slot, true, false, false};
  channel.sides[1].host = host;
  return {index, 0};
}

End Network::connect(std::uint16_t host, std::uint32_t slot, const io::Address& address,
                     std::int64_t local_ns) {
  const std::uint32_t index = unconnected(host, slot).channel;
  Channel& channel = *channels_[index];
  channel.target = address;
  for (std::size_t other = 0; other < hosts_.size(); other++) {
    if (hosts_[other].ip != address.host) continue;
    channel.sides[1].host = static_cast<std::uint16_t>(other);
  }
  const bool vanishes =
      std::find(black_holes_.begin(), black_holes_.end(), address) != black_holes_.end() ||
      clockwork_.happens(Chance::network, clockwork_.plan.black_hole_per_million);
  if (links_.is_parted({host, channel.sides[1].host}, local_ns)) {
    clockwork_.marks.hit(Mark::connect_partitioned);
  } else if (vanishes) {
    clockwork_.marks.hit(Mark::connect_black_holed);
  } else {
    schedule(arrival(channel, 0, local_ns), EventKind::request_arrives, index, 0);
  }
  return {index, 0};
}

io::Address Network::peer_address(End end) const {
  const Channel& channel = *channels_[end.channel];
  if (channel.target.kind == io::Address::Kind::unix_socket || end.side == 0) return channel.target;
  const std::uint16_t port = static_cast<std::uint16_t>(32768 + end.channel % 28000);
  return {io::Address::Kind::tcp, hosts_[channel.sides[0].host].ip, port};
}

bool Network::is_reset(End end) const { return channels_[end.channel]->sides[end.side].reset; }

void Network::read(End end, MutableBytes out, std::int64_t local_ns) {
  Channel& channel = *channels_[end.channel];
  Pipe& pipe = incoming(end);
  pipe.read(out);
  if (!pipe.sender_waits || pipe.window_under_way) return;
  pipe.window_under_way = true;
  schedule(arrival(channel, end.side, local_ns), EventKind::window_opens, end.channel,
           static_cast<std::uint8_t>(1 - end.side));
}

void Network::write(End end, std::span<const Bytes> views, std::uint64_t count,
                    std::int64_t local_ns) {
  Pipe& pipe = outgoing(end);
  for (Bytes view : views) {
    view = view.substr(0, std::min<std::uint64_t>(view.size(), count));
    if (view.empty()) continue;
    pipe.write(view);
    count -= view.size();
  }
  CHECK_EQ(count, 0u);
  const Channel& channel = *channels_[end.channel];
  if (channel.sides[1 - end.side].shut) clockwork_.marks.hit(Mark::half_closed);
  send_segments(end.channel, end.side, local_ns);
}

void Network::send_segments(std::uint32_t index, std::uint8_t side, std::int64_t local_ns) {
  Channel& channel = *channels_[index];
  Pipe& pipe = channel.pipes[side];
  const std::int64_t due = pipe.send_until(pipe.written(), arrival(channel, side, local_ns));
  if (due >= 0) schedule(due, EventKind::bytes_arrive, index, side);
}

void Network::shutdown(End end, std::int64_t local_ns) {
  Channel& channel = *channels_[end.channel];
  Side& side = channel.sides[end.side];
  CHECK(!side.shut);
  side.shut = true;
  if (side.reset) return;
  const std::int64_t due = outgoing(end).send_end(arrival(channel, end.side, local_ns));
  schedule(due, EventKind::bytes_arrive, end.channel, end.side);
}

void Network::abort(End end, std::int64_t local_ns) {
  const Channel& channel = *channels_[end.channel];
  Side& side = channels_[end.channel]->sides[end.side];
  if (side.reset) return;
  if (channel.state != State::asking) {
    clockwork_.marks.hit(Mark::reset_by_crash);
    tell_reset(end.channel, static_cast<std::uint8_t>(1 - end.side), local_ns);
  }
  side.reset = true;
  incoming(end).discard();
}

void Network::release(End end, bool abort, std::int64_t local_ns) {
  Channel& channel = *channels_[end.channel];
  Side& side = channel.sides[end.side];
  const bool unread = incoming(end).readable() > 0;
  if (!side.reset && channel.state != State::asking) {
    if (abort || unread) {
      if (unread) clockwork_.marks.hit(Mark::reset_by_close);
      tell_reset(end.channel, static_cast<std::uint8_t>(1 - end.side), local_ns);
    } else if (!side.shut) {
      shutdown(end, local_ns);
    }
  }
  side.owned = false;
  side.reset = true;
  free_if_released(end.channel);
}

void Network::tell_reset(std::uint32_t index, std::uint8_t side, std::int64_t local_ns) {
  Channel& channel = *channels_[index];
  const std::uint8_t teller = static_cast<std::uint8_t>(1 - side);
  const std::int64_t behind = channel.pipes[teller].last_arrival_ns();
  schedule(std::max(arrival(channel, teller, local_ns), behind), EventKind::reset_arrives, index,
           side);
}

void Network::reset(std::uint32_t index) {
  Channel& channel = *channels_[index];
  CHECK(channel.state == State::standing || channel.state == State::waiting);
  tell_reset(index, 0, clockwork_.now_ns);
  tell_reset(index, 1, clockwork_.now_ns);
}

std::int64_t Network::pick_connection(std::uint64_t draw) const {
  const std::size_t count = channels_.size();
  for (std::size_t step = 0; step < count; step++) {
    const std::size_t index = (draw + step) % count;
    if (channels_[index]->state == State::standing) return static_cast<std::int64_t>(index);
  }
  return -1;
}

// ---- Events -------------------------------------------------------------------------------------

void Network::handle(const Event& event) {
  const std::uint32_t index = event.a;
  const std::uint8_t side = event.b & 1;
  const Channel& channel = *channels_[index];
  if (channel.generation != event.b >> 1 || channel.state == State::unused) return;
  switch (static_cast<EventKind>(event.kind)) {
    case EventKind::request_arrives: return on_request(index);
    case EventKind::answer_arrives: return on_answer(index);
    case EventKind::bytes_arrive: return on_bytes(index, side, event);
    case EventKind::window_opens: return on_window(index, side);
    case EventKind::reset_arrives: return on_reset(index, side);
    default: CHECK(false);
  }
}

void Network::refuse(std::uint32_t index, io::Error error) {
  Channel& channel = *channels_[index];
  channel.refused = true;
  channel.refusal = error;
  schedule(arrival(channel, 1, clockwork_.now_ns), EventKind::answer_arrives, index, 0);
}

void Network::on_request(std::uint32_t index) {
  Channel& channel = *channels_[index];
  if (!channel.sides[0].owned) return;
  const auto found = find_listener(channel.sides[0].host, channel.target);
  if (!found) return refuse(index, found.error());
  if (clockwork_.happens(Chance::network, clockwork_.plan.refuse_per_million)) {
    clockwork_.marks.hit(Mark::connect_refused);
    return refuse(index, io::Error::refused);
  }
  Listener& listener = listeners_[*found];
  if (listener.waiting.size() >= listener.backlog) {
    clockwork_.marks.hit(Mark::backlog_full);
    if (channel.target.kind == io::Address::Kind::unix_socket) {
      return refuse(index, io::Error::no_resources);
    }
    const std::int64_t wait = retry_ns << std::min(channel.attempts++, 6u);
    schedule(clockwork_.now_ns + wait, EventKind::request_arrives, index, 0);
    return;
  }
  channel.state = State::waiting;
  channel.listener = *found;
  channel.sides[1].host = listener.host;
  listener.waiting.push_back(index);
  schedule(arrival(channel, 1, clockwork_.now_ns), EventKind::answer_arrives, index, 0);
  if (clockwork_.happens(Chance::network, clockwork_.plan.accept_reset_per_million)) {
    clockwork_.marks.hit(Mark::accept_then_reset);
    reset(index);
  }
  hosts_[listener.host].events->on_connection_waiting(*found);
}

void Network::on_answer(std::uint32_t index) {
  const Channel& channel = *channels_[index];
  const Side& side = channel.sides[0];
  if (!side.owned) return;
  clockwork_.journal.note(clockwork_.now_ns, Note::connected, side.host, side.slot, index,
                          channel.refused ? 1 + static_cast<std::uint64_t>(channel.refusal) : 0);
  hosts_[side.host].events->on_answer(
      side.slot, channel.refused ? Result<void, io::Error>(failure(channel.refusal))
                                 : Result<void, io::Error>());
}

void Network::on_bytes(std::uint32_t index, std::uint8_t side, const Event& event) {
  Channel& channel = *channels_[index];
  const std::uint8_t reader = static_cast<std::uint8_t>(1 - side);
  const Link link{channel.sides[side].host, channel.sides[reader].host};
  const std::int64_t passes = links_.passes_ns(link, clockwork_.now_ns, clockwork_.marks);
  if (passes > clockwork_.now_ns) {
    clockwork_.schedule(passes, EventKind::bytes_arrive, 0, event.a, event.b);
    return;
  }
  if (channel.sides[reader].reset && channel.sides[reader].owned) return;
  Pipe& pipe = channel.pipes[side];
  const bool ended_before = pipe.end_arrived();
  const std::uint64_t count = pipe.arrive(clockwork_.now_ns);
  clockwork_.journal.note(clockwork_.now_ns, Note::arrived, channel.sides[reader].host, index, side,
                          count);
  const Side& end = channel.sides[reader];
  if (end.owned) {
    if (count > 0 || pipe.end_arrived() != ended_before) {
      hosts_[end.host].events->on_readable(end.slot);
    }
    return;
  }
  if (channel.state == State::waiting || count == 0) return;
  clockwork_.marks.hit(Mark::sent_to_closed);
  pipe.discard();
  tell_reset(index, side, clockwork_.now_ns);
}

void Network::on_window(std::uint32_t index, std::uint8_t side) {
  Channel& channel = *channels_[index];
  Pipe& pipe = channel.pipes[side];
  pipe.window_under_way = false;
  const Side& end = channel.sides[side];
  if (!end.owned || end.reset || !pipe.sender_waits || pipe.room() == 0) return;
  pipe.sender_waits = false;
  clockwork_.journal.note(clockwork_.now_ns, Note::window, end.host, index, side, pipe.room());
  hosts_[end.host].events->on_writable(end.slot);
}

void Network::on_reset(std::uint32_t index, std::uint8_t side) {
  Side& end = channels_[index]->sides[side];
  if (end.reset) return;
  end.reset = true;
  clockwork_.journal.note(clockwork_.now_ns, Note::reset, end.host, index, side, 0);
  if (end.owned) hosts_[end.host].events->on_reset(end.slot);
}

}  // namespace cacheismo::sim
