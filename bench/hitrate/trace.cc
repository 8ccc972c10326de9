#include "bench/hitrate/trace.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "cacheismo/base/hash.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"

namespace cacheismo::hitrate {
namespace {

constexpr std::string_view common_header = "time,op,key_id,key_size,value_size,ttl";
constexpr std::size_t record_bytes = 24;
/// Longest line that is waited for, bytes. Twitter's keys end at 250.
constexpr std::size_t line_bytes_max = 64 * KiB;
constexpr std::size_t read_bytes = 256 * KiB;

/// Splits at commas; false if there are not exactly N fields.
template <std::size_t N>
bool split(std::string_view text, std::array<std::string_view, N>& fields) {
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t comma = text.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == N)) return false;
    fields[i] = text.substr(0, comma);
    if (i + 1 < N) text.remove_prefix(comma + 1);
  }
  return true;
}

bool number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

template <class T>
T little_endian(const char* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i);
  }
  return value;
}

}  // namespace

TraceReader::TraceReader(std::string path, ByteSource source, const TraceOptions& options)
    : path_(std::move(path)),
      source_(std::move(source)),
      form_(options.form),
      oracle_key_bytes_(options.key_bytes),
      buffer_(read_bytes + line_bytes_max) {}

Result<TraceReader, std::string> TraceReader::open(const std::string& path,
                                                   const TraceOptions& options) {
  auto source = ByteSource::open(path);
  if (!source) return failure(source.error());
  TraceReader reader(path, std::move(*source), options);
  if (reader.form_ == Form::detect && path.find("oracleGeneral") != std::string::npos) {
    reader.form_ = Form::oracle;
  }
  if (reader.form_ != Form::oracle) {
    if (const auto detected = reader.detect(); !detected) return failure(detected.error());
  }
  return reader;
}

tl::unexpected<std::string> TraceReader::wrong(std::string_view reason) const {
  const char* place = form_ == Form::oracle ? "{}: record {}: {}" : "{}:{}: {}";
  return failure(fmt::format(fmt::runtime(place), path_, position_, reason));
}

/// Reads more behind what is left. False at the end of the file.
Result<bool, std::string> TraceReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  auto count = source_.read({buffer_.data() + end_, buffer_.size() - end_});
  if (!count) return failure(std::move(count.error()));
  end_ += *count;
  return *count > 0;
}

/// The next line without its end, valid until the next call; nullopt at the end of the file.
Result<std::optional<std::string_view>, std::string> TraceReader::line() {
  if (pushed_back_) return std::exchange(pushed_back_, std::nullopt);
  ++position_;
  std::size_t searched = 0;
  while (true) {
    const char* from = buffer_.data() + begin_;
    const std::size_t have = end_ - begin_;
    const void* found =
        have > searched ? std::memchr(from + searched, '\n', have - searched) : nullptr;
    std::size_t length = have;
    if (found == nullptr) {
      if (have > line_bytes_max) return wrong("this line does not end");
      searched = have;
      const auto more = fill();
      if (!more) return failure(more.error());
      if (*more) continue;
      from = buffer_.data() + begin_;
      if (have == 0) return std::nullopt;
      begin_ += have;
    } else {
      length = static_cast<std::size_t>(static_cast<const char*>(found) - from);
      begin_ += length + 1;
    }
    std::string_view text(from, length);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }
}

/// Looks at the first line, and leaves it to be read if it is no header.
Result<bool, std::string> TraceReader::detect() {
  const auto first = line();
  if (!first) return failure(first.error());
  if (!*first) return failure(path_ + ": is empty");
  if (**first == common_header) {
    if (form_ == Form::twitter) return wrong("this is the header of the common form");
    form_ = Form::common;
    return true;
  }
  std::array<std::string_view, 7> fields;
  if (form_ == Form::common || !split(**first, fields)) {
    return wrong(fmt::format("expected the header `{}`, or the seven fields of Twitter's traces",
                             common_header));
  }
  form_ = Form::twitter;
  pushed_back_ = *first;
  return true;
}

Result<bool, std::string> TraceReader::next_record(Raw& raw) {
  ++position_;
  while (end_ - begin_ < record_bytes) {
    const auto more = fill();
    if (!more) return failure(more.error());
    if (*more) continue;
    if (end_ == begin_) return false;
    return wrong(fmt::format("breaks off after {} of {} bytes", end_ - begin_, record_bytes));
  }
  const char* record = buffer_.data() + begin_;
  begin_ += record_bytes;
  raw.time = little_endian<std::uint32_t>(record);
  raw.key = little_endian<std::uint64_t>(record + 4);
  const std::uint64_t bytes = little_endian<std::uint32_t>(record + 12);
  raw.key_bytes = oracle_key_bytes_;
  raw.value_bytes = bytes > oracle_key_bytes_ ? bytes - oracle_key_bytes_ : 0;
  return true;
}

