#include "cacheismo/io/resolve.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::io {
namespace {

// Binding port 0 takes any free port for the length of this call.
bool can_bind(const addrinfo& info) {
  const int fd = socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool bound = bind(fd, info.ai_addr, info.ai_addrlen) == 0;
  close(fd);
  return bound;
}

}  // namespace

Result<std::vector<std::string>, std::string> resolve_local(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* first = nullptr;
  const int error = getaddrinfo(name.c_str(), "0", &hints, &first);
  if (error != 0) return failure(std::string(gai_strerror(error)));
  std::vector<std::string> addresses;
  std::vector<std::string> bindable;
  for (const addrinfo* info = first; info != nullptr; info = info->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    if (std::find(addresses.begin(), addresses.end(), text) != addresses.end()) continue;
    addresses.emplace_back(text);
    if (can_bind(*info)) bindable.emplace_back(text);
  }
  freeaddrinfo(first);
  // A single address is handed on as it is: listening on it will say what is wrong with it.
  if (addresses.size() == 1) return addresses;
  if (bindable.empty()) return failure(std::string("none of its addresses is of this machine"));
  return bindable;
}

std::optional<std::string> numeric_address(const std::string& text) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* first = nullptr;
  if (getaddrinfo(text.c_str(), nullptr, &hints, &first) != 0) return std::nullopt;
  char usual[NI_MAXHOST];
  const int named = getnameinfo(first->ai_addr, first->ai_addrlen, usual, sizeof usual, nullptr, 0,
                                NI_NUMERICHOST);
  freeaddrinfo(first);
  if (named != 0) return std::nullopt;
  return usual;
}

Result<std::string, std::string> resolve_remote(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &first);
  if (error != 0) return failure(std::string(gai_strerror(error)));
  CHECK(first != nullptr);
  const addrinfo* chosen = first;
  for (const addrinfo* info = first; info != nullptr; info = info->ai_next) {
    if (info->ai_family == AF_INET) {
      chosen = info;
      break;
    }
  }
  char text[NI_MAXHOST];
  const int named = getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text, sizeof text, nullptr, 0,
                                NI_NUMERICHOST);
  freeaddrinfo(first);
  if (named != 0) return failure(std::string(gai_strerror(named)));
  return std::string(text);
}

}  // namespace cacheismo::io
