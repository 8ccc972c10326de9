// What it costs to read a request and to write a reply, without a socket, a node or a store.
//
// One iteration reads one whole line as a connection would find it in its receive buffer; the bytes
// and addresses are warm. Times are per line; the multi-get also reports keys per second.

#include <string>

#include <benchmark/benchmark.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/proto/reply_format.h"
#include "cacheismo/proto/request_parser.h"

namespace cacheismo::proto {
namespace {

void read_line(benchmark::State& state, const std::string& line) {
  RequestParser parser;
  CHECK(parser.parse(line).kind == Parsed::Kind::command);
  for (auto _ : state) {
    Bytes input = line;
    benchmark::DoNotOptimize(input);
    benchmark::DoNotOptimize(parser.parse(input));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(line.size()));
}

void get(benchmark::State& state) { read_line(state, "get key:0123456789abcdef\r\n"); }
BENCHMARK(get);

void set(benchmark::State& state) { read_line(state, "set key:0123456789abcdef 0 0 100\r\n"); }
BENCHMARK(set);

void set_noreply(benchmark::State& state) {
  read_line(state, "set key:0123456789abcdef 0 3600 100 noreply\r\n");
}
BENCHMARK(set_noreply);

void incr(benchmark::State& state) { read_line(state, "incr key:0123456789abcdef 1\r\n"); }
BENCHMARK(incr);

void mg(benchmark::State& state) { read_line(state, "mg key:0123456789abcdef v f t\r\n"); }
BENCHMARK(mg);

void ms(benchmark::State& state) { read_line(state, "ms key:0123456789abcdef 100 T3600 F7\r\n"); }
BENCHMARK(ms);

/// A line of 50 keys, read and then walked, as a node does.
void multi_get_50(benchmark::State& state) {
  constexpr int keys = 50;
  std::string line = "get";
  for (int i = 0; i < keys; ++i) line += " key:0123456789abc" + std::to_string(100 + i);
  line += "\r\n";
  RequestParser parser;
  for (auto _ : state) {
    Bytes input = line;
    benchmark::DoNotOptimize(input);
    benchmark::DoNotOptimize(parser.parse(input));
    KeyCursor cursor(parser.command().keys);
    for (Bytes key = cursor.next(); !key.empty(); key = cursor.next())
      benchmark::DoNotOptimize(key);
  }
  state.SetItemsProcessed(state.iterations() * keys);
}
BENCHMARK(multi_get_50);

void value_header(benchmark::State& state) {
  char buffer[value_header_bytes_max];
  for (auto _ : state) {
    benchmark::DoNotOptimize(put_value_header(buffer, "key:0123456789abcdef", 0, 100));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(value_header);

void meta_value_line(benchmark::State& state) {
  RequestParser parser;
  CHECK(parser.parse("mg key:0123456789abcdef v f t Oabcd\r\n").kind == Parsed::Kind::command);
  const MetaFacts facts{.key = parser.command().key, .value_bytes = 100, .ttl_seconds_before = 30};
  char buffer[meta_line_bytes_max];
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        put_meta_value_line(buffer, parser.command().meta, MetaEcho::hit, facts));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(meta_value_line);

}  // namespace
}  // namespace cacheismo::proto