Result<bool, std::string> TraceReader::parse_common(std::string_view text, Raw& raw) const {
  std::array<std::string_view, 6> fields;
  if (!split(text, fields)) return wrong(fmt::format("expected six fields: {}", common_header));
  if (!number(fields[0], raw.time)) return wrong("the time is no number");
  if (fields[1] == "get") {
    raw.op = Op::get;
  } else if (fields[1] == "set") {
    raw.op = Op::set;
  } else if (fields[1] == "delete") {
    raw.op = Op::remove;
  } else {
    return wrong(fmt::format("the operation is get, set or delete, not `{}`", fields[1]));
  }
  if (!number(fields[2], raw.key)) return wrong("the key_id is no number");
  if (!number(fields[3], raw.key_bytes)) return wrong("the key_size is no number");
  if (!number(fields[4], raw.value_bytes)) return wrong("the value_size is no number");
  if (!number(fields[5], raw.ttl)) return wrong("the ttl is no number");
  return true;
}

Result<bool, std::string> TraceReader::parse_twitter(std::string_view text, Raw& raw) const {
  std::array<std::string_view, 7> fields;
  if (!split(text, fields)) return wrong("expected seven fields of Twitter's traces");
  if (!number(fields[0], raw.time)) return wrong("the timestamp is no number");
  raw.key = hash64(fields[1], 0);
  if (!number(fields[2], raw.key_bytes)) return wrong("the key size is no number");
  if (!number(fields[3], raw.value_bytes)) return wrong("the value size is no number");
  const std::string_view op = fields[5];
  if (op == "get" || op == "gets") {
    raw.op = Op::get;
  } else if (op == "delete") {
    raw.op = Op::remove;
  } else if (op == "set" || op == "add" || op == "replace" || op == "cas" || op == "append" ||
             op == "prepend" || op == "incr" || op == "decr") {
    raw.op = Op::set;
  } else {
    return wrong(fmt::format("`{}` is no operation of Twitter's traces", op));
  }
  if (!number(fields[6], raw.ttl)) return wrong("the ttl is no number");
  return true;
}

/// Checks what all forms have in common, and gives the key its id.
Result<bool, std::string> TraceReader::accept(const Raw& raw, Request& out) {
  constexpr std::uint64_t u32_max = std::numeric_limits<std::uint32_t>::max();
  if (!first_time_) first_time_ = raw.time;
  if (raw.time < *first_time_ + last_time_) return wrong("time goes back");
  if (raw.time - *first_time_ > u32_max / 2)
    return wrong("more than 68 years after the first line");
  if (raw.key_bytes == 0 || raw.key_bytes > limits::key_bytes_max) {
    return wrong(
        fmt::format("a key has 1 to {} bytes, not {}", limits::key_bytes_max, raw.key_bytes));
  }
  if (raw.value_bytes > limits::item_bytes_max) return wrong("the value is longer than 1 GiB");
  if (raw.ttl > u32_max / 2) return wrong("the ttl is longer than 68 years");
  std::uint64_t id = raw.key;
  if (form_ != Form::common) id = ids_.try_emplace(raw.key, keys_).first->second;
  if (id > keys_) {
    return wrong(
        fmt::format("key_id {} comes before {}; ids count up in order of first use", id, keys_));
  }
  if (id == u32_max) return wrong("more than 4 billion keys");
  if (!key_fits(id, raw.key_bytes)) {
    return wrong(fmt::format("{} bytes are too short for key {}", raw.key_bytes, id));
  }
  if (id == keys_) ++keys_;
  last_time_ = static_cast<std::uint32_t>(raw.time - *first_time_);
  out = {.time_seconds = last_time_,
         .key_id = static_cast<std::uint32_t>(id),
         .value_bytes = static_cast<std::uint32_t>(raw.value_bytes),
         .ttl_seconds = static_cast<std::uint32_t>(raw.ttl),
         .key_bytes = static_cast<std::uint16_t>(raw.key_bytes),
         .op = raw.op};
  return true;
}

Result<bool, std::string> TraceReader::next(Request& out) {
  Raw raw;
  if (form_ == Form::oracle) {
    auto found = next_record(raw);
    if (!found || !*found) return found;
    return accept(raw, out);
  }
  const auto text = line();
  if (!text) return failure(text.error());
  if (!*text) return false;
  auto parsed = form_ == Form::common ? parse_common(**text, raw) : parse_twitter(**text, raw);
  if (!parsed) return parsed;
  return accept(raw, out);
}

Result<Trace, std::string> load_trace(const std::string& path, const TraceOptions& options,
                                      std::uint64_t requests_max,
                                      const std::function<void(double)>& progress) {
  auto reader = TraceReader::open(path, options);
  if (!reader) return failure(reader.error());
  Trace trace;
  Request request;
  while (requests_max == 0 || trace.requests.size() < requests_max) {
    const auto found = reader->next(request);
    if (!found) return failure(found.error());
    if (!*found) break;
    trace.requests.push_back(request);
    if (progress && trace.requests.size() % 65536 == 0) progress(reader->fraction());
  }
  trace.keys = reader->keys();
  return trace;
}

}  // namespace cacheismo::hitrate
