// index_fill: how often a growing index of two choices has to make room, and whether it ever fails.
//
//   fill:  an empty index -> insert, grow while above the load, insert, grow, ... -> all keys
//
//   both full   inserts that find both lines of their key full, of all
//   items read  that such an insert looks at until one of them can move
//   no place    inserts that fail, because none of the items in reach can move
//
// Every fill has keys and a hash of its own. The figures are of inserts while the index grows, when
// lines that are not split yet are fuller than the others; no walk is under way. store/index.h
// grows above 800 items for 100 lines; other loads show why.
//
//   bazel run //bench:index_fill -- [--load=850] [--keys=1000000] [--fills=10]
//
//  1. What an insert looks at is found beforehand, by the same search on the lines as they stand.
//     It must end as the insert does: where it finds no place, the insert fails, and only there.
//
// Cost: about 64 bytes of memory a key. What it is not: a measurement of time.

#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/index.h"
#include "cacheismo/store/item.h"

namespace cacheismo::bench {
namespace {

using store::Handle;
using store::Index;
using store::Item;

struct Counts {
  std::uint64_t inserts = 0;
  std::uint64_t both_full = 0;
  std::uint64_t items_read = 0;
  std::uint64_t no_place = 0;
};

/// Address space that the kernel backs when it is touched.
class Region {
 public:
  explicit Region(std::size_t bytes) : bytes_(bytes) {
    mapped_ = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    CHECK(mapped_ != MAP_FAILED);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() { munmap(mapped_, bytes_); }

  [[nodiscard]] std::span<char> bytes() const { return {mapped_, bytes_}; }

 private:
  std::size_t bytes_;
  char* mapped_;
};

class Fill {
 public:
  Fill(std::uint64_t keys, std::uint64_t load, std::uint64_t seed)
      : keys_(keys),
        load_(load),
        prng_(seed),
        region_(keys * 64 + 64 * alloc::page_bytes),
        arena_(region_.bytes(), 1, store::chunk_bytes),
        index_(arena_, seed) {}

  void run(Counts& counts) {
    for (std::uint64_t n = 0; n < keys_; ++n) {
      insert(counts);
      while (index_.items() * 100 > index_.lines() * load_) {
        if (index_.needs_page()) arena_.raise_floor();
        index_.split_one();
      }
    }
  }

 private:
  void insert(Counts& counts) {
    const Handle handle = make_item();
    const std::uint64_t hash = index_.hash(Item(arena_.chunk(handle)).key());
    const auto [first, second] = index_.lines_of(hash);
    bool expected = true;
    if (!has_room(first) && !has_room(second)) {
      ++counts.both_full;
      expected = room_can_be_made(first, second, counts.items_read);
    }
    const bool inserted = index_.insert(handle, hash);
    CHECK_EQ(inserted, expected);
    ++counts.inserts;
    if (inserted) return;
    ++counts.no_place;
    arena_.release(handle);
  }

  [[nodiscard]] Handle make_item() {
    store::ItemHeader header{};
    header.key_bytes = sizeof(std::uint64_t);
    const auto taken =
        arena_.take(alloc::Kind::item, store::item_bytes(0, sizeof(std::uint64_t), 0));
    CHECK(taken.has_value());
    const Item item(arena_.chunk(*taken));
    item.header() = header;
    const std::uint64_t key = prng_.next();
    std::memcpy(const_cast<char*>(item.key().data()), &key, sizeof key);
    return *taken;
  }

  [[nodiscard]] bool has_room(std::uint32_t line) const {
    std::uint32_t entries = 0;
    index_.for_each(line, [&](Handle) { ++entries; });
    return entries < Index::line_entries;
  }

  /// As Index::make_room searches: items that can move at once, in either line, come first.
  [[nodiscard]] bool room_can_be_made(std::uint32_t first, std::uint32_t second,
                                      std::uint64_t& items_read) const {
    for (const bool twice : {false, true})
      for (const std::uint32_t line : {first, second})
        if (room_can_be_made_in(line, twice, items_read)) return true;
    return false;
  }
  [[nodiscard]] bool room_can_be_made_in(std::uint32_t line, bool twice,
                                         std::uint64_t& items_read) const {
    bool found = false;
    index_.for_each(line, [&](Handle handle) {
      if (found) return;
      ++items_read;
      const auto lines = index_.lines_of(index_.hash(Item(arena_.chunk(handle)).key()));
      const std::uint32_t other = lines[0] == line ? lines[1] : lines[0];
      if (other == line) return;
      found = twice ? room_can_be_made_in(other, false, items_read) : has_room(other);
    });
    return found;
  }

  std::uint64_t keys_;
  std::uint64_t load_;
  Prng prng_;
  Region region_;
  alloc::Arena arena_;
  Index index_;
};

struct Options {
  std::uint64_t load = 850;  ///< items for 100 lines, above which the index grows
  std::uint64_t keys = 1'000'000;
  std::uint64_t fills = 10;
};

bool parse(std::span<char*> arguments, Options& options) {
  const std::pair<std::string_view, std::uint64_t*> flags[] = {
      {"--load=", &options.load}, {"--keys=", &options.keys}, {"--fills=", &options.fills}};
  for (const std::string_view argument : arguments) {
    const auto* flag = std::find_if(std::begin(flags), std::end(flags), [&](const auto& each) {
      return argument.starts_with(each.first);
    });
    if (flag == std::end(flags)) return false;
    const std::string_view value = argument.substr(flag->first.size());
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), *flag->second);
    if (error != std::errc() || end != value.data() + value.size() || *flag->second == 0)
      return false;
  }
  return true;
}

int run(std::span<char*> arguments) {
  Options options;
  if (!parse(arguments, options)) {
    std::fputs("index_fill [--load=N] [--keys=N] [--fills=N]: a growing index at a load\n", stderr);
    return 2;
  }
  Counts counts;
  for (std::uint64_t seed = 1; seed <= options.fills; ++seed)
    Fill(options.keys, options.load, seed).run(counts);
  std::printf("%llu inserts at %llu items for 100 lines of %u\n",
              static_cast<unsigned long long>(counts.inserts),
              static_cast<unsigned long long>(options.load), Index::line_entries);
  std::printf("both full   %.1f %%\n",
              100 * static_cast<double>(counts.both_full) / static_cast<double>(counts.inserts));
  std::printf("items read  %.2f by each of those\n",
              static_cast<double>(counts.items_read) /
                  static_cast<double>(std::max<std::uint64_t>(counts.both_full, 1)));
  std::printf("no place    %llu\n", static_cast<unsigned long long>(counts.no_place));
  return 0;
}

}  // namespace
}  // namespace cacheismo::bench

int main(int argc, char** argv) {
  return cacheismo::bench::run(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
}
