// What the daemon's start asks of the OS: files whole or not at all, names, memory, limits.

#include "cacheismo/io/process.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/io/file.h"
#include "cacheismo/io/resolve.h"

namespace cacheismo::io {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cacheismo.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/file";
  }
  void TearDown() override {
    remove_file(path_);
    EXPECT_EQ(rmdir(directory_.c_str()), 0) << "something was left beside the file";
  }
  std::string directory_;
  std::string path_;
};

TEST_F(FileTest, WhatIsWrittenIsReadAgain) {
  for (const std::string& content :
       {std::string("one"), std::string(), std::string(100'000, '\0')}) {
    ASSERT_TRUE(write_file(path_, content));
    EXPECT_EQ(read_file(path_, 100'000).value(), content);
  }
}

TEST_F(FileTest, LongerThanAllowedIsRefused) {
  ASSERT_TRUE(write_file(path_, "12345"));
  EXPECT_TRUE(read_file(path_, 5));
  EXPECT_EQ(read_file(path_, 4).error(), path_ + " is longer than 4 bytes");
}

TEST_F(FileTest, ErrorsNameTheFile) {
  EXPECT_EQ(read_file(path_, 10).error(), "cannot open " + path_ + ": No such file or directory");
  EXPECT_NE(write_file(path_ + "/below", "x").error().find(path_), std::string::npos);
  EXPECT_NE(read_file(directory_, 10).error().find(directory_), std::string::npos);
  remove_file(path_);  // not there: fine
}

TEST_F(FileTest, FailedWriteLeavesTheOldFileAndNothingElse) {
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);  // rename() cannot replace a directory by a file
  EXPECT_FALSE(write_file(path_, "x"));
  EXPECT_EQ(rmdir(path_.c_str()), 0);
}

TEST(AbsolutePath, IsSeenFromTheRoot) {
  EXPECT_EQ(absolute_path("/run/x"), "/run/x");
  EXPECT_EQ(absolute_path(""), "");
  char* directory = getcwd(nullptr, 0);
  EXPECT_EQ(absolute_path("x/y"), std::string(directory) + "/x/y");
  std::free(directory);
}

TEST(Resolve, NumericAddressesStandForThemselves) {
  EXPECT_EQ(resolve_local("127.0.0.1").value(), std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(resolve_local("::1").value(), std::vector<std::string>{"::1"});
  EXPECT_EQ(resolve_local("0.0.0.0").value(), std::vector<std::string>{"0.0.0.0"});
}

TEST(Resolve, LocalhostIsAnAddressOfLoopback) {
  const auto addresses = resolve_local("localhost");
  ASSERT_TRUE(addresses);
  for (const std::string& address : *addresses) {
    EXPECT_TRUE(address == "127.0.0.1" || address == "::1") << address;
  }
}

TEST(Resolve, UnknownNameIsAnError) {
  EXPECT_FALSE(resolve_local("no-such-host.invalid"));  // RFC 6761: never exists
}

TEST(Resolve, NumericAddressesAreToldFromNames) {
  EXPECT_EQ(numeric_address("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(numeric_address("2001:DB8:0::3"), "2001:db8::3");
  for (const char* name : {"", "localhost", "cache-0.cache", "10.0.0.1.example", "10.0.0.256"})
    EXPECT_EQ(numeric_address(name), std::nullopt) << name;
}

TEST(ArenaMemory, IsZeroedAndBackedOnlyWhereTouched) {
  const auto arena = ArenaMemory::reserve(8 * GiB);
  ASSERT_TRUE(arena);
  const std::span<char> bytes = arena->bytes();
  EXPECT_EQ(bytes.size(), 8 * GiB);
  EXPECT_EQ(bytes.front(), 0);
  EXPECT_EQ(bytes.back(), 0);
  bytes[4 * GiB] = 1;
}

TEST(ArenaMemory, BeginsWhereItIsAskedTo) {
  const auto arena = ArenaMemory::reserve(8u << 20, 4 * GiB);
  ASSERT_TRUE(arena);
  const std::span<char> bytes = arena->bytes();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % (4 * GiB), 0u);
  EXPECT_EQ(bytes.size(), 8u << 20);
  bytes.front() = bytes.back() = 1;
}

TEST(ArenaMemory, MoreThanTheAddressSpaceIsRefused) {
  const auto arena = ArenaMemory::reserve(std::size_t{1} << 60);
  ASSERT_FALSE(arena);
  EXPECT_EQ(arena.error(), Error::no_resources);
}

TEST(Limits, DescriptorsAreRaisedAndNeverLowered) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(raise_descriptor_limit(10));
  rlimit after;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_cur);
  ASSERT_TRUE(raise_descriptor_limit(before.rlim_max));
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  // Above fs.nr_open not even root may.
  const auto refused = raise_descriptor_limit(std::uint64_t{1} << 40);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("-c"), std::string::npos);
}

TEST(Privileges, UnknownUserIsAnErrorForRoot) {
  EXPECT_EQ(drop_privileges("no-such-user").has_value(), !runs_as_root());
}

TEST(EnvironmentVariable, UnsetIsNotEmpty) {
  EXPECT_FALSE(environment_variable("CACHEISMO_NO_SUCH_VARIABLE"));
  setenv("CACHEISMO_TEST_VARIABLE", "", 1);
  EXPECT_EQ(environment_variable("CACHEISMO_TEST_VARIABLE"), "");
}

}  // namespace
}  // namespace cacheismo::io
