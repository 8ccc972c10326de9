// Copy: what `cacheismo copy FROM TO` does: makes one running node answer as another does.
//
//   pass 1   FROM --every item--> TO          (TO empty; with --resume a pass like those below)
//   pass 2+  TO   --each key-------------> has FROM it?      -- no: it goes at TO
//            FROM --digest of each item--> is TO's the same? -- no: the item again
//   all along FROM --what has changed since it was last asked--> TO
//   until a pass finds no difference and FROM has no change left to tell, or passes_max were made;
//   with --follow the changes go on until it is interrupted
//
//  1. What has changed at FROM, by whatever, is at TO once FROM has nothing left to tell.
//     No pass is needed for that unless FROM changes faster than it can tell (change_log_bytes).
//  2. Exit code 0 says that a whole pass has found no difference in kind, flags, bytes or time to
//     live (within ttl_slack_seconds, copy_difference.h) but in keys that were just changing, and
//     that afterwards there was a moment when FROM had nothing left to tell: copier.h.
//  3. Nothing is kept between runs: one that was interrupted is gone on with by comparing.
//
// Why not the lines of `watch`: they show no incr, no touch, no method that a get calls, nothing
// that a script does, no expiry, eviction or flush, and are dropped when a watcher is slow.
// What it is not: it copies nothing itself (copier.h); it finds the nodes and says what came of it.

#ifndef CACHEISMO_COPY_H_
#define CACHEISMO_COPY_H_

#include "cacheismo/copy_options.h"

namespace cacheismo {

/// Does it, and says on stderr how it goes. The exit code: 0 both answer the same; 1 they do not;
/// 71 a node could not be reached, refused, or was lost; or it was interrupted.
[[nodiscard]] int run_copy(const CopyOptions& options);

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_H_
