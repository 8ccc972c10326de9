// Links: which host reaches which, and until when not.
//
//   from \ to   h0   h1   h2        clogged: what is sent waits for the instant
//        h0      -   until           parted:  it waits too, and connects vanish
//        h1     ...
//
// A link has a direction: one way may be blocked while the other is open.
//
// What it is not: it holds no bytes and schedules nothing (network.h).

#ifndef CACHEISMO_SIM_LINKS_H_
#define CACHEISMO_SIM_LINKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/mark.h"

namespace cacheismo::sim {

struct Link {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
};

class Links {
 public:
  /// Opens all links between `hosts` hosts.
  void resize(std::size_t hosts) {
    hosts_ = hosts;
    clogged_until_.assign(hosts * hosts, 0);
    parted_until_.assign(hosts * hosts, 0);
  }

  void clog(Link link, std::int64_t until_ns) { raise(clogged_until_[at(link)], until_ns); }
  void part(Link link, std::int64_t until_ns) { raise(parted_until_[at(link)], until_ns); }
  void open_all() { resize(hosts_); }

  [[nodiscard]] bool is_parted(Link link, std::int64_t now_ns) const {
    return parted_until_[at(link)] > now_ns;
  }

  /// When something that is due at `due_ns` gets through.
  [[nodiscard]] std::int64_t passes_ns(Link link, std::int64_t due_ns, Marks& marks) const {
    const std::int64_t clogged = clogged_until_[at(link)];
    const std::int64_t parted = parted_until_[at(link)];
    if (clogged > due_ns) marks.hit(Mark::clogged);
    if (parted > due_ns) marks.hit(Mark::held_by_partition);
    return std::max({due_ns, clogged, parted});
  }

 private:
  [[nodiscard]] std::size_t at(Link link) const { return link.from * hosts_ + link.to; }
  static void raise(std::int64_t& until_ns, std::int64_t to_ns) {
    until_ns = std::max(until_ns, to_ns);
  }

  std::size_t hosts_ = 0;
  std::vector<std::int64_t> clogged_until_;
  std::vector<std::int64_t> parted_until_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_LINKS_H_
