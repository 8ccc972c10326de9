#include "cacheismo/copy_source.h"

#include <limits>

#include <fmt/format.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo {
namespace {

/// Only tries whether slices are told: a walk that has begun and is not gone on with would stand in
/// the way of what TO inserts for a minute (Store::scan).
constexpr std::uint32_t cursor_behind_all = std::numeric_limits<std::uint32_t>::max();

constexpr Bytes no_copier = "it does not tell its items; is it a cacheismo of this version?";

}  // namespace

CopySource::CopySource(io::EpollIo& io, const std::string& name, const io::Address& address,
                       const CopyLink& link)
    : scan_(io, name, address, link), ask_(io, name, address, link) {}

Result<void, std::string> CopySource::open() {
  if (auto connected = scan_.connect(); !connected) return connected;
  if (auto connected = ask_.connect(); !connected) return connected;
  ask_.send(fmt::format("mg cluster:digests:{} {}\r\n", cursor_behind_all, copy_hop));
  const auto reply = ask_.reply();
  if (!reply) return failure(reply.error());
  if (reply->is_error()) return failure(ask_.failed(reply->text));
  if (reply->word != proto::ReplyWord::meta_hit) return failure(ask_.failed(no_copier));
  return {};
}

Result<void, std::string> CopySource::read_stats(Bytes which, CopyFacts& facts) {
  ask_.send(which);
  for (;;) {
    const auto reply = ask_.reply();
    if (!reply) return failure(reply.error());
    if (reply->word == proto::ReplyWord::end) return {};
    if (reply->word != proto::ReplyWord::stat) return failure(ask_.failed(reply->text));
    const auto number = proto::parse_unsigned(reply->text);
    if (!number) continue;  // `evictions` of the settings is a word
    if (reply->key == "curr_items") facts.items = *number;
    if (reply->key == "bytes") facts.bytes = *number;
    if (reply->key == "limit_maxbytes") facts.memory_bytes = *number;
    if (reply->key == "evictions") facts.evictions = *number;
    if (reply->key == "item_size_max") facts.item_bytes_max = *number;
  }
}

Result<CopyFacts, std::string> CopySource::facts() {
  CopyFacts facts;
  for (const Bytes which : {"stats\r\n", "stats settings\r\n"}) {
    if (auto read = read_stats(which, facts); !read) return failure(read.error());
  }
  return facts;
}

Result<void, std::string> CopySource::keep_alive() {
  if (auto kept = ask_.keep_alive(); !kept || more_) return kept;
  return scan_.keep_alive();
}

// ---- All items ----------------------------------------------------------------------------------

void CopySource::begin_scan(What what) {
  what_ = what;
  cursor_ = 0;
  more_ = true;
  request_slice();
}

void CopySource::request_slice() {
  scan_.send(fmt::format("mg cluster:{}:{} v {}\r\n", what_ == What::items ? "items" : "digests",
                         cursor_, copy_hop));
}

Result<std::optional<Bytes>, std::string> CopySource::next_slice() {
  if (!more_) return std::nullopt;
  const auto reply = scan_.reply();
  if (!reply) return failure(reply.error());
  if (reply->is_error()) return failure(scan_.failed(reply->text));
  if (reply->word != proto::ReplyWord::meta_value || reply->value.size() < 8)
    return failure(scan_.failed(no_copier));
  slice_ = reply->value;
  cursor_ = node::number_at(Bytes(slice_).substr(0, 8));
  more_ = cursor_ != 0;
  if (more_) request_slice();
  return Bytes(slice_).substr(8);
}

// ---- Items by key -------------------------------------------------------------------------------

bool CopySource::ask(Bytes key, Ask what) {
  const proto::SpeltKey spelt = proto::spell_key(key);
  if (spelt.text.size() > limits::key_bytes_max) return false;
  ask_.send(fmt::format("mg {}{}{} {}{}\r\n", spelt.text, spelt.flag(),
                        what == Ask::presence ? "" : " v", copy_hop,
                        what == Ask::item ? ".i" : ".d"));
  return true;
}

Result<std::optional<node::ItemForm>, std::string> CopySource::answer() {
  const auto reply = ask_.reply();
  if (!reply) return failure(reply.error());
  if (reply->word == proto::ReplyWord::meta_miss) return std::nullopt;
  if (reply->word == proto::ReplyWord::meta_hit) return node::ItemForm{};
  if (reply->is_error()) return failure(ask_.failed(reply->text));
  Bytes form = reply->value;
  auto item = node::take_item(form);
  if (reply->word != proto::ReplyWord::meta_value || !item || !form.empty())
    return failure(ask_.failed(no_copier));
  return item;
}

}  // namespace cacheismo
