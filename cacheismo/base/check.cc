#include "cacheismo/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cacheismo {

void check_failed(const char* file, int line, const char* text) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, text);
  std::abort();
}

void check_failed(const char* file, int line, const char* text, const std::string& left,
                  const std::string& right) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s (%s vs %s)\n", file, line, text, left.c_str(),
               right.c_str());
  std::abort();
}

}  // namespace cacheismo
