#include "cacheismo/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cacheismo::io {
namespace {

tl::unexpected<std::string> failed(const std::string& verb, const std::string& path) {
  return failure("cannot " + verb + " " + path + ": " + std::strerror(errno));
}

bool write_all(int fd, Bytes content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<std::string, std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("open", path);
  std::string content(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = read(fd, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      auto error = failed("read", path);
      close(fd);
      return error;
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  close(fd);
  if (size > bytes_max) {
    return failure(path + " is longer than " + std::to_string(bytes_max) + " bytes");
  }
  content.resize(size);
  return content;
}

Result<void, std::string> write_file(const std::string& path, Bytes content) {
  const std::string beside = path + "." + std::to_string(getpid());
  const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return failed("create", beside);
  const bool written = write_all(fd, content);
  const bool closed = close(fd) == 0;
  if (written && closed && rename(beside.c_str(), path.c_str()) == 0) return {};
  auto error = failed("write", path);
  unlink(beside.c_str());
  return error;
}

Result<std::vector<std::string>, std::string> list_files(const std::string& directory) {
  DIR* const open_directory = opendir(directory.c_str());
  if (open_directory == nullptr) return failed("open", directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(open_directory)) {
    struct stat status {};
    const std::string path = directory + "/" + entry->d_name;
    if (stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
      names.emplace_back(entry->d_name);
    errno = 0;
  }
  const bool complete = errno == 0;
  auto error = failed("read", directory);
  closedir(open_directory);
  if (!complete) return error;
  std::sort(names.begin(), names.end());
  return names;
}

std::string file_stamp(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return {};
  return std::to_string(found.st_dev) + '.' + std::to_string(found.st_ino) + '.' +
         std::to_string(found.st_size) + '.' + std::to_string(found.st_mtim.tv_sec) + '.' +
         std::to_string(found.st_mtim.tv_nsec);
}

void remove_file(const std::string& path) { (void)unlink(path.c_str()); }

std::string absolute_path(const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  char* directory = getcwd(nullptr, 0);
  if (directory == nullptr) return path;
  std::string result = std::string(directory) + "/" + path;
  std::free(directory);
  return result;
}

}  // namespace cacheismo::io
