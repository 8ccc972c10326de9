#!/usr/bin/env bash
# script_tests_test.sh PROGRAM DIR...: runs `cacheismo test` and `cacheismo check` on each directory.
set -euo pipefail
program=$1
shift
for directory in "$@"; do
  echo "== $directory"
  "$program" check "$directory"
  "$program" test "$directory"
done
