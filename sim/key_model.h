// KeyModel: what one client knows about the keys that nobody else writes.
//
//   requests are judged in the order of their replies; a key's state is then exact, except that
//   a cache may forget:      written --evicted, expired, flushed--> missing (and never back)
//
//  1. A value that is returned is byte for byte the last one that was acknowledged.
//  2. A key that was deleted, or was seen missing, stays missing until it is written again.
//  3. A key past its expiry (and the slack of a clock that ticks in seconds) is missing.
//  4. In a lossless run a key that was acknowledged is there.
//  5. After a connection died, keys with a write under way are in doubt: the write may still come,
//     so they are retired and the client goes on with a fresh name.
//
// What it is not: it knows no connection and no bytes.

#ifndef CACHEISMO_SIM_KEY_MODEL_H_
#define CACHEISMO_SIM_KEY_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "sim/judged_reply.h"
#include "sim/oracle.h"
#include "sim/request.h"

namespace cacheismo::sim {

class KeyModel {
 public:
  KeyModel(std::uint32_t client, std::uint32_t keys, Oracle& oracle);

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(keys_.size()); }
  /// The key's name at present.
  [[nodiscard]] const std::string& name(std::uint32_t key) const { return keys_[key].name; }
  /// A key whose values are decimal numbers.
  [[nodiscard]] bool is_number(std::uint32_t key) const { return key % 4 == 3; }
  /// Bytes of the value that was last written; 0 if there is none.
  [[nodiscard]] std::size_t value_bytes(std::uint32_t key) const {
    return keys_[key].value ? keys_[key].value->size() : 0;
  }
  /// The key has an expiry and may still be there.
  [[nodiscard]] bool will_expire(std::uint32_t key, std::int64_t now_ns) const {
    return keys_[key].value && keys_[key].expires_by_ns != INT64_MAX &&
           now_ns < keys_[key].expires_by_ns;
  }
  /// The key had a value, whose expiry has passed.
  [[nodiscard]] bool has_expired(std::uint32_t key, std::int64_t now_ns) const {
    return keys_[key].value && now_ns >= keys_[key].expires_by_ns;
  }
  /// The last CAS value that was seen and is still current; 0 if none.
  [[nodiscard]] std::uint64_t cas(std::uint32_t key) const { return keys_[key].cas; }

  /// Judges a reply (or the silence of a silent request) and moves on. Says what is wrong. Requires
  /// that the request calls no method.
  void judge(const Request& request, const JudgedReply& reply, std::int64_t now_ns);

  /// The request may or may not have happened, or may still happen.
  void doubt(const Request& request);

 private:
  struct Key {
    std::string name;
    std::uint32_t generation = 0;
    std::optional<std::string> value;
    std::uint32_t client_flags = 0;
    std::uint64_t cas = 0;
    std::int64_t written_ns = 0;
    std::int64_t expires_from_ns = INT64_MAX;  ///< may be gone from here on
    std::int64_t expires_by_ns = INT64_MAX;    ///< must be gone from here on
    bool may_be_gone = false;                  ///< a failed write may have taken it away
  };

  void rename(std::uint32_t index);
  [[nodiscard]] bool must_hit(const Key& key, std::int64_t now_ns) const;
  [[nodiscard]] bool may_hit(const Key& key, const Request& request) const;
  void wrong(const Request& request, std::int64_t now_ns, const std::string& what);
  void require(bool fact, const Request& request, std::int64_t now_ns, const char* what);
  void gone(Key& key, const Request& request, std::int64_t now_ns);
  void set_expiry(Key& key, const Request& request, std::int64_t now_ns);
  void written(Key& key, const Request& request, std::string value, std::int64_t now_ns);

  void judge_values(const Request& request, const JudgedReply& reply, std::int64_t now_ns);
  void judge_value(Key& key, const Request& request, const JudgedValue& value, std::int64_t now_ns);
  void judge_store(const Request& request, const JudgedReply& reply, std::int64_t now_ns);
  void judge_number(const Request& request, const JudgedReply& reply, std::int64_t now_ns);
  void judge_remove(const Request& request, const JudgedReply& reply, std::int64_t now_ns);
  void judge_touch(const Request& request, const JudgedReply& reply, std::int64_t now_ns);

  std::uint32_t client_;
  Oracle& oracle_;
  std::vector<Key> keys_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_KEY_MODEL_H_
