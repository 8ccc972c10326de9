// NameBook: node::HostNames, by a resolver in a thread of its own.
//
//   want(hosts) --new names--> io::NameLookup ~~> collect() -> address(host)
//   tick(), once a second: every 10th looks all names up again, each one those without an address
//
// What it is not: it does not know what the hosts are for.

#ifndef CACHEISMO_NAME_BOOK_H_
#define CACHEISMO_NAME_BOOK_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/units.h"
#include "cacheismo/io/name_lookup.h"
#include "cacheismo/node/host_names.h"

namespace cacheismo {

/// How many tick(), one a second, pass from one lookup to the next. CoreDNS in Kubernetes lets
/// names live for 5 s, dnsmasq for what the authority says: more often would find nothing new.
inline constexpr int ticks_per_lookup = 10;

class NameBook final : public node::HostNames {
 public:
  /// `resolve` is called in another thread.
  explicit NameBook(io::NameLookup::Resolve resolve) : lookup_(std::move(resolve)) {}

  void want(const std::vector<std::string>& hosts) override;
  [[nodiscard]] const std::string& address(const std::string& host) const override {
    return hosts_.at(host).address;
  }
  [[nodiscard]] bool unsure(const std::string& host) const override {
    return hosts_.at(host).unsure;
  }
  [[nodiscard]] bool any_unsure() const override;
  bool collect() override { return wait(Duration(0)); }
  bool tick() override;

  /// As collect(), but waits until nothing is looked up any more, for `patience` at most each time.
  /// For whoever has nothing else to do.
  bool wait(Duration patience);

 private:
  struct Host {
    std::string address;
    bool numeric = false;
    bool unsure = true;
  };
  void look_up();

  io::NameLookup lookup_;
  std::map<std::string, Host> hosts_;
  int ticks_ = 0;  ///< since the last lookup
};

}  // namespace cacheismo

#endif  // CACHEISMO_NAME_BOOK_H_
