#include "cacheismo/script_files.h"

#include <iterator>

#include "cacheismo/base/limits.h"
#include "cacheismo/io/file.h"
#include "cacheismo/lua/objects/shipped.h"

namespace cacheismo {

Result<std::vector<lua::Script>, std::string> read_scripts(const std::string& directory) {
  const auto names = io::list_files(directory);
  if (!names) return failure(names.error());
  std::vector<lua::Script> scripts;
  for (const std::string& name : *names) {
    if (!Bytes(name).ends_with(".lua")) continue;
    if (scripts.size() == limits::scripts_max)
      return failure(directory + " has more than " + std::to_string(limits::scripts_max) +
                     " scripts");
    std::string path = directory;
    path += '/';
    path += name;
    auto source = io::read_file(path, limits::script_bytes_max);
    if (!source) return failure(source.error());
    scripts.push_back({.name = name, .source = std::move(*source)});
  }
  return scripts;
}

Result<std::vector<lua::Script>, std::string> ScriptFiles::read() {
  std::vector<lua::Script> scripts = lua::shipped_scripts();
  if (directory_.empty()) return scripts;
  auto own = read_scripts(directory_);
  if (!own) return failure(own.error());
  std::move(own->begin(), own->end(), std::back_inserter(scripts));
  return scripts;
}

}  // namespace cacheismo
