#include "cacheismo/node/auth.h"

#include <cstddef>

#include "cacheismo/proto/command.h"

namespace cacheismo::node {
namespace {

/// Equality whose time depends on the lengths only.
bool same_bytes(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace

Authenticator::Verdict Authenticator::check(Bytes token) const {
  proto::KeyCursor words(token);
  const Bytes user = words.next();
  const Bytes password = words.next();
  if (password.empty()) return Verdict::malformed;
  bool found = false;
  for (const Credential& credential : credentials_)
    found |= same_bytes(user, credential.user) && same_bytes(password, credential.password);
  return found ? Verdict::accepted : Verdict::refused;
}

}  // namespace cacheismo::node
