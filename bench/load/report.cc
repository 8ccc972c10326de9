#include "bench/load/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace cacheismo::load {
namespace {

double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }
double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }

double ratio(double amount, double of) { return of > 0 ? amount / of : 0; }

double requests_per_second(const Tally& tally) {
  return ratio(static_cast<double>(tally.finished), seconds(tally.window));
}

double busy_percent(std::uint64_t cpu_ns, const Tally& tally) {
  return 100 * ratio(static_cast<double>(cpu_ns), static_cast<double>(tally.window.count()));
}

double server_cpu_ns_per_request(const Tally& tally) {
  return ratio(static_cast<double>(*tally.server_cpu_ns), static_cast<double>(tally.finished));
}

std::string latency_line(std::string_view name, const Histogram& latencies) {
  if (latencies.count() == 0) return {};
  return fmt::format(
      "{:<4} latency, us   mean {:.1f}  p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  p99.9 {:.1f}  max "
      "{:.1f}\n",
      name, latencies.mean() / 1e3, microseconds(latencies.percentile(50)),
      microseconds(latencies.percentile(90)), microseconds(latencies.percentile(99)),
      microseconds(latencies.percentile(99.9)), microseconds(latencies.max()));
}

nlohmann::json latency_json(const Histogram& latencies) {
  if (latencies.count() == 0) return nullptr;
  return {{"count", latencies.count()},
          {"mean", latencies.mean() / 1e3},
          {"min", microseconds(latencies.min())},
          {"p50", microseconds(latencies.percentile(50))},
          {"p90", microseconds(latencies.percentile(90))},
          {"p99", microseconds(latencies.percentile(99))},
          {"p99.9", microseconds(latencies.percentile(99.9))},
          {"p99.99", microseconds(latencies.percentile(99.99))},
          {"max", microseconds(latencies.max())}};
}

}  // namespace

std::string report_text(const Options& options, const Tally& tally) {
  std::string text =
      fmt::format("{}, {} connections, pipeline {}, {} keys, {} loop\n", name_of(options.protocol),
                  options.connections, options.pipeline, options.dataset.key_count,
                  options.rate_per_second > 0 ? "open" : "closed");
  text += fmt::format("requests/s         {:.0f}  ({} in {:.2f} s)\n", requests_per_second(tally),
                      tally.finished, seconds(tally.window));
  text += latency_line("get", tally.get_ns);
  text += latency_line("set", tally.set_ns);
  text += latency_line("call", tally.call_ns);
  text += fmt::format("keys               {} hits, {} misses\n", tally.hits, tally.misses);
  if (tally.server_cpu_ns) {
    text +=
        fmt::format("server CPU         {:.0f} ns for each request, {:.0f} % busy\n",
                    server_cpu_ns_per_request(tally), busy_percent(*tally.server_cpu_ns, tally));
  }
  text += fmt::format("generator          {:.0f} % busy\n", busy_percent(tally.own_cpu_ns, tally));
  if (tally.never_sent > 0) {
    text += fmt::format(
        "NOT SENT           {} requests were due but found every connection busy: the latencies "
        "above are too low\n",
        tally.never_sent);
  }
  if (!tally.clean()) {
    text += fmt::format(
        "ERRORS             {} refused, {} wrong values, {} connections lost, {} unanswered{}\n",
        tally.refused, tally.wrong_values, tally.lost, tally.unanswered,
        tally.deadline_passed ? ", deadline passed" : "");
    text += fmt::format("first error        {}\n", tally.first_error);
  }
  return text;
}

std::string report_json(const Options& options, const Tally& tally) {
  nlohmann::json json = {
      {"protocol", name_of(options.protocol)},
      {"connections", options.connections},
      {"pipeline", options.pipeline},
      {"keys", options.dataset.key_count},
      {"key_bytes", options.dataset.key_bytes},
      {"value_bytes_min", options.dataset.value_bytes_min},
      {"value_bytes_max", options.dataset.value_bytes_max},
      {"zipf_exponent", options.zipf_exponent},
      {"get_percent", options.get_percent},
      {"keys_per_get", options.keys_per_get},
      {"rate_per_second", options.rate_per_second},
      {"seed", options.seed},
      {"seconds", seconds(tally.window)},
      {"requests", tally.finished},
      {"requests_per_second", requests_per_second(tally)},
      {"hits", tally.hits},
      {"misses", tally.misses},
      {"get_latency_us", latency_json(tally.get_ns)},
      {"set_latency_us", latency_json(tally.set_ns)},
      {"call_latency_us", latency_json(tally.call_ns)},
      {"server_cpu_ns_per_request", nullptr},
      {"server_busy_percent", nullptr},
      {"generator_busy_percent", busy_percent(tally.own_cpu_ns, tally)},
      {"refused", tally.refused},
      {"wrong_values", tally.wrong_values},
      {"connections_lost", tally.lost},
      {"unanswered", tally.unanswered},
      {"never_sent", tally.never_sent},
      {"deadline_passed", tally.deadline_passed},
      {"first_error", tally.first_error},
      {"clean", tally.clean()},
  };
  if (tally.server_cpu_ns) {
    json["server_cpu_ns_per_request"] = server_cpu_ns_per_request(tally);
    json["server_busy_percent"] = busy_percent(*tally.server_cpu_ns, tally);
  }
  return json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace cacheismo::load
