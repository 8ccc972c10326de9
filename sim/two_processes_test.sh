#!/usr/bin/env bash
# 50 seeds of one node and 20 of a cluster, two processes, one of them without address randomisation
# and in another environment: the hashes of everything that happened are the same.
set -euo pipefail
program=$1

alone=()
if setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
  alone=(setarch "$(uname -m)" --addr-no-randomize)
fi

# compare SEEDS ARGUMENT...
compare() {
  local seeds=$1
  shift
  "$program" --hashes --seed 1 --seeds "$seeds" "$@" >"$TEST_TMPDIR/first"
  env -i MALLOC_PERTURB_=85 LC_ALL=C TZ=Pacific/Apia ${alone[@]+"${alone[@]}"} "$program" \
    --hashes --seed 1 --seeds "$seeds" "$@" >"$TEST_TMPDIR/second"
  [[ $(wc -l <"$TEST_TMPDIR/first") == "$seeds" ]]
  [[ $(sort -u -k2,2 "$TEST_TMPDIR/first" | wc -l) == "$seeds" ]]  # each seed is a run of its own
  diff "$TEST_TMPDIR/first" "$TEST_TMPDIR/second"
}

compare 50 --time 200ms --clients 6
compare 20 --time 500ms --clients 6 --nodes 3
