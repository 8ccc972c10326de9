#include "cacheismo/copy_wire.h"

#include <span>
#include <utility>

#include <fmt/format.h>

namespace cacheismo {

CopyWire::CopyWire(std::string name, io::Address address, const CopyLink& link)
    : name_(std::move(name)), address_(std::move(address)), link_(link), io_(link.io.io()) {}

CopyWire::~CopyWire() {
  if (!open_) return;
  error_ = "closed";
  io_.close(stream_);
  while (open_) link_.io.turn(std::chrono::seconds(1));
}

Result<void, std::string> CopyWire::connect() {
  const MonotonicTime deadline = io_.stopwatch() + connect_patience;
  open_ = true;
  stream_ = io_.connect(address_, deadline, *this);
  while (!connected_) {
    if (auto waited = wait(deadline + connect_patience); !waited) return waited;
  }
  if (link_.user.empty()) return {};
  const std::string login = link_.user + ' ' + link_.password;
  send(fmt::format("set auth 0 0 {}\r\n{}\r\n", login.size(), login));
  const auto answer = reply();
  if (!answer) return failure(answer.error());
  // A node without -Y stores it, as one with -Y says that it has.
  if (answer->word == proto::ReplyWord::stored) return {};
  return failure(failed("it does not let in who is on the first line of --auth-file"));
}

Result<void, std::string> CopyWire::keep_alive() {
  send("mn\r\n");
  const auto answer = reply();
  if (!answer) return failure(answer.error());
  if (answer->word == proto::ReplyWord::meta_noop) return {};
  return failure(failed(answer->text));
}

void CopyWire::send(Bytes bytes) {
  unsent_ += bytes;
  pump();
}

void CopyWire::pump() {
  if (!connected_ || send_outstanding_ || !error_.empty()) return;
  if (sent_ == sending_.size()) {
    sending_ = std::exchange(unsent_, {});
    sent_ = 0;
  }
  if (sending_.empty()) return;
  const Bytes rest = Bytes(sending_).substr(sent_);
  send_outstanding_ = true;
  io_.send(stream_, std::span(&rest, 1));
}

Result<proto::ReplyPart, std::string> CopyWire::reply() {
  const MonotonicTime deadline = io_.stopwatch() + reply_patience;
  for (;;) {
    proto::ReplyPart part;
    const proto::ReplyParsed parsed = proto::parse_reply(Bytes(received_).substr(read_), part);
    if (parsed.kind == proto::ReplyParsed::Kind::part) {
      read_ += parsed.consumed;
      return part;
    }
    if (parsed.kind == proto::ReplyParsed::Kind::malformed)
      return failure(failed("it answers what is no reply of a cache"));
    received_.erase(0, std::exchange(read_, 0));
    if (auto waited = wait(deadline); !waited) return failure(waited.error());
  }
}

Result<void, std::string> CopyWire::wait(MonotonicTime deadline) {
  if (!error_.empty()) return failure(failed(error_));
  if (link_.stop) return failure(std::string("interrupted"));
  const Duration left = deadline - io_.stopwatch();
  if (left <= Duration::zero()) return failure(failed("no answer"));
  if (connected_ && !receive_outstanding_) {
    receive_outstanding_ = true;
    io_.receive(stream_);
  }
  link_.io.turn(left);
  return {};
}

void CopyWire::on_connected(io::StreamId, Result<void, io::Error> result) {
  connected_ = result.has_value();
  if (!result) {
    error_ = std::string("cannot connect: ") + io::to_string(result.error());
    if (result.error() == io::Error::refused) error_ = "cannot connect: nobody listens there";
  }
  pump();
}

void CopyWire::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  receive_outstanding_ = false;
  if (result) {
    received_ += result->leased;
  } else {
    error_ = "it closed the connection";
  }
}

void CopyWire::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  send_outstanding_ = false;
  if (!result) {
    error_ = "it closed the connection";
    return;
  }
  sent_ += *result;
  pump();
}

}  // namespace cacheismo
