#include "cacheismo/ring_source.h"

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/io/file.h"
#include "cacheismo/io/resolve.h"

namespace cacheismo {

Result<node::RingView, std::string> RingFileSource::read() {
  stamp_ = io::file_stamp(path_);
  const auto content = io::read_file(path_, limits::ring_file_bytes_max);
  if (!content) return failure(content.error());
  auto spec = cluster::parse_ring_file(*content);
  if (!spec) return failure(path_ + ": " + spec.error());
  node::RingView view;
  view.spec = std::move(*spec);
  for (const cluster::Member& member : view.spec.members) {
    const auto host = io::resolve_remote(member.host);
    if (!host)
      return failure(path_ + ": node " + member.name + ": " + member.host + ": " + host.error());
    view.addresses.push_back({io::Address::Kind::tcp, *host, member.port});
  }
  return view;
}

bool RingFileSource::changed() { return io::file_stamp(path_) != stamp_; }

}  // namespace cacheismo
