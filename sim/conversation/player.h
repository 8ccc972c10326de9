// Player: plays one situation over a clients, and says where the server first said something else.
//
//  1. Expected bytes are compared as they come: a wrong byte ends the situation, a missing one only
//     when nothing more will come.
//  2. At the end, every open connection is asked `mn` and must answer `MN` and nothing before it:
//     no reply too many goes unseen. A situation that ends in the middle of a request says
//     `waiting`, `close` or `closed`.

#ifndef CACHEISMO_SIM_CONVERSATION_PLAYER_H_
#define CACHEISMO_SIM_CONVERSATION_PLAYER_H_

#include <optional>
#include <string>

#include "sim/conversation/clients.h"
#include "sim/conversation/conversation.h"

namespace cacheismo::conversation {

/// "line N: expected ..., got ...", or nullopt if all went as written.
[[nodiscard]] std::optional<std::string> play(const Situation& situation, Clients& clients);

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_PLAYER_H_
