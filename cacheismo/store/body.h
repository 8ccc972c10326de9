// Body: what stands behind Store: the table, the drafts and pins under way, and the rules of the
// verbs that are more than a line. Internal to this room.

#ifndef CACHEISMO_STORE_BODY_H_
#define CACHEISMO_STORE_BODY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/store/store.h"
#include "cacheismo/store/table.h"

namespace cacheismo::store {

/// Records by number; numbers are used again. Bounded by what its users have under way.
template <class Record>
class RecordList {
 public:
  [[nodiscard]] std::uint32_t add(const Record& record) {
    if (free_.empty()) {
      records_.push_back(record);
      return static_cast<std::uint32_t>(records_.size() - 1);
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    records_[number] = record;
    return number;
  }
  [[nodiscard]] Record& at(std::uint32_t number) {
    CHECK_LT(number, records_.size());
    return records_[number];
  }
  void remove(std::uint32_t number) { free_.push_back(number); }
  template <class Visit>
  void for_each(Visit visit) const {
    std::vector<bool> free(records_.size());
    for (const std::uint32_t number : free_) free[number] = true;
    for (std::size_t number = 0; number < records_.size(); ++number)
      if (!free[number]) visit(records_[number]);
  }
  [[nodiscard]] std::size_t under_way() const { return records_.size() - free_.size(); }

 private:
  std::vector<Record> records_;
  std::vector<std::uint32_t> free_;
};

class Body {
 public:
  Body(std::span<char> region, const StoreOptions& options)
      : table(region, options),
        last_cas(options.last_cas),
        item_bytes_max(options.item_bytes_max) {}

  struct PinRecord {
    Handle item;
    PieceCursor cursor;
  };

  /// A value on its way in: pinned pieces that hang together, and no item yet.
  struct DraftRecord {
    char key[limits::key_bytes_max];
    std::uint8_t key_bytes = 0;
    std::uint64_t hash = 0;
    std::uint64_t value_bytes = 0;  ///< announced
    std::uint64_t taken_bytes = 0;  ///< in pieces so far
    Handle first;
    Handle last;
    PieceCursor cursor;
    PutWork work;  ///< so far
  };

  /// Where a value comes from: bytes, or a finished draft.
  struct Source {
    Bytes bytes;
    DraftRecord* draft = nullptr;
    [[nodiscard]] std::uint64_t size() const { return draft ? draft->value_bytes : bytes.size(); }
  };

  [[nodiscard]] Handle find(const Key& key, Seconds now) {
    begin_verb(now);
    return table.find(key);
  }
  /// What every verb starts with: the time, and a flush that was ordered for it.
  void begin_verb(Seconds now) {
    table.set_time(now);
    // Not under an open object: its end is soon.
    if (flush_at != never && flush_at <= now && !table.any_open()) {
      flush_at = never;
      table.flush();
    }
  }
  /// What every verb that writes requires.
  void expect_none_open() const { CHECK(!table.any_open()); }
  /// By memcached's arithmetic, so that -I means the same.
  [[nodiscard]] bool fits(std::size_t key_bytes, std::uint64_t value_bytes) const {
    return key_bytes + value_bytes + foreign_header_bytes <= item_bytes_max;
  }

  [[nodiscard]] bool extend(DraftRecord& draft);
  void discard(DraftRecord& draft);

  [[nodiscard]] PutResult put(const Key& key, const PutRule& rule, const Source& source,
                              Seconds now);
  [[nodiscard]] ArithmeticResult arithmetic(const Key& key, const ArithmeticRule& rule,
                                            Seconds now);
  [[nodiscard]] Outcome remove(const Key& key, const RemoveRule& rule, Seconds now);
  [[nodiscard]] std::optional<std::string> audit();

  Table table;
  RecordList<PinRecord> pins;
  RecordList<DraftRecord> drafts;
  Seconds flush_at = never;
  std::uint64_t last_cas;
  std::uint64_t item_bytes_max;

 private:
  /// memcached 1.6's item header with CAS, the NUL of the key and the "\r\n" of the value.
  static constexpr std::uint64_t foreign_header_bytes = 48 + 8 + 1 + 2;

  [[nodiscard]] Handle write(const Key& key, const ItemSpec& spec, const Source& source,
                             Seconds now);
  [[nodiscard]] Handle overwrite(Handle old, const ItemSpec& spec, Bytes value, Seconds now);
  /// A new item in the place of `old`. Without memory `old` stays.
  [[nodiscard]] Handle replace(Handle old, const Key& key, const ItemSpec& spec, Bytes value,
                               Seconds now);
  [[nodiscard]] PutResult join(const Key& key, Handle old, const PutRule& rule,
                               const Source& source, Seconds now);
  void fill(DraftRecord& draft, std::uint64_t offset, Bytes bytes);
  [[nodiscard]] std::uint64_t next_cas(const Item& old, std::optional<std::uint64_t> assigned);
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_BODY_H_
