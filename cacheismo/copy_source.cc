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

/// Of an answer to cluster:changes (node/change_feed.h).
constexpr std::size_t changes_header_bytes = 17;

constexpr Bytes no_copier = "it does not tell its items; is it a cacheismo of this version?";

}  // namespace

CopySource::CopySource(const std::string& name, const io::Address& address, const CopyLink& link)
    : scan_(name, address, link), ask_(name, address, link) {}

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
  if (auto kept = ask_.keep_alive(); !kept) return kept;
  return scan_.keep_alive();
}

// ---- What changes -------------------------------------------------------------------------------

Result<void, std::string> CopySource::begin_changes() {
  position_ = 0;
  if (auto begun = next_changes(); !begun) return failure(begun.error());
  return {};
}

void CopySource::request_changes() {
  scan_.send(fmt::format("mg cluster:changes:{} v {}\r\n", *position_, copy_hop));
}

Result<CopySource::Changes, std::string> CopySource::next_changes() {
  request_changes();
  return take_changes();
}

Result<CopySource::Changes, std::string> CopySource::take_changes() {
  const auto reply = scan_.reply();
  if (!reply) return failure(reply.error());
  if (reply->is_error()) return failure(scan_.failed(reply->text));
  if (reply->word != proto::ReplyWord::meta_value || reply->value.size() < changes_header_bytes)
    return failure(scan_.failed(no_copier));
  changes_ = reply->value;
  const Bytes told = changes_;
  position_ = node::number_at(told.substr(0, 8));
  return Changes{.forms = told.substr(changes_header_bytes),
                 .left = node::number_at(told.substr(8, 8)),
                 .missing = told[16] != 0};
}

// ---- All items ----------------------------------------------------------------------------------

void CopySource::begin_scan(What what) {
  what_ = what;
  cursor_ = 0;
  more_ = true;
}

Result<std::optional<CopySource::Slice>, std::string> CopySource::next_slice() {
  if (!more_) return std::nullopt;
  scan_.send(fmt::format("mg cluster:{}:{} v {}\r\n", what_ == What::items ? "items" : "digests",
                         cursor_, copy_hop));
  if (position_) request_changes();
  const auto reply = scan_.reply();
  if (!reply) return failure(reply.error());
  if (reply->is_error()) return failure(scan_.failed(reply->text));
  if (reply->word != proto::ReplyWord::meta_value || reply->value.size() < 8)
    return failure(scan_.failed(no_copier));
  slice_ = reply->value;
  cursor_ = node::number_at(Bytes(slice_).substr(0, 8));
  more_ = cursor_ != 0;
  Slice slice{.forms = Bytes(slice_).substr(8), .changes = {}};
  if (position_) {
    const auto changes = take_changes();
    if (!changes) return failure(changes.error());
    slice.changes = *changes;
  }
  return slice;
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
