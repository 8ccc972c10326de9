// Commands for operators: stats, flush_all, verbosity, dumps, watch, shutdown. Also the switch on
// the verb.

#include <memory>
#include <string>
#include <utility>

#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/stats.h"
#include "cacheismo/node/version.h"
#include "cacheismo/proto/decimal.h"
#include "cacheismo/proto/percent.h"
#include "cacheismo/proto/replies.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {

using proto::Command;
using proto::Verb;
namespace replies = proto::replies;

namespace {

void answer(const Command& command, Bytes text, OutputBuffer& out) {
  if (!command.noreply) out.append(text);
}

/// Smallest limit that cache_memlimit takes, bytes (memcached: 8 MB).
constexpr std::uint64_t memory_limit_min = 8 * MiB;

/// memcached takes a figure above this for bytes by mistake.
constexpr std::uint64_t memory_limit_megabytes_max = 1'000'000'000;

/// The prefix that a dump is given as metadump prints keys, so that a piece of its output can be
/// pasted: percent-encoded, where every byte but `%` may also stand for itself. No string: it is
/// not that, or longer than a key.
std::unique_ptr<const std::string> parse_prefix(Bytes word) {
  auto prefix = std::make_unique<std::string>(word);
  const auto size = proto::percent_decode(word, prefix->data());
  if (!size || *size > limits::key_bytes_max) return nullptr;
  prefix->resize(*size);
  return prefix;
}

/// What `lru_crawler` would crawl: a list of classes, or all of them.
bool names_classes(Bytes which) {
  if (which == "all" || which == "hash") return true;
  return !which.empty() && which.find_first_not_of("0123456789,") == Bytes::npos;
}

}  // namespace

After Dispatcher::execute(const Command& command, bool pipelined, OutputBuffer& out,
                          Report& report) {
  if (const lua::Method* script = taken_over(command.verb)) [[unlikely]]
    return run_taken_over(command, *script, {}, out);
  switch (command.verb) {
    case Verb::del: del(command, out); break;
    case Verb::incr:
    case Verb::decr: arithmetic(command, out); break;
    case Verb::touch: touch(command, out); break;
    case Verb::mg: return meta_get(command, out);
    case Verb::md: meta_delete(command, out); break;
    case Verb::ma: meta_arithmetic(command, out); break;
    case Verb::me: meta_debug(command, out); break;
    case Verb::mn:
      ++node_.counters.cmd_meta;
      out.append(replies::meta_noop);
      break;
    case Verb::flush_all: flush_all(command, out); break;
    case Verb::version:
      out.append("VERSION ");
      out.append(protocol_version);
      out.append("\r\n");
      break;
    case Verb::verbosity: verbosity(command, out); break;
    case Verb::cache_memlimit: memory_limit(command, out); break;
    case Verb::quit: return After::close;
    case Verb::stats: return stats(command, out, report);
    case Verb::lru_crawler: return crawler(command, pipelined, out, report);
    case Verb::watch: return watch(command, pipelined, out);
    case Verb::shutdown: return shutdown(command, out);
    default: CHECK(false);  // multi-gets and data blocks do not come here
  }
  return After::go_on;
}

void Dispatcher::flush_all(const Command& command, OutputBuffer& out) {
  ++node_.counters.cmd_flush;
  if (!node_.config.flush_enabled) {
    answer(command, replies::flush_disabled, out);
    return;
  }
  flush(command.exptime);
  answer(command, replies::ok, out);
}

void Dispatcher::flush(std::int64_t exptime) {
  store::Seconds at = node_.now;
  if (exptime > 0) at = node_.clock.expiry(exptime, node_.now);
  node_.store.flush(at < node_.now ? node_.now : at, node_.now);
}

lua::Answer Dispatcher::flush_for_peer(Bytes exptime) {
  ++node_.counters.cmd_flush;
  if (!node_.config.flush_enabled)
    return {.is = lua::Answer::Is::error, .text = "flush_all not allowed"};
  flush(proto::parse_signed(exptime).value_or(0));
  return {.is = lua::Answer::Is::value, .text = "OK"};
}

void Dispatcher::verbosity(const Command& command, OutputBuffer& out) {
  node_.config.verbosity = static_cast<int>(command.delta > 2 ? 2 : command.delta);
  answer(command, replies::ok, out);
}

