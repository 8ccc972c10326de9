// Addresses survive the way to the kernel and back; a unix socket's file is treated with care.

#include "cacheismo/io/socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace cacheismo::io {
namespace {

Address tcp(std::string host, std::uint16_t port) {
  return {Address::Kind::tcp, std::move(host), port};
}
Address unix_socket(std::string path) { return {Address::Kind::unix_socket, std::move(path), 0}; }

class UnixSocket : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cacheismo.XXXXXX";  // short: a socket's path has 107 bytes at most
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/socket";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }
  std::string directory_;
  std::string path_;
};

TEST(SocketAddress, SurvivesTheWayToTheKernelAndBack) {
  for (const Address& address :
       {tcp("127.0.0.1", 11211), tcp("0.0.0.0", 0), tcp("::1", 65535), tcp("fe80::1:2", 1),
        unix_socket("/run/cacheismo.sock"), unix_socket(std::string(107, 'x'))}) {
    const auto native = to_socket_address(address);
    ASSERT_TRUE(native) << to_string(address);
    EXPECT_EQ(from_socket_address(*native), address) << to_string(address);
  }
}

TEST(SocketAddress, WhatIsNoAddressIsUnreachable) {
  for (const Address& address :
       {tcp("localhost", 1), tcp("", 1), tcp("1.2.3", 1), tcp("1.2.3.4.5", 1), unix_socket(""),
        unix_socket(std::string(108, 'x'))}) {
    const auto native = to_socket_address(address);
    ASSERT_FALSE(native) << to_string(address);
    EXPECT_EQ(native.error(), Error::unreachable);
  }
}

TEST(SocketErrors, AreTheOnesThatCallersTellApart) {
  EXPECT_EQ(error_of(ECONNREFUSED), Error::refused);
  EXPECT_EQ(error_of(EADDRINUSE), Error::refused);
  EXPECT_EQ(error_of(ECONNRESET), Error::reset);
  EXPECT_EQ(error_of(EPIPE), Error::reset);
  EXPECT_EQ(error_of(ETIMEDOUT), Error::timeout);
  EXPECT_EQ(error_of(EMFILE), Error::no_resources);
  EXPECT_EQ(error_of(EHOSTUNREACH), Error::unreachable);
  EXPECT_EQ(error_of(EACCES), Error::unreachable);
}

TEST(Listener, AddressOfAnotherMachineIsUnreachable) {
  const auto fd = open_listener(tcp("192.0.2.1", 0), {});  // RFC 5737: nobody's
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error(), Error::unreachable);
}

TEST_F(UnixSocket, FileHasTheModeAskedForWhateverTheUmask) {
  for (const std::uint32_t mode : {0600u, 0700u, 0777u}) {
    const mode_t before = umask(0077);
    const auto fd = open_listener(unix_socket(path_), {.unix_mode = mode});
    EXPECT_EQ(umask(before), 0077u) << "the umask was not put back";
    ASSERT_TRUE(fd);
    struct stat status;
    ASSERT_EQ(stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, mode);
    close(*fd);
  }
}

TEST_F(UnixSocket, FileThatNobodyAnswersOnIsReplaced) {
  const auto dead = open_listener(unix_socket(path_), {});
  ASSERT_TRUE(dead);
  close(*dead);
  const auto fd = open_listener(unix_socket(path_), {});
  ASSERT_TRUE(fd);
  close(*fd);
}

TEST_F(UnixSocket, FileThatSomebodyAnswersOnIsRefused) {
  const auto living = open_listener(unix_socket(path_), {});
  ASSERT_TRUE(living);
  const auto fd = open_listener(unix_socket(path_), {});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error(), Error::refused);
  close(*living);
}

TEST_F(UnixSocket, OtherFilesAreLeftAlone) {
  close(open(path_.c_str(), O_CREAT | O_WRONLY, 0600));
  const auto fd = open_listener(unix_socket(path_), {});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error(), Error::refused);
  struct stat status;
  ASSERT_EQ(lstat(path_.c_str(), &status), 0);
  EXPECT_TRUE(S_ISREG(status.st_mode));
}

TEST_F(UnixSocket, DirectoryThatIsNotThereIsUnreachable) {
  const auto fd = open_listener(unix_socket(directory_ + "/missing/socket"), {});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error(), Error::unreachable);
}

}  // namespace
}  // namespace cacheismo::io
