// CopyOptions: what `cacheismo copy` is told, as plain data.

#ifndef CACHEISMO_COPY_OPTIONS_H_
#define CACHEISMO_COPY_OPTIONS_H_

#include <cstdint>
#include <string>

namespace cacheismo {

struct CopyOptions {
  std::string from_host;
  std::uint16_t from_port = 0;
  std::string to_host;
  std::uint16_t to_port = 0;
  bool resume = false;           ///< --resume: TO may have items
  bool verify = false;           ///< --verify: compare only
  bool follow = false;           ///< --follow: go on until interrupted
  std::uint32_t passes_max = 8;  ///< --passes
  std::string auth_file;         ///< --auth-file; empty: no password is asked for
};

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_OPTIONS_H_
