// StorePlay: the store and a model of it (store_model.h), side by side through the same orders.
//
// After each order the store's audit finds nothing, and the item that the order named is the
// model's in every field; at the end all of them are, and all memory has come back. Values that are
// pinned and windows that are lent are looked at all along: they do not change.
// Anything else is a failed CHECK.

#ifndef CACHEISMO_FUZZ_STORE_PLAY_H_
#define CACHEISMO_FUZZ_STORE_PLAY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/store.h"
#include "fuzz/orders.h"
#include "fuzz/store_model.h"

namespace cacheismo::fuzz {

class StorePlay final : store::Store::Visitor {
 public:
  /// The first four bytes choose the memory, -I, -M and the hash seed.
  explicit StorePlay(Orders& orders);

  /// The next byte is the order; it reads what it needs behind that.
  void obey();
  void finish();

 private:
  struct Held {
    store::Pin pin;
    std::string value;
    std::string key;
    std::uint64_t version = 0;
  };
  struct Started {
    store::Draft draft;
    std::string key;
    std::string value;
    std::uint64_t offset = 0;
    std::vector<MutableBytes> lent;  ///< and filled
  };

  // What orders are made of.
  std::string any_key();
  std::string any_value();
  Seconds any_expiry() { return maybe_expiry().value_or(store::never); }
  std::optional<Seconds> maybe_expiry();
  std::optional<std::uint64_t> maybe_assigned_cas();
  std::optional<std::uint64_t> maybe_compared_cas(const ModelItem* item);

  // The orders.
  void put();
  void fill();
  void get();
  void meta_get();
  void touch();
  void arithmetic();
  void remove();
  void give_cas();
  void flush();
  void maintain();
  void begin_draft();
  void feed_draft();
  void end_draft();
  void pin();
  void look_at_pin();
  void unpin();
  void scan();
  void pass();
  void change_object();
  void read_object();

  // Of objects.
  std::string any_field();
  [[nodiscard]] bool open(const std::string& key, const ModelItem* item,
                          store::ObjectAccess access);
  void change_entry(Entries& entries);
  void commit_object(const std::string& key, const Entries& entries);
  void look_at(Entries& entries, const std::string& field);
  void check_object(const ModelItem& item);

  // What every order does.
  ModelItem* begin(Bytes key);
  /// What the store has just done about memory. `held`: an item that was needed itself.
  [[nodiscard]] Seen seen(bool no_memory, const ModelItem* held = nullptr);
  void put_both(const std::string& key, const store::PutRule& rule, const std::string& value);
  void check();
  void check_fullness() const;
  void check_view(const store::ItemView& view, const ModelItem& item);
  void check_item(Bytes key);
  void check_written(Bytes key, const store::ItemView& view,
                     std::optional<std::uint64_t> assigned = std::nullopt);
  [[nodiscard]] std::string value_of(const store::ItemView& view) const;
  void visit(const store::ItemView& view) override;

  Orders& orders_;
  std::vector<char> region_;
  std::uint64_t item_bytes_max_;
  bool evict_;
  store::Store store_;
  StoreModel model_;
  store::Object object_;
  Seconds now_{2};
  std::uint64_t evictions_ = 0;
  std::vector<Held> pins_;
  std::vector<Started> drafts_;
  bool expiries_ = false;  ///< an item that expires was ever made
  bool flush_waits_ = false;
  std::uint64_t cursor_ = 0;
  Seconds scanned_at_;
  std::uint32_t letters_ = 0;
  std::uint64_t assigned_ = 0;
};

}  // namespace cacheismo::fuzz

#endif  // CACHEISMO_FUZZ_STORE_PLAY_H_
