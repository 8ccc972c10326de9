#include "sim/key_model.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::sim {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
// The node's clock ticks in whole seconds: an item may go up to one second early. It may tick late
// by one more, and hosts' clocks drift.
constexpr std::int64_t early_ns = 1'100'000'000;
constexpr std::int64_t late_ns = 2'200'000'000;

/// memcached pads a number that became shorter with spaces; not padding is fine too.
Bytes trimmed(Bytes number) {
  const std::size_t end = number.find_last_not_of(' ');
  return number.substr(0, end == Bytes::npos ? 0 : end + 1);
}

std::uint64_t number_of(Bytes text) {
  std::uint64_t number = 0;
  text = trimmed(text);
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_write(Op op) {
  switch (op) {
    case Op::get:
    case Op::gets:
    case Op::mg:
    case Op::mn:
    case Op::shared_get:
    case Op::shared_set:
    case Op::version:
    case Op::call:
    case Op::call_mg:
    case Op::call_set:
    case Op::flush_all: return false;
    default: return true;
  }
}

}  // namespace

KeyModel::KeyModel(std::uint32_t client, std::uint32_t keys, Oracle& oracle)
    : client_(client), oracle_(oracle), keys_(keys) {
  for (std::uint32_t index = 0; index < keys; index++) rename(index);
}

void KeyModel::rename(std::uint32_t index) {
  Key fresh;
  fresh.generation = keys_[index].generation + 1;
  fresh.name = "c" + std::to_string(client_) + "." + std::to_string(fresh.generation) + ":" +
               std::to_string(index);
  if (index % 5 == 1) fresh.name.resize(limits::key_bytes_max, 'k');
  if (index % 5 == 2) fresh.name.resize(100, '\x01');  // control characters are ordinary bytes
  keys_[index] = std::move(fresh);
}

bool KeyModel::must_hit(const Key& key, std::int64_t now_ns) const {
  return key.value && oracle_.lossless() && !key.may_be_gone && now_ns < key.expires_from_ns &&
         !oracle_.may_be_flushed(key.written_ns);
}

bool KeyModel::may_hit(const Key& key, const Request& request) const {
  return key.value && request.issued_ns < key.expires_by_ns;
}

void KeyModel::wrong(const Request& request, std::int64_t now_ns, const std::string& what) {
  std::string text = "client " + std::to_string(client_) + " " + to_string(request.op);
  if (!request.keys.empty() && request.op != Op::shared_get && request.op != Op::shared_set) {
    text += " " + name(request.keys.front()).substr(0, 24);
  }
  oracle_.violation(now_ns, text + ": " + what);
}

void KeyModel::require(bool fact, const Request& request, std::int64_t now_ns, const char* what) {
  if (!fact) wrong(request, now_ns, what);
}

void KeyModel::gone(Key& key, const Request& request, std::int64_t now_ns) {
  oracle_.count(Tally::misses);
  if (key.value && request.issued_ns >= key.expires_by_ns) oracle_.count(Tally::expired);
  require(!must_hit(key, now_ns), request, now_ns, "an acknowledged value is missing");
  key.value.reset();
}

void KeyModel::set_expiry(Key& key, const Request& request, std::int64_t now_ns) {
  if (request.exptime == 0) {
    key.expires_from_ns = key.expires_by_ns = INT64_MAX;
  } else if (request.exptime < 0) {
    key.expires_from_ns = key.expires_by_ns = 0;
  } else {
    const std::int64_t length = request.exptime * second_ns;
    key.expires_from_ns = request.issued_ns + length - early_ns;
    key.expires_by_ns = now_ns + length + late_ns;
  }
}

void KeyModel::written(Key& key, const Request& request, std::string value, std::int64_t now_ns) {
  oracle_.count(Tally::stored);
  const bool keeps_rest = request.op == Op::append || request.op == Op::prepend ||
                          request.op == Op::incr || request.op == Op::decr || request.op == Op::ma;
  key.value = std::move(value);
  key.cas = 0;
  key.written_ns = request.issued_ns;
  if (keeps_rest) return;
  key.client_flags = request.client_flags;
  key.may_be_gone = false;
  set_expiry(key, request, now_ns);
}

