// HttpReplyReader: the replies of an HTTP/1.1 server, out of a stream of bytes.
//
//   HTTP/1.1 200 OK                    -> head, status 200
//   Transfer-Encoding: chunked
//
//   5 CRLF hello CRLF                  -> body "hello"
//   0 CRLF trailers CRLF               -> end
//
//  1. A step consumes bytes or asks for more of them; what it hands out is a view into the input.
//  2. It keeps no bytes: what is not consumed is given again, with more behind it.
//  3. However the bytes are cut, the pieces of body add up to the same bytes.
//  4. Lines, heads and trailers are bounded (below); a body is not, that is for its user.
//
// It is not a whole client: a reply needs a Content-Length or chunks, so that its end does not
// depend on the connection's; interim replies (1xx), other codings and both lengths at once, which
// smuggle requests past proxies, are refused.

#ifndef CACHEISMO_CLUSTER_HTTP_REPLY_H_
#define CACHEISMO_CLUSTER_HTTP_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"

namespace cacheismo::cluster {

/// Longest line of a head or trailer, and all lines of one, bytes. Apache takes 8190 a line; etcd's
/// whole head has about 300.
inline constexpr std::size_t http_line_bytes_max = 8 * KiB;
inline constexpr std::size_t http_head_bytes_max = 16 * KiB;

struct HttpStep {
  enum class Is : std::uint8_t { need_more, head, body, end, reject };
  Is is = Is::need_more;
  std::size_t consumed = 0;   ///< of the input; with need_more too
  std::uint32_t status = 0;   ///< of head, 200 to 599
  Bytes body;                 ///< of body, not empty
  const char* why = nullptr;  ///< of reject
};

class HttpReplyReader {
 public:
  /// The next step of `input`, which begins behind what was consumed. After end the next reply
  /// begins; after reject it is a CHECK.
  [[nodiscard]] HttpStep next(Bytes input);

  /// The reply that has a head says that the connection ends with it.
  [[nodiscard]] bool closes() const { return closes_; }

 private:
  enum class At : std::uint8_t {
    status,
    header,
    body,
    chunk_size,
    chunk,
    chunk_end,
    trailer,
    dead
  };

  [[nodiscard]] const char* take_line(Bytes line, HttpStep& step);
  [[nodiscard]] const char* take_status(Bytes line);
  [[nodiscard]] const char* take_header(Bytes line);
  [[nodiscard]] const char* take_chunk_size(Bytes line);
  [[nodiscard]] const char* end_head(HttpStep& step);

  At at_ = At::status;
  std::uint32_t status_ = 0;
  std::size_t head_bytes_ = 0;  ///< of the lines so far
  std::uint64_t left_ = 0;      ///< of the body or of the chunk
  std::optional<std::uint64_t> length_;
  bool chunked_ = false;
  bool closes_ = false;
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_HTTP_REPLY_H_
