#include "cacheismo/copy_sink.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cacheismo {
namespace {

/// Room of an item's header and the request's key in TO's largest item.
constexpr std::uint64_t header_bytes = 256;

}  // namespace

CopySink::CopySink(CopyWire& wire, std::uint64_t item_bytes_max)
    : wire_(wire),
      block_bytes_max_(static_cast<std::size_t>(std::min<std::uint64_t>(
          copy_block_bytes, std::max(item_bytes_max, 2 * header_bytes) - header_bytes))) {}

Result<void, std::string> CopySink::add(const node::ItemForm& item) {
  const std::size_t at = block_.size();
  node::append_item(item, block_);
  if (block_.size() <= block_bytes_max_) return {};
  const std::string form = block_.substr(at);
  block_.resize(at);
  if (auto flushed = flush(); !flushed) return flushed;
  if (form.size() > block_bytes_max_) return send_parts(form);
  block_ = form;
  return {};
}

void CopySink::send_block(Bytes key, Bytes data) {
  wire_.send(fmt::format("ms {} {} {}\r\n", key, data.size(), copy_hop));
  wire_.send(data);
  wire_.send("\r\n");
  bytes_ += data.size();
  ++under_way_;
}

Result<void, std::string> CopySink::flush() {
  if (block_.empty()) return {};
  send_block("cluster:items", block_);
  block_.clear();
  return take_replies(copy_blocks_ahead);
}

Result<void, std::string> CopySink::send_parts(Bytes form) {
  for (std::size_t offset = 0; offset < form.size(); offset += block_bytes_max_) {
    send_block(fmt::format("cluster:part:{}:{}", offset, form.size()),
               form.substr(offset, block_bytes_max_));
    if (auto taken = take_replies(copy_blocks_ahead); !taken) return taken;
  }
  return {};
}

Result<void, std::string> CopySink::take_replies(std::size_t left) {
  while (under_way_ > left) {
    const auto reply = wire_.reply();
    if (!reply) return failure(reply.error());
    --under_way_;
    if (reply->word == proto::ReplyWord::meta_hit) continue;
    const std::string text(reply->text);
    if (text.find("out of memory") != std::string::npos)
      return failure(wire_.failed("it is too small, give it more memory (-m): " + text));
    if (!reply->is_error()) return failure(wire_.failed("it does not take items"));
    ++refused_;
    if (refusals_.size() < refusals_max) refusals_.push_back(wire_.failed(text));
  }
  return {};
}

Result<void, std::string> CopySink::finish() {
  if (auto flushed = flush(); !flushed) return flushed;
  return take_replies(0);
}

}  // namespace cacheismo