void KeyModel::judge(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  switch (request.op) {
    case Op::get:
    case Op::gets:
    case Op::gat:
    case Op::mg:
    case Op::shared_get: return judge_values(request, reply, now_ns);
    case Op::set:
    case Op::add:
    case Op::replace:
    case Op::append:
    case Op::prepend:
    case Op::cas:
    case Op::ms: return judge_store(request, reply, now_ns);
    case Op::incr:
    case Op::decr:
    case Op::ma: return judge_number(request, reply, now_ns);
    case Op::del:
    case Op::md: return judge_remove(request, reply, now_ns);
    case Op::touch: return judge_touch(request, reply, now_ns);
    case Op::flush_all:
      oracle_.count(Tally::flushes);
      oracle_.flush_ends(now_ns, false);
      [[fallthrough]];
    case Op::mn:
    case Op::version:
      return require(reply.verdict == Verdict::done, request, now_ns, "unexpected reply");
    case Op::call:
    case Op::call_mg:
    case Op::call_set: CHECK(!is_call(request.op)); return;
    case Op::shared_set:
      if (reply.verdict == Verdict::no_memory && !oracle_.lossless()) return;
      return require(reply.verdict == Verdict::done, request, now_ns, "unexpected reply");
  }
}

// ---- Reading ------------------------------------------------------------------------------------

void KeyModel::judge_values(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  const bool miss = reply.verdict == Verdict::not_found || reply.verdict == Verdict::silence;
  if (!miss && reply.verdict != Verdict::values) {
    return wrong(request, now_ns, "unexpected reply " + reply.text);
  }
  std::size_t next = 0;
  for (const std::uint32_t index : request.keys) {
    const bool shared = request.op == Op::shared_get;
    const std::string& asked = shared ? "shared:" + std::to_string(index) : keys_[index].name;
    const bool hit = next < reply.values.size() && reply.values[next].key == asked;
    if (!hit) {
      if (!shared) gone(keys_[index], request, now_ns);
      continue;
    }
    oracle_.count(Tally::hits);
    const JudgedValue& value = reply.values[next++];
    if (!shared) {
      judge_value(keys_[index], request, value, now_ns);
      continue;
    }
    std::uint64_t version = 0;
    for (std::size_t i = 0; i < shared_value_bytes_min && i < value.value.size(); i++) {
      version |= static_cast<std::uint64_t>(static_cast<unsigned char>(value.value[i])) << (8 * i);
    }
    const bool sent = value.value.size() >= shared_value_bytes_min && version > 0 &&
                      version <= oracle_.shared_version_max(index) &&
                      value.value == shared_value(index, version, value.value.size());
    require(sent, request, now_ns, "a shared value that nobody wrote");
  }
  require(next == reply.values.size(), request, now_ns, "a value that was not asked for");
}

void KeyModel::judge_value(Key& key, const Request& request, const JudgedValue& value,
                           std::int64_t now_ns) {
  if (!key.value) return wrong(request, now_ns, "a missing key came back");
  require(may_hit(key, request), request, now_ns, "a value outlived its expiry");
  const bool number = is_number(static_cast<std::uint32_t>(&key - keys_.data()));
  const bool same =
      number ? trimmed(value.value) == trimmed(*key.value) : value.value == *key.value;
  if (!same) {
    wrong(request, now_ns,
          "a value that was not the last one written (" + std::to_string(value.value.size()) +
              " bytes, expected " + std::to_string(key.value->size()) + ")");
  }
  require(value.client_flags == key.client_flags, request, now_ns, "other client flags");
  if (value.cas) {
    // A store without memory to keep it may give an item another CAS value on each request.
    if (key.cas != 0 && key.cas != *value.cas) oracle_.count(Tally::cas_not_kept);
    key.cas = *value.cas;
  }
  if (request.op == Op::gat) set_expiry(key, request, now_ns);
}

// ---- Writing ------------------------------------------------------------------------------------

