// NameLookup: what names of other machines stand for, found out in a thread beside the caller's.
//
//   caller   start(names) .......... take(patience) -> name, address or why there is none
//   thread         resolve, resolve, ... '
//
//  1. One batch at a time, and its outcome is taken once.
//  2. The caller never waits for longer than it says: a resolver may take many seconds for a name.
//  3. What the thread touches is its own: it outlives the NameLookup, if a resolver hangs.
//  4. The thread takes none of the process's signals.
//
// It is not the resolver, and remembers nothing from one batch to the next.

#ifndef CACHEISMO_IO_NAME_LOOKUP_H_
#define CACHEISMO_IO_NAME_LOOKUP_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"

namespace cacheismo::io {

class NameLookup {
 public:
  /// resolve_remote, or a test's table. Called in another thread, one name at a time.
  using Resolve = std::function<Result<std::string, std::string>(const std::string& name)>;
  /// By name: its address, or why there is none.
  using Found = std::map<std::string, Result<std::string, std::string>>;

  explicit NameLookup(Resolve resolve);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// Begins a batch. Requires that !busy().
  void start(std::vector<std::string> names);
  /// Whether a batch was started and not taken.
  [[nodiscard]] bool busy() const { return batch_ != nullptr; }
  /// The outcome of the batch, if it is there after `patience`. Requires that busy().
  [[nodiscard]] std::optional<Found> take(Duration patience);

 private:
  struct Batch;
  static void* run(void* batch);

  Resolve resolve_;
  std::shared_ptr<Batch> batch_;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_NAME_LOOKUP_H_
