#include "sim/workload.h"

#include <algorithm>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr std::uint64_t keys_per_get_max = 8;
constexpr std::uint64_t argument_bytes_max = 8 * 1024;
constexpr std::size_t extended_bytes_max = 32 * 1024;  // longer values are not appended to

bool counts(Op op) { return op == Op::incr || op == Op::decr || op == Op::ma; }
bool extends(Op op) { return op == Op::append || op == Op::prepend; }
bool is_meta(Op op) { return op == Op::mg || op == Op::ms || op == Op::md || op == Op::ma; }

/// Never silent is what has two outcomes that a reader could not tell apart later: add and cas, and
/// where memory may run out also what leaves the old value behind when it fails.
bool can_be_silent(Op op, bool lossless) {
  const bool plain = op == Op::set || op == Op::del || op == Op::mg || op == Op::ms || op == Op::md;
  return plain || (lossless && (op == Op::replace || extends(op) || counts(op)));
}

}  // namespace

Workload::Workload(Prng chance, const WorkloadOptions& options, const KeyModel& keys,
                   ObjectModel& objects, Oracle& oracle)
    : chance_(chance), options_(options), keys_(keys), objects_(objects), oracle_(oracle) {
  for (std::size_t op = 0; op < ops_count; op++)
    enabled_[op] = chance_.chance(2, 3) && (options_.objects || !is_call(static_cast<Op>(op)));
  enabled_[static_cast<std::size_t>(Op::get)] = true;
  enabled_[static_cast<std::size_t>(Op::set)] = true;
}

Op Workload::draw_op() {
  if (options_.reads_only_big) return chance_.chance(1, 8) ? Op::set : Op::get;
  if (options_.flushes && chance_.chance(1, 5000)) return Op::flush_all;
  while (true) {
    const Op op = static_cast<Op>(chance_.below(ops_count - 1));  // flush_all is the last
    if (enabled_[static_cast<std::size_t>(op)]) return op;
  }
}

std::uint32_t Workload::draw_key(Op op, std::int64_t now_ns) {
  if (op == Op::shared_get || op == Op::shared_set) {
    return static_cast<std::uint32_t>(chance_.below(Oracle::shared_keys));
  }
  for (int attempt = 0;; attempt++) {
    const auto key = static_cast<std::uint32_t>(chance_.below(keys_.size()));
    if (counts(op) && !keys_.is_number(key)) continue;
    if (extends(op) && keys_.is_number(key)) continue;
    // Every third key is left alone until it has expired: only then does its expiry show.
    const bool rests = key % 3 == 0 && keys_.will_expire(key, now_ns);
    if (!rests || attempt > 20) return key;
  }
}

std::string Workload::draw_value() {
  std::uint64_t size = chance_.below(64);
  if (chance_.chance(1, 4)) size = chance_.below(1500);
  if (chance_.chance(1, 16)) size = chance_.below(options_.value_bytes_max);
  if (options_.reads_only_big) size = options_.value_bytes_max;
  std::string value(size, '\0');
  random_bytes(chance_, value, 0);
  return value;
}

std::int64_t Workload::draw_exptime() {
  if (!options_.expiries) return 0;
  switch (chance_.below(12)) {
    case 0: return static_cast<std::int64_t>(chance_.between(1, 5));
    case 1: return 2'592'000;
    case 2: return chance_.chance(1, 4) ? -1 : 0;
    default: return 0;
  }
}

Request Workload::next(std::int64_t now_ns) {
  Request request;
  request.op = draw_op();
  request.issued_ns = now_ns;
  const Op op = request.op;
  if (op == Op::flush_all) oracle_.flush_begins();
  if (op == Op::mn || op == Op::version || op == Op::flush_all) return request;
  if (is_call(op)) {
    draw_calls(request);
    return request;
  }
  std::uint64_t keys = 1;
  if (op == Op::get || op == Op::gets || op == Op::shared_get) {
    keys = chance_.chance(1, 4) ? chance_.between(1, keys_per_get_max) : 1;
  }
  for (; keys > 0; keys--) request.keys.push_back(draw_key(op, now_ns));
  request.silent = can_be_silent(op, oracle_.lossless()) && chance_.chance(1, 8);
  request.client_flags = chance_.chance(1, 2) ? static_cast<std::uint32_t>(chance_.next()) : 0;
  request.exptime = draw_exptime();
  request.delta = chance_.chance(1, 8) ? chance_.next() : chance_.below(1000);
  request.opaque = ++opaque_;
  const std::uint32_t key = request.keys.front();
  if (op != Op::shared_get && op != Op::shared_set && keys_.has_expired(key, now_ns)) {
    request.op = Op::get;
    request.silent = false;
    request.keys.resize(1);
    return request;
  }
  if (extends(op) && keys_.value_bytes(key) > extended_bytes_max) request.op = Op::set;
  if (op == Op::cas) {
    const std::uint64_t known = keys_.cas(key);
    request.cas = known != 0 && chance_.chance(3, 4) ? known : known ^ (std::uint64_t{1} << 62);
  }
  if (op == Op::shared_set) {
    request.version = oracle_.next_shared_version(key);
    request.value =
        shared_value(key, request.version, shared_value_bytes_min + draw_value().size());
    return request;
  }
  if (op == Op::md || op == Op::del || counts(op)) return request;
  const bool is_number = keys_.is_number(key);
  request.value = is_number ? std::to_string(chance_.below(1'000'000)) : draw_value();
  return request;
}

