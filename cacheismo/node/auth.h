// Authenticator: who may use a node that was started with -Y.
//
//   set x 0 0 9\r\nuser pass\r\n     the data block of the first `set` is two words
//
// What it is not: encryption. The words travel and are kept in the clear, as memcached's do.

#ifndef CACHEISMO_NODE_AUTH_H_
#define CACHEISMO_NODE_AUTH_H_

#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/node/config.h"

namespace cacheismo::node {

class Authenticator {
 public:
  enum class Verdict { accepted, refused, malformed };

  explicit Authenticator(std::vector<Credential> credentials)
      : credentials_(std::move(credentials)) {}

  void replace(std::vector<Credential> credentials) { credentials_ = std::move(credentials); }

  /// `token`: "user pass". Takes as long for a wrong password as for a right one of its length.
  [[nodiscard]] Verdict check(Bytes token) const;

 private:
  std::vector<Credential> credentials_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_AUTH_H_
