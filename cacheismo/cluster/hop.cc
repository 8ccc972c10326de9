#include "cacheismo/cluster/hop.h"

#include <limits>

#include "cacheismo/proto/decimal.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::cluster {
namespace {

/// By Wants.
constexpr Bytes marks[] = {"", ".p", ".i", ".d"};

constexpr Bytes mark_of(Hop::Wants wants) { return marks[static_cast<std::size_t>(wants)]; }

/// Takes the number in front of the next dot, or the last one.
template <class Number>
bool take(Bytes& rest, Number& out, bool last) {
  const std::size_t dot = rest.find('.');
  if ((dot == Bytes::npos) != last) return false;
  const auto value = proto::parse_unsigned(rest.substr(0, dot));
  if (!value || *value > std::numeric_limits<Number>::max()) return false;
  out = static_cast<Number>(*value);
  rest = last ? Bytes{} : rest.substr(dot + 1);
  return true;
}

}  // namespace

std::optional<Hop> parse_hop(Bytes argument) {
  Hop hop;
  for (const Hop::Wants wants : {Hop::Wants::plain, Hop::Wants::item, Hop::Wants::digest}) {
    const Bytes mark = mark_of(wants);
    if (!argument.ends_with(mark)) continue;
    hop.wants = wants;
    argument.remove_suffix(mark.size());
    break;
  }
  if (take(argument, hop.hops, false) && take(argument, hop.depth, false) &&
      take(argument, hop.epoch, false) && take(argument, hop.remaining_ms, true))
    return hop;
  return std::nullopt;
}

void append_hop(std::string& out, const Hop& hop) {
  char text[4 * (proto::decimal_bytes_max + 1)];
  char* end = proto::put_decimal(text, std::uint64_t{hop.hops});
  *end++ = '.';
  end = proto::put_decimal(end, std::uint64_t{hop.depth});
  *end++ = '.';
  end = proto::put_decimal(end, hop.epoch);
  *end++ = '.';
  end = proto::put_decimal(end, std::uint64_t{hop.remaining_ms});
  out.append(text, static_cast<std::size_t>(end - text));
  out += mark_of(hop.wants);
}

}  // namespace cacheismo::cluster
