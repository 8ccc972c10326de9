#include "cacheismo/cluster/hop.h"

#include <limits>

#include "cacheismo/proto/decimal.h"

namespace cacheismo::cluster {
namespace {

constexpr Bytes plain_mark = ".p";
constexpr Bytes item_mark = ".i";
constexpr Bytes digest_mark = ".d";

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
  if (argument.ends_with(plain_mark)) {
    hop.plain = true;
    argument.remove_suffix(plain_mark.size());
  } else if (argument.ends_with(item_mark) || argument.ends_with(digest_mark)) {
    hop.form = argument.ends_with(item_mark) ? Hop::Form::item : Hop::Form::digest;
    argument.remove_suffix(item_mark.size());
  }
  if (take(argument, hop.hops, false) && take(argument, hop.depth, false) &&
      take(argument, hop.epoch, false) && take(argument, hop.remaining_ms, true))
    return hop;
  return std::nullopt;
}

void append_hop(std::string& out, const Hop& hop) {
  out += std::to_string(hop.hops);
  out += '.';
  out += std::to_string(hop.depth);
  out += '.';
  out += std::to_string(hop.epoch);
  out += '.';
  out += std::to_string(hop.remaining_ms);
  if (hop.plain) out += plain_mark;
  if (hop.form != Hop::Form::none) out += hop.form == Hop::Form::item ? item_mark : digest_mark;
}

}  // namespace cacheismo::cluster
