// Timeline: calls and returns in the order of time, as a list from which operations are taken out
// and put back.
//
//   head <-> call 1 <-> call 2 <-> return 1 <-> call 3 <-> return 2 ... <-> head
//
//  1. Whatever was called before the first return that is left may be next in an order.
//  2. At one instant calls come first: who was called when another returned may overlap it.
//  3. An unknown outcome returns at the end of time. A read without a reply is not in the list: it
//     explains nothing and changes nothing.

#ifndef CACHEISMO_SIM_LINEAR_TIMELINE_H_
#define CACHEISMO_SIM_LINEAR_TIMELINE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/linear/history.h"

namespace cacheismo::linear {

class Timeline {
 public:
  static constexpr std::uint32_t head = 0;

  explicit Timeline(const History& history) {
    struct Moment {
      std::int64_t time_ns;
      bool is_return;
      std::uint32_t operation;
    };
    std::vector<Moment> moments;
    for (std::uint32_t i = 0; i < history.size(); i++) {
      const Operation& one = history[i];
      const bool known = is_known(one);
      if (!known && (one.verb == Verb::get || one.verb == Verb::gets)) continue;
      moments.push_back({one.call_ns, false, i});
      moments.push_back({known ? one.return_ns : never_ns, true, i});
    }
    std::stable_sort(moments.begin(), moments.end(), [](const Moment& x, const Moment& y) {
      return x.time_ns != y.time_ns ? x.time_ns < y.time_ns : x.is_return < y.is_return;
    });
    entries_.resize(1 + moments.size());
    std::vector<std::uint32_t> call_of(history.size());
    for (std::uint32_t i = 0; i < moments.size(); i++) {
      Entry& entry = entries_[i + 1];
      entry = {moments[i].operation, moments[i].is_return, 0, i, i + 2, moments[i].time_ns};
      if (!entry.is_return) {
        call_of[entry.operation] = i + 1;
      } else {
        entries_[call_of[entry.operation]].other = i + 1;
      }
    }
    entries_[head].next = 1;
    entries_.back().next = head;
    if (moments.empty()) entries_[head].next = head;
  }

  [[nodiscard]] std::uint32_t first() const { return entries_[head].next; }
  [[nodiscard]] std::uint32_t after(std::uint32_t entry) const { return entries_[entry].next; }
  [[nodiscard]] std::uint32_t operation(std::uint32_t entry) const {
    return entries_[entry].operation;
  }
  /// The end of the list counts as a return.
  [[nodiscard]] bool is_call(std::uint32_t entry) const {
    return entry != head && !entries_[entry].is_return;
  }
  /// When the first of those that are left returned.
  [[nodiscard]] std::int64_t first_return_ns() const {
    std::uint32_t entry = first();
    while (is_call(entry)) entry = after(entry);
    return entry == head ? never_ns : entries_[entry].time_ns;
  }

  void take_out(std::uint32_t call) {
    unlink(call);
    unlink(entries_[call].other);
  }
  /// Undoes the last take_out() that was not undone yet.
  void put_back(std::uint32_t call) {
    link(entries_[call].other);
    link(call);
  }

 private:
  struct Entry {
    std::uint32_t operation = 0;
    bool is_return = false;
    std::uint32_t other = 0;  ///< of a call: its return
    std::uint32_t previous = 0;
    std::uint32_t next = 0;
    std::int64_t time_ns = 0;
  };

  void unlink(std::uint32_t entry) {
    entries_[entries_[entry].previous].next = entries_[entry].next;
    entries_[entries_[entry].next].previous = entries_[entry].previous;
  }
  void link(std::uint32_t entry) {
    entries_[entries_[entry].previous].next = entry;
    entries_[entries_[entry].next].previous = entry;
  }

  std::vector<Entry> entries_;
};

}  // namespace cacheismo::linear

#endif  // CACHEISMO_SIM_LINEAR_TIMELINE_H_