void Workload::draw_calls(Request& request) {
  request.opaque = ++opaque_;
  std::uint64_t calls = 1;
  if (request.op == Op::call && chance_.chance(1, 4)) calls = chance_.between(1, keys_per_get_max);
  const std::size_t data_bytes_max =
      request.op == Op::call_set ? std::min(options_.value_bytes_max, argument_bytes_max) : 0;
  for (; calls > 0; calls--) request.calls.push_back(objects_.draw(chance_, data_bytes_max));
}

Request Workload::noop(std::int64_t now_ns) {
  Request request;
  request.op = Op::mn;
  request.issued_ns = now_ns;
  return request;
}

// ---- Bytes --------------------------------------------------------------------------------------

void Workload::encode(const Request& request, std::string& out) const {
  const Op op = request.op;
  if (is_call(op)) return encode_call(request, out);
  if (is_meta(op)) return encode_meta(request, out);
  const char* noreply = request.silent ? " noreply\r\n" : "\r\n";
  switch (op) {
    case Op::get:
    case Op::gets:
      out += to_string(op);
      for (const std::uint32_t key : request.keys) out += " " + keys_.name(key);
      out += "\r\n";
      return;
    case Op::shared_get:
      out += "get";
      for (const std::uint32_t key : request.keys) out += " shared:" + std::to_string(key);
      out += "\r\n";
      return;
    case Op::gat:
      out += "gat " + std::to_string(request.exptime) + " " + keys_.name(request.keys[0]) + "\r\n";
      return;
    case Op::del: out += "delete " + keys_.name(request.keys[0]) + noreply; return;
    case Op::incr:
    case Op::decr:
      out += std::string(to_string(op)) + " " + keys_.name(request.keys[0]) + " " +
             std::to_string(request.delta) + noreply;
      return;
    case Op::touch:
      out +=
          "touch " + keys_.name(request.keys[0]) + " " + std::to_string(request.exptime) + "\r\n";
      return;
    case Op::mn: out += "mn\r\n"; return;
    case Op::version: out += "version\r\n"; return;
    case Op::flush_all: out += "flush_all\r\n"; return;
    default: return encode_store(request, out);
  }
}

void Workload::encode_call(const Request& request, std::string& out) const {
  const ObjectCall& call = request.calls.front();
  if (request.op == Op::call) {
    out += "get";
    for (const ObjectCall& one : request.calls) out += " " + virtual_key(one);
    out += "\r\n";
  } else if (request.op == Op::call_mg) {
    out += "mg " + virtual_key(call) + " O" + std::to_string(request.opaque) + " v k\r\n";
  } else {
    const std::string& data = call.arguments.back();
    out += "set " + virtual_key(call, true) + " 0 0 " + std::to_string(data.size()) + "\r\n" +
           data + "\r\n";
  }
}

void Workload::encode_store(const Request& request, std::string& out) const {
  const bool shared = request.op == Op::shared_set;
  out += shared ? "set" : to_string(request.op);
  out += " ";
  out += shared ? "shared:" + std::to_string(request.keys[0]) : keys_.name(request.keys[0]);
  out += " " + std::to_string(request.client_flags) + " " + std::to_string(request.exptime) + " " +
         std::to_string(request.value.size());
  if (request.op == Op::cas) out += " " + std::to_string(request.cas);
  out += request.silent ? " noreply\r\n" : "\r\n";
  out += request.value;
  out += "\r\n";
}

void Workload::encode_meta(const Request& request, std::string& out) const {
  out += to_string(request.op);
  out += " " + keys_.name(request.keys[0]);
  if (request.op == Op::ms) out += " " + std::to_string(request.value.size());
  out += " O" + std::to_string(request.opaque);
  if (request.silent) out += " q";
  switch (request.op) {
    case Op::mg: out += " v f c k"; break;
    case Op::ms:
      out += " F" + std::to_string(request.client_flags) + " T" + std::to_string(request.exptime);
      break;
    case Op::ma: out += " v D" + std::to_string(request.delta); break;
    default: break;
  }
  out += "\r\n";
  if (request.op == Op::ms) out += request.value + "\r\n";
}

}  // namespace cacheismo::sim
