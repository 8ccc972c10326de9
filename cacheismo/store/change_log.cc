#include "cacheismo/store/change_log.h"

#include <algorithm>

#include "cacheismo/base/check.h"

namespace cacheismo::store {

static_assert(limits::key_bytes_max < 256, "an entry says the length of its key in one byte");

ChangeLog::ChangeLog(std::uint64_t begin, std::size_t capacity)
    : bytes_(capacity), begin_(begin), end_(begin), untold_(begin) {
  CHECK_GT(begin, 0u);
  CHECK_EQ(capacity & (capacity - 1), 0u);
  CHECK_GE(capacity, 2 * (1 + limits::key_bytes_max));
}

void ChangeLog::note(Bytes key, std::uint64_t hash) {
  CHECK_GE(key.size(), 1u);
  CHECK_LE(key.size(), limits::key_bytes_max);
  std::uint64_t& recent = recent_[hash % recent_keys];
  if (recent >= std::max(untold_, begin_) && stands_there(recent, key)) return;
  recent = end_;
  append(key);
}

void ChangeLog::note_flush() {
  append({});
  // What changes now must be told behind the flush, not only before it.
  untold_ = end_;
}

bool ChangeLog::stands_there(std::uint64_t position, Bytes key) const {
  if (size_at(position) != 1 + key.size()) return false;
  for (std::size_t i = 0; i < key.size(); ++i)
    if (byte_at(position + 1 + i) != key[i]) return false;
  return true;
}

void ChangeLog::append(Bytes key) {
  const std::size_t size = 1 + key.size();
  while (bytes_.size() - (end_ - begin_) < size) begin_ += size_at(begin_);
  const auto put = [this](char byte) {
    bytes_[static_cast<std::size_t>(end_++ & (bytes_.size() - 1))] = byte;
  };
  put(static_cast<char>(key.size()));
  for (const char byte : key) put(byte);
}

std::optional<ChangeLog::Change> ChangeLog::at(std::uint64_t position) const {
  if (position < begin_ || position >= end_) return std::nullopt;
  const std::size_t size = size_at(position);
  // Somebody who makes up positions may hit the middle of a key.
  if (size > 1 + limits::key_bytes_max || end_ - position < size) return std::nullopt;
  Change change{.key = std::string(size - 1, '\0'), .next = position + size};
  for (std::size_t i = 1; i < size; ++i) change.key[i - 1] = byte_at(position + i);
  return change;
}

void ChangeLog::told(std::uint64_t position) { untold_ = std::clamp(position, untold_, end_); }

std::optional<std::string> ChangeLog::audit() const {
  if (end_ - begin_ > bytes_.size()) return "the log is longer than its memory";
  std::vector<std::uint64_t> starts;
  std::uint64_t position = begin_;
  while (position < end_) {
    starts.push_back(position);
    const auto change = at(position);
    if (!change) return "an entry that does not end within the log";
    position = change->next;
  }
  if (position != end_) return "the last entry does not end where the log does";
  if (untold_ > end_) return "somebody was told what has not happened";
  for (const std::uint64_t recent : recent_) {
    if (recent < std::max(begin_, std::uint64_t{1})) continue;
    if (!std::binary_search(starts.begin(), starts.end(), recent))
      return "a recent key that stands nowhere";
  }
  return std::nullopt;
}

}  // namespace cacheismo::store
