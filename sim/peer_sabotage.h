// PeerSabotage: bugs of a cluster, as what a node would say to its peers if it had them.
//
//   ... ma k v O7 k P1.0.1.950 ...   requests that are forwarded: all have a hop
//   ... VA 5 f0 kuser:7 O27 ...      replies to them: all have an opaque
//   ... ms cluster:give:k 23 ...     an item on its way to its new owner (node/item_form.h)
//   ... ms cluster:replica 42 ...    a state on its way to who holds a copy (node/replicas.h)
//
// What it is not: it keeps no state but what it needs to be wrong.

#ifndef CACHEISMO_SIM_PEER_SABOTAGE_H_
#define CACHEISMO_SIM_PEER_SABOTAGE_H_

#include <map>
#include <string>

#include "cacheismo/base/prng.h"

namespace cacheismo::sim {

class PeerSabotage {
 public:
  // Each looks at all bytes of one send and says whether it changed them.

  /// Of two values of one length that leave together each goes to the other's key.
  [[nodiscard]] static bool swap_values(std::string& bytes);
  /// An `ma` is asked twice, the first time without a reply.
  [[nodiscard]] static bool ask_twice(std::string& bytes);
  /// A value is the one before the last of its key. Remembers what it sees.
  [[nodiscard]] bool stale_value(std::string& bytes, Prng& chance);
  /// A request that was forwarded says that it was not.
  [[nodiscard]] static bool forget_hop(std::string& bytes);
  /// A value that is given to its new owner is also stored there, whatever it has.
  [[nodiscard]] static bool resurrect(std::string& bytes);
  /// A request that was forwarded may be executed by whoever gets it.
  [[nodiscard]] static bool forget_epoch(std::string& bytes);
  /// A node that is asked for what it had says that it had nothing.
  [[nodiscard]] static bool lose_moved(std::string& bytes);
  /// A node is told to flush in 9 seconds, and the answer says that it has.
  [[nodiscard]] static bool late_flush(std::string& bytes);
  /// What is given is answered with an error.
  [[nodiscard]] static bool refuse_gifts(std::string& bytes);
  /// A copy is stored under another key.
  [[nodiscard]] static bool lose_copy(std::string& bytes);
  /// Behind a copy comes the one before, under a version that is newer. Remembers what it sees.
  [[nodiscard]] bool old_copy(std::string& bytes, Prng& chance);

 private:
  std::map<std::string, std::string> values_;  ///< by key
  std::map<std::string, std::string> forms_;   ///< of copies, by key
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_PEER_SABOTAGE_H_
