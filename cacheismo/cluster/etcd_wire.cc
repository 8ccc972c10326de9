#include "cacheismo/cluster/etcd_wire.h"

#include <charconv>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "cacheismo/cluster/shown.h"
#include "cacheismo/proto/base64.h"

namespace cacheismo::cluster::etcd {
namespace {

using Json = nlohmann::json;

// ---- Requests -----------------------------------------------------------------------------------

std::string post(Bytes host, Bytes path, const std::string& body) {
  std::string text = "POST ";
  text.append(path).append(" HTTP/1.1\r\nHost: ").append(host);
  text += "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\n\r\n" + body;
  return text;
}

std::string quoted(std::uint64_t number) { return '"' + std::to_string(number) + '"'; }
std::string quoted(Bytes bytes) { return '"' + proto::base64_text(bytes) + '"'; }

// ---- Replies ------------------------------------------------------------------------------------

tl::unexpected<std::string> lacks(Bytes what) {
  return failure("the reply has no " + std::string(what));
}

const Json* member(const Json* object, const char* name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &*found;
}

const std::string* text_of(const Json* value) {
  return value == nullptr ? nullptr : value->get_ptr<const Json::string_t*>();
}

/// 64-bit numbers come as decimal strings.
std::optional<std::uint64_t> number_of(const Json* value) {
  const std::string* text = text_of(value);
  if (text == nullptr || text->empty()) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

/// Of canonical base64 only.
std::optional<std::string> bytes_of(const Json* value) {
  const std::string* text = text_of(value);
  if (text == nullptr) return std::nullopt;
  if (text->empty()) return std::string();
  auto bytes = proto::base64_bytes(*text);
  if (!bytes || proto::base64_text(*bytes) != *text) return std::nullopt;
  return bytes;
}

Result<Json, std::string> parse_json(Bytes body) {
  Json json = Json::parse(body.begin(), body.end(), nullptr, false);
  if (!json.is_object()) return failure("the reply is no JSON object: " + shown(body));
  return json;
}

Result<std::uint64_t, std::string> revision_of(const Json* holder) {
  const auto revision = number_of(member(member(holder, "header"), "revision"));
  if (!revision) return lacks("header.revision");
  return *revision;
}

Result<EtcdEntry, std::string> entry_of(const Json& pair, Bytes key) {
  const auto name = bytes_of(member(&pair, "key"));
  if (!name) return lacks("key");
  if (*name != key) return failure("the reply is about the key " + shown(*name));
  const auto revision = number_of(member(&pair, "mod_revision"));
  if (!revision || *revision == 0) return lacks("mod_revision");
  EtcdEntry entry{.value = {}, .mod_revision = *revision};
  const Json* value = member(&pair, "value");
  if (value == nullptr) return entry;
  auto bytes = bytes_of(value);
  if (!bytes) return failure(std::string("the value is not base64"));
  entry.value = std::move(*bytes);
  return entry;
}

/// Of a range reply: one entry or none.
Result<std::optional<EtcdEntry>, std::string> only_entry_of(const Json* range, Bytes key) {
  const Json* pairs = member(range, "kvs");
  if (pairs == nullptr) return std::nullopt;
  if (!pairs->is_array() || pairs->size() > 1)
    return failure(std::string("the reply has more than one key"));
  if (pairs->empty()) return std::nullopt;
  auto entry = entry_of(pairs->front(), key);
  if (!entry) return failure(entry.error());
  return std::optional(std::move(*entry));
}

}  // namespace

std::string grant(Bytes host, std::uint64_t ttl_s) {
  return post(host, "/v3/lease/grant", "{\"TTL\":" + quoted(ttl_s) + '}');
}

std::string keep_alive(Bytes host, std::uint64_t lease) {
  return post(host, "/v3/lease/keepalive", "{\"ID\":" + quoted(lease) + '}');
}

std::string revoke(Bytes host, std::uint64_t lease) {
  return post(host, "/v3/lease/revoke", "{\"ID\":" + quoted(lease) + '}');
}

std::string read(Bytes host, Bytes key) {
  return post(host, "/v3/kv/range", "{\"key\":" + quoted(key) + '}');
}

std::string swap(Bytes host, const Swap& how) {
  const std::string key = "\"key\":" + quoted(how.key);
  std::string body = R"({"compare":[{"target":"MOD","result":"EQUAL",)" + key;
  body += ",\"mod_revision\":" + quoted(how.mod_revision);
  body += R"(}],"success":[{"request_put":{)" + key + ",\"value\":" + quoted(how.value);
  if (how.lease != 0) body += ",\"lease\":" + quoted(how.lease);
  body += R"(}}],"failure":[{"request_range":{)" + key + "}}]}";
  return post(host, "/v3/kv/txn", body);
}

std::string watch(Bytes host, Bytes key, std::uint64_t revision) {
  return post(host, "/v3/watch",
              R"({"create_request":{"key":)" + quoted(key) +
                  ",\"start_revision\":" + quoted(revision) + "}}");
}

Result<EtcdLease, std::string> parse_grant(Bytes body) {
  const auto json = parse_json(body);
  if (!json) return failure(json.error());
  const auto id = number_of(member(&*json, "ID"));
  const auto ttl_s = number_of(member(&*json, "TTL"));
  if (!id || *id == 0) return lacks("ID of a lease");
  if (!ttl_s || *ttl_s == 0) return lacks("TTL of a lease");
  return EtcdLease{.id = *id, .ttl_s = *ttl_s};
}

Result<EtcdLease, std::string> parse_keep_alive(Bytes body) {
  const auto json = parse_json(body);
  if (!json) return failure(json.error());
  const Json* result = member(&*json, "result");
  const auto id = number_of(member(result, "ID"));
  if (!id || *id == 0) return lacks("ID of a lease");
  const Json* ttl = member(result, "TTL");
  const auto ttl_s = number_of(ttl);
  if (ttl != nullptr && !ttl_s) return lacks("TTL of a lease");
  return EtcdLease{.id = *id, .ttl_s = ttl_s.value_or(0)};
}

Result<EtcdRead, std::string> parse_read(Bytes body, Bytes key) {
  const auto json = parse_json(body);
  if (!json) return failure(json.error());
  const auto revision = revision_of(&*json);
  if (!revision) return failure(revision.error());
  auto entry = only_entry_of(&*json, key);
  if (!entry) return failure(entry.error());
  return EtcdRead{.revision = *revision, .entry = std::move(*entry)};
}

Result<EtcdSwap, std::string> parse_swap(Bytes body, Bytes key) {
  const auto json = parse_json(body);
  if (!json) return failure(json.error());
  const auto revision = revision_of(&*json);
  if (!revision) return failure(revision.error());
  EtcdSwap swap{.succeeded = false, .revision = *revision, .entry = std::nullopt};
  const Json* succeeded = member(&*json, "succeeded");
  if (succeeded != nullptr && !succeeded->is_boolean()) return lacks("outcome");
  swap.succeeded = succeeded != nullptr && *succeeded->get_ptr<const Json::boolean_t*>();
  if (swap.succeeded) return swap;
  const Json* responses = member(&*json, "responses");
  if (responses == nullptr || !responses->is_array() || responses->size() != 1)
    return lacks("responses");
  const Json* range = member(&responses->front(), "response_range");
  if (range == nullptr) return lacks("response_range");
  auto entry = only_entry_of(range, key);
  if (!entry) return failure(entry.error());
  swap.entry = std::move(*entry);
  return swap;
}

Result<EtcdNews, std::string> parse_news(Bytes line, Bytes key) {
  const auto json = parse_json(line);
  if (!json) return failure(json.error());
  const Json* result = member(&*json, "result");
  if (result == nullptr || !result->is_object()) return lacks("result");
  EtcdNews news;
  const Json* canceled = member(result, "canceled");
  news.ended = canceled != nullptr;
  const Json* events = member(result, "events");
  if (events == nullptr) return news;
  if (!events->is_array()) return lacks("events");
  for (const Json& event : *events) {
    const Json* pair = member(&event, "kv");
    if (pair == nullptr) return lacks("kv");
    auto entry = entry_of(*pair, key);
    if (!entry) return failure(entry.error());
    const std::string* type = text_of(member(&event, "type"));
    news.revision = entry->mod_revision;
    news.entry.reset();
    if (type == nullptr || *type == "PUT") news.entry = std::move(*entry);
  }
  return news;
}

std::string error_text(std::uint32_t status, Bytes body) {
  const auto json = parse_json(body);
  const std::string* error = json ? text_of(member(&*json, "error")) : nullptr;
  return "status " + std::to_string(status) + ": " + shown(error != nullptr ? Bytes(*error) : body);
}

}  // namespace cacheismo::cluster::etcd
