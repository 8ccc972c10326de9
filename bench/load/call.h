// Call: a request for a method of an object and the answer that it must get, as two patterns.
//
//   request  map:put:m{object}:f{field}:{value}      answer  SUCCESS        10 fields
//   id 173   map:put:m17:f3:stuvwxyzABCDEFGHIJKL
//
//   {object} {field}   id / fields and id % fields: objects of `fields` fields each
//   {value}            the dataset's value of the id
//   {number}           only in an answer: one digit or more, such as what a counter has reached
//
//  1. The expected answer is computed from the id alone: nothing is remembered of what was sent.
//
// What it is not: it knows no protocol. Wire makes the key of a get of a request, or the words of
// a Redis command.
//
// Cost: one pass over the pattern for a request, one for an answer.

#ifndef CACHEISMO_BENCH_LOAD_CALL_H_
#define CACHEISMO_BENCH_LOAD_CALL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/dataset.h"

namespace cacheismo::load {

class Pattern {
 public:
  /// nullopt: a brace that belongs to none of the words above.
  [[nodiscard]] static std::optional<Pattern> parse(std::string_view text);

  /// Whether there is a {number}, which only matches() understands.
  [[nodiscard]] bool has_number() const;

  /// Appends the text for `id`. Requires that there is no {number}, and fields > 0.
  void append(const Dataset& dataset, std::uint64_t id, std::uint64_t fields,
              std::string& out) const;

  /// Whether `text` is the text for `id`, whole.
  [[nodiscard]] bool matches(const Dataset& dataset, std::uint64_t id, std::uint64_t fields,
                             std::string_view text) const;

 private:
  enum class Kind : std::uint8_t { literal, object, field, value, number };
  struct Piece {
    Kind kind = Kind::literal;
    std::string text;  ///< of a literal
  };

  std::vector<Piece> pieces_;
};

struct Call {
  Pattern request;
  Pattern answer;
  std::uint64_t fields = 1;

  void append_request(const Dataset& dataset, std::uint64_t id, std::string& out) const {
    request.append(dataset, id, fields, out);
  }
  [[nodiscard]] bool is_request(const Dataset& dataset, std::uint64_t id,
                                std::string_view text) const {
    return request.matches(dataset, id, fields, text);
  }
  [[nodiscard]] bool is_answer(const Dataset& dataset, std::uint64_t id,
                               std::string_view text) const {
    return answer.matches(dataset, id, fields, text);
  }
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_CALL_H_
