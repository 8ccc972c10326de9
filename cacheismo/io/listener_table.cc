#include "cacheismo/io/listener_table.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cacheismo/base/check.h"

namespace cacheismo::io {

ListenerTable::~ListenerTable() {
  for (const auto& listener : listeners_) close_descriptor(*listener);
}

Listener& ListenerTable::add(int fd, const Address& address, ListenerEvents& events) {
  auto listener = std::make_unique<Listener>();
  listener->id = ListenerId{next_id_++};
  listener->fd = fd;
  listener->events = &events;
  if (address.kind == Address::Kind::unix_socket) {
    struct stat status;
    if (lstat(address.host.c_str(), &status) == 0) {
      listener->path = address.host;
      listener->device = status.st_dev;
      listener->inode = status.st_ino;
    }
  }
  listeners_.push_back(std::move(listener));
  return *listeners_.back();
}

Listener* ListenerTable::find(ListenerId id) const {
  for (const auto& listener : listeners_) {
    if (listener->id == id) return listener.get();
  }
  return nullptr;
}

Listener& ListenerTable::at(ListenerId id) const {
  Listener* listener = find(id);
  CHECK(listener != nullptr);
  return *listener;
}

void ListenerTable::close_descriptor(Listener& listener) {
  if (listener.fd < 0) return;
  close(listener.fd);
  listener.fd = -1;
  struct stat status;
  // Another server may have put its own socket there since.
  if (!listener.path.empty() && lstat(listener.path.c_str(), &status) == 0 &&
      status.st_dev == listener.device && status.st_ino == listener.inode) {
    (void)unlink(listener.path.c_str());
  }
}

void ListenerTable::remove(ListenerId id) {
  std::erase_if(listeners_, [&](const auto& listener) { return listener->id == id; });
}

}  // namespace cacheismo::io
