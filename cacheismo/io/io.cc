#include "cacheismo/io/io.h"

namespace cacheismo::io {

const char* to_string(Error error) {
  switch (error) {
    case Error::eof: return "eof";
    case Error::reset: return "reset";
    case Error::refused: return "refused";
    case Error::timeout: return "timeout";
    case Error::cancelled: return "cancelled";
    case Error::unreachable: return "unreachable";
    case Error::no_resources: return "no_resources";
  }
  return "unknown";
}

std::string to_string(const Address& address) {
  if (address.kind == Address::Kind::unix_socket) return "unix:" + address.host;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace cacheismo::io
