#include "sim/cluster/copy_client.h"

#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"
#include "sim/cluster/census.h"

namespace cacheismo::sim {
namespace {

using proto::ReplyPart;
using proto::ReplyWord;
using Told = CopiedKey::Told;

// Of replicate.lua: a delete reads first, from two nodes if need be, and each wait is 0.5 s.
constexpr Duration patience = std::chrono::milliseconds(1500 + 100);
constexpr Bytes census_key = "mapreduce:prefixes:all:3";
constexpr Bytes script_error = "replicate: ";
constexpr Bytes copies_text = " copies are written, ";
constexpr Bytes uncertain_text = " is not certain: ";

}  // namespace

std::string copy_request(const std::string& key, Bytes value) {
  std::string text = "append " + key + " 0 0 " + std::to_string(value.size()) + "\r\n";
  text += value;
  return text + "\r\n";
}

std::optional<Told> told_of_write(const ReplyPart& part) {
  switch (part.word) {
    case ReplyWord::stored:
    case ReplyWord::deleted:
    case ReplyWord::not_found: return Told::complete;
    default: break;
  }
  if (!part.is_error()) return std::nullopt;
  if (!part.text.starts_with(script_error) || part.text.find(copies_text) == Bytes::npos)
    return Told::nothing;
  const Bytes number = part.text.substr(script_error.size());
  std::uint32_t written = 0;
  (void)std::from_chars(number.data(), number.data() + number.size(), written);
  return written > 0 ? Told::partly : Told::nothing;
}

CopyClient::CopyClient(SimIo& io, const Clockwork& clockwork, std::vector<CopiedKey>& keys,
                       Options options, Prng chance)
    : NodeClient(io, clockwork, options, chance), keys_(keys), options_(std::move(options)) {
  CHECK(!keys_.empty());
  tally_.foreign.resize(options_.nodes.size());
}

std::string CopyClient::under_way() const { return request_; }

// ---- Asking -------------------------------------------------------------------------------------

std::string CopyClient::new_value() {
  std::string value = 'x' + std::to_string(options_.number) + '-' + std::to_string(++values_);
  if (options_.value_bytes_max > value.size() && chance().chance(1, options_.long_one_in))
    value.resize(chance().between(value.size(), options_.value_bytes_max), '.');
  return value;
}

Duration CopyClient::ask(std::string& text) {
  value_.reset();
  key_ = static_cast<std::uint32_t>(chance().below(keys_.size()));
  CopiedKey& key = keys_[key_];
  const std::uint64_t draw = chance().below(100);
  what_ = draw < 48 ? What::read : draw < 82 ? What::set : draw < 96 ? What::remove : What::census;
  switch (what_) {
    case What::read: text = "prepend " + key.name() + " 0 0 0\r\n\r\n"; break;
    case What::census:
      text = "get " + std::string(census_key) + "\r\n";
      tally_.foreign[node()] += options_.census_owner == node() ? 0u : 1u;
      break;
    case What::remove:
      write_ = key.begin_write(std::nullopt, began_ns());
      text = "decr " + key.name() + " 1\r\n";
      break;
    case What::set: {
      const std::string value = new_value();
      write_ = key.begin_write(value, began_ns());
      text = copy_request(key.name(), value);
      break;
    }
  }
  request_ = text.substr(0, text.find('\r'));
  count_asked();
  tally_.asked++;
  return patience;
}

// ---- Replies ------------------------------------------------------------------------------------

bool CopyClient::take(const ReplyPart& part) {
  const bool fits = what_ == What::read     ? take_read(part)
                    : what_ == What::census ? take_census(part)
                                            : take_written(part);
  if (!fits) return false;
  if (part.is_error()) take_error(part);
  if (part.word == ReplyWord::value) return true;
  think();
  return true;
}

bool CopyClient::take_read(const ReplyPart& part) {
  CopiedKey& key = keys_[key_];
  if (part.word == ReplyWord::value) {
    if (value_ || part.key != key.name()) return false;
    value_ = std::string(part.value);
    return true;
  }
  if (part.is_error()) return !value_;
  if (part.word != ReplyWord::end) return false;
  (value_ ? tally_.hits : tally_.misses)++;
  key.read(began_ns(), now_ns(), value_);
  return true;
}

bool CopyClient::take_census(const ReplyPart& part) {
  if (part.is_error()) return !value_;
  if (part.word == ReplyWord::end) return value_.has_value();
  if (part.word != ReplyWord::value || value_ || part.key != census_key) return false;
  value_ = std::string(part.value);
  const auto census = parse_census(*value_, options_.nodes.size());
  if (!census) {
    violation("coverage: was told " + *value_);
    return true;
  }
  const bool all = census->answered == census->asked;
  (all ? tally_.censuses : tally_.partial_censuses)++;
  if (!all && calm()) violation("calm: was told " + *value_);
  return true;
}

bool CopyClient::take_written(const ReplyPart& part) {
  const auto told = told_of_write(part);
  const bool removes =
      part.word == ReplyWord::deleted || part.word == ReplyWord::not_found || part.is_error();
  const bool stores = part.word == ReplyWord::stored || part.is_error();
  if (!told || !(what_ == What::remove ? removes : stores)) return false;
  tally_.complete += *told == Told::complete ? 1u : 0u;
  tally_.partly += *told == Told::partly ? 1u : 0u;
  keys_[key_].end_write(write_, *told, now_ns());
  return true;
}

void CopyClient::take_error(const ReplyPart& part) {
  tally_.errors++;
  tally_.uncertain += part.text.find(uncertain_text) != Bytes::npos ? 1u : 0u;
  if (!calm()) return;
  if (what_ != What::census && !options_.can_write()) return;
  violation("calm: was told " + std::string(part.text));
}

}  // namespace cacheismo::sim
