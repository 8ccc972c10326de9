// cacheismo-sim: runs a real node, its clients and their faults in one process, replayable from a
// seed. The first and the last line of a run are the one command that repeats it.

#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/cluster_scenario.h"
#include "sim/fault_plan.h"
#include "sim/mark.h"
#include "sim/oracle.h"
#include "sim/own_scripts.h"
#include "sim/sabotage.h"
#include "sim/scenario.h"
#include "sim/shrink.h"

namespace cacheismo::sim {
namespace {

constexpr const char* usage =
    "usage: cacheismo-sim [options]\n"
    "\n"
    "Runs one node or a cluster, and clients, in a simulated world with faults, checks what the\n"
    "clients are told, and prints a hash of everything that happened. Exit code 1: something was\n"
    "wrong.\n"
    "\n"
    "  --seed N         the run (default 1)\n"
    "  --seeds N        runs seed, seed + 1, ... N of them; stops at the first that fails\n"
    "  --time T         length in simulated time: 500ms, 10s, 5m (default 10s)\n"
    "  --nodes N        1 to 9 nodes (default 1); several are a cluster, and its clients are\n"
    "                   others: their histories are judged, key by key\n"
    "  --clients N      (default 20; at most 40 of a cluster)\n"
    "  --scripts DIR    nodes also run the *.lua of DIR, and clients ask for what its *.calls say: "
    "a\n"
    "                   line of each is what one get asks for, as `quota:take:user<9>:1`, with a\n"
    "                   number below 9 drawn for <9>. That each is answered in time is judged\n"
    "  --faults LIST    faults instead of those drawn from the seed: names of classes below and\n"
    "                   field=value items, separated by commas; `none` for a calm network\n"
    "  --journal FILE   every event as a line of text\n"
    "  --hashes         print only `seed hash` lines\n"
    "  --honesty        print how often each fault and each rare branch was reached\n"
    "  --shrink         if the run fails, look for the smallest plan, count of nodes and clients\n"
    "                   and time that still fail, and print their command\n"
    "  --sabotage NAME  plant a bug, to see that it is found\n"
    "  -h, --help\n"
    "\n"
    "fault classes:\n";

struct Arguments {
  ScenarioOptions scenario;
  std::uint64_t seeds = 1;
  std::string time_text = "10s";
  std::optional<std::string> faults_text;
  std::string scripts_path;
  std::string journal_path;
  bool hashes = false;
  bool honesty = false;
  bool shrink = false;
  bool help = false;
};

class FileLines final : public JournalLines {
 public:
  explicit FileLines(const std::string& path) : file_(std::fopen(path.c_str(), "w")) {}
  ~FileLines() override {
    if (file_ != nullptr) std::fclose(file_);
  }
  [[nodiscard]] bool open() const { return file_ != nullptr; }
  void line(Bytes text) override {
    std::fwrite(text.data(), 1, text.size(), file_);
    std::fputc('\n', file_);
  }

