// Keys: what the clients of a cluster ask for: plain keys, and objects behind virtual keys.
//
//   number   0 .. plain - 1                     plain .. plain + objects - 1
//   kind     text  text  number  text ...       counter  map  counter ...
//   name     k0    k1    k2      k3             c4       m5   c6
//   lies at  the owner of its name              the owner of counter$c4, map$m5, ...
//
//  1. Each key, an object too, is one register (linear/register.h). A map has one field, `f`, and
//     is "" while the field is not there: `new` is a set of "", `put` a replace. A counter is
//     absent while it says 0.
//  2. What a reply says is one of the outcomes that the operation may have, or nothing at all.
//
// What it is not: it sends nothing, and knows no ring.

#ifndef CACHEISMO_SIM_CLUSTER_KEYS_H_
#define CACHEISMO_SIM_CLUSTER_KEYS_H_

#include <cstdint>
#include <string>

#include "cacheismo/base/prng.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/linear/history.h"

namespace cacheismo::sim {

class Keys {
 public:
  enum class Kind : std::uint8_t { text, number, counter, map };

  Keys(std::uint32_t plain, std::uint32_t objects) : plain_(plain), objects_(objects) {}

  [[nodiscard]] std::uint32_t count() const { return plain_ + objects_; }
  [[nodiscard]] Kind kind(std::uint32_t key) const;
  [[nodiscard]] std::string name(std::uint32_t key) const;
  /// What the ring hashes, and the key of the item.
  [[nodiscard]] std::string item(std::uint32_t key) const;

  /// Something that can be asked of `key`; value, token and number are the caller's to fill in.
  [[nodiscard]] linear::Verb draw_verb(std::uint32_t key, Prng& chance) const;

  /// What stands behind `get ` for this operation; empty: it is no kind of get.
  [[nodiscard]] std::string asked_by_get(std::uint32_t key, linear::Verb verb) const;
  /// The bytes of the request. A gets is one only where `gets` is asked. Only plain keys live for
  /// some seconds.
  [[nodiscard]] std::string encoded(std::uint32_t key, const linear::Operation& operation) const;

  /// The same by way of a script of the node that is asked (sim/copy_scripts.h): it asks the owner,
  /// and says what that one has said. Empty: no script does so.
  [[nodiscard]] std::string relayed(std::uint32_t key, const linear::Operation& operation) const;

  // Both fill in outcome, value, token and result. False: the reply fits no such operation.

  /// A value in the reply to a get.
  [[nodiscard]] bool hear_value(std::uint32_t key, const proto::ReplyPart& part,
                                linear::Operation& operation) const;
  /// The last line of a reply; of a get: END, and there was no value.
  [[nodiscard]] bool hear_end(std::uint32_t key, const proto::ReplyPart& part,
                              linear::Operation& operation) const;

 private:
  std::uint32_t plain_;
  std::uint32_t objects_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_KEYS_H_
