#include "cacheismo/name_book.h"

#include <algorithm>
#include <utility>

#include "cacheismo/io/resolve.h"

namespace cacheismo {

void NameBook::want(const std::vector<std::string>& hosts) {
  std::erase_if(hosts_, [&](const auto& known) {
    return std::ranges::find(hosts, known.first) == hosts.end();
  });
  for (const std::string& host : hosts) {
    const auto [known, is_new] = hosts_.try_emplace(host);
    if (!is_new) continue;
    if (auto numeric = io::numeric_address(host))
      known->second = {.address = std::move(*numeric), .numeric = true, .unsure = false};
  }
  // A batch that runs already does not know the new names: the next begins when it is collected.
  if (any_unsure() && !lookup_.busy()) look_up();
}

bool NameBook::any_unsure() const {
  return std::ranges::any_of(hosts_, [](const auto& host) { return host.second.unsure; });
}

void NameBook::look_up() {
  ticks_ = 0;
  std::vector<std::string> names;
  for (const auto& [name, host] : hosts_) {
    if (!host.numeric) names.push_back(name);
  }
  lookup_.start(std::move(names));
}

bool NameBook::wait(Duration patience) {
  bool moved = false;
  while (lookup_.busy()) {
    const auto found = lookup_.take(patience);
    if (!found) break;
    for (const auto& [name, address] : *found) {
      const auto known = hosts_.find(name);
      if (known == hosts_.end()) continue;
      known->second.unsure = false;
      if (!address || known->second.address == *address) continue;
      known->second.address = *address;
      moved = true;
    }
    if (any_unsure()) look_up();
  }
  return moved;
}

bool NameBook::tick() {
  const bool moved = collect();
  ++ticks_;
  if (lookup_.busy()) return moved;
  const auto named = [](const auto& host) { return !host.second.numeric; };
  const auto missing = [](const auto& host) { return host.second.address.empty(); };
  const bool due = ticks_ >= ticks_per_lookup && std::ranges::any_of(hosts_, named);
  if (due || std::ranges::any_of(hosts_, missing)) look_up();
  return moved;
}

}  // namespace cacheismo
