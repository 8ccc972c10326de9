#include "sim/model/reference_memcached.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "sim/model/number.h"

namespace cacheismo::model {
namespace {

const char* const bad_line = "CLIENT_ERROR bad command line format\r\n";
const char* const bad_chunk = "CLIENT_ERROR bad data chunk\r\n";
const char* const too_large = "SERVER_ERROR object too large for cache\r\n";
const char* const non_numeric = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";

std::vector<std::string> cut(Bytes line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line) {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<std::uint64_t> unsigned_number(const std::string& text) {
  return number<std::uint64_t>(text);
}

bool is_quiet(const std::vector<std::string>& words, std::size_t from) {
  return words.size() > from && words.back() == "noreply";
}

}  // namespace

bool ReferenceMemcached::good_key(const std::string& key) {
  return !key.empty() && key.size() <= 250;
}

std::optional<std::uint64_t> counter_in(const std::string& value) {
  const auto is_blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  auto from = std::find_if_not(value.begin(), value.end(), is_blank);
  if (from != value.end() && *from == '+') ++from;
  return unsigned_number(std::string(from, std::find_if(from, value.end(), is_blank)));
}

// ---- Bytes in -----------------------------------------------------------------------------------

std::optional<Expected> ReferenceMemcached::receive(std::uint32_t number, Bytes bytes,
                                                    std::int64_t now) {
  now_ = now;
  flush_if_due();
  out_ = {};
  Connection& connection = connections_[number];
  connection.pending += bytes;
  while (!connection.closed) {
    const Verdict verdict = step(connection);
    if (verdict == Verdict::unknown || unsure_) return std::nullopt;
    if (verdict == Verdict::incomplete) break;
  }
  out_.closes = connection.closed;
  return std::move(out_);
}

ReferenceMemcached::Verdict ReferenceMemcached::step(Connection& connection) {
  std::string& pending = connection.pending;
  const std::size_t swallowed = std::min<std::uint64_t>(connection.swallow, pending.size());
  pending.erase(0, swallowed);
  connection.swallow -= swallowed;
  // A first byte of the binary protocol is answered before its line ends.
  if (pending.starts_with('\x80')) return Verdict::unknown;
  const std::size_t newline = pending.find('\n');
  // Whether a longer line is hung up on depends on how it is cut.
  if (std::min(newline, pending.size()) > 2000) return Verdict::unknown;
  if (newline == std::string::npos) return Verdict::incomplete;
  std::string text = pending.substr(0, newline);
  if (!text.empty() && text.back() == '\r') text.pop_back();
  if (newline + 1 < 4) {
    say(bad_line);
    pending.erase(0, newline + 1);
    return Verdict::done;
  }
  if (text[0] == ' ') return Verdict::unknown;
  const Words words = cut(text);
  static const Words with_data = {"set", "add", "replace", "append", "prepend", "cas"};
  if (std::find(with_data.begin(), with_data.end(), words[0]) != with_data.end())
    return storage(connection, words, newline + 1);
  if (words[0] == "ms") return meta_set(connection, words, newline + 1);
  pending.erase(0, newline + 1);
  return line(connection, words);
}

ReferenceMemcached::Verdict ReferenceMemcached::line(Connection& connection, const Words& words) {
  const std::string& verb = words[0];
  const bool keyed = verb == "delete" || verb == "touch" || verb == "incr" || verb == "decr";
  const bool quiet = is_quiet(words, verb == "delete" ? 1 : 2);
  if (verb == "get" || verb == "gets") {
    get(words, 1, verb == "gets", std::nullopt);
  } else if (verb == "gat" || verb == "gats") {
    if (words.size() < 3) return say(bad_line), Verdict::done;
    const auto exptime = number<std::int64_t>(words[1]);
    if (!exptime) return say("CLIENT_ERROR invalid exptime argument\r\n"), Verdict::done;
    get(words, 2, verb == "gats", expiry_of(*exptime));
  } else if (keyed && (words.size() < (verb == "delete" ? 2u : 3u) || !good_key(words[1]))) {
    if (!quiet || words.size() < 3) say(bad_line);
  } else if (verb == "delete") {
    const bool hit = find(words[1]) != nullptr;
    items_.erase(words[1]);
    if (!quiet) say(hit ? "DELETED\r\n" : "NOT_FOUND\r\n");
  } else if (verb == "touch") {
    const auto exptime = number<std::int64_t>(words[2]);
    Item* item = exptime ? find(words[1]) : nullptr;
    if (item != nullptr) {
      item->expiry = expiry_of(*exptime);
      item->fetched = true;
      item->last_access = now_;
    }
    if (!quiet && !exptime) say("CLIENT_ERROR invalid exptime argument\r\n");
    if (!quiet && exptime) say(item != nullptr ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
  } else if (verb == "incr" || verb == "decr") {
    return arithmetic(words, quiet);
  } else if (verb == "flush_all") {
    return flush_all(words, is_quiet(words, 1));
  } else if (verb == "mn") {
    say("MN\r\n");
  } else if (verb == "quit") {
    connection.closed = true;
  } else if (verb == "mg") {
    return meta_get(words);
  } else if (verb == "md") {
    return meta_delete(words);
  } else if (verb == "ma") {
    return meta_arithmetic(words);
  } else if (verb == "GET" || verb == "bogus") {  // every other unknown word could be a known one
    if (words.back().starts_with("HTTP/")) {
      connection.closed = true;
    } else if (!is_quiet(words, 1)) {
      say("ERROR\r\n");
    }
  } else {
    return Verdict::unknown;
  }
  return Verdict::done;
}

// ---- Items --------------------------------------------------------------------------------------

std::int64_t ReferenceMemcached::expiry_of(std::int64_t exptime) const {
  if (exptime == 0) return never;
  if (exptime < 0) return -1;
  if (exptime <= 60 * 60 * 24 * 30) return now_ + exptime;
  return std::min(exptime - start_unix_seconds_, last_second);
}

void ReferenceMemcached::flush_if_due() {
  if (flush_at_ > now_) return;
  items_.clear();
  flush_at_ = never;
}

ReferenceMemcached::Item* ReferenceMemcached::find(const std::string& key) {
  const auto found = items_.find(key);
  if (found == items_.end()) return nullptr;
  if (found->second.expiry > now_) return &found->second;
  items_.erase(found);
  return nullptr;
}

/// Every write gives the item a new CAS value, unless the client names one.
ReferenceMemcached::Item& ReferenceMemcached::write(const std::string& key, Item item,
                                                    const Meta* meta) {
  item.cas_id = ++last_cas_id_;
  item.cas_number = std::nullopt;
  if (meta != nullptr && meta->has('E')) item.cas_number = unsigned_number(meta->value.at('E'));
  return items_[key] = std::move(item);
}

/// -1: `token` is older than the item's CAS value, 0: equal, 1: newer.
int ReferenceMemcached::compare_cas(std::uint64_t token, const Item& item) {
  const auto known = number_of_id_.find(item.cas_id);
  if (!item.cas_number && known == number_of_id_.end()) {
    // A value that nobody has seen is newer than all that were given out before it, and those of
    // clients (E) are beyond what the server counts to. Of a guess nobody knows.
    if (token == 0) return -1;
    if (token >= client_cas_min) return 1;
    for (const auto& [id, number] : number_of_id_) {
      if (number == token && id < item.cas_id) return -1;
    }
    unsure_ = true;
    return -1;
  }
  const std::uint64_t value = item.cas_number ? *item.cas_number : known->second;
  return token < value ? -1 : token > value ? 1 : 0;
}

bool ReferenceMemcached::matches(const Item& item, std::uint64_t token) {
  return compare_cas(token, item) == 0;
}

std::optional<std::uint64_t> ReferenceMemcached::cas_of(const std::string& key) const {
  const auto found = items_.find(key);
  if (found == items_.end()) return std::nullopt;
  if (found->second.cas_number) return found->second.cas_number;
  const auto known = number_of_id_.find(found->second.cas_id);
  return known == number_of_id_.end() ? std::nullopt : std::optional(known->second);
}

bool ReferenceMemcached::fits(const std::string& key, std::uint64_t value_bytes) const {
  return key.size() + value_bytes + 59 <= item_bytes_max_;
}

void ReferenceMemcached::say_cas(const Item& item) {
  if (item.cas_number) return say(std::to_string(*item.cas_number));
  out_.cas.emplace_back(out_.text.size(), item.cas_id);
}

// ---- Classic commands ---------------------------------------------------------------------------

void ReferenceMemcached::get(const Words& words, std::size_t first_key, bool with_cas,
                             std::optional<std::int64_t> expiry) {
  if (words.size() <= first_key ||
      !std::all_of(words.begin() + static_cast<long>(first_key), words.end(), good_key))
    return say(bad_line);
  for (std::size_t i = first_key; i < words.size(); ++i) {
    Item* item = find(words[i]);
    if (item == nullptr) continue;
    item->fetched = true;
    item->last_access = now_;
    if (expiry) item->expiry = *expiry;
    say("VALUE " + words[i] + " " + std::to_string(item->flags) + " " +
        std::to_string(item->value.size()));
    if (with_cas) {
      say(" ");
      say_cas(*item);
    }
    say("\r\n" + item->value + "\r\n");
  }
  say("END\r\n");
}

ReferenceMemcached::Verdict ReferenceMemcached::storage(Connection& connection, const Words& words,
                                                        std::size_t line_bytes) {
  std::string& pending = connection.pending;
  const std::size_t extra = words[0] == "cas" ? 6 : 5;
  const auto length = words.size() < 5 ? std::nullopt : unsigned_number(words[4]);
  if (!length || *length > 2147483645) {
    pending.erase(0, line_bytes);
    return say(bad_line), Verdict::done;
  }
  const bool quiet = is_quiet(words, 5);
  const auto flags = unsigned_number(words[2]);
  const auto exptime = number<std::int64_t>(words[3]);
  const bool has_token = extra == 5 || (words.size() > 5 && unsigned_number(words[5]));
  const bool fine = good_key(words[1]) && flags && exptime && has_token;
  if (!fine || !fits(words[1], *length)) {
    if (!quiet) say(fine ? too_large : bad_line);
    if (fine && words[0] == "set") items_.erase(words[1]);
    pending.erase(0, line_bytes);
    connection.swallow = *length + 2;
    return Verdict::done;
  }
  if (pending.size() < line_bytes + *length + 2) return Verdict::incomplete;
  const std::string data = pending.substr(line_bytes, *length);
  const bool ended = pending.compare(line_bytes + *length, 2, "\r\n") == 0;
  pending.erase(0, line_bytes + *length + 2);
  if (ended) {
    store(words, data, quiet);
  } else if (!quiet) {
    say(bad_chunk);
  }
  return Verdict::done;
}

void ReferenceMemcached::store(const Words& words, const std::string& data, bool quiet) {
  const std::string& verb = words[0];
  const std::string& key = words[1];
  Item* old = find(key);
  const bool joins = verb == "append" || verb == "prepend";
  if (verb == "add" && old != nullptr) old->last_access = now_;
  const char* reply = "STORED\r\n";
  if (verb == "cas" && old == nullptr) {
    reply = "NOT_FOUND\r\n";
  } else if (verb == "cas" && !matches(*old, *unsigned_number(words[5]))) {
    reply = "EXISTS\r\n";
  } else if ((verb == "add" && old != nullptr) || (verb == "replace" && old == nullptr) ||
             (joins && (old == nullptr || !fits(key, old->value.size() + data.size())))) {
    reply = "NOT_STORED\r\n";
  } else {
    Item item;
    item.value = verb == "append" ? old->value + data : joins ? data + old->value : data;
    item.flags = joins ? old->flags : static_cast<std::uint32_t>(*unsigned_number(words[2]));
    item.expiry = joins ? old->expiry : expiry_of(*number<std::int64_t>(words[3]));
    item.last_access = now_;
    write(key, std::move(item), nullptr);
  }
  if (!quiet) say(reply);
}

ReferenceMemcached::Verdict ReferenceMemcached::arithmetic(const Words& words, bool quiet) {
  const auto delta = unsigned_number(words[2]);
  Item* item = delta ? find(words[1]) : nullptr;
  const auto old = item != nullptr ? counter_in(item->value) : std::nullopt;
  if (old) {
    Item next = *item;
    next.value = std::to_string(words[0] == "incr" ? *old + *delta : *old - std::min(*old, *delta));
    next.last_access = now_;
    item = &write(words[1], std::move(next), nullptr);
  }
  if (quiet) return Verdict::done;
  if (!delta) {
    say("CLIENT_ERROR invalid numeric delta argument\r\n");
  } else if (item == nullptr) {
    say("NOT_FOUND\r\n");
  } else {
    say(old ? item->value + "\r\n" : non_numeric);
  }
  return Verdict::done;
}

ReferenceMemcached::Verdict ReferenceMemcached::flush_all(const Words& words, bool quiet) {
  const bool has_delay = words.size() > (quiet ? 2u : 1u);
  const auto delay = has_delay ? number<std::int64_t>(words[1]) : std::int64_t{0};
  if (delay) flush_at_ = *delay > 0 ? std::max(now_, expiry_of(*delay)) : now_;
  flush_if_due();
  if (!quiet) say(delay ? "OK\r\n" : "CLIENT_ERROR invalid exptime argument\r\n");
  return Verdict::done;
}

// ---- Comparing ----------------------------------------------------------------------------------

std::optional<std::string> ReferenceMemcached::compare(const Expected& expected, Bytes actual) {
  std::size_t from = 0;
  Bytes rest = actual;
  const auto same = [&](std::size_t to) {
    const Bytes part = Bytes(expected.text).substr(from, to - from);
    if (!rest.starts_with(part)) return false;
    rest.remove_prefix(part.size());
    from = to;
    return true;
  };
  for (const auto& [offset, id] : expected.cas) {
    if (!same(offset))
      return "expected " + expected.text.substr(from) + " but got " + std::string(rest);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || value == 0) return "no CAS value in " + std::string(rest);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto [known, fresh] = number_of_id_.emplace(id, value);
    if (known->second != value)
      return "the CAS value changed without a write: " + std::string(actual);
  }
  if (!same(expected.text.size()) || !rest.empty())
    return "expected " + expected.text.substr(from) + " but got " + std::string(rest);
  return std::nullopt;
}

}  // namespace cacheismo::model
