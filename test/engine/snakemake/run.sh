#!/usr/bin/env bash
# Tests of Snakemake with genosched: the plugin's own tests, Snakemake's
# acceptance tests for executors, real workflows with faults and kills, and
# Snakemake's regression tests of cluster execution.
#   GENOSCHED=/path/to/genosched ./run.sh     default: the newest of build/*/bin
#   GENOSCHED_QUICK=1 ./run.sh                without the last and what is slow
# Ends with `N passed, N failed` and exits non-zero if anything failed.
set -uo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
passed=0
failed=0

if [ -z "${GENOSCHED:-}" ]; then
    # shellcheck disable=SC2012 # names of our own making
    GENOSCHED=$(ls -t "$root"/build/bin/genosched "$root"/build/*/bin/genosched \
        2>/dev/null | head -n 1)
fi
if [ ! -x "${GENOSCHED:-}" ]; then
    echo "run.sh: no genosched program (GENOSCHED='${GENOSCHED:-}', $root/build):" \
        "build it with cmake, or set GENOSCHED to the program" >&2
    echo "0 passed, 1 failed"
    exit 1
fi
GENOSCHED=$(realpath -- "$GENOSCHED")
export GENOSCHED

if ! venv=$("$root/snakemake-plugin/install-snakemake.sh" --test); then
    echo "0 passed, 1 failed"
    exit 1
fi

report=$(mktemp -d)
trap 'rm -rf -- "$report"' EXIT

# Runs one part with pytest's results in a file, and adds them up.
part() {
    local name=$1 file=$report/$1.xml
    shift
    echo "== $name" >&2
    "$@" --junitxml "$file" >&2
    local code=$? counts
    counts=$("$venv/bin/python" - "$file" <<'PY'
import sys, xml.etree.ElementTree as tree
try:
    suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
    total, bad, skipped = (
        sum(int(suite.get(key)) for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    print(total - bad - skipped, bad)
except (OSError, AttributeError, tree.ParseError):
    print(0, 1)
PY
    )
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    if [ "$code" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
        failed=$((failed + 1))
    fi
}

ruff_style() {
    # The style is one test; $2 is the file of the result.
    local bad=0
    "$venv/bin/ruff" check --config "$root/snakemake-plugin/pyproject.toml" \
        "$root/snakemake-plugin" "$here" &&
        "$venv/bin/ruff" format --check --config \
            "$root/snakemake-plugin/pyproject.toml" "$root/snakemake-plugin" "$here" ||
        bad=1
    printf '<testsuites><testsuite tests="1" failures="%d" errors="0" skipped="0"/>%s\n' \
        "$bad" '</testsuites>' >"$2"
    return "$bad"
}

export PYTHONDONTWRITEBYTECODE=1 AWS_DEFAULT_REGION=us-east-1
# The plugin of this tree, also where another checkout shares the environment.
export PYTHONPATH="$root/snakemake-plugin/src"
pytest=("$venv/bin/python" -m pytest -q -p no:cacheprovider --timeout 300)

part style ruff_style
part unit "${pytest[@]}" --rootdir "$root/snakemake-plugin" "$root/snakemake-plugin/tests"
part engine "${pytest[@]}" --rootdir "$here" "$here"
if [ "${GENOSCHED_QUICK:-0}" != 1 ]; then
    part regression "$here/regression.sh"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
