// ListenerTable: the open listeners of the kernel backend. A daemon has a handful, so it is a list.
//
// An id is never used twice. A Listener's address is stable until it is removed.

#ifndef CACHEISMO_IO_LISTENER_TABLE_H_
#define CACHEISMO_IO_LISTENER_TABLE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cacheismo/io/io.h"

namespace cacheismo::io {

struct Listener {
  ListenerId id;
  ListenerEvents* events = nullptr;
  int fd = -1;  ///< -1 once it is closing
  bool accept_wanted = false;
  bool readable = false;  ///< accept() is worth a try
  bool queued = false;    ///< waits to be served in the next turn

  // The file of a unix socket, to be removed if it is still ours.
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

class ListenerTable {
 public:
  ~ListenerTable();

  /// Takes over `fd`.
  Listener& add(int fd, const Address& address, ListenerEvents& events);

  /// Null: there is no such listener (any more).
  [[nodiscard]] Listener* find(ListenerId id) const;

  /// The listener, which must exist.
  [[nodiscard]] Listener& at(ListenerId id) const;

  /// Closes the descriptor and removes a unix socket's file.
  void close_descriptor(Listener& listener);

  void remove(ListenerId id);

 private:
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::uint32_t next_id_ = 1;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_LISTENER_TABLE_H_
