#include "sim/pipe.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t ring_bytes_min = 512;
constexpr std::size_t keep_bytes = 4096;  // an empty pipe gives back a larger ring

}  // namespace

void Pipe::reset(std::uint64_t capacity_bytes) {
  CHECK_GT(capacity_bytes, 0u);
  capacity_ = capacity_bytes;
  read_ = arrived_ = under_way_ = written_ = 0;
  segments_.clear();
  first_segment_ = 0;
  last_arrival_ns_ = end_arrival_ns_ = 0;
  ended_ = end_arrived_ = sender_waits = window_under_way = false;
}

void Pipe::write(Bytes bytes) {
  CHECK_LE(bytes.size(), room());
  CHECK(!ended_);
  grow(written_ - read_ + bytes.size());
  while (!bytes.empty()) {
    const std::size_t at = written_ & (ring_.size() - 1);
    const std::size_t count = std::min(bytes.size(), ring_.size() - at);
    std::memcpy(ring_.data() + at, bytes.data(), count);
    bytes.remove_prefix(count);
    written_ += count;
  }
}

std::int64_t Pipe::send_until(std::uint64_t offset, std::int64_t arrival_ns) {
  CHECK_LE(offset, written_);
  CHECK_GT(offset, under_way_);
  under_way_ = offset;
  const bool joins = first_segment_ < segments_.size() && arrival_ns <= last_arrival_ns_;
  last_arrival_ns_ = std::max(last_arrival_ns_, arrival_ns);
  if (joins) {
    segments_.back().end = offset;
    return -1;
  }
  segments_.push_back({offset, last_arrival_ns_});
  return last_arrival_ns_;
}

std::int64_t Pipe::send_end(std::int64_t arrival_ns) {
  CHECK(!ended_);
  CHECK_EQ(under_way_, written_);
  ended_ = true;
  last_arrival_ns_ = std::max(last_arrival_ns_, arrival_ns);
  end_arrival_ns_ = last_arrival_ns_;
  return end_arrival_ns_;
}

std::uint64_t Pipe::arrive(std::int64_t now_ns) {
  const std::uint64_t before = arrived_;
  while (first_segment_ < segments_.size() && segments_[first_segment_].arrival_ns <= now_ns) {
    arrived_ = segments_[first_segment_].end;
    first_segment_++;
  }
  if (first_segment_ * 2 >= segments_.size()) {
    segments_.erase(segments_.begin(),
                    segments_.begin() + static_cast<std::ptrdiff_t>(first_segment_));
    first_segment_ = 0;
  }
  if (ended_ && arrived_ == written_ && end_arrival_ns_ <= now_ns) end_arrived_ = true;
  return arrived_ - before;
}

void Pipe::read(MutableBytes out) {
  CHECK_LE(out.size(), readable());
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t at = (read_ + done) & (ring_.size() - 1);
    const std::size_t count = std::min(out.size() - done, ring_.size() - at);
    std::memcpy(out.data() + done, ring_.data() + at, count);
    done += count;
  }
  consume(out.size());
}

void Pipe::discard() { consume(readable()); }

void Pipe::consume(std::uint64_t count) {
  read_ += count;
  if (read_ == written_ && ring_.size() > keep_bytes) std::vector<char>().swap(ring_);
}

void Pipe::grow(std::uint64_t bytes) {
  if (bytes <= ring_.size()) return;
  std::vector<char> larger(std::max<std::size_t>(std::bit_ceil(bytes), ring_bytes_min));
  for (std::uint64_t offset = read_; offset < written_;) {
    const std::size_t from = offset & (ring_.size() - 1);
    const std::size_t to = offset & (larger.size() - 1);
    const std::size_t count =
        std::min<std::uint64_t>({written_ - offset, ring_.size() - from, larger.size() - to});
    std::memcpy(larger.data() + to, ring_.data() + from, count);
    offset += count;
  }
  ring_ = std::move(larger);
}

}  // namespace cacheismo::sim
