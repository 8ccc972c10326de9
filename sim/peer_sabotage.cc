#include "sim/peer_sabotage.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t npos = std::string::npos;

/// A `VA` reply in a send.
struct Value {
  std::string key;
  std::size_t at = 0;  ///< of the value
  std::size_t bytes = 0;
};

std::optional<Value> value_at(const std::string& bytes, std::size_t line, std::size_t line_end) {
  Value value;
  const char* begin = bytes.data() + line + 3;
  if (bytes.compare(line, 3, "VA ") != 0) return std::nullopt;
  const auto read = std::from_chars(begin, bytes.data() + line_end, value.bytes);
  if (read.ec != std::errc() || line_end + 2 + value.bytes > bytes.size()) return std::nullopt;
  const std::size_t key = bytes.find(" k", line);
  if (key == npos || key > line_end) return std::nullopt;
  value.key = bytes.substr(key + 2, bytes.find_first_of(" \r", key + 2) - key - 2);
  value.at = line_end + 2;
  return value;
}

/// All of a send that begins at a line's beginning.
std::vector<Value> values_in(const std::string& bytes) {
  std::vector<Value> values;
  std::size_t line = 0;
  while (line < bytes.size()) {
    const std::size_t end = bytes.find("\r\n", line);
    if (end == npos) break;
    const auto value = value_at(bytes, line, end);
    line = end + 2;
    if (!value) continue;
    values.push_back(*value);
    line += value->bytes + 2;
  }
  return values;
}

}  // namespace

bool PeerSabotage::swap_values(std::string& bytes) {
  const std::vector<Value> values = values_in(bytes);
  for (std::size_t i = 1; i < values.size(); i++) {
    const Value& one = values[i - 1];
    const Value& other = values[i];
    if (one.bytes != other.bytes || one.key == other.key) continue;
    const std::string kept = bytes.substr(one.at, one.bytes);
    bytes.replace(one.at, one.bytes, bytes, other.at, other.bytes);
    bytes.replace(other.at, other.bytes, kept);
    return true;
  }
  return false;
}

bool PeerSabotage::ask_twice(std::string& bytes) {
  const std::size_t line = bytes.find("ma ");
  if (line == npos || (line > 0 && bytes[line - 1] != '\n')) return false;
  const std::size_t key_end = bytes.find(' ', line + 3);
  const std::size_t hop = bytes.find(" P1.", line);
  const std::size_t end = bytes.find("\r\n", line);
  if (key_end == npos || hop == npos || end == npos || hop > end) return false;
  const std::string words = bytes.substr(hop, bytes.find_first_of(" \r", hop + 1) - hop);
  bytes.insert(line, bytes.substr(line, key_end - line) + " q" + words + "\r\n");
  return true;
}

bool PeerSabotage::stale_value(std::string& bytes, Prng& chance) {
  bool changed = false;
  for (const Value& value : values_in(bytes)) {
    std::string now = bytes.substr(value.at, value.bytes);
    std::string& before = values_[value.key];
    if (before.size() == now.size() && before != now && chance.chance(1, 8)) {
      bytes.replace(value.at, value.bytes, before);
      changed = true;
    }
    before = std::move(now);
  }
  return changed;
}

bool PeerSabotage::forget_hop(std::string& bytes) {
  bool changed = false;
  for (std::size_t at = bytes.find(" P1."); at != npos; at = bytes.find(" P1.", at + 1)) {
    bytes[at + 2] = '0';
    changed = true;
  }
  return changed;
}

// ---- Of a cluster whose ring changes ------------------------------------------------------------

bool PeerSabotage::resurrect(std::string& bytes) {
  constexpr std::size_t header_bytes = 16;
  constexpr Bytes gift = "ms cluster:give:";
  for (std::size_t line = bytes.find(gift); line != npos; line = bytes.find(gift, line + 1)) {
    const std::size_t end = bytes.find("\r\n", line);
    const std::size_t hop = bytes.find(" P1.", line);
    if (end == npos || hop == npos || hop > end) continue;
    const std::size_t key = line + gift.size();
    const std::size_t key_end = bytes.find(' ', key);
    std::size_t form_bytes = 0;
    (void)std::from_chars(bytes.data() + key_end + 1, bytes.data() + end, form_bytes);
    const std::string name = bytes.substr(key, key_end - key);
    const std::size_t head = header_bytes + name.size();
    const bool is_value = end + 2 + form_bytes <= bytes.size() && bytes[end + 3] == 1;
    if (!is_value || form_bytes < head) continue;
    const std::string value = bytes.substr(end + 2 + head, form_bytes - head);
    std::string store = "ms ";
    store += name;
    store += ' ';
    store += std::to_string(value.size());
    store += " q";
    store.append(bytes, hop, end - hop);
    store += "\r\n";
    store += value;
    store += "\r\n";
    bytes.insert(line, store);
    return true;
  }
  return false;
}

bool PeerSabotage::forget_epoch(std::string& bytes) {
  constexpr Bytes head = " P1.0.";
  bool changed = false;
  for (std::size_t at = bytes.find(head); at != npos; at = bytes.find(head, at + 1)) {
    const std::size_t line = bytes.rfind('\n', at) + 1;  // 0 if there is none
    if (bytes.find("cluster:", line) < at) continue;
    bytes[at + head.size()] = '0';
    changed = true;
  }
  return changed;
}