 private:
  std::FILE* file_;
};

template <class Number>
std::optional<Number> number(Bytes text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Duration> duration(Bytes text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  if (unit_at == Bytes::npos) return std::nullopt;
  const auto count = number<std::int64_t>(text.substr(0, unit_at));
  const Bytes unit = text.substr(unit_at);
  if (!count || *count > 1'000'000) return std::nullopt;
  if (unit == "ms") return std::chrono::milliseconds(*count);
  if (unit == "s") return std::chrono::seconds(*count);
  if (unit == "m") return std::chrono::minutes(*count);
  return std::nullopt;
}

/// Takes the value of one option; the text says what is wrong.
Result<void, std::string> apply(Arguments& arguments, Bytes name, const char* value) {
  ScenarioOptions& scenario = arguments.scenario;
  const std::string wrong = std::string(name) + ": not understood: " + value;
  if (name == "--seed" || name == "--seeds" || name == "--clients" || name == "--nodes") {
    const auto parsed = number<std::uint64_t>(value);
    if (!parsed) return failure(wrong);
    if (name == "--seed") scenario.seed = *parsed;
    if (name == "--seeds") arguments.seeds = *parsed;
    if (name == "--nodes") {
      if (*parsed == 0 || *parsed > cluster_nodes_max) return failure(wrong);
      scenario.nodes = static_cast<std::uint32_t>(*parsed);
    }
    if (name == "--clients") {
      if (*parsed == 0 || *parsed > 100'000) return failure(wrong);
      scenario.clients = static_cast<std::uint32_t>(*parsed);
    }
  } else if (name == "--time") {
    const auto parsed = duration(value);
    if (!parsed) return failure(wrong);
    scenario.length = *parsed;
    arguments.time_text = value;
  } else if (name == "--faults") {
    const auto parsed = parse_fault_plan(std::strcmp(value, "none") == 0 ? "" : value);
    if (!parsed) return failure("--faults: " + parsed.error());
    FaultPlan plan = *parsed;
    // The network and the processor are calm where the list does not say otherwise.
    const FaultPlan calm = calm_plan();
    if (plan.latency_ns == 0) plan.latency_ns = calm.latency_ns;
    if (plan.latency_spread_permille == 0) {
      plan.latency_spread_permille = calm.latency_spread_permille;
    }
    if (plan.callback_ns == 0) plan.callback_ns = calm.callback_ns;
    if (plan.byte_ps == 0) plan.byte_ps = calm.byte_ps;
    scenario.plan = plan;
    arguments.faults_text = value;
  } else if (name == "--scripts") {
    auto own = read_own_scripts(value);
    if (!own) return failure("--scripts: " + own.error());
    scenario.own = std::move(*own);
    arguments.scripts_path = value;
  } else if (name == "--journal") {
    arguments.journal_path = value;
  } else if (name == "--sabotage") {
    const auto parsed = parse_sabotage(value);
    if (!parsed) return failure(wrong);
    scenario.sabotage = *parsed;
  } else {
    return failure("unknown option: " + std::string(name));
  }
  return {};
}

Result<Arguments, std::string> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i++) {
    const Bytes name = argv[i];
    if (name == "-h" || name == "--help") {
      arguments.help = true;
    } else if (name == "--hashes") {
      arguments.hashes = true;
    } else if (name == "--honesty") {
      arguments.honesty = true;
    } else if (name == "--shrink") {
      arguments.shrink = true;
    } else if (i + 1 == argc || !name.starts_with("--")) {
      return failure(std::string(name.starts_with("--") ? "a value is missing: " : "unexpected: ") +
                     argv[i]);
    } else if (auto applied = apply(arguments, name, argv[++i]); !applied) {
      return failure(applied.error());
    }
  }
  const ScenarioOptions& scenario = arguments.scenario;
  const bool is_cluster = scenario.nodes > 1 || !scenario.own.calls.empty();
  if (is_cluster && scenario.clients > cluster_clients_max) {
    return failure("--clients: a cluster has at most " + std::to_string(cluster_clients_max));
  }
  if (scenario.nodes == 1 &&
      static_cast<std::size_t>(scenario.sabotage) >= first_cluster_sabotage) {
    return failure(std::string("--sabotage ") + to_string(scenario.sabotage) +
                   " needs several nodes: --nodes 3");
  }
  return arguments;
}

std::string command(const Arguments& arguments, std::uint64_t seed) {
  std::string text = "cacheismo-sim --seed " + std::to_string(seed) + " --time " +
                     arguments.time_text + " --clients " +
                     std::to_string(arguments.scenario.clients);
  if (arguments.scenario.nodes > 1) {
    text += " --nodes " + std::to_string(arguments.scenario.nodes);
  }
  if (!arguments.scripts_path.empty()) text += " --scripts '" + arguments.scripts_path + "'";
  if (arguments.faults_text) text += " --faults '" + *arguments.faults_text + "'";
  if (arguments.scenario.sabotage != Sabotage::none) {
    text += std::string(" --sabotage ") + to_string(arguments.scenario.sabotage);
  }
  return text;
}

/// What the runs of a command have counted together.
struct Sums {
  void add(const Report& report) {
    marks.add(report.marks);
    if (counted.empty()) {
      counted = counts(report);
      return;
    }
    const std::vector<Report::Counted> more = counts(report);
    for (std::size_t i = 0; i < more.size(); i++) counted[i].count += more[i].count;
  }
  /// Of a cluster what its clients counted, of one node the tallies.
  [[nodiscard]] static std::vector<Report::Counted> counts(const Report& report) {
    if (!report.cluster.empty()) return report.cluster;
    std::vector<Report::Counted> all;
    for (std::size_t i = 0; i < tallies_count; i++) {
      all.push_back({to_string(static_cast<Tally>(i)), report.tallies[i]});
    }
    return all;
  }

