// Replies whose text is fixed, "\r\n" included. The wording is memcached's: clients compare it.

#ifndef CACHEISMO_PROTO_REPLIES_H_
#define CACHEISMO_PROTO_REPLIES_H_

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto::replies {

inline constexpr Bytes stored = "STORED\r\n";
inline constexpr Bytes not_stored = "NOT_STORED\r\n";
inline constexpr Bytes exists = "EXISTS\r\n";
inline constexpr Bytes not_found = "NOT_FOUND\r\n";
inline constexpr Bytes deleted = "DELETED\r\n";
inline constexpr Bytes touched = "TOUCHED\r\n";
inline constexpr Bytes end = "END\r\n";
inline constexpr Bytes ok = "OK\r\n";
inline constexpr Bytes reset = "RESET\r\n";
inline constexpr Bytes error = "ERROR\r\n";
inline constexpr Bytes meta_miss = "EN\r\n";
inline constexpr Bytes meta_noop = "MN\r\n";

inline constexpr Bytes bad_line = "CLIENT_ERROR bad command line format\r\n";
inline constexpr Bytes bad_chunk = "CLIENT_ERROR bad data chunk\r\n";
inline constexpr Bytes bad_exptime = "CLIENT_ERROR invalid exptime argument\r\n";
inline constexpr Bytes bad_delta = "CLIENT_ERROR invalid numeric delta argument\r\n";
inline constexpr Bytes non_numeric =
    "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
inline constexpr Bytes too_large = "SERVER_ERROR object too large for cache\r\n";
inline constexpr Bytes no_memory = "SERVER_ERROR out of memory storing object\r\n";
inline constexpr Bytes duplicate_flag = "CLIENT_ERROR duplicate flag\r\n";
inline constexpr Bytes invalid_flag = "CLIENT_ERROR invalid flag\r\n";
inline constexpr Bytes invalid_or_duplicate_flag = "CLIENT_ERROR invalid or duplicate flag\r\n";
inline constexpr Bytes bad_token = "CLIENT_ERROR bad token in command line format\r\n";
inline constexpr Bytes bad_initial = "CLIENT_ERROR invalid numeric initial value\r\n";
inline constexpr Bytes bad_delta_flag = "CLIENT_ERROR invalid numeric delta value\r\n";
inline constexpr Bytes opaque_too_long = "CLIENT_ERROR opaque token too long\r\n";
inline constexpr Bytes flags_too_long = "CLIENT_ERROR options flags are too long\r\n";
inline constexpr Bytes bad_mode_ms = "CLIENT_ERROR invalid mode for ms M token\r\n";
inline constexpr Bytes bad_mode_ma = "CLIENT_ERROR invalid mode for ma M token\r\n";
inline constexpr Bytes bad_base64 = "CLIENT_ERROR error decoding key\r\n";
inline constexpr Bytes too_many_connections = "ERROR Too many open connections\r\n";
inline constexpr Bytes no_pipelining_watch =
    "ERROR cannot pipeline other commands before watch\r\n";
inline constexpr Bytes no_pipelining_metadump =
    "ERROR cannot pipeline other commands before metadump\r\n";
inline constexpr Bytes no_pipelining_mgdump =
    "ERROR cannot pipeline other commands before mgdump\r\n";
inline constexpr Bytes metadump_disabled = "ERROR metadump not allowed\r\n";
inline constexpr Bytes mgdump_disabled = "ERROR key dump not allowed\r\n";
inline constexpr Bytes bad_prefix = "CLIENT_ERROR invalid prefix\r\n";
inline constexpr Bytes cachedump_disabled = "CLIENT_ERROR stats cachedump not allowed\r\n";
inline constexpr Bytes watch_disabled = "CLIENT_ERROR watch commands not allowed\r\n";
inline constexpr Bytes too_many_watchers = "WATCHER_TOO_MANY log watcher limit reached\r\n";
inline constexpr Bytes unauthenticated = "CLIENT_ERROR unauthenticated\r\n";
inline constexpr Bytes bad_credentials = "CLIENT_ERROR authentication failure\r\n";
inline constexpr Bytes auth_too_long = "CLIENT_ERROR auth token too long\r\n";
inline constexpr Bytes bad_auth_format = "CLIENT_ERROR bad authentication token format\r\n";
inline constexpr Bytes bad_auth_line = "CLIENT_ERROR bad command line termination\r\n";
inline constexpr Bytes shutdown_disabled = "ERROR: shutdown not enabled\r\n";
inline constexpr Bytes bad_shutdown_mode = "CLIENT_ERROR invalid shutdown mode\r\n";
inline constexpr Bytes flush_disabled = "CLIENT_ERROR flush_all not allowed\r\n";
inline constexpr Bytes no_binary =
    "ERROR the binary protocol is not supported, use the text protocol\r\n";

}  // namespace cacheismo::proto::replies

#endif  // CACHEISMO_PROTO_REPLIES_H_
