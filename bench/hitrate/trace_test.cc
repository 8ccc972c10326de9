// Every form of trace, plain and packed, is read to the same requests; what is wrong with a file is
// said with its line.

#include "bench/hitrate/trace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <lzma.h>

#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cacheismo::hitrate {
namespace {

std::string xz(std::string_view plain) {
  std::string packed(plain.size() + 4096, '\0');
  std::size_t length = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, nullptr,
                                    reinterpret_cast<const std::uint8_t*>(plain.data()),
                                    plain.size(), reinterpret_cast<std::uint8_t*>(packed.data()),
                                    &length, packed.size()),
            LZMA_OK);
  packed.resize(length);
  return packed;
}

class TraceFile : public testing::Test {
 protected:
  /// The path of a new file with these bytes.
  static std::string file(std::string_view bytes, std::string_view name = "a.trace") {
    std::string path = testing::TempDir() + std::string(name);
    std::FILE* out = std::fopen(path.c_str(), "wb");
    EXPECT_NE(out, nullptr) << path;
    EXPECT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), out), bytes.size());
    EXPECT_EQ(std::fclose(out), 0);
    return path;
  }

  /// All requests, or the error without its path.
  static std::vector<Request> requests(const std::string& path, TraceOptions options = {}) {
    auto trace = load_trace(path, options);
    EXPECT_TRUE(trace.has_value()) << trace.error();
    return trace ? trace->requests : std::vector<Request>();
  }

  static std::string error(std::string_view bytes, TraceOptions options = {},
                           std::string_view name = "a.trace") {
    const std::string path = file(bytes, name);
    const auto trace = load_trace(path, options);
    EXPECT_FALSE(trace.has_value());
    if (trace) return "";
    EXPECT_TRUE(trace.error().starts_with(path)) << trace.error();
    return trace.error().substr(path.size());
  }
};

constexpr std::string_view header = "time,op,key_id,key_size,value_size,ttl\n";

TEST_F(TraceFile, CommonFormIsReadFieldByField) {
  const auto path =
      file(std::string(header) + "7,get,0,24,100,0\n7,set,1,16,0,3600\r\n9,delete,0,24,0,0");
  const std::vector<Request> expected = {
      {.time_seconds = 0, .key_id = 0, .value_bytes = 100, .key_bytes = 24, .op = Op::get},
      {.time_seconds = 0, .key_id = 1, .ttl_seconds = 3600, .key_bytes = 16, .op = Op::set},
      {.time_seconds = 2, .key_id = 0, .key_bytes = 24, .op = Op::remove}};
  EXPECT_EQ(requests(path), expected);
}

