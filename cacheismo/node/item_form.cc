#include "cacheismo/node/item_form.h"

#include <limits>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::node {
namespace {

constexpr char version = static_cast<char>(0xC1);
constexpr std::uint32_t lives_forever = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t entry_header_bytes = 4;
constexpr std::size_t digest_bytes = 8;

/// Whether a payload may be of this size.
bool fits(ItemForm::Kind kind, std::size_t payload_bytes) {
  switch (kind) {
    case ItemForm::Kind::value:
    case ItemForm::Kind::object: return payload_bytes <= item_payload_bytes_max;
    case ItemForm::Kind::gone:
    case ItemForm::Kind::long_one:
    case ItemForm::Kind::flush: return payload_bytes == 0;
    case ItemForm::Kind::digest: return payload_bytes == digest_bytes;
  }
  return false;
}

}  // namespace

void append_number(std::uint64_t value, std::size_t bytes, std::string& out) {
  for (std::size_t i = 0; i < bytes; ++i, value >>= 8) out += static_cast<char>(value & 0xFF);
}

std::uint64_t number_at(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::size_t begin_item(const ItemForm& item, std::string& out) {
  CHECK_GE(item.key.size(), 1u);
  CHECK_LE(item.key.size(), limits::key_bytes_max);
  const std::size_t at = out.size();
  out += version;
  out += static_cast<char>(item.kind);
  out += static_cast<char>(item.key.size());
  out += '\0';
  append_number(item.client_flags, 4, out);
  append_number(item.seconds_to_live.value_or(lives_forever), 4, out);
  append_number(0, 4, out);
  out += item.key;
  return at;
}

void end_item(std::size_t begun_at, std::string& out) {
  const auto key_bytes = static_cast<unsigned char>(out[begun_at + 2]);
  const std::size_t payload_bytes = out.size() - begun_at - item_form_header_bytes - key_bytes;
  CHECK_LE(payload_bytes, item_payload_bytes_max);
  for (std::size_t i = 0; i < 4; ++i)
    out[begun_at + 12 + i] = static_cast<char>(payload_bytes >> (8 * i) & 0xFF);
}

void append_item(const ItemForm& item, std::string& out) {
  const std::size_t at = begin_item(item, out);
  out += item.payload;
  end_item(at, out);
}

void append_entry(Bytes key, Bytes value, std::string& out) {
  append_number(key.size(), 2, out);
  append_number(value.size(), 2, out);
  out += key;
  out += value;
}

std::optional<ItemForm> take_item(Bytes& rest) {
  if (rest.size() < item_form_header_bytes || rest[0] != version || rest[3] != '\0')
    return std::nullopt;
  ItemForm item;
  item.kind = static_cast<ItemForm::Kind>(rest[1]);
  const std::size_t key_bytes = static_cast<unsigned char>(rest[2]);
  item.client_flags = static_cast<std::uint32_t>(number_at(rest.substr(4, 4)));
  if (item.kind == ItemForm::Kind::object && item.client_flags != 0) return std::nullopt;
  const auto seconds = static_cast<std::uint32_t>(number_at(rest.substr(8, 4)));
  if (seconds != lives_forever) item.seconds_to_live = seconds;
  const std::size_t payload_bytes = number_at(rest.substr(12, 4));
  if (key_bytes == 0 || key_bytes > limits::key_bytes_max || !fits(item.kind, payload_bytes))
    return std::nullopt;
  if (rest.size() - item_form_header_bytes < key_bytes + payload_bytes) return std::nullopt;
  item.key = rest.substr(item_form_header_bytes, key_bytes);
  item.payload = rest.substr(item_form_header_bytes + key_bytes, payload_bytes);
  rest.remove_prefix(item_form_header_bytes + key_bytes + payload_bytes);
  return item;
}

std::optional<EntryForm> take_entry(Bytes& rest) {
  if (rest.size() < entry_header_bytes) return std::nullopt;
  const std::size_t key_bytes = number_at(rest.substr(0, 2));
  const std::size_t value_bytes = number_at(rest.substr(2, 2));
  if (key_bytes > limits::object_key_bytes_max || value_bytes > limits::object_value_bytes_max ||
      rest.size() - entry_header_bytes < key_bytes + value_bytes)
    return std::nullopt;
  const EntryForm entry{rest.substr(entry_header_bytes, key_bytes),
                        rest.substr(entry_header_bytes + key_bytes, value_bytes)};
  rest.remove_prefix(entry_header_bytes + key_bytes + value_bytes);
  return entry;
}

std::uint64_t digest_of(ItemForm::Kind kind, std::uint32_t client_flags, Bytes payload) {
  return hash64(payload, std::uint64_t{client_flags} << 8 | static_cast<std::uint64_t>(kind));
}

}  // namespace cacheismo::node
