// ScriptFiles: the shipped scripts and those of a directory, read anew at each reload.
//
//  1. Every file of the directory whose name ends in .lua is a script; others are not looked at,
//     nor are the directories in it.
//  2. Scripts come in the order of their names.

#ifndef CACHEISMO_SCRIPT_FILES_H_
#define CACHEISMO_SCRIPT_FILES_H_

#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/node/config.h"

namespace cacheismo {

/// The scripts of one directory. The text of a failure says which file and why.
[[nodiscard]] Result<std::vector<lua::Script>, std::string> read_scripts(
    const std::string& directory);

class ScriptFiles final : public node::ScriptSource {
 public:
  /// An empty `directory`: the shipped scripts only.
  explicit ScriptFiles(std::string directory) : directory_(std::move(directory)) {}
  Result<std::vector<lua::Script>, std::string> read() override;

 private:
  std::string directory_;
};

}  // namespace cacheismo

#endif  // CACHEISMO_SCRIPT_FILES_H_