bool PeerSabotage::lose_moved(std::string& bytes) {
  for (const Value& value : values_in(bytes)) {
    if (!value.key.starts_with("cluster:take:")) continue;
    const std::size_t line = bytes.rfind("VA ", value.at);
    const std::size_t facts = bytes.find(' ', line + 3);
    bytes.erase(value.at, value.bytes + 2);
    bytes.replace(line, facts - line, "EN");
    return true;
  }
  return false;
}

bool PeerSabotage::late_flush(std::string& bytes) {
  constexpr Bytes order = "cluster:flush:";
  bool changed = false;
  for (std::size_t at = bytes.find(order); at != npos; at = bytes.find(order, at + 1)) {
    const bool is_answer = at > 0 && bytes[at - 1] == 'k';
    if (at + order.size() == bytes.size()) continue;
    bytes[at + order.size()] = is_answer ? '0' : '9';
    changed = true;
  }
  return changed;
}

bool PeerSabotage::refuse_gifts(std::string& bytes) {
  constexpr Bytes key = " kcluster:give:";
  bool changed = false;
  for (std::size_t at = bytes.find(key); at != npos; at = bytes.find(key, at + 1)) {
    const std::size_t line = bytes.rfind('\n', at) + 1;
    const std::size_t end = bytes.find("\r\n", at);
    const bool is_reply = bytes.compare(line, 2, "HD") == 0 || bytes.compare(line, 2, "NS") == 0;
    if (end == npos || !is_reply) continue;
    bytes.replace(line, end - line, "SERVER_ERROR cluster: no");
    changed = true;
  }
  return changed;
}

// ---- Of copies ----------------------------------------------------------------------------------

namespace {

constexpr std::size_t form_header_bytes = 16;  // node/item_form.h
constexpr std::size_t form_key_size_at = 2;

/// A state that is sent whole.
struct Copy {
  std::size_t version = 0;  ///< where it begins, "7.1764132345000000.981\n"
  std::size_t form = 0;
  std::size_t end = 0;  ///< behind the request
  std::string hop;      ///< " P1.1.0.500"
  std::string key;
};

std::optional<Copy> copy_at(const std::string& bytes, std::size_t line) {
  constexpr Bytes order = "ms cluster:replica ";
  if (bytes.compare(line, order.size(), order) != 0) return std::nullopt;
  const std::size_t line_end = bytes.find("\r\n", line);
  const std::size_t hop = bytes.find(" P1.", line);
  std::size_t block_bytes = 0;
  if (line_end == npos || hop == npos || hop > line_end) return std::nullopt;
  (void)std::from_chars(bytes.data() + line + order.size(), bytes.data() + line_end, block_bytes);
  Copy copy;
  copy.version = line_end + 2;
  copy.end = copy.version + block_bytes + 2;
  copy.form = bytes.find('\n', copy.version) + 1;
  if (copy.end > bytes.size() || copy.form + form_header_bytes > copy.end) return std::nullopt;
  const auto key_bytes = static_cast<unsigned char>(bytes[copy.form + form_key_size_at]);
  copy.hop = bytes.substr(hop, bytes.find_first_of(" \r", hop + 1) - hop);
  copy.key = bytes.substr(copy.form + form_header_bytes, key_bytes);
  return copy;
}

std::vector<Copy> copies_in(const std::string& bytes) {
  std::vector<Copy> copies;
  for (std::size_t at = bytes.find("ms cluster:replica "); at != npos;
       at = bytes.find("ms cluster:replica ", at + 1)) {
    if (const auto copy = copy_at(bytes, at)) copies.push_back(*copy);
  }
  return copies;
}

/// The same epoch and node, one behind.
std::string next_version(const std::string& version) {
  const std::size_t first = version.find('.') + 1;
  const std::size_t second = version.find('.', first);
  const std::uint64_t counter = std::stoull(version.substr(first, second - first)) + 1;
  return version.substr(0, first) + std::to_string(counter) + version.substr(second);
}

}  // namespace

bool PeerSabotage::lose_copy(std::string& bytes) {
  const std::vector<Copy> copies = copies_in(bytes);
  for (const Copy& copy : copies) bytes[copy.form + form_header_bytes] = '-';
  return !copies.empty();
}

bool PeerSabotage::old_copy(std::string& bytes, Prng& chance) {
  for (const Copy& copy : copies_in(bytes)) {
    std::string form = bytes.substr(copy.form, copy.end - 2 - copy.form);
    std::string before = std::exchange(forms_[copy.key], form);
    if (before.empty() || !chance.chance(1, 4)) continue;
    const std::string version = bytes.substr(copy.version, copy.form - copy.version);
    const std::string block = next_version(version) + before;
    bytes.insert(copy.end, "ms cluster:replica " + std::to_string(block.size()) + " q" + copy.hop +
                               "\r\n" + block + "\r\n");
    return true;
  }
  return false;
}

}  // namespace cacheismo::sim
