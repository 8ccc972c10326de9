// TraceReader: a trace file as a stream of requests, whatever its form.
//
//   common    header `time,op,key_id,key_size,value_size,ttl`; op get, set or delete; key_id dense
//             in order of first use; ttl 0 = none
//   oracle    oracleGeneral of libCacheSim: packed little-endian records of 24 bytes, { u32 time,
//             u64 object, u32 size, i64 next use }; every request is a get. The record has one size
//             for the object, so a key of TraceOptions::key_bytes is taken out of it
//   twitter   `timestamp,key,key size,value size,client,operation,ttl`, no header; get and gets are
//             gets, delete deletes, every other operation is a set
//
// Each of them plain or xz. Times are counted from the first request. Keys of the last two forms
// become dense ids (by 64-bit hash of the key: two keys of ten million share an id with probability
// 3e-6); that takes about 50 bytes per key, the common form takes none.
//
// What is refused, with `path:line: reason` (`path: record N: reason` for oracle): fields that are
// no numbers or too many or too few, an operation that does not exist, ids that are not dense,
// time that goes back, keys of no or more than 250 bytes or too short for their id.

#ifndef CACHEISMO_BENCH_HITRATE_TRACE_H_
#define CACHEISMO_BENCH_HITRATE_TRACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bench/hitrate/byte_source.h"
#include "bench/hitrate/request.h"
#include "cacheismo/base/result.h"

namespace cacheismo::hitrate {

enum class Form : std::uint8_t {
  detect,  ///< oracle if the path contains "oracleGeneral", else by the first line
  common,
  oracle,
  twitter,
};

struct TraceOptions {
  Form form = Form::detect;
  std::uint16_t key_bytes = 16;  ///< of oracle's keys, which have no size of their own
};

class TraceReader {
 public:
  [[nodiscard]] static Result<TraceReader, std::string> open(const std::string& path,
                                                             const TraceOptions& options = {});

  /// True: `out` is the next request. False: the trace has ended. After an error the reader is of
  /// no further use.
  [[nodiscard]] Result<bool, std::string> next(Request& out);

  [[nodiscard]] Form form() const { return form_; }
  /// Different keys read so far: ids are below it.
  [[nodiscard]] std::uint32_t keys() const { return keys_; }
  /// How much of the file has been read, 0 to 1: for progress bars.
  [[nodiscard]] double fraction() const { return source_.fraction(); }

 private:
  /// A raw request as its form has it, before ids and times are checked.
  struct Raw {
    std::uint64_t time = 0;
    std::uint64_t key = 0;  ///< common: the id itself; otherwise what names the key
    std::uint64_t key_bytes = 0;
    std::uint64_t value_bytes = 0;
    std::uint64_t ttl = 0;
    Op op = Op::get;
  };

  TraceReader(std::string path, ByteSource source, const TraceOptions& options);
  [[nodiscard]] Result<bool, std::string> fill();
  [[nodiscard]] Result<std::optional<std::string_view>, std::string> line();
  [[nodiscard]] Result<bool, std::string> detect();
  [[nodiscard]] Result<bool, std::string> next_record(Raw& raw);
  [[nodiscard]] Result<bool, std::string> parse_common(std::string_view text, Raw& raw) const;
  [[nodiscard]] Result<bool, std::string> parse_twitter(std::string_view text, Raw& raw) const;
  [[nodiscard]] Result<bool, std::string> accept(const Raw& raw, Request& out);
  [[nodiscard]] tl::unexpected<std::string> wrong(std::string_view reason) const;

  std::string path_;
  ByteSource source_;
  Form form_;
  std::uint16_t oracle_key_bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;              ///< of buffer_: read, not yet consumed
  std::uint64_t position_ = 0;                   ///< line or record, from 1
  std::optional<std::string_view> pushed_back_;  ///< the first line, if it was no header
  std::optional<std::uint64_t> first_time_;
  std::uint32_t last_time_ = 0;
  std::uint32_t keys_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> ids_;
};

/// A whole trace, for what needs to look ahead or several passes: 20 bytes per request.
struct Trace {
  std::vector<Request> requests;
  std::uint32_t keys = 0;
};

/// Reads at most `requests_max` requests (0: all). `progress` is called now and then with 0 to 1;
/// may be empty.
[[nodiscard]] Result<Trace, std::string> load_trace(
    const std::string& path, const TraceOptions& options = {}, std::uint64_t requests_max = 0,
    const std::function<void(double)>& progress = {});

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_TRACE_H_