void KeyModel::judge_store(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  Key& key = keys_[request.keys.front()];
  const bool extends = request.op == Op::append || request.op == Op::prepend;
  const bool needs_item = extends || request.op == Op::replace || request.op == Op::cas;
  switch (reply.verdict) {
    case Verdict::silence:
      if (needs_item && !key.value) return;
      [[fallthrough]];
    case Verdict::done: {
      const bool silent = reply.verdict == Verdict::silence;
      if (request.op == Op::add) {
        require(!must_hit(key, now_ns), request, now_ns, "add wrote over a value");
      }
      if (needs_item && !silent) {
        require(may_hit(key, request), request, now_ns, "wrote over an item that is not there");
      }
      if (request.op == Op::cas) {
        require(request.cas == key.cas, request, now_ns, "cas wrote over another value");
        oracle_.count(Tally::compare_writes);
      }
      std::string value = request.value;
      if (request.op == Op::append) value = key.value.value_or("") + value;
      if (request.op == Op::prepend) value = value + key.value.value_or("");
      written(key, request, std::move(value), now_ns);
      // Nobody said whether there was memory for it, or whether there was an item.
      if (silent && (needs_item || !oracle_.lossless())) key.may_be_gone = true;
      return;
    }
    case Verdict::not_stored:
      if (request.op == Op::add) {
        return require(may_hit(key, request), request, now_ns, "add met an item that is not there");
      }
      require(needs_item && request.op != Op::cas, request, now_ns, "unexpected NOT_STORED");
      if (extends && !oracle_.lossless()) {
        // Said of a missing item, and of a value for which there was no memory: the old one stays.
        key.may_be_gone = true;
        return;
      }
      return gone(key, request, now_ns);
    case Verdict::exists:
      oracle_.count(request.cas == key.cas ? Tally::cas_not_kept : Tally::compare_conflicts);
      require(request.op == Op::cas && may_hit(key, request), request, now_ns, "unexpected EXISTS");
      return;
    case Verdict::not_found:
      require(request.op == Op::cas, request, now_ns, "unexpected NOT_FOUND");
      return gone(key, request, now_ns);
    case Verdict::no_memory:
      oracle_.count(Tally::no_memory);
      require(!oracle_.lossless(), request, now_ns, "no memory although it is ample");
      if (request.op == Op::set || request.op == Op::ms) {
        key.value.reset();  // a failed set must not leave the old value behind
      } else {
        key.may_be_gone = true;
      }
      return;
    default: return wrong(request, now_ns, "unexpected reply " + reply.text);
  }
}

void KeyModel::judge_number(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  Key& key = keys_[request.keys.front()];
  if (reply.verdict == Verdict::not_found) return gone(key, request, now_ns);
  if (reply.verdict == Verdict::no_memory && !oracle_.lossless()) {
    key.may_be_gone = true;
    return;
  }
  const bool silent = reply.verdict == Verdict::silence;
  if (silent && !key.value) return;
  if (!silent && reply.verdict != Verdict::number && reply.verdict != Verdict::done) {
    return wrong(request, now_ns, "unexpected reply " + reply.text);
  }
  if (!key.value) return wrong(request, now_ns, "counted an item that is not there");
  if (!silent) require(may_hit(key, request), request, now_ns, "counted an expired item");
  const std::uint64_t before = number_of(*key.value);
  std::uint64_t after = before + request.delta;
  if (request.op == Op::decr) after = before < request.delta ? 0 : before - request.delta;
  if (reply.verdict == Verdict::number) {
    require(reply.number == after, request, now_ns, "counted wrong");
  }
  written(key, request, std::to_string(after), now_ns);
  // noreply hides a miss (and want of memory); q of ma does not hide a miss.
  if (silent) key.may_be_gone = true;
}

void KeyModel::judge_remove(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  Key& key = keys_[request.keys.front()];
  if (reply.verdict == Verdict::not_found) return gone(key, request, now_ns);
  if (reply.verdict == Verdict::done) {
    require(may_hit(key, request), request, now_ns, "deleted an item that is not there");
  } else if (reply.verdict != Verdict::silence) {
    wrong(request, now_ns, "unexpected reply " + reply.text);
  }
  key.value.reset();
}

void KeyModel::judge_touch(const Request& request, const JudgedReply& reply, std::int64_t now_ns) {
  Key& key = keys_[request.keys.front()];
  if (reply.verdict == Verdict::not_found) return gone(key, request, now_ns);
  if (reply.verdict != Verdict::done) {
    return wrong(request, now_ns, "unexpected reply " + reply.text);
  }
  require(may_hit(key, request), request, now_ns, "touched an item that is not there");
  set_expiry(key, request, now_ns);
}

void KeyModel::doubt(const Request& request) {
  if (request.op == Op::flush_all) return oracle_.flush_ends(request.issued_ns, true);
  if (!is_write(request.op)) return;
  for (const std::uint32_t key : request.keys) {
    oracle_.count(Tally::keys_retired);
    rename(key);
  }
}

}  // namespace cacheismo::sim
