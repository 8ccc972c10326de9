#include "sim/raw_connection.h"

#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {

RawConnection::RawConnection(SimIo& io, const io::Address& address, Duration timeout) : io_(io) {
  stream_ = io_.connect(address, io_.now().monotonic + timeout, *this);
}

RawConnection::~RawConnection() { CHECK(closed_); }

void RawConnection::write(Bytes bytes) {
  CHECK(!shutdown_wanted_);
  queued_.append(bytes);
  send_more();
}

void RawConnection::shutdown() {
  shutdown_wanted_ = true;
  send_more();
}

void RawConnection::close() {
  if (closing_) return;
  closing_ = true;
  io_.close(stream_);
}

void RawConnection::reset() {
  if (closing_) return;
  io_.reset_on_close(stream_);
  close();
}

void RawConnection::set_reading(bool reading) {
  reading_ = reading;
  if (!reading && receive_outstanding_) io_.cancel(stream_);
  receive_more();
}

std::string RawConnection::take() { return std::exchange(arrived_, {}); }

void RawConnection::on_connected(io::StreamId, Result<void, io::Error> result) {
  if (!result) {
    ended_ = result.error();
    return;
  }
  connected_ = true;
  receive_more();
  send_more();
}

void RawConnection::send_more() {
  if (!usable() || send_outstanding_ || broken_ || shut_) return;
  if (sent_ == sending_.size()) {
    sending_.clear();
    std::swap(sending_, queued_);
    sent_ = 0;
  }
  if (sent_ < sending_.size()) {
    const Bytes view = Bytes(sending_).substr(sent_);
    send_outstanding_ = true;
    io_.send(stream_, {&view, 1});
  } else if (shutdown_wanted_) {
    shut_ = true;
    io_.shutdown(stream_);
  }
}

void RawConnection::receive_more() {
  if (!usable() || receive_outstanding_ || !reading_ || ended_) return;
  receive_outstanding_ = true;
  io_.receive(stream_);
}

void RawConnection::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  receive_outstanding_ = false;
  if (result) {
    arrived_.append(result->leased);
  } else if (result.error() != io::Error::cancelled) {
    ended_ = result.error();
  }
  receive_more();
}

void RawConnection::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  send_outstanding_ = false;
  if (result) {
    sent_ += *result;
  } else if (result.error() == io::Error::reset) {
    broken_ = true;
  }
  send_more();
}

void RawConnection::on_closed(io::StreamId) { closed_ = true; }

}  // namespace cacheismo::sim
