#include "cacheismo/lua/types.h"

#include <algorithm>
#include <bit>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"

namespace cacheismo::lua {
namespace {

/// The registry's own; whoever can choose a type's name can do worse than to make names collide.
constexpr std::uint64_t seed = 0;

std::uint64_t hash_of(Bytes type_and_method) { return hash64(type_and_method, seed); }

Method& append(Type& type, std::string name, Kind kind, int function) {
  Method& added = *type.methods.emplace_back(std::make_unique<Method>());
  added.type = &type;
  added.name = std::move(name);
  added.path = type.name + ':' + added.name;
  added.kind = kind;
  added.function = function;
  return added;
}

}  // namespace

void Latencies::add(std::int64_t ns, std::uint64_t calls) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)) / 1000;
  counts_[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(us)),
                                counts_.size() - 1)] += calls;
}

std::uint64_t Latencies::percentile_us(unsigned percent) const {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts_) all += count;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    if (all > 0 && below * 100 >= all * percent) return std::uint64_t{1} << i;
  }
  return 0;
}

Type& Types::add(std::string name, std::string script) {
  CHECK(type(name) == nullptr);
  auto& added = *types_.emplace_back(std::make_unique<Type>());
  added.name = std::move(name);
  added.script = std::move(script);
  filter_.set(filter_bit(added.name));
  return added;
}

Method& Types::add(Type& type, std::string name, Kind kind, int function) {
  Method& added = append(type, std::move(name), kind, function);
  methods_.push_back(&added);
  rehash();
  return added;
}

void Types::add_route(Type& type, int function) {
  CHECK(type.route == nullptr);
  type.route = &append(type, "route", Kind::route, function);
  routed_.push_back(&type);
}

const Method& Types::take_over(Verb verb, std::string script, int function) {
  const Method*& place = takeovers_[static_cast<std::size_t>(verb)];
  CHECK(place == nullptr);
  if (commands_.empty() || commands_.back()->script != script) {
    auto& type = *commands_.emplace_back(std::make_unique<Type>());
    type.name = "command";
    type.script = std::move(script);
  }
  place = &append(*commands_.back(), name_of(verb), Kind::command, function);
  return *place;
}

void Types::rehash() {
  slots_.assign(std::bit_ceil(methods_.size() * 2 + 1), Slot{});
  for (const Method* method : methods_) {
    const std::uint64_t hash = hash_of(method->path);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].method != nullptr) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {.hash = hash, .method = method};
  }
}

const Method* Types::find(Bytes key, Bytes& rest) const {
  if (last_found_ != nullptr && key.starts_with(last_found_->path)) {
    const std::size_t end = last_found_->path.size();
    if (end == key.size() || key[end] == ':') {
      rest = key.substr(end);
      return last_found_;
    }
  }
  const std::size_t first = key.find(':');
  if (first == Bytes::npos || first == 0 || slots_.empty()) return nullptr;
  if (!filter_.test(filter_bit(key.substr(0, first)))) return nullptr;
  const std::size_t second = std::min(key.find(':', first + 1), key.size());
  const Bytes name = key.substr(0, second);
  const std::uint64_t hash = hash_of(name);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].method != nullptr;
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].hash != hash || slots_[at].method->path != name) continue;
    rest = key.substr(second);
    return last_found_ = slots_[at].method;
  }
  return nullptr;
}

const Type* Types::find_routed(Bytes item_key, Bytes& key) const {
  const std::size_t dollar = item_key.find('$');
  if (dollar == Bytes::npos) return nullptr;
  const Bytes name = item_key.substr(0, dollar);
  for (const Type* type : routed_) {
    if (type->name != name) continue;
    key = item_key.substr(dollar + 1);
    return type;
  }
  return nullptr;
}

const Type* Types::type(Bytes name) const {
  for (const auto& one : types_)
    if (one->name == name) return one.get();
  return nullptr;
}

}  // namespace cacheismo::lua
