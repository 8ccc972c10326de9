// NameTable: a table in place of a resolver, for tests. Threads of lookups share it and may outlive
// the test.

#ifndef CACHEISMO_NAME_TABLE_H_
#define CACHEISMO_NAME_TABLE_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "cacheismo/base/result.h"
#include "cacheismo/io/name_lookup.h"

namespace cacheismo {

class NameTable {
 public:
  [[nodiscard]] static io::NameLookup::Resolve resolver(std::shared_ptr<NameTable> table) {
    return [table = std::move(table)](const std::string& name) { return table->find(name); };
  }

  void set(const std::string& name, std::string address) {
    const std::lock_guard lock(mutex_);
    addresses_[name] = std::move(address);
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    addresses_.erase(name);
  }
  [[nodiscard]] int lookups() const {
    const std::lock_guard lock(mutex_);
    return lookups_;
  }
  Result<std::string, std::string> find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++lookups_;
    const auto found = addresses_.find(name);
    if (found == addresses_.end()) return failure(std::string("Name or service not known"));
    return found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> addresses_;
  int lookups_ = 0;
};

}  // namespace cacheismo

#endif  // CACHEISMO_NAME_TABLE_H_
