#include "cacheismo/node/input_buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "cacheismo/base/check.h"

namespace cacheismo::node {

char* InputMemory::take(std::size_t& capacity) {
  if (capacity <= sizeof(SmallInputBlock)) {
    capacity = sizeof(SmallInputBlock);
    return small_.take()->bytes;
  }
  const std::size_t rounded =
      capacity <= sizeof(LargeInputBlock) ? sizeof(LargeInputBlock) : std::bit_ceil(capacity);
  if (backlog_bytes_ + rounded > limits::input_backlog_bytes_max) return nullptr;
  capacity = rounded;
  backlog_bytes_ += rounded;
  ++backlog_count_;
  if (rounded == sizeof(LargeInputBlock)) return large_.take()->bytes;
  return std::make_unique_for_overwrite<char[]>(rounded).release();
}

void InputMemory::give(char* bytes, std::size_t capacity) {
  if (capacity == sizeof(SmallInputBlock)) {
    small_.give(reinterpret_cast<SmallInputBlock*>(bytes));
    return;
  }
  CHECK_GE(backlog_bytes_, capacity);
  backlog_bytes_ -= capacity;
  --backlog_count_;
  if (capacity == sizeof(LargeInputBlock)) {
    large_.give(reinterpret_cast<LargeInputBlock*>(bytes));
  } else {
    const std::unique_ptr<char[]> owned(bytes);
  }
}

bool InputBuffer::append(InputMemory& memory, Bytes bytes) {
  if (bytes.empty()) return true;
  const std::size_t wanted = size() + bytes.size();
  if (wanted > capacity_) {
    std::size_t capacity = wanted;
    char* grown = memory.take(capacity);
    if (grown == nullptr) return false;
    const std::size_t kept = size();
    if (kept > 0) std::memcpy(grown, data_ + begin_, kept);
    if (data_ != nullptr) memory.give(data_, capacity_);
    data_ = grown;
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(kept);
    capacity_ = static_cast<std::uint32_t>(capacity);
  } else if (end_ + bytes.size() > capacity_) {
    std::memmove(data_, data_ + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  std::memcpy(data_ + end_, bytes.data(), bytes.size());
  end_ += static_cast<std::uint32_t>(bytes.size());
  return true;
}

void InputBuffer::remove_prefix(InputMemory& memory, std::size_t n) {
  CHECK_LE(n, size());
  begin_ += static_cast<std::uint32_t>(n);
  if (begin_ == end_) clear(memory);
}

void InputBuffer::truncate(std::size_t n) {
  CHECK_GT(n, 0u);
  CHECK_LE(n, size());
  end_ = begin_ + static_cast<std::uint32_t>(n);
}

void InputBuffer::clear(InputMemory& memory) {
  if (data_ != nullptr) memory.give(data_, capacity_);
  data_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

}  // namespace cacheismo::node
