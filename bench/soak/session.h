// Session: one connection of the soak: makes requests, and knows what each may be answered.
//
//   batch of 1 to 8 requests -> output -> kernel -> input -> parts of replies -> checked in order
//
// Cost: some 100 bytes a request in flight; input and output keep the memory that they once needed.

#ifndef CACHEISMO_BENCH_SOAK_SESSION_H_
#define CACHEISMO_BENCH_SOAK_SESSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "bench/soak/ledger.h"
#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::soak {

/// What all sessions share.
struct Course {
  Ledger& ledger;
  std::uint64_t operations = 0;  ///< in all
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t stores = 0;
  std::uint64_t value_bytes = 0;  ///< sent and received
  std::uint64_t flushes = 0;
  std::uint32_t now_s = 0;
  std::string error;  ///< the first wrong answer, or why a connection broke
};

class Session {
 public:
  /// Takes a connected, non-blocking descriptor. Its keys are number, number + sessions, ...
  Session(int descriptor, std::uint64_t number, std::uint64_t sessions, std::uint64_t seed,
          Course& course);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool idle() const { return expected_.empty(); }
  [[nodiscard]] bool wants_to_send() const { return sent_ < output_.size(); }

  /// Makes the next requests and sends what the kernel takes.
  void start_batch();
  void send();
  /// Reads what there is and checks it.
  void receive();

 private:
  enum class Ask : std::uint8_t { store, get, gets, cas, remove, touch, append, count, flush };
  struct Expected {
    Ask ask = Ask::get;
    std::uint64_t key = 0;
    KeyState state;           ///< as the key was when it was asked
    bool missing = false;     ///< it must be a miss
    bool last = true;         ///< of a multi-get: END follows it
    bool answered = false;    ///< its value was there, END is to come
    std::uint32_t ttl_s = 0;  ///< that a store or a touch gives the key; 0: for ever
  };

  void make_request();
  void make_store(std::uint64_t key);
  void make_get(std::uint64_t key, bool with_cas);
  void make_cas();
  void make_remove(std::uint64_t key);
  void make_touch(std::uint64_t key);
  void make_append(std::uint64_t key);
  void make_count();
  void make_flush();

  [[nodiscard]] std::uint64_t any_key();
  /// The key's state; one that has certainly expired has no value any more.
  KeyState& current(std::uint64_t key);
  std::uint32_t any_ttl();
  void put_value(std::uint64_t key, const KeyState& state, std::uint32_t from);
  void expect(Ask ask, std::uint64_t key);

  void check(const proto::ReplyPart& part);
  void check_value(const proto::ReplyPart& part);
  void check_end();
  void check_word(const proto::ReplyPart& part);
  void check_count(const proto::ReplyPart& part);
  void fail(std::string why);

  int descriptor_;
  std::uint64_t number_;
  std::uint64_t sessions_;
  Prng prng_;
  Course& course_;
  std::deque<Expected> expected_;
  std::string output_;
  std::size_t sent_ = 0;
  std::vector<char> input_;
  std::size_t input_end_ = 0;
  std::uint64_t version_ = 0;
  std::optional<std::uint64_t> counter_;  ///< what this session's counter must be, if it is there
  std::optional<std::uint64_t> cas_key_;  ///< whose CAS value is known
  std::uint64_t cas_ = 0;
  std::uint32_t cas_version_ = 0;
};

}  // namespace cacheismo::soak

#endif  // CACHEISMO_BENCH_SOAK_SESSION_H_
