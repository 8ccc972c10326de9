// StoreModel: what the store must answer, in the fewest words: a list in the order of use.
//
// It decides every verb by itself but for what depends on how full the memory is: whether there was
// room, and how many items had to go. The driver reports these (Seen); the model then drops that
// many from the end of its list, so that one wrong victim makes it and the store differ. It also
// learns CAS values from the store, and insists that they stay and that they grow.
//
// Cost: an expiry or a victim is searched for from the end of the list.

#ifndef CACHEISMO_FUZZ_STORE_MODEL_H_
#define CACHEISMO_FUZZ_STORE_MODEL_H_

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/store/store.h"

namespace cacheismo::fuzz {

using store::Mode;
using store::Outcome;
using store::Seconds;

/// An object's entries, in the order of their keys.
using Entries = std::map<std::string, std::string, std::less<>>;

struct ModelItem {
  std::string key;
  std::string value;  ///< empty in an object
  std::uint32_t client_flags = 0;
  Seconds expiry;
  Seconds last_access;
  std::uint64_t cas = 0;  ///< 0: none yet
  bool fetched = false;
  bool stale = false;
  bool token_sent = false;
  int holds = 0;              ///< pins: no victim while there are any
  std::uint64_t version = 0;  ///< of all values ever, this one
  bool object = false;
  Entries entries;
  std::uint64_t object_bytes = 0;  ///< as the store says

  [[nodiscard]] std::uint64_t value_bytes() const { return object ? object_bytes : value.size(); }
};

/// What the model cannot know by itself.
struct Seen {
  bool no_memory = false;
  std::uint64_t evictions = 0;
};

class StoreModel {
 public:
  explicit StoreModel(std::uint64_t item_bytes_max) : item_bytes_max_(item_bytes_max) {}

  /// What is due at `now` happens: every verb starts with it.
  void begin(Seconds now);
  /// The item, nullptr if there is none. Without any effect.
  [[nodiscard]] ModelItem* find(Bytes key);
  [[nodiscard]] const std::list<ModelItem>& items() const { return items_; }
  [[nodiscard]] std::uint64_t user_bytes() const { return user_bytes_; }
  [[nodiscard]] bool fits(Bytes key, std::uint64_t value_bytes) const;

  // Each verb: its outcome, and afterwards find() is the item as it must be. Evictions included.
  [[nodiscard]] Outcome put(Bytes key, const store::PutRule& rule, Bytes value, const Seen& seen);
  /// The item is to be found there.
  [[nodiscard]] store::MetaGet meta_get(Bytes key, const store::MetaGetRule& rule,
                                        const Seen& seen);
  void get(ModelItem& item);
  void set_expiry(ModelItem& item, Seconds expiry);
  [[nodiscard]] Outcome arithmetic(Bytes key, const store::ArithmeticRule& rule, const Seen& seen,
                                   std::uint64_t& number);
  [[nodiscard]] Outcome remove(Bytes key, const store::RemoveRule& rule, const Seen& seen);
  /// An object is now these entries. The item is to be found there.
  [[nodiscard]] Outcome commit(Bytes key, const Entries& entries, std::optional<Seconds> expiry,
                               const Seen& seen);
  /// What the store says that an object comes to.
  void learn_bytes(ModelItem& item, std::uint64_t object_bytes);
  void erase(Bytes key) { erase(places_.find(key)->second); }
  void flush(Seconds at) { flush_at_ = at; }

  /// Drops `count` victims from the end; `held` is none.
  void evict(std::uint64_t count, const ModelItem* held = nullptr);
  /// Whether there is a victim left. `held` is none.
  [[nodiscard]] bool evictable(const ModelItem* held = nullptr) const;

  /// A new value of the item has this CAS value now. `assigned`: the client chose it.
  void learn_cas(ModelItem& item, std::uint64_t cas, std::uint64_t assigned);

  /// Keys that a scan which starts now must see, unless they leave before it ends.
  void start_scan();
  [[nodiscard]] std::set<std::string>& unseen() { return unseen_; }

 private:
  using Place = std::list<ModelItem>::iterator;

  void insert(ModelItem item);
  /// `fresh` in the place of `old` (nullptr: of none), which stays when there is no memory.
  [[nodiscard]] Outcome change(ModelItem* old, ModelItem fresh, const Seen& seen);
  void erase(Place place);
  void bump(ModelItem& item);

  std::uint64_t item_bytes_max_;
  std::list<ModelItem> items_;  ///< most recent first
  std::map<std::string, Place, std::less<>> places_;
  Seconds now_{2};
  Seconds next_expiry_ = store::never;  ///< nothing expires before; never: nothing at all
  Seconds flush_at_ = store::never;
  std::uint64_t user_bytes_ = 0;
  std::uint64_t versions_ = 0;
  std::uint64_t highest_cas_ = 0;  ///< of those that the store chose
  std::set<std::string> unseen_;
};

}  // namespace cacheismo::fuzz

#endif  // CACHEISMO_FUZZ_STORE_MODEL_H_
