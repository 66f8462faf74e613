#!/usr/bin/env bash
# What the world does to genosched: full disks, rude engines, signals, clocks.
# Takes the binary from $GENOSCHED; ends with "N passed, N failed".
#
#   test/fault/run.sh [CASE …]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
GENOSCHED=${GENOSCHED:-$PWD/../../build/asan/bin/genosched}
if [ ! -x "$GENOSCHED" ]; then
    echo "no genosched at $GENOSCHED: build it, or set GENOSCHED" >&2
    echo "0 passed, 1 failed"
    exit 1
fi
exec python3 fault.py "$GENOSCHED" "$@"
