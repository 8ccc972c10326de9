#include "cacheismo/node/output_buffer.h"

#include <algorithm>
#include <array>

namespace cacheismo::node {
namespace {

void release(const Cut& cut, store::Store& store) {
  if (cut.copy != nullptr) {
    delete[] cut.copy;
  } else {
    store.unpin(cut.pin);
  }
}

}  // namespace

void OutputBuffer::clear(OutputPool& pool, store::Store& store) {
  if (block_ == nullptr) return;
  for (std::uint32_t i = block_->cut_begin; i < block_->cut_end; ++i)
    release(block_->cuts[i], store);
  pool.give(block_);
  block_ = nullptr;
}

void OutputBuffer::append_pinned(store::Pin pin, std::uint64_t value_bytes) {
  CHECK_LT(block_->cut_end, limits::output_cuts_max);
  block_->cuts[block_->cut_end++] = {block_->end, pin, value_bytes, nullptr};
  block_->pinned_bytes += value_bytes;
}

void OutputBuffer::append_copy(Bytes bytes) {
  CHECK_LT(block_->cut_end, limits::output_cuts_max);
  char* copy = new char[bytes.size()];
  std::memcpy(copy, bytes.data(), bytes.size());
  block_->cuts[block_->cut_end++] = {block_->end, {}, bytes.size(), copy};
  block_->pinned_bytes += bytes.size();
}

std::string OutputBuffer::take_back(const Mark& mark, store::Store& store) {
  std::string text;
  text.reserve(block_->end - mark.end + (block_->pinned_bytes - mark.pinned_bytes));
  std::uint32_t at = mark.end;
  for (std::uint32_t i = mark.cut_end; i < block_->cut_end; ++i) {
    const Cut& cut = block_->cuts[i];
    text.append(block_->bytes + at, cut.at - at);
    at = cut.at;
    if (cut.copy != nullptr) {
      text.append(cut.copy, cut.value_bytes);
    } else {
      const std::size_t value_at = text.size();
      text.resize(value_at + cut.value_bytes);
      std::array<Bytes, 16> views;
      for (std::uint64_t offset = 0; offset < cut.value_bytes;) {
        const std::size_t count = store.views(cut.pin, offset, views);
        for (std::size_t v = 0; v < count; ++v)
          offset += views[v].copy(text.data() + value_at + offset, views[v].size());
      }
    }
    release(cut, store);
  }
  text.append(block_->bytes + at, block_->end - at);
  block_->end = mark.end;
  block_->cut_end = mark.cut_end;
  block_->pinned_bytes = mark.pinned_bytes;
  return text;
}

std::size_t OutputBuffer::views(const store::Store& store, std::span<Bytes> out) const {
  std::size_t count = 0;
  std::uint32_t at = block_->begin;
  std::uint64_t offset = block_->cut_sent;
  for (std::uint32_t i = block_->cut_begin; i < block_->cut_end; ++i) {
    const Cut& cut = block_->cuts[i];
    if (cut.at > at) {
      if (count == out.size()) return count;
      out[count++] = Bytes(block_->bytes + at, cut.at - at);
      at = cut.at;
    }
    while (offset < cut.value_bytes) {
      if (count == out.size()) return count;
      if (cut.copy != nullptr) {
        out[count++] = Bytes(cut.copy + offset, cut.value_bytes - offset);
        break;
      }
      const std::size_t filled = store.views(cut.pin, offset, out.subspan(count));
      CHECK_GT(filled, 0u);
      for (std::size_t v = 0; v < filled; ++v) offset += out[count + v].size();
      count += filled;
    }
    offset = 0;
  }
  if (block_->end > at && count < out.size())
    out[count++] = Bytes(block_->bytes + at, block_->end - at);
  return count;
}

void OutputBuffer::taken(std::size_t n, store::Store& store) {
  while (n > 0) {
    const bool has_cut = block_->cut_begin < block_->cut_end;
    const std::uint32_t piece_end = has_cut ? block_->cuts[block_->cut_begin].at : block_->end;
    if (block_->begin < piece_end) {
      const std::size_t step = std::min<std::size_t>(n, piece_end - block_->begin);
      block_->begin += static_cast<std::uint32_t>(step);
      n -= step;
      continue;
    }
    CHECK(has_cut);
    const Cut& cut = block_->cuts[block_->cut_begin];
    const std::uint64_t step = std::min<std::uint64_t>(n, cut.value_bytes - block_->cut_sent);
    block_->cut_sent += step;
    n -= static_cast<std::size_t>(step);
    if (block_->cut_sent == cut.value_bytes) {
      release(cut, store);
      ++block_->cut_begin;
      block_->cut_sent = 0;
    }
  }
}

}  // namespace cacheismo::node
