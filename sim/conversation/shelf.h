// Shelf: all conversation files of testdata/conversations, for parameterised tests.

#ifndef CACHEISMO_SIM_CONVERSATION_SHELF_H_
#define CACHEISMO_SIM_CONVERSATION_SHELF_H_

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/conversation/conversation.h"

namespace cacheismo::conversation {

struct ShelvedSituation {
  std::string file;  ///< without folder and ending
  Situation situation;
};

/// In the order of file names. A file that cannot be read or parsed ends the program.
[[nodiscard]] std::vector<ShelvedSituation> all_situations();

/// "Touch_TouchWithZeroMakesAnItemImmortal"
[[nodiscard]] std::string name_of_case(const testing::TestParamInfo<ShelvedSituation>& info);

/// What GoogleTest prints after "GetParam() =".
void PrintTo(const ShelvedSituation& shelved, std::ostream* out);

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_SHELF_H_
