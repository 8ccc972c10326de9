// ReferenceMemcached: what memcached answers, from a std::map and a page of rules.
//
//   per connection: bytes -> lines and data blocks -> map of items -> expected bytes
//
//  1. Obvious before fast: strings are copied, lines are cut into vectors of words, nothing is
//     shared with the server under test.
//  2. It never evicts: the server it is compared with must have room.
//  3. CAS values are the server's own business, so they are ids in the expected bytes; compare()
//     ties an id to the number that the server used, and one id has one number.
//
// What it is not: it does not know every command. For a line that it has no opinion on, receive()
// gives up (nullopt), and the caller compares nothing more.

#ifndef CACHEISMO_SIM_MODEL_REFERENCE_MEMCACHED_H_
#define CACHEISMO_SIM_MODEL_REFERENCE_MEMCACHED_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"

namespace cacheismo::model {

/// Bytes that a server must send: `text`, with CAS values where `cas` says (offset, id).
struct Expected {
  std::string text;
  std::vector<std::pair<std::size_t, std::uint64_t>> cas;
  bool closes = false;  ///< and nothing after them
};

class ReferenceMemcached {
 public:
  /// `start_unix_seconds`: the calendar when the server started. An item of key and value bytes
  /// above `item_bytes_max` less 59 is too large: memcached counts its header.
  ReferenceMemcached(std::int64_t start_unix_seconds, std::uint64_t item_bytes_max)
      : start_unix_seconds_(start_unix_seconds), item_bytes_max_(item_bytes_max) {}

  /// Bytes arrive on a connection, `now` seconds after the start. nullopt: a line that this model
  /// does not know.
  [[nodiscard]] std::optional<Expected> receive(std::uint32_t connection, Bytes bytes,
                                                std::int64_t now);
  /// The connection is gone.
  void forget(std::uint32_t connection) { connections_.erase(connection); }

  /// Compares what came with what was expected, and learns CAS values on the way. The difference as
  /// text, or nullopt.
  [[nodiscard]] std::optional<std::string> compare(const Expected& expected, Bytes actual);

  /// The CAS value of an item, where it is known: what a client may send back.
  [[nodiscard]] std::optional<std::uint64_t> cas_of(const std::string& key) const;

 private:
  static constexpr std::int64_t never = INT64_MAX;
  /// Seconds of an expiry are 31 bits wide, the first two spoken for: 68 years after the start.
  static constexpr std::int64_t last_second = 2147483645;
  static constexpr std::uint64_t client_cas_min = 1'000'000'000;

  struct Item {
    std::string value;
    std::uint32_t flags = 0;
    std::int64_t expiry = never;
    std::uint64_t cas_id = 0;                 ///< ids grow with each write
    std::optional<std::uint64_t> cas_number;  ///< given by the client (E)
    std::int64_t last_access = 0;
    bool fetched = false;
    bool stale = false;
    bool token_sent = false;
  };
  using Words = std::vector<std::string>;
  struct Connection {
    std::string pending;
    std::uint64_t swallow = 0;
    bool closed = false;
  };
  /// The flags of a meta command, checked.
  struct Meta {
    Words order;  ///< as sent
    std::map<char, std::string> value;
    [[nodiscard]] bool has(char letter) const { return value.contains(letter); }
  };
  enum class Verdict : std::uint8_t { done, incomplete, unknown };

  Verdict step(Connection& connection);
  Verdict storage(Connection& connection, const Words& words, std::size_t line_bytes);
  Verdict meta_set(Connection& connection, const Words& words, std::size_t line_bytes);
  Verdict line(Connection& connection, const Words& words);
  Verdict arithmetic(const Words& words, bool quiet);
  Verdict flush_all(const Words& words, bool quiet);
  Verdict meta_get(const Words& words);
  Verdict meta_delete(const Words& words);
  Verdict meta_arithmetic(const Words& words);
  void get(const Words& words, std::size_t first_key, bool with_cas,
           std::optional<std::int64_t> expiry);
  void store(const Words& words, const std::string& data, bool quiet);

  /// Sends the error and returns nullopt if the flags are wrong; `known` is false for flags that
  /// this model has no opinion on.
  std::optional<Meta> read_flags(const Words& words, std::size_t first, bool& known);
  void meta_line(const char* status, const Meta& meta, const std::string& key, const char* shown,
                 const Item* before, const Item* after);

  void put(const std::string& key, const std::string& data, char mode, const Meta& meta);

  [[nodiscard]] static bool good_key(const std::string& key);
  void flush_if_due();
  Item* find(const std::string& key);
  Item& write(const std::string& key, Item item, const Meta* meta);
  [[nodiscard]] int compare_cas(std::uint64_t token, const Item& item);
  [[nodiscard]] bool matches(const Item& item, std::uint64_t token);
  [[nodiscard]] std::int64_t expiry_of(std::int64_t exptime) const;
  [[nodiscard]] bool fits(const std::string& key, std::uint64_t value_bytes) const;
  void say(Bytes text) { out_.text += text; }
  void say_cas(const Item& item);

  std::int64_t start_unix_seconds_;
  std::uint64_t item_bytes_max_;
  std::int64_t now_ = 0;
  std::int64_t flush_at_ = never;
  std::uint64_t last_cas_id_ = 0;
  std::map<std::string, Item> items_;
  std::map<std::uint64_t, std::uint64_t> number_of_id_;
  std::map<std::uint32_t, Connection> connections_;
  bool unsure_ = false;  ///< a client compared with a CAS value that it was never given
  Expected out_;
};

}  // namespace cacheismo::model

#endif  // CACHEISMO_SIM_MODEL_REFERENCE_MEMCACHED_H_