  Marks marks;
  std::vector<Report::Counted> counted;
};

void print_report(const Arguments& arguments, const Report& report, double seconds) {
  std::printf("seed %" PRIu64 " hash %016" PRIx64 "\n", report.seed, report.hash);
  std::printf("node %s\nplan %s\n", report.node.c_str(), print(report.plan).c_str());
  std::printf("clients");
  for (const Report::Counted& one : Sums::counts(report)) {
    std::printf(" %s=%" PRIu64, one.name, one.count);
  }
  const double simulated = static_cast<double>(report.simulated.count()) / 1e9;
  std::printf("\n%" PRIu64 " events, %.0f events/s, %.1f simulated s, %.1f simulated s per s\n",
              report.events, static_cast<double>(report.events) / seconds, simulated,
              simulated / seconds);
  for (const std::string& violation : report.violations) {
    std::printf("VIOLATION %s\n", violation.c_str());
  }
  std::printf("seed %" PRIu64 " hash %016" PRIx64 " %s\n", report.seed, report.hash,
              command(arguments, report.seed).c_str());
}

void print_honesty(const Sums& sums) {
  std::printf("\nreached\n");
  for (std::size_t i = 0; i < marks_count; i++) {
    const Mark mark = static_cast<Mark>(i);
    std::printf("%12" PRIu64 "  %s\n", sums.marks.count(mark), to_string(mark));
  }
  for (const Report::Counted& one : sums.counted) {
    std::printf("%12" PRIu64 "  %s\n", one.count, one.name);
  }
}

void print_shrunk(const ScenarioOptions& scenario) {
  const ScenarioOptions shrunk = shrink(scenario);
  const Report report = run_scenario(shrunk);
  std::printf("shrunk %s\ncacheismo-sim --seed %" PRIu64 " --time %" PRId64
              "ms --clients %u --nodes %u --faults '%s'\n",
              report.violations.front().c_str(), shrunk.seed,
              static_cast<std::int64_t>(shrunk.length.count() / 1'000'000), shrunk.clients,
              shrunk.nodes, print(*shrunk.plan).c_str());
}

int run(const Arguments& arguments) {
  std::optional<FileLines> lines;
  ScenarioOptions scenario = arguments.scenario;
  if (!arguments.journal_path.empty()) {
    lines.emplace(arguments.journal_path);
    if (!lines->open()) {
      std::fprintf(stderr, "cannot write %s\n", arguments.journal_path.c_str());
      return 2;
    }
    scenario.journal = &*lines;
  }
  Sums sums;
  int status = 0;
  for (std::uint64_t i = 0; i < arguments.seeds && status == 0; i++) {
    // Before the run: a CHECK that ends the process must not take the seed with it.
    if (!arguments.hashes) std::printf("%s\n", command(arguments, scenario.seed).c_str());
    std::fflush(stdout);
    const auto start = std::chrono::steady_clock::now();
    const Report report = run_scenario(scenario);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (arguments.hashes) {
      std::printf("%" PRIu64 " %016" PRIx64 "\n", report.seed, report.hash);
    } else if (arguments.seeds == 1 || !report.violations.empty()) {
      print_report(arguments, report, took.count());
    } else {
      std::printf("seed %" PRIu64 " hash %016" PRIx64 " events %" PRIu64 "\n", report.seed,
                  report.hash, report.events);
    }
    if (!report.violations.empty()) {
      status = 1;
      if (arguments.shrink) print_shrunk(scenario);
    }
    sums.add(report);
    scenario.seed++;
  }
  if (arguments.honesty) print_honesty(sums);
  return status;
}

int main_function(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    std::fprintf(stderr, "cacheismo-sim: %s (--help shows the options)\n",
                 arguments.error().c_str());
    return 2;
  }
  if (!arguments->help) return run(*arguments);
  std::printf("%s", usage);
  for (const FaultClass& known : fault_classes()) {
    std::printf("  %-14s %s\n", known.name, known.what);
  }
  return 0;
}

}  // namespace
}  // namespace cacheismo::sim

int main(int argc, char** argv) { return cacheismo::sim::main_function(argc, argv); }
