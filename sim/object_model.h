// ObjectModel: what one client knows about the objects that nobody else calls, and what all know
// about shared counters.
//
//   call --answer--> every state that the object may be in: those that would have answered so, stay
//                    { as known, gone and made anew }  -->  none is left: a violation
//
//  1. An answer is byte for byte what the method answers for a state that the object may be in.
//  2. An object may be gone only where memory is short, or where there was a flush.
//  3. A call that found no memory has changed nothing.
//  4. An object with an update in doubt is retired: the client goes on with a fresh name, and what
//     calls of the old one answer is not judged any more.
//  5. Answers of a shared counter are at most as large as calls were sent. In a run that forgets
//     nothing, no two are the same, and each is larger than any that was known when it was asked
//     for.
//
// What it is not: it knows no connection; the bytes of a reply are taken apart already.

#ifndef CACHEISMO_SIM_OBJECT_MODEL_H_
#define CACHEISMO_SIM_OBJECT_MODEL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "sim/judged_reply.h"
#include "sim/object_call.h"
#include "sim/oracle.h"
#include "sim/request.h"

namespace cacheismo::sim {

class ObjectModel {
 public:
  ObjectModel(std::uint32_t client, Oracle& oracle);

  /// A call that makes sense now. `data_bytes_max`: the last argument is a data block of at most so
  /// many bytes, and there is one; 0: all arguments have room in a key.
  [[nodiscard]] ObjectCall draw(Prng& chance, std::size_t data_bytes_max);

  /// Judges the reply to a request that calls methods. Says what is wrong.
  void judge(const Request& request, const JudgedReply& reply, std::int64_t now_ns);

  /// The request's calls may or may not have happened, or may still happen.
  void doubt(const Request& request);

 private:
  struct Object {
    std::string name;
    std::uint32_t generation = 0;
    std::vector<ObjectState> states;  ///< that it may be in; each another
    std::int64_t updated_ns = 0;
  };
  using Answer = std::optional<std::string>;
  using Fits = std::function<bool(const Answer&)>;

  void rename(std::uint32_t index);
  void doubt(const ObjectCall& call);
  [[nodiscard]] ObjectMethod draw_method(Prng& chance, std::uint32_t index) const;
  void wrong(const ObjectCall& call, std::int64_t now_ns, const std::string& what);

  void judge_get(const Request& request, const JudgedReply& reply, std::int64_t now_ns);
  void judge_answer(const Request& request, const ObjectCall& call, const Answer& answer,
                    std::int64_t now_ns);
  void judge_shared(const ObjectCall& call, const Answer& answer, std::int64_t now_ns);
  void advance(const Request& request, const ObjectCall& call, const Fits& fits,
               const std::string& answer, std::int64_t now_ns);

  std::uint32_t client_;
  Oracle& oracle_;
  std::vector<Object> objects_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_OBJECT_MODEL_H_
