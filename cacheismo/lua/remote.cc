#include "cacheismo/lua/remote.h"

namespace cacheismo::lua {

using Code = RemoteReply::Code;

const char* name_of(Code code) {
  switch (code) {
    case Code::value: return "value";
    case Code::done: return "done";
    case Code::miss: return "miss";
    case Code::not_stored: return "not_stored";
    case Code::timeout: return "timeout";
    case Code::refused: return "refused";
    case Code::reset: return "reset";
    case Code::overload: return "overload";
    case Code::wrong_owner: return "wrong_owner";
    case Code::remote: return "remote";
    case Code::protocol: return "protocol";
    case Code::cancelled: return "cancelled";
    case Code::loop: return "loop";
  }
  __builtin_unreachable();
}

const char* explanation_of(Code code) {
  switch (code) {
    case Code::timeout: return "no answer in time";
    case Code::refused: return "no connection";
    case Code::reset: return "the connection broke";
    case Code::overload: return "too much waits for other nodes already";
    case Code::wrong_owner: return "the key belongs to another node";
    case Code::remote: return "the server answered with an error";
    case Code::protocol: return "the server's answer makes no sense";
    case Code::cancelled: return "enough others have answered";
    case Code::loop: return "calls from node to node are nested too deeply";
    default: return "";
  }
}

}  // namespace cacheismo::lua
