// ReceiveBuffer: the one buffer from which every receive() lends.
//
//   open()   the kernel may fill it, a callback may read it
//   close()  the lease is over: under AddressSanitizer a read through a view that was kept ends the
//            program there and then, instead of finding another connection's bytes

#ifndef CACHEISMO_IO_RECEIVE_BUFFER_H_
#define CACHEISMO_IO_RECEIVE_BUFFER_H_

#include <memory>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHEISMO_POISONS_LEASES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CACHEISMO_POISONS_LEASES 1
#endif

#ifdef CACHEISMO_POISONS_LEASES
#include <sanitizer/asan_interface.h>
#endif

namespace cacheismo::io {

class ReceiveBuffer {
 public:
  ReceiveBuffer() : bytes_(std::make_unique_for_overwrite<char[]>(limits::receive_bytes)) {
    close();
  }
  ~ReceiveBuffer() { (void)open(); }
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

  [[nodiscard]] MutableBytes open() {
#ifdef CACHEISMO_POISONS_LEASES
    __asan_unpoison_memory_region(bytes_.get(), limits::receive_bytes);
#endif
    return {bytes_.get(), limits::receive_bytes};
  }

  void close() {
#ifdef CACHEISMO_POISONS_LEASES
    __asan_poison_memory_region(bytes_.get(), limits::receive_bytes);
#endif
  }

 private:
  std::unique_ptr<char[]> bytes_;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_RECEIVE_BUFFER_H_
