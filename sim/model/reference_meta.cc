// ReferenceMemcached, second part: the meta commands.

#include <algorithm>

#include "sim/model/number.h"
#include "sim/model/reference_memcached.h"

namespace cacheismo::model {
namespace {

const char* const bad_line = "CLIENT_ERROR bad command line format\r\n";

std::uint64_t unsigned_of(const std::map<char, std::string>& flags, char letter,
                          std::uint64_t otherwise) {
  const auto found = flags.find(letter);
  return found == flags.end() ? otherwise : *number<std::uint64_t>(found->second);
}

/// M without a letter is a mode that does not exist; a NUL counts as no M at all.
char mode_of(const std::map<char, std::string>& flags, char otherwise) {
  const auto found = flags.find('M');
  if (found == flags.end()) return otherwise;
  const char mode = found->second.empty() ? '?' : found->second[0];
  return mode == '\0' ? otherwise : mode;
}

std::int64_t signed_of(const std::map<char, std::string>& flags, char letter) {
  const auto found = flags.find(letter);
  return found == flags.end() ? 0 : *number<std::int64_t>(found->second);
}

}  // namespace

std::optional<ReferenceMemcached::Meta> ReferenceMemcached::read_flags(const Words& words,
                                                                       std::size_t first,
                                                                       bool& known) {
  Meta meta;
  known = words.size() <= 20;
  for (std::size_t i = first; i < words.size() && known; ++i) {
    const char letter = words[i][0];
    const std::string argument = words[i].substr(1);
    const bool letter_known =
        std::string("cfhklOqstuvxCDEFIJMNRT").find(letter) != std::string::npos;
    if (!letter_known || meta.has(letter)) {
      // Which of several mistakes is told is not this model's business.
      known = letter != 'b' && (letter_known || letter == '!') && i + 1 == words.size();
      if (known && words[0] == "ma") say("CLIENT_ERROR invalid or duplicate flag\r\n");
      if (known && words[0] != "ma")
        say(letter_known ? "CLIENT_ERROR duplicate flag\r\n" : "CLIENT_ERROR invalid flag\r\n");
      return std::nullopt;
    }
    const bool is_unsigned = std::string("CDEFJ").find(letter) != std::string::npos;
    const bool is_signed = std::string("NRT").find(letter) != std::string::npos;
    known = !(is_unsigned && !number<std::uint64_t>(argument)) &&
            !(is_signed && !number<std::int64_t>(argument)) &&
            !(letter == 'O' && argument.size() > 31) && !(letter == 'E' && argument == "0");
    meta.value[letter] = argument;
    meta.order.push_back(words[i]);
  }
  // What these do together nobody has written down.
  if ((meta.has('N') || meta.has('R')) && meta.has('T') && words[0] == "mg") known = false;
  return meta;
}

/// Status, the flags in request order as far as `shown` has them, then Z, X and W by the caller.
void ReferenceMemcached::meta_line(const char* status, const Meta& meta, const std::string& key,
                                   const char* shown, const Item* before, const Item* after) {
  static const Item none;
  const Item& was = before != nullptr ? *before : none;
  const Item& is = after != nullptr ? *after : none;
  say(status);
  bool ttl_was_set = false;
  for (const std::string& flag : meta.order) {
    const char letter = flag[0];
    if (letter == 'T' || letter == 'N') ttl_was_set = true;
    if (std::string(shown).find(letter) == std::string::npos) continue;
    const Item& item = letter == 't' && !ttl_was_set ? was : is;
    say(std::string(" ") + letter);
    switch (letter) {
      case 'O': say(flag.substr(1)); break;
      case 'k': say(key); break;
      case 's': say(std::to_string(item.value.size())); break;
      case 'f': say(std::to_string(item.flags)); break;
      case 'h': say(was.fetched ? "1" : "0"); break;
      case 'l': say(std::to_string(now_ - was.last_access)); break;
      case 't':
        say(item.expiry == never ? "-1"
                                 : std::to_string(std::max<std::int64_t>(0, item.expiry - now_)));
        break;
      case 'c':
        if (item.cas_id == 0)
          say("0");
        else
          say_cas(item);
        break;
      default: break;
    }
  }
}

ReferenceMemcached::Verdict ReferenceMemcached::meta_get(const Words& words) {
  if (words.size() < 2 || !good_key(words[1])) return say(bad_line), Verdict::done;
  bool known = true;
  const auto meta = read_flags(words, 2, known);
  if (!known) return Verdict::unknown;
  if (!meta) return Verdict::done;
  const std::string& key = words[1];
  Item* item = find(key);
  const bool vivified = item == nullptr && meta->has('N');
  if (item == nullptr && !vivified) {
    if (meta->has('q')) return Verdict::done;
    meta_line("EN", *meta, key, "Ok", nullptr, nullptr);
    return say("\r\n"), Verdict::done;
  }
  if (vivified) {
    Item empty;
    empty.expiry = expiry_of(signed_of(meta->value, 'N'));
    empty.last_access = now_;
    item = &write(key, std::move(empty), &*meta);
  }
  const Item before = *item;
  if (meta->has('T')) item->expiry = expiry_of(signed_of(meta->value, 'T'));
  const std::int64_t recache = signed_of(meta->value, 'R');
  const bool due =
      recache > 0 && item->expiry != never && item->expiry - now_ < expiry_of(recache) - now_;
  const bool won = vivified || (!item->token_sent && (item->stale || due));
  if (!vivified && !meta->has('u')) {
    item->fetched = true;
    item->last_access = now_;
  }
  if (won) item->token_sent = true;
  const std::string status =
      meta->has('v') ? "VA " + std::to_string(item->value.size()) : std::string("HD");
  meta_line(status.c_str(), *meta, key, "Okstcflh", &before, item);
  if (before.token_sent) say(" Z");
  if (item->stale) say(" X");
  if (won) say(" W");
  say(meta->has('v') ? "\r\n" + item->value + "\r\n" : "\r\n");
  return Verdict::done;
}

ReferenceMemcached::Verdict ReferenceMemcached::meta_set(Connection& connection, const Words& words,
                                                         std::size_t line_bytes) {
  std::string& pending = connection.pending;
  const auto length = words.size() < 3 ? std::nullopt : number<std::uint64_t>(words[2]);
  if (!length || *length > 2147483645) {
    pending.erase(0, line_bytes);
    return say(bad_line), Verdict::done;
  }
  const std::string& key = words[1];
  bool known = true;
  std::optional<Meta> meta;
  if (!good_key(key)) {
    say(bad_line);
  } else {
    meta = read_flags(words, 3, known);
  }
  if (!known) return Verdict::unknown;
  const char mode = meta ? mode_of(meta->value, 'S') : 'S';
  if (meta && std::string("SAPRE").find(mode) == std::string::npos) {
    say("CLIENT_ERROR invalid mode for ms M token\r\n");
    meta.reset();
  }
  if (!meta || !fits(key, *length)) {
    if (meta) {
      say("SERVER_ERROR object too large for cache\r\n");
      items_.erase(key);
    }
    pending.erase(0, line_bytes);
    connection.swallow = *length + 2;
    return Verdict::done;
  }
  if (pending.size() < line_bytes + *length + 2) return Verdict::incomplete;
  const std::string data = pending.substr(line_bytes, *length);
  const bool ended = pending.compare(line_bytes + *length, 2, "\r\n") == 0;
  pending.erase(0, line_bytes + *length + 2);
  if (!ended) return say("CLIENT_ERROR bad data chunk\r\n"), Verdict::done;
  put(key, data, mode, *meta);
  return Verdict::done;
}

void ReferenceMemcached::put(const std::string& key, const std::string& data, char mode,
                             const Meta& meta) {
  Item* old = find(key);
  const bool joins = mode == 'A' || mode == 'P';
  const std::uint64_t token = unsigned_of(meta.value, 'C', 0);
  // For append and prepend a CAS value of 0 is none.
  const bool compares = meta.has('C') && mode != 'E' && !(joins && token == 0);
  Item next;
  next.value = data;
  next.flags = static_cast<std::uint32_t>(unsigned_of(meta.value, 'F', 0));
  next.expiry = expiry_of(signed_of(meta.value, 'T'));
  next.last_access = now_;
  const char* status = "HD";
  if (old == nullptr) {
    if (joins && meta.has('N')) {
      next.expiry = expiry_of(signed_of(meta.value, 'N'));
    } else if (joins || (mode == 'R' && !compares)) {
      status = "NS";
    } else if (compares) {
      status = "NF";
    }
  } else if (mode == 'E') {
    old->last_access = now_;
    status = "NS";
  } else if (compares && !matches(*old, token)) {
    if (meta.has('I') && !joins && compare_cas(token, *old) < 0) {
      next.expiry = old->expiry;
      next.stale = true;
      next.token_sent = old->token_sent;
    } else {
      status = "EX";
    }
  }
  if (old != nullptr && joins && status[0] == 'H') {
    if (!fits(key, old->value.size() + data.size())) status = "NS";
    next.value = mode == 'A' ? old->value + data : data + old->value;
    next.flags = old->flags;
    next.expiry = old->expiry;
  }
  Item sent;  // what a failure tells about
  sent.value = data;
  const Item* told = &sent;
  if (status[0] == 'H') told = &write(key, std::move(next), &meta);
  if (status[0] == 'H' && meta.has('q')) return;
  meta_line(status, meta, key, "Okcs", told, told);
  say("\r\n");
}

ReferenceMemcached::Verdict ReferenceMemcached::meta_delete(const Words& words) {
  if (words.size() < 2 || !good_key(words[1])) return say(bad_line), Verdict::done;
  bool known = true;
  const auto meta = read_flags(words, 2, known);
  if (!known) return Verdict::unknown;
  if (!meta) return Verdict::done;
  const std::string& key = words[1];
  const Item* old = find(key);
  const char* status = "HD";
  if (old == nullptr) {
    status = "NF";
  } else if (meta->has('C') && !matches(*old, unsigned_of(meta->value, 'C', 0))) {
    status = "EX";
  } else if (meta->has('I') || meta->has('x')) {
    Item next = *old;
    if (meta->has('x')) {
      next = Item{};
      next.last_access = now_;
      next.flags = static_cast<std::uint32_t>(unsigned_of(meta->value, 'F', 0));
    }
    if (meta->has('I')) {
      next.stale = true;
      next.token_sent = false;
    }
    if (meta->has('T')) next.expiry = expiry_of(signed_of(meta->value, 'T'));
    write(key, std::move(next), &*meta);
  } else {
    items_.erase(key);
  }
  if (status[0] == 'H' && meta->has('q')) return Verdict::done;
  meta_line(status, *meta, key, "Ok", nullptr, nullptr);
  return say("\r\n"), Verdict::done;
}

ReferenceMemcached::Verdict ReferenceMemcached::meta_arithmetic(const Words& words) {
  if (words.size() < 2 || !good_key(words[1])) return say(bad_line), Verdict::done;
  bool known = true;
  auto meta = read_flags(words, 2, known);
  if (!known) return Verdict::unknown;
  if (!meta) return Verdict::done;
  const std::string& key = words[1];
  const char mode = mode_of(meta->value, 'I');
  if (std::string("ID+-").find(mode) == std::string::npos)
    return say("CLIENT_ERROR invalid mode for ma M token\r\n"), Verdict::done;
  const Item* old = find(key);
  const std::uint64_t token = unsigned_of(meta->value, 'C', 0);
  const char* status = "HD";
  Item next;
  if (old == nullptr) {
    if (!meta->has('N')) status = "NF";
    next.value = std::to_string(unsigned_of(meta->value, 'J', 0));
    next.expiry = expiry_of(signed_of(meta->value, 'N'));
  } else if (token != 0 && !matches(*old, token)) {
    status = "EX";
  } else {
    const auto counter = counter_in(old->value);
    if (!counter) {
      say("CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
      return Verdict::done;
    }
    const std::uint64_t delta = unsigned_of(meta->value, 'D', 1);
    const bool up = mode == 'I' || mode == '+';
    next = *old;
    next.value = std::to_string(up ? *counter + delta : *counter - std::min(*counter, delta));
    if (meta->has('T')) next.expiry = expiry_of(signed_of(meta->value, 'T'));
  }
  if (status[0] != 'H') {
    meta_line(status, *meta, key, "Ok", nullptr, nullptr);
    return say("\r\n"), Verdict::done;
  }
  next.last_access = now_;
  const Item& stored = write(key, std::move(next), &*meta);
  if (meta->has('q')) return Verdict::done;
  const std::string head =
      meta->has('v') ? "VA " + std::to_string(stored.value.size()) : std::string("HD");
  meta_line(head.c_str(), *meta, key, "Okct", &stored, &stored);
  say(meta->has('v') ? "\r\n" + stored.value + "\r\n" : "\r\n");
  return Verdict::done;
}

}  // namespace cacheismo::model