TEST_F(TraceFile, ALongFileIsTheSamePlainAndPackedInTwoStreams) {
  std::string front(header), back;
  for (unsigned i = 0; i < 60'000; ++i) {
    (i < 40'000 ? front : back) += fmt::format("{},get,{},24,{},0\n", i / 10, i, i * 7 % 5000);
  }
  const auto plain = requests(file(front + back));
  ASSERT_EQ(plain.size(), 60'000u);
  EXPECT_EQ(plain.back().key_id, 59'999u);
  EXPECT_EQ(plain.back().value_bytes, 59'999u * 7 % 5000);
  EXPECT_EQ(requests(file(xz(front) + xz(back), "a.xz")), plain);
}

TEST_F(TraceFile, ReadingStopsWhereAsked) {
  std::string text(header);
  for (unsigned i = 0; i < 100; ++i) text += fmt::format("{},get,{},24,1,0\n", i, i);
  const auto trace = load_trace(file(text), {}, 30);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->requests.size(), 30u);
  EXPECT_EQ(trace->keys, 30u);
}

TEST_F(TraceFile, TwitterFormIsKnownByItsFirstLine) {
  const auto path = file(
      "10,nz:u:eeW511W3dcH3de3d15ec,20,300,9,get,0\n"
      "10,other,5,7,2,add,60\n"
      "12,nz:u:eeW511W3dcH3de3d15ec,20,300,9,delete,0\n");
  const std::vector<Request> expected = {
      {.time_seconds = 0, .key_id = 0, .value_bytes = 300, .key_bytes = 20, .op = Op::get},
      {.key_id = 1, .value_bytes = 7, .ttl_seconds = 60, .key_bytes = 5, .op = Op::set},
      {.time_seconds = 2, .key_id = 0, .value_bytes = 300, .key_bytes = 20, .op = Op::remove}};
  EXPECT_EQ(requests(path), expected);
}

std::string record(std::uint32_t time, std::uint64_t object, std::uint32_t bytes) {
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(time >> (8 * i));
  for (int i = 0; i < 8; ++i) out += static_cast<char>(object >> (8 * i));
  for (int i = 0; i < 4; ++i) out += static_cast<char>(bytes >> (8 * i));
  return out + std::string(8, '\xff');
}

TEST_F(TraceFile, OracleGeneralIsKnownByItsName) {
  const std::string bytes = record(100, 0xFFFF'0000'1234'5678, 1016) + record(100, 3, 10) +
                            record(4'000'000'100, 0xFFFF'0000'1234'5678, 1016);
  const auto path = file(bytes.substr(0, 48), "cluster.oracleGeneral");
  const std::vector<Request> expected = {{.key_id = 0, .value_bytes = 1000, .key_bytes = 16},
                                         {.key_id = 1, .value_bytes = 0, .key_bytes = 16}};
  EXPECT_EQ(requests(path), expected);
  EXPECT_EQ(requests(file(xz(bytes.substr(0, 48)), "b.bin"), {.form = Form::oracle}), expected);
  EXPECT_EQ(error(bytes, {}, "c.oracleGeneral.bin"),
            ": record 3: more than 68 years after the first line");
  EXPECT_EQ(error(bytes.substr(0, 30), {}, "c.oracleGeneral.bin"),
            ": record 2: breaks off after 6 of 24 bytes");
}

TEST_F(TraceFile, WhatIsWrongIsSaidWithItsLine) {
  const auto second_line = [&](std::string_view line) {
    return error(std::string(header) + "5,get,0,24,1,0\n" + std::string(line) + "\n");
  };
  EXPECT_EQ(second_line("5,get,1,24,1"),
            ":3: expected six fields: " + std::string(header.substr(0, header.size() - 1)));
  EXPECT_EQ(second_line("5,get,1,24,1,0,"),
            ":3: expected six fields: " + std::string(header.substr(0, header.size() - 1)));
  EXPECT_EQ(second_line("x,get,1,24,1,0"), ":3: the time is no number");
  EXPECT_EQ(second_line("5,put,1,24,1,0"), ":3: the operation is get, set or delete, not `put`");
  EXPECT_EQ(second_line("5,get,1x,24,1,0"), ":3: the key_id is no number");
  EXPECT_EQ(second_line("5,get,1,,1,0"), ":3: the key_size is no number");
  EXPECT_EQ(second_line("5,get,1,24,-1,0"), ":3: the value_size is no number");
  EXPECT_EQ(second_line("5,get,1,24,1,1.5"), ":3: the ttl is no number");
  EXPECT_EQ(second_line("4,get,1,24,1,0"), ":3: time goes back");
  EXPECT_EQ(second_line("5,get,2,24,1,0"),
            ":3: key_id 2 comes before 1; ids count up in order of first use");
  EXPECT_EQ(second_line("5,get,1,0,1,0"), ":3: a key has 1 to 250 bytes, not 0");
  EXPECT_EQ(second_line("5,get,1,251,1,0"), ":3: a key has 1 to 250 bytes, not 251");
  EXPECT_EQ(second_line("5,get,1,24,1073741825,0"), ":3: the value is longer than 1 GiB");
  EXPECT_EQ(second_line(""),
            ":3: expected six fields: " + std::string(header.substr(0, header.size() - 1)));
}

TEST_F(TraceFile, FilesThatAreNoTracesAreRefused) {
  EXPECT_EQ(error(""), ": is empty");
  EXPECT_EQ(error("hello\n").substr(0, 25), ":1: expected the header `");
  EXPECT_EQ(error("\x28\xB5\x2F\xFDxx"), ": zstd is not read here; unpack it first (zstd -d)");
  const std::string packed = xz(std::string(header) + "5,get,0,24,1,0\n");
  EXPECT_EQ(error(packed.substr(0, packed.size() - 20)), ": the xz file breaks off");
  std::string damaged = packed;
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_EQ(error(damaged).substr(0, 25), ": the xz file is damaged ");
  const auto absent = load_trace(testing::TempDir() + "absent");
  ASSERT_FALSE(absent.has_value());
  EXPECT_NE(absent.error().find("No such file"), std::string::npos) << absent.error();
  EXPECT_EQ(error(std::string(200'000, 'a')), ":1: this line does not end");
}

TEST_F(TraceFile, AKeyThatIsTooShortForItsIdIsRefused) {
  std::string text(header);
  for (unsigned i = 0; i < 64; ++i) text += fmt::format("0,get,{},1,1,0\n", i);
  EXPECT_EQ(requests(file(text)).size(), 64u);
  EXPECT_EQ(error(text + "0,get,64,1,1,0\n"), ":66: 1 bytes are too short for key 64");
}

TEST(TraceKey, KeysAreFixedDistinctAndOfTheirSize) {
  std::string key;
  write_key(42, 24, key);
  EXPECT_EQ(key, "qAAAAAAAAAA.............");
  write_key(64 * 64 - 1, 2, key);
  EXPECT_EQ(key, "__");
  for (const std::size_t key_bytes : {2, 3, 11, 16, 250}) {
    std::set<std::string> keys;
    for (std::uint64_t id = 0; id < 4096; ++id) {
      ASSERT_TRUE(key_fits(id, key_bytes));
      write_key(id, key_bytes, key);
      EXPECT_EQ(key.size(), key_bytes);
      keys.insert(key);
    }
    EXPECT_EQ(keys.size(), 4096u);
  }
  EXPECT_FALSE(key_fits(4096, 2));
}

}  // namespace
}  // namespace cacheismo::hitrate
