#include "cacheismo/cluster/failure.h"

#include "cacheismo/base/check.h"

namespace cacheismo::cluster {

const char* to_string(Failure failure) {
  switch (failure) {
    case Failure::timeout: return "timeout";
    case Failure::refused: return "refused";
    case Failure::reset: return "reset";
    case Failure::overload: return "overload";
    case Failure::wrong_owner: return "wrong_owner";
    case Failure::remote: return "remote";
    case Failure::protocol: return "protocol";
    case Failure::cancelled: return "cancelled";
    case Failure::loop: return "loop";
  }
  CHECK(false);
}

}  // namespace cacheismo::cluster
