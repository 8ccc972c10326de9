#include "cacheismo/cluster/http_reply.h"

#include <algorithm>
#include <charconv>

#include "cacheismo/base/check.h"

namespace cacheismo::cluster {

namespace {

/// Digits only, unlike what headers of other protocols allow.
std::optional<std::uint64_t> parse_digits(Bytes text, int base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return value;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(Bytes a, Bytes b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

Bytes trimmed(Bytes text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

HttpStep HttpReplyReader::next(Bytes input) {
  CHECK(at_ != At::dead);
  HttpStep step;
  const auto reject = [&](const char* why) {
    at_ = At::dead;
    step.is = HttpStep::Is::reject;
    step.why = why;
    return step;
  };
  for (;;) {
    if (at_ == At::body && left_ == 0) {
      at_ = At::status;
      step.is = HttpStep::Is::end;
      return step;
    }
    const Bytes rest = input.substr(step.consumed);
    if (at_ == At::body || at_ == At::chunk) {
      if (rest.empty()) return step;
      step.body =
          rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      step.consumed += step.body.size();
      left_ -= step.body.size();
      if (at_ == At::chunk && left_ == 0) at_ = At::chunk_end;
      step.is = HttpStep::Is::body;
      return step;
    }
    const std::size_t newline = rest.substr(0, http_line_bytes_max).find('\n');
    if (newline == Bytes::npos) {
      return rest.size() < http_line_bytes_max ? step : reject("a line is too long");
    }
    Bytes line = rest.substr(0, newline);
    step.consumed += newline + 1;
    if (!line.ends_with('\r')) return reject("a line does not end in CR LF");
    line.remove_suffix(1);
    if (const char* why = take_line(line, step)) return reject(why);
    if (step.is != HttpStep::Is::need_more) return step;
  }
}

/// A line without its end. Why it is wrong, or null.
const char* HttpReplyReader::take_line(Bytes line, HttpStep& step) {
  switch (at_) {
    case At::status: return take_status(line);
    case At::header:
      head_bytes_ += line.size();
      if (head_bytes_ > http_head_bytes_max) return "its head is too long";
      return line.empty() ? end_head(step) : take_header(line);
    case At::chunk_size: return take_chunk_size(line);
    case At::chunk_end:
      at_ = At::chunk_size;
      return line.empty() ? nullptr : "a chunk is longer than its size";
    case At::trailer:
      head_bytes_ += line.size();
      if (head_bytes_ > http_head_bytes_max) return "its trailer is too long";
      if (!line.empty()) return nullptr;
      at_ = At::status;
      step.is = HttpStep::Is::end;
      return nullptr;
    default: CHECK(false);
  }
}

const char* HttpReplyReader::take_status(Bytes line) {
  constexpr Bytes version = "HTTP/1.";
  const Bytes digits = line.substr(std::min(line.size(), version.size() + 2), 3);
  const auto status = parse_digits(digits, 10);
  const bool shaped = line.starts_with(version) && line.size() >= 12 &&
                      (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                      (line.size() == 12 || line[12] == ' ');
  if (!shaped || !status) return "this is no HTTP/1.1";
  if (*status < 200 || *status > 599) return "its status is not 200 to 599";
  status_ = static_cast<std::uint32_t>(*status);
  head_bytes_ = line.size();
  length_.reset();
  chunked_ = false;
  closes_ = line[7] == '0';
  at_ = At::header;
  return nullptr;
}

const char* HttpReplyReader::take_header(Bytes line) {
  const std::size_t colon = line.find(':');
  if (colon == Bytes::npos || colon == 0 ||
      line.substr(0, colon).find_first_of(" \t") != Bytes::npos)
    return "a header has no name";
  const Bytes name = line.substr(0, colon);
  const Bytes value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    const auto length = parse_digits(value, 10);
    if (!length) return "its length is no number";
    if (length_ && *length_ != *length) return "it has two lengths";
    length_ = length;
  } else if (same_word(name, "transfer-encoding")) {
    if (!same_word(value, "chunked") || chunked_) return "its transfer encoding is not \"chunked\"";
    chunked_ = true;
  } else if (same_word(name, "content-encoding")) {
    if (!same_word(value, "identity")) return "its body is encoded";
  } else if (same_word(name, "connection")) {
    if (same_word(value, "close")) closes_ = true;
  }
  return nullptr;
}

const char* HttpReplyReader::end_head(HttpStep& step) {
  if (chunked_ && length_) return "it has a length and chunks";
  if (!chunked_ && !length_) return "it has no length";
  left_ = length_.value_or(0);
  at_ = chunked_ ? At::chunk_size : At::body;
  step.is = HttpStep::Is::head;
  step.status = status_;
  return nullptr;
}

const char* HttpReplyReader::take_chunk_size(Bytes line) {
  const auto size = parse_digits(trimmed(line.substr(0, line.find(';'))), 16);
  if (!size) return "the size of a chunk is no number";
  left_ = *size;
  head_bytes_ = 0;
  at_ = *size == 0 ? At::trailer : At::chunk;
  return nullptr;
}

}  // namespace cacheismo::cluster
