#include "cacheismo/copy.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "cacheismo/copy_difference.h"
#include "cacheismo/copy_progress.h"
#include "cacheismo/copy_sink.h"
#include "cacheismo/copy_source.h"
#include "cacheismo/flags.h"
#include "cacheismo/io/epoll_io.h"
#include "cacheismo/io/file.h"
#include "cacheismo/io/process.h"
#include "cacheismo/io/resolve.h"
#include "cacheismo/proto/percent.h"

namespace cacheismo {
namespace {

using node::ItemForm;
using Outcome = Result<void, std::string>;

constexpr int exit_different = 1;
constexpr int exit_failed = 71;

/// What the index and the log of recency take of a node's memory for each item, bytes (item.h).
constexpr std::uint64_t index_bytes_per_item = 14;

/// Well below -o idle_timeout=2; with 1, which ends at the next full second, nobody can stay.
constexpr Duration keep_alive_interval = std::chrono::milliseconds(500);

/// First line of an auth file, and a good deal of others.
constexpr std::size_t auth_file_bytes_max = 1 * MiB;

/// Keys of --verify that are named.
constexpr std::size_t named_max = 10;

struct Difference {
  std::string key;
  const char* what = "";
};

class Copier final : public io::SignalEvents {
 public:
  explicit Copier(const CopyOptions& options) : options_(options) {}

  /// The exit code.
  [[nodiscard]] Result<int, std::string> run();
  void on_signal(int) override { link_.stop = true; }
  [[nodiscard]] bool writing() const { return sink_.has_value(); }
  void clear_line() { progress_.end(); }

 private:
  [[nodiscard]] Result<io::Address, std::string> address(const std::string& host,
                                                         std::uint16_t port) const;
  [[nodiscard]] Outcome read_auth_file();
  [[nodiscard]] Outcome open();
  [[nodiscard]] Outcome open_sink(const io::Address& to);
  [[nodiscard]] Outcome after_slice();
  [[nodiscard]] Outcome copy_all();
  [[nodiscard]] Outcome copy_slice(Bytes forms);
  [[nodiscard]] Outcome compare();
  [[nodiscard]] Outcome compare_slice(Bytes forms);
  [[nodiscard]] Outcome look_for_gone(Bytes forms);
  [[nodiscard]] Outcome copy_again(const std::vector<Difference>& keys);
  [[nodiscard]] Result<int, std::string> passes();
  [[nodiscard]] Result<int, std::string> judge();
  void note(Difference difference);
  void say_differences() const;

