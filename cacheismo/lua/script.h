// Script: one file of a scripts directory, read already.

#ifndef CACHEISMO_LUA_SCRIPT_H_
#define CACHEISMO_LUA_SCRIPT_H_

#include <string>

namespace cacheismo::lua {

struct Script {
  std::string name;  ///< "quota.lua"; at most 100 bytes
  std::string source;
  bool shipped = false;  ///< part of the program: another script of that name does not replace it
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_SCRIPT_H_
