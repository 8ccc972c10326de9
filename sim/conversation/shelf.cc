#include "sim/conversation/shelf.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cacheismo::conversation {
namespace {

// Relative to the root of the tree, where tests run.
constexpr const char* folder = "testdata/conversations";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

/// "a touch with 0" -> "ATouchWith0"
std::string as_identifier(const std::string& text) {
  std::string name;
  bool starts_word = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0) {
      starts_word = true;
      continue;
    }
    name += static_cast<char>(starts_word ? std::toupper(byte) : byte);
    starts_word = false;
  }
  return name;
}

}  // namespace

std::vector<ShelvedSituation> all_situations() {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  if (files.empty()) give_up(std::string("no conversations in ") + folder);
  std::sort(files.begin(), files.end());
  std::vector<ShelvedSituation> all;
  for (const std::filesystem::path& file : files) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    auto situations = parse_conversation(text.str());
    if (!situations) give_up(file.string() + ": " + situations.error());
    for (Situation& situation : *situations)
      all.push_back({file.stem().string(), std::move(situation)});
  }
  return all;
}

std::string name_of_case(const testing::TestParamInfo<ShelvedSituation>& info) {
  return as_identifier(info.param.file) + "_" + as_identifier(info.param.situation.name);
}

void PrintTo(const ShelvedSituation& shelved, std::ostream* out) {
  *out << "testdata/conversations/" << shelved.file << ".txt:" << shelved.situation.line;
}

}  // namespace cacheismo::conversation
