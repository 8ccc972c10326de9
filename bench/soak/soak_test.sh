#!/usr/bin/env bash
# The soak as a test: a million operations over a thousand connections. Under a sanitizer a daemon's
# memory says nothing, so there only the replies count, and a tenth of the load.
set -euo pipefail
daemon=cacheismo/cacheismo
options=(--operations 1000000)
if grep -q -e __asan_init -e __tsan_init "$daemon"; then
  options=(--operations 100000 --no-bound)
fi
exec bench/soak/cacheismo-soak --daemon "$daemon" "${options[@]}"
