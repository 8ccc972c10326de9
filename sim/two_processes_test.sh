#!/usr/bin/env bash
# 50 seeds, two processes, one of them without address randomisation and in another environment: the
# hashes of everything that happened are the same.
set -euo pipefail
program=$1
arguments=(--seed 1 --seeds 50 --time 200ms --clients 6 --hashes)

"$program" "${arguments[@]}" >"$TEST_TMPDIR/first"
other=("$program" "${arguments[@]}")
if setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
  other=(setarch "$(uname -m)" --addr-no-randomize "${other[@]}")
fi
env -i MALLOC_PERTURB_=85 LC_ALL=C TZ=Pacific/Apia "${other[@]}" >"$TEST_TMPDIR/second"

[[ $(wc -l <"$TEST_TMPDIR/first") == 50 ]]
[[ $(sort -u -k2,2 "$TEST_TMPDIR/first" | wc -l) == 50 ]]  # each seed is a run of its own
diff "$TEST_TMPDIR/first" "$TEST_TMPDIR/second"
