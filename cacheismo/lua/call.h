// Call: what one run of a method has open and wants done at its end.
//
//   begin --> object opened, proxies valid --> end(): committed | released
//
//  1. At most one State is open for writing; every State is committed or released when the call
//     ends, and, but for the object of an atomically(), none is open while a call waits.
//
// What it is not: it runs nothing. Engine does, and the functions of environment.cc ask it.

#ifndef CACHEISMO_LUA_CALL_H_
#define CACHEISMO_LUA_CALL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <lua.h>

#include "cacheismo/lua/command.h"
#include "cacheismo/lua/host.h"
#include "cacheismo/lua/remote.h"
#include "cacheismo/lua/types.h"

namespace cacheismo::lua {

/// "quota$alice": the key of the item that an object is.
class ObjectKey {
 public:
  static constexpr std::size_t bytes_max = 250;
  ObjectKey(Bytes type, Bytes key) {
    if (type.size() + 1 + key.size() > bytes_max) return;
    size_ = type.copy(bytes_, bytes_max);
    bytes_[size_++] = '$';
    size_ += key.copy(bytes_ + size_, bytes_max - size_);
  }
  /// Empty: it would be longer than a key may be.
  [[nodiscard]] Bytes bytes() const { return {bytes_, size_}; }

 private:
  char bytes_[bytes_max];
  std::size_t size_ = 0;
};

/// The States that a call has open to read: mostly one.
class Readers {
 public:
  void add(State& state) {
    if (first_ == nullptr) {
      first_ = &state;
    } else {
      others_.push_back(&state);
    }
  }
  /// Requires that there is one.
  [[nodiscard]] State& front() const { return *first_; }
  /// Releases all.
  void release(Host& host, bool used) {
    if (first_ == nullptr) return;
    host.release(*first_, used);
    for (State* state : others_) host.release(*state, used);
    first_ = nullptr;
    others_.clear();
  }

 private:
  State* first_ = nullptr;
  std::vector<State*> others_;
};

class Call {
 public:
  /// `answer` receives the text of the answer, `key` is the object's as the client gave it; both
  /// outlive the Call.
  Call(const Method& method, Host& host, Bytes the_key, std::string& answer)
      : key(the_key), result(&answer), method_(&method), host_(&host) {
    answer.clear();
  }

  [[nodiscard]] const Method& method() const { return *method_; }
  [[nodiscard]] Host& host() const { return *host_; }

  Bytes key;
  std::span<const Bytes> arguments;  ///< behind the key
  std::optional<Bytes> data;         ///< one more argument
  State* writing = nullptr;          ///< the object of an update
  Readers reading;
  Commit commit;                  ///< of `writing`
  bool make_default = false;      ///< `writing` is empty, and default() fills it first
  std::int64_t migrate_from = 0;  ///< not 0: so does migrate(), from reading.front()
  std::string* result;
  bool has_result = false;             ///< false: a miss
  bool not_created = false;            ///< a constructor returned no table
  lua_State* thread = nullptr;         ///< of a method that may wait; null for others
  bool atomic = false;                 ///< inside of atomically()
  std::optional<CommandData> command;  ///< of a handler; what it writes goes into `result`
  std::uint64_t serial = 0;  ///< names the call among those of its generation, once one asks
  Caller caller;
  std::optional<RemoteWait> remote;      ///< what it waits for, if it is not time alone
  std::span<const RemoteReply> replies;  ///< to `remote`, while it goes on

  /// Discards what was changed and closes everything.
  void release_all() {
    if (writing != nullptr) host_->release(*writing, false);
    writing = nullptr;
    commit = {};
    release_readers(false);
  }
  /// `used`: they served an answer.
  void release_readers(bool used) { reading.release(*host_, used); }

 private:
  const Method* method_;
  Host* host_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_CALL_H_
