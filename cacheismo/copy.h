// Copy: what `cacheismo copy FROM TO` does: makes one running node answer as another does.
//
//   pass 1   FROM --every item--> TO          (TO empty; with --resume a pass like those below)
//   pass 2+  TO   --each key-------------> has FROM it?      -- no: it goes at TO
//            FROM --digest of each item--> is TO's the same? -- no: the item again
//   until a pass finds no difference, or passes_max were made
//
//  1. What a pass leaves at TO is what FROM had at some moment of that pass. A key that does not
//     change from the start of the last pass on is the same at both, however it was changed before:
//     by commands, methods, scripts, expiry, eviction or a flush.
//  2. Exit code 0 says that a whole pass has found no difference: kind, flags, bytes, and the time
//     to live within ttl_slack_seconds (copy_difference.h).
//  3. Nothing is kept between runs: one that was interrupted is gone on with by comparing.
//
// Why not the lines of `watch`: they show no incr, no touch, no method that a get calls, nothing
// that a script does, no expiry, eviction or flush, and are dropped when a watcher is slow.

#ifndef CACHEISMO_COPY_H_
#define CACHEISMO_COPY_H_

#include "cacheismo/copy_options.h"

namespace cacheismo {

/// Does it, and says on stderr how it goes. The exit code: 0 both answer the same; 1 they do not;
/// 71 a node could not be reached, refused, or was lost; or it was interrupted.
[[nodiscard]] int run_copy(const CopyOptions& options);

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_H_
