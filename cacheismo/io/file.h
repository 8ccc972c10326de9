// File: small files, read and written whole. The only place that opens one by name.

#ifndef CACHEISMO_IO_FILE_H_
#define CACHEISMO_IO_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"

namespace cacheismo::io {

/// The file's content. The error is one line naming the path and why; a file longer than
/// `bytes_max` is one.
[[nodiscard]] Result<std::string, std::string> read_file(const std::string& path,
                                                         std::size_t bytes_max);

/// Puts `content` at `path` such that a reader sees all of it or nothing: written beside it and
/// renamed.
[[nodiscard]] Result<void, std::string> write_file(const std::string& path, Bytes content);

/// The names of the regular files in a directory, sorted. The error is one line.
[[nodiscard]] Result<std::vector<std::string>, std::string> list_files(
    const std::string& directory);

/// Something that is another when the file was written, or replaced by another; empty: there is no
/// such file. Cheap: asks for no content.
[[nodiscard]] std::string file_stamp(const std::string& path);

/// Removes a file; one that is not there is fine.
void remove_file(const std::string& path);

/// `path` as seen from the root directory, so that it survives a change of directory.
[[nodiscard]] std::string absolute_path(const std::string& path);

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_FILE_H_