  const CopyOptions& options_;
  CopyLink link_;
  io::EpollIo io_;
  CopyProgress progress_{stderr_is_terminal()};
  std::optional<CopySource> from_;
  std::optional<CopySource> to_;
  std::optional<CopyWire> sink_wire_;
  std::optional<CopySink> sink_;  ///< none for --verify
  CopyFacts from_facts_;
  CopyFacts to_facts_;
  std::uint64_t seen_ = 0;         ///< items of this pass
  std::uint64_t differences_ = 0;  ///< of this pass
  std::uint64_t not_asked_ = 0;    ///< of this pass: keys that no request can hold
  std::vector<Difference> named_;
  MonotonicTime kept_alive_;
};

// ---- The beginning ------------------------------------------------------------------------------

Result<io::Address, std::string> Copier::address(const std::string& host,
                                                 std::uint16_t port) const {
  const auto numeric = io::resolve_remote(host);
  if (!numeric) return failure(host + ": " + numeric.error());
  return io::Address{io::Address::Kind::tcp, *numeric, port};
}

Outcome Copier::read_auth_file() {
  const auto content = io::read_file(options_.auth_file, auth_file_bytes_max);
  if (!content) return failure(content.error());
  const auto credentials = parse_credentials(*content);
  if (!credentials) return failure(options_.auth_file + ": " + credentials.error());
  link_.user = credentials->front().user;
  link_.password = credentials->front().password;
  return {};
}

Outcome Copier::open() {
  if (!options_.auth_file.empty()) {
    if (auto read = read_auth_file(); !read) return read;
  }
  const auto from = address(options_.from_host, options_.from_port);
  if (!from) return failure(from.error());
  const auto to = address(options_.to_host, options_.to_port);
  if (!to) return failure(to.error());
  if (*from == *to) return failure(std::string("FROM and TO are the same node"));
  from_.emplace(io_, "FROM " + to_string(*from), *from, link_);
  to_.emplace(io_, "TO " + to_string(*to), *to, link_);
  for (CopySource* node : {&*from_, &*to_}) {
    if (auto opened = node->open(); !opened) return opened;
    auto facts = node->facts();
    if (!facts) return failure(facts.error());
    (node == &*from_ ? from_facts_ : to_facts_) = *facts;
  }
  return options_.verify ? Outcome{} : open_sink(*to);
}

Outcome Copier::open_sink(const io::Address& to) {
  if (to_facts_.items > 0 && !options_.resume) {
    return failure(fmt::format(
        "TO has {} items, which would be replaced or deleted: --resume goes on with a copy that "
        "was interrupted, flush_all makes TO empty",
        to_facts_.items));
  }
  const std::uint64_t needed = from_facts_.bytes + index_bytes_per_item * from_facts_.items;
  if (needed > to_facts_.memory_bytes) {
    return failure(fmt::format("TO is too small: FROM's items take {} and TO has {} (-m)",
                               shown_bytes(needed), shown_bytes(to_facts_.memory_bytes)));
  }
  sink_wire_.emplace(io_, "TO " + to_string(to), to, link_);
  if (auto connected = sink_wire_->connect(); !connected) return connected;
  sink_wire_->send(fmt::format("ms cluster:items 0 {}\r\n\r\n", copy_hop));
  const auto reply = sink_wire_->reply();
  if (!reply) return failure(reply.error());
  if (reply->word != proto::ReplyWord::meta_hit) return failure(sink_wire_->failed(reply->text));
  sink_.emplace(*sink_wire_, to_facts_.item_bytes_max);
  return {};
}

/// Says how far it is, and keeps those connections that this pass does not use.
Outcome Copier::after_slice() {
  const MonotonicTime now = io_.stopwatch();
  progress_.at(seen_, sink_ ? sink_->bytes() : 0, now);
  if (now - kept_alive_ < keep_alive_interval) return {};
  kept_alive_ = now;
  for (CopySource* node : {&*from_, &*to_}) {
    if (auto kept = node->keep_alive(); !kept) return kept;
  }
  if (!sink_) return {};
  if (auto finished = sink_->finish(); !finished) return finished;
  return sink_wire_->keep_alive();
}

// ---- The first pass -----------------------------------------------------------------------------

Outcome Copier::copy_slice(Bytes forms) {
  std::vector<Difference> long_ones;
  while (const auto item = node::take_item(forms)) {
    ++seen_;
    if (item->kind == ItemForm::Kind::long_one) {
      long_ones.push_back({.key = std::string(item->key)});
    } else if (auto added = sink_->add(*item); !added) {
      return added;
    }
  }
  return copy_again(long_ones);
}

Outcome Copier::copy_all() {
  progress_.begin("copy", from_facts_.items, io_.stopwatch());
  from_->begin_scan(CopySource::What::items);
  for (;;) {
    const auto slice = from_->next_slice();
    if (!slice) return failure(slice.error());
    if (!*slice) return sink_->finish();
    if (auto copied = copy_slice(**slice); !copied) return copied;
    if (auto gone_on = after_slice(); !gone_on) return gone_on;
  }
}

// ---- Comparing ----------------------------------------------------------------------------------

void Copier::note(Difference difference) {
  ++differences_;
  if (options_.verify && named_.size() < named_max) named_.push_back(std::move(difference));
}

/// FROM's items as they are now. One that is gone by now is found at TO.
Outcome Copier::copy_again(const std::vector<Difference>& keys) {
  // One at a time: each may be as long as items are.
  for (const Difference& one : keys) {
    if (!from_->ask(one.key, CopySource::Ask::item)) {
      ++not_asked_;
      continue;
    }
    const auto item = from_->answer();
    if (!item) return failure(item.error());
    if (!*item) continue;
    if ((*item)->kind == ItemForm::Kind::long_one) {
      return failure(fmt::format("an item is longer than {} bytes and cannot be copied: {}",
                                 node::item_payload_bytes_max, one.key));
    }
    if (auto added = sink_->add(**item); !added) return added;
  }
  return {};
}

/// Digests of FROM, held against TO's.
Outcome Copier::compare_slice(Bytes forms) {
  std::vector<ItemForm> asked;
  while (const auto item = node::take_item(forms)) {
    ++seen_;
    if (!to_->ask(item->key, CopySource::Ask::digest)) {
      ++not_asked_;
      continue;
    }
    // Of a long one the slice has no digest.
    if (item->kind == ItemForm::Kind::long_one)
      static_cast<void>(from_->ask(item->key, CopySource::Ask::digest));
    asked.push_back(*item);
  }
  std::vector<Difference> different;
  for (const ItemForm& item : asked) {
    std::optional<ItemForm> own = item;
    if (item.kind == ItemForm::Kind::long_one) {
      const auto answer = from_->answer();
      if (!answer) return failure(answer.error());
      own = *answer;
    }
    const auto answer = to_->answer();
    if (!answer) return failure(answer.error());
    const char* what = own ? difference(*own, *answer) : nullptr;
    if (what == nullptr) continue;
    different.push_back({.key = std::string(item.key), .what = what});
    note(different.back());
  }
  return sink_ ? copy_again(different) : Outcome{};
}

/// Keys of TO that FROM may have no more.
Outcome Copier::look_for_gone(Bytes forms) {
  std::vector<ItemForm> asked;
  while (const auto item = node::take_item(forms)) {
    ++seen_;
    if (from_->ask(item->key, CopySource::Ask::presence)) asked.push_back(*item);
  }
  for (const ItemForm& item : asked) {
    const auto answer = from_->answer();
    if (!answer) return failure(answer.error());
    if (*answer || is_about_to_expire(item)) continue;
    note({.key = std::string(item.key), .what = "not at FROM"});
    if (!sink_) continue;
    auto added = sink_->add({.kind = ItemForm::Kind::gone, .key = item.key});
    if (!added) return added;
  }
  return {};
}

Outcome Copier::compare() {
  seen_ = differences_ = not_asked_ = 0;
  progress_.begin("compare", from_facts_.items + to_facts_.items, io_.stopwatch());
  // First what is gone, which makes room.
  for (const bool gone : {true, false}) {
    CopySource& scanned = gone ? *to_ : *from_;
    scanned.begin_scan(CopySource::What::digests);
    for (;;) {
      const auto slice = scanned.next_slice();
      if (!slice) return failure(slice.error());
      if (!*slice) break;
      auto done = gone ? look_for_gone(**slice) : compare_slice(**slice);
      if (!done) return done;
      if (auto gone_on = after_slice(); !gone_on) return gone_on;
    }
    // What was sent must be there before TO is looked at.
    if (sink_) {
      if (auto finished = sink_->finish(); !finished) return finished;
    }
  }
  return {};
}

// ---- The whole ----------------------------------------------------------------------------------

void Copier::say_differences() const {
  for (const Difference& one : named_) {
    std::string key(3 * one.key.size(), '\0');
    key.resize(
        static_cast<std::size_t>(proto::put_percent_encoded(key.data(), one.key) - key.data()));
    fmt::print(stderr, "cacheismo: differs: {}: {}\n", key, one.what);
  }
}

Result<int, std::string> Copier::passes() {
  const std::uint32_t count = options_.verify ? 1 : options_.passes_max;
  std::uint32_t pass = 0;
  if (sink_ && to_facts_.items == 0) {
    if (auto copied = copy_all(); !copied) return failure(copied.error());
    progress_.end();
    fmt::print(stderr, "cacheismo: pass 1: {} items copied, {}\n", seen_,
               shown_bytes(sink_->bytes()));
    ++pass;
  }
  const std::uint32_t last = std::max(count, pass + 1);
  do {
    for (CopySource* node : {&*from_, &*to_}) {
      auto facts = node->facts();
      if (!facts) return failure(facts.error());
      if (node == &*from_) from_facts_.items = facts->items;
      if (node == &*to_) to_facts_.items = facts->items;
    }
    if (auto compared = compare(); !compared) return failure(compared.error());
    progress_.end();
    fmt::print(stderr, "cacheismo: pass {}: {} of {} items differed{}\n", ++pass, differences_,
               from_facts_.items, sink_ && differences_ > 0 ? " and were copied" : "");
  } while (differences_ > 0 && pass < last);
  return judge();
}

/// What came of it.
Result<int, std::string> Copier::judge() {
  say_differences();
  if (not_asked_ > 0) {
    fmt::print(stderr,
               "cacheismo: {} items have keys that no request can hold, scripts have put them: the "
               "first pass copies those of up to 64 KiB, nothing compares them\n",
               not_asked_);
  }
  if (differences_ == 0) {
    fmt::print("FROM and TO answer the same: {} items\n", from_facts_.items);
    return 0;
  }
  if (!sink_) return exit_different;
  for (const std::string& refusal : sink_->refusals())
    fmt::print(stderr, "cacheismo: {}\n", refusal);
  const auto facts = to_->facts();
  if (!facts) return failure(facts.error());
  const std::uint64_t evictions = facts->evictions - to_facts_.evictions;
  if (evictions > 0) {
    fmt::print(stderr,
               "cacheismo: TO is too small: it evicted {} items meanwhile, give it more memory "
               "(-m)\n",
               evictions);
  } else if (sink_->refusals().empty()) {
    fmt::print(stderr, "cacheismo: the last pass still found differences: FROM keeps changing\n");
  }
  return exit_different;
}

Result<int, std::string> Copier::run() {
  constexpr int signals[] = {SIGINT, SIGTERM};
  io_.watch_signals(signals, *this);
  if (auto opened = open(); !opened) return failure(opened.error());
  return passes();
}

}  // namespace

int run_copy(const CopyOptions& options) {
  io::ignore_broken_pipes();
  Copier copier(options);
  const auto code = copier.run();
  if (code) return *code;
  copier.clear_line();
  fmt::print(stderr, "cacheismo: copy: {}\n", code.error());
  if (copier.writing())
    fmt::print(stderr, "cacheismo: copy: TO has a part; the same command with --resume goes on\n");
  return exit_failed;
}

}  // namespace cacheismo