void Dispatcher::memory_limit(const Command& command, OutputBuffer& out) {
  proto::KeyCursor words(command.arguments);
  const Bytes word = words.next();
  if (word.empty() || word == "noreply") {
    answer(command, replies::error, out);
    return;
  }
  const auto megabytes = proto::parse_unsigned(word);
  if (!megabytes) {
    answer(command, replies::error, out);
  } else if (*megabytes > memory_limit_megabytes_max) {
    answer(command, "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n", out);
  } else if (*megabytes * MiB < memory_limit_min) {
    answer(command, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n", out);
  } else if (!node_.store.set_limit(*megabytes * MiB, node_.now)) {
    answer(command, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n", out);
  } else {
    answer(command, replies::ok, out);
  }
}

// ---- stats --------------------------------------------------------------------------------------

After Dispatcher::stats(const Command& command, OutputBuffer& out, Report& report) {
  if (out.room() < stats_bytes_max) return After::needs_empty;
  proto::KeyCursor words(command.arguments);
  const Bytes which = words.next();
  if (which.empty()) {
    append_general_stats(node_, out);
  } else if (which == "settings") {
    append_settings(node_, out);
  } else if (which == "items") {
    append_item_stats(node_, out);
  } else if (which == "slabs") {
    append_slab_stats(node_, out);
  } else if (which == "sizes") {
    out.append("STAT sizes_status disabled\r\n");
  } else if (which == "scripts") {
    report = {.kind = Report::Kind::scripts};
    return After::report;
  } else if (which == "cluster") {
    report = {.kind = Report::Kind::cluster};
    return After::report;
  } else if (which == "conns") {
    report = {.kind = Report::Kind::connections};
    return After::report;
  } else if (which == "cachedump") {
    const Bytes size_class = words.next();
    return cachedump(size_class, words.next(), out, report);
  } else if (which == "reset") {
    reset_stats(node_);
    out.append(replies::reset);
    return After::go_on;
  } else if (which == "detail") {
    const Bytes word = words.next();
    if (word == "dump") {
      report = {.kind = Report::Kind::prefixes};
      return After::report;
    }
    stats_detail(word, out);
    return After::go_on;
  } else {
    out.append(replies::error);
    return After::go_on;
  }
  out.append(replies::end);
  return After::go_on;
}

After Dispatcher::cachedump(Bytes class_word, Bytes limit_word, OutputBuffer& out, Report& report) {
  const auto size_class = proto::parse_unsigned(class_word);
  const auto limit = proto::parse_unsigned(limit_word);
  if (!node_.config.dump_enabled) {
    out.append(replies::cachedump_disabled);
  } else if (limit_word.empty()) {
    out.append("CLIENT_ERROR bad command line\r\n");
  } else if (!size_class || !limit) {
    out.append(replies::bad_line);
  } else if (*size_class > 63) {
    out.append("CLIENT_ERROR Illegal slab id\r\n");
  } else if (*size_class != 1) {
    out.append(replies::end);  // there is one class only
  } else {
    const std::uint64_t lines = *limit == 0 || *limit > 0xFFFFFFFF ? 0xFFFFFFFF : *limit;
    report = {.kind = Report::Kind::cachedump, .lines_left = static_cast<std::uint32_t>(lines)};
    return After::report;
  }
  return After::go_on;
}

void Dispatcher::stats_detail(Bytes word, OutputBuffer& out) {
  if (word == "on" || word == "off") {
    node_.prefixes.enable(word == "on");
    out.append(replies::ok);
  } else {
    out.append("CLIENT_ERROR usage: stats detail on|off|dump\r\n");
  }
}

// ---- Dumps and watchers -------------------------------------------------------------------------

After Dispatcher::crawler(const Command& command, bool pipelined, OutputBuffer& out,
                          Report& report) {
  proto::KeyCursor words(command.arguments);
  const Bytes what = words.next();
  const Bytes argument = words.next();
  if ((what == "metadump" || what == "mgdump") && !argument.empty()) {
    const Bytes prefix = words.next();
    if (words.next().empty())
      return dump({what == "metadump", argument, prefix}, pipelined, out, report);
  }
  // Expired memory is reclaimed all the time, so there is nothing to start, stop or tune.
  bool good = what == "enable" || what == "disable";
  if (what == "crawl") good = names_classes(argument);
  if (what == "tocrawl") good = proto::parse_unsigned(argument).has_value();
  if (what == "sleep") {
    const auto us = proto::parse_unsigned(argument);
    if (us && *us > 1'000'000) {
      answer(command, "CLIENT_ERROR sleep must be one second or less\r\n", out);
      return After::go_on;
    }
    good = us.has_value();
  }
  answer(command, good ? replies::ok : replies::error, out);
  return After::go_on;
}

After Dispatcher::dump(const Dump& dump, bool pipelined, OutputBuffer& out, Report& report) {
  if (!node_.config.dump_enabled) {
    out.append(dump.metadump ? replies::metadump_disabled : replies::mgdump_disabled);
    return After::go_on;
  }
  if (pipelined) {
    out.append(dump.metadump ? replies::no_pipelining_metadump : replies::no_pipelining_mgdump);
    return After::go_on;
  }
  if (!names_classes(dump.classes)) {
    out.append("BADCLASS invalid class id\r\n");
    return After::go_on;
  }
  Report begun{.kind = dump.metadump ? Report::Kind::metadump : Report::Kind::mgdump};
  if (!dump.prefix.empty()) {
    begun.prefix = parse_prefix(dump.prefix);
    if (begun.prefix == nullptr) {
      out.append(replies::bad_prefix);
      return After::go_on;
    }
  }
  report = std::move(begun);
  return After::report;
}

After Dispatcher::watch(const Command& command, bool pipelined, OutputBuffer& out) {
  if (!node_.config.watch_enabled) {
    out.append(replies::watch_disabled);
  } else if (pipelined) {
    out.append(replies::no_pipelining_watch);
  } else if (!Watchers::parse_topics(command.arguments)) {
    out.append(replies::error);
  } else {
    return After::watch;
  }
  return After::go_on;
}

After Dispatcher::shutdown(const Command& command, OutputBuffer& out) {
  if (!node_.config.shutdown_enabled) {
    out.append(replies::shutdown_disabled);
    return After::go_on;
  }
  proto::KeyCursor words(command.arguments);
  const Bytes mode = words.next();
  if (!mode.empty() && mode != "graceful") {
    out.append(replies::bad_shutdown_mode);
    return After::go_on;
  }
  node_.shutdown_requested = mode.empty() ? Stop::at_once : Stop::graceful;
  return After::close;
}

}  // namespace cacheismo::node
