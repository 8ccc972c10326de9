#include "bench/hitrate/byte_source.h"

#include <fmt/format.h>
#include <lzma.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "cacheismo/base/units.h"

namespace cacheismo::hitrate {
namespace {

constexpr std::string_view xz_magic{
    "\xFD"
    "7zXZ\0",
    6};
constexpr std::string_view zstd_magic{"\x28\xB5\x2F\xFD"};
constexpr std::string_view gzip_magic{"\x1F\x8B"};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

struct ByteSource::State {
  std::string path;
  std::unique_ptr<std::FILE, CloseFile> file;
  std::uint64_t file_bytes = 0;
  std::uint64_t consumed = 0;
  char block[64 * KiB] = {};
  std::size_t begin = 0, end = 0;  ///< what is left in `block`
  bool at_end = false;
  bool packed = false;
  lzma_stream decoder = LZMA_STREAM_INIT;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { lzma_end(&decoder); }

  /// False: the system's error, in errno.
  [[nodiscard]] bool refill() {
    begin = 0;
    end = std::fread(block, 1, sizeof(block), file.get());
    consumed += end;
    at_end = end < sizeof(block) && std::feof(file.get()) != 0;
    return std::ferror(file.get()) == 0;
  }

  [[nodiscard]] std::string system_error() const {
    return fmt::format("{}: {}", path, std::strerror(errno));
  }

  [[nodiscard]] Result<std::size_t, std::string> unpack(MutableBytes out);
};

Result<std::size_t, std::string> ByteSource::State::unpack(MutableBytes out) {
  decoder.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  decoder.avail_out = out.size();
  while (decoder.avail_out == out.size()) {
    if (begin == end && !at_end && !refill()) return failure(system_error());
    decoder.next_in = reinterpret_cast<const std::uint8_t*>(block + begin);
    decoder.avail_in = end - begin;
    const lzma_ret status = lzma_code(&decoder, at_end ? LZMA_FINISH : LZMA_RUN);
    begin = end - decoder.avail_in;
    if (status == LZMA_STREAM_END) break;
    if (status == LZMA_BUF_ERROR) return failure(path + ": the xz file breaks off");
    if (status != LZMA_OK) {
      return failure(fmt::format("{}: the xz file is damaged (lzma error {})", path,
                                 static_cast<int>(status)));
    }
  }
  return out.size() - decoder.avail_out;
}

ByteSource::ByteSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
ByteSource::~ByteSource() = default;
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;

Result<ByteSource, std::string> ByteSource::open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->file.reset(std::fopen(path.c_str(), "rb"));
  if (state->file == nullptr) return failure(state->system_error());
  struct stat about = {};
  if (fstat(fileno(state->file.get()), &about) == 0) {
    state->file_bytes = static_cast<std::uint64_t>(about.st_size);
  }
  if (!state->refill()) return failure(state->system_error());
  const std::string_view front(state->block, state->end);
  if (front.starts_with(zstd_magic)) {
    return failure(path + ": zstd is not read here; unpack it first (zstd -d)");
  }
  if (front.starts_with(gzip_magic)) {
    return failure(path + ": gzip is not read here; unpack it first (gunzip)");
  }
  state->packed = front.starts_with(xz_magic);
  if (state->packed &&
      lzma_stream_decoder(&state->decoder, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK) {
    return failure(path + ": no memory to unpack xz");
  }
  return ByteSource(std::move(state));
}

Result<std::size_t, std::string> ByteSource::read(MutableBytes out) {
  if (out.empty()) return 0;
  if (state_->packed) return state_->unpack(out);
  if (state_->begin == state_->end && !state_->at_end && !state_->refill()) {
    return failure(state_->system_error());
  }
  const std::size_t count = std::min(out.size(), state_->end - state_->begin);
  std::memcpy(out.data(), state_->block + state_->begin, count);
  state_->begin += count;
  return count;
}

double ByteSource::fraction() const {
  if (state_->file_bytes == 0) return 1;
  const std::uint64_t done = state_->consumed - (state_->end - state_->begin);
  return std::min(1.0, static_cast<double>(done) / static_cast<double>(state_->file_bytes));
}

}  // namespace cacheismo::hitrate
