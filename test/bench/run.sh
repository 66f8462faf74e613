#!/usr/bin/env bash
# What genosched costs beside the engines' own executors, in one run.
#
#   test/bench/run.sh            500 tasks an executor (half an hour)
#   test/bench/run.sh --quick    small, only to see that it works
#
# Prints figures and ratios; fails when something does not run, or when the
# resident memory with 10,000 tasks passes 60 MiB, never on a time.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
binary=${GENOSCHED_RELEASE:-$PWD/build/release/bin/genosched}
tasks=500 jobs=500 rounds=3
[ "${1:-}" = --quick ] && tasks=40 jobs=12 rounds=1
passed=0 failed=0
part() {
    local name=$1
    shift
    echo "== $name"
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$name FAILED"
    fi
}

core() {
    local got
    got=$(python3 test/bench/core.py "$binary" --json) || return 1
    python3 - "$got" <<'PY'
import json, sys
got = json.loads(sys.argv[1])
for key, value in got.items():
    print(f"{key:22} {value:12.1f}")
if got["rss_after_polls_mib"] > 60:
    sys.exit("more than 60 MiB resident with 10,000 tasks")
for key in ("idle_cpu_percent", "settle_cpu_percent"):
    if got[key] > 5:
        sys.exit(f"{key} is {got[key]:.0f}: waiting must cost next to nothing")
PY
}

part "genosched alone, 10,000 tasks" core
part "Nextflow, $tasks tasks of true" env GENOSCHED="$binary" \
    bash test/engine/nextflow/bench.sh --tasks "$tasks" --rounds "$rounds"
part "Snakemake, $jobs jobs of true" env GENOSCHED="$binary" \
    bash test/engine/snakemake/bench.sh "$jobs"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
