#include "cacheismo/node/prefix_stats.h"

#include <iterator>

#include "cacheismo/base/limits.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {

PrefixStats::Row* PrefixStats::row(Bytes key) {
  if (!enabled_) return nullptr;
  const std::size_t end = key.find(delimiter_);
  if (end == Bytes::npos) return nullptr;
  const Bytes prefix = key.substr(0, end);
  const auto found = rows_.find(prefix);
  if (found != rows_.end()) return &found->second;
  if (rows_.size() == limits::prefixes_max) return nullptr;
  return &rows_[std::string(prefix)];
}

void PrefixStats::record_get(Bytes key, bool hit) {
  if (Row* counts = row(key)) {
    ++counts->gets;
    counts->hits += hit ? 1 : 0;
  }
}

void PrefixStats::record_set(Bytes key) {
  if (Row* counts = row(key)) ++counts->sets;
}

void PrefixStats::record_delete(Bytes key) {
  if (Row* counts = row(key)) ++counts->deletes;
}

bool PrefixStats::dump(std::uint64_t& cursor, OutputBuffer& out) const {
  if (cursor >= rows_.size()) return true;
  auto row = std::next(rows_.begin(), static_cast<std::ptrdiff_t>(cursor));
  for (; row != rows_.end(); ++row, ++cursor) {
    if (out.room() < row->first.size() + 32 + 4 * proto::decimal_bytes_max) return false;
    char* p = proto::put(out.cursor(), "PREFIX ");
    p = proto::put(p, row->first);
    p = proto::put_decimal(proto::put(p, " get "), row->second.gets);
    p = proto::put_decimal(proto::put(p, " hit "), row->second.hits);
    p = proto::put_decimal(proto::put(p, " set "), row->second.sets);
    p = proto::put_decimal(proto::put(p, " del "), row->second.deletes);
    out.advance_to(proto::put_crlf(p));
  }
  return true;
}

}  // namespace cacheismo::node
