#!/usr/bin/env bash
# Installs what the tests need, builds with sanitizers, and runs every test.
#
#   test/run.sh            all of them
#   test/run.sh SUITE …    only these (test/run.sh --list names them)
#
# Caches what is slow to make in ${XDG_CACHE_HOME:-~/.cache}/genosched. The
# output of each suite is kept in build/test/SUITE.log. Ends with the line
# "N passed, N failed"; a suite whose part is missing fails and says why.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
top=$PWD
logs=$top/build/test
export CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/genosched
export GENOSCHED=$top/build/asan/bin/genosched
export GENOSCHED_RELEASE=$top/build/release/bin/genosched
# Other runs of this machine's user must not take room from the tests.
GENOSCHED_LEDGER=$(mktemp -d "${TMPDIR:-/tmp}/genosched-ledger.XXXXXX")
export GENOSCHED_LEDGER
trap 'rm -rf "$GENOSCHED_LEDGER"' EXIT
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

packages=(cmake ninja-build gcc pkg-config git ca-certificates clang-format
    libcurl4-gnutls-dev libcjson-dev libyaml-dev libhts-dev libsqlite3-dev
    libcmocka-dev python3 python3-venv util-linux faketime)

install() {
    local missing=()
    for p in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null |
            grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "missing packages: ${missing[*]}; install them as root:" \
                "apt-get install ${missing[*]}" >&2
            return 1
        }
        sudo=(sudo)
    fi
    "${sudo[@]}" apt-get -qq -o DPkg::Lock::Timeout=600 update &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
            -o DPkg::Lock::Timeout=600 install --no-install-recommends \
            "${missing[@]}"
}

build() {
    cmake --preset asan && cmake --build --preset asan &&
        cmake --preset release && cmake --build --preset release
}

# suite NAME: what it runs. Each prints "N passed, N failed" as its last
# line, or is counted as one test by its exit code.
style() { bash test/style.sh; }
unit() {
    # ctest's own words for the counts
    local out
    out=$(ctest --preset asan -j2 2>&1)
    local rc=$?
    echo "$out"
    echo "$out" | sed -n 's/.*tests passed, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' |
        while read -r bad all; do echo "$((all - bad)) passed, $bad failed"; done
    return $rc
}
conformance() { python3 test/conformance/run.py "$GENOSCHED"; }
cli() { bash test/cli/run.sh; }
fault() { bash test/fault/run.sh; }
crash() { python3 test/crash/crash.py "$GENOSCHED_RELEASE" --kills 200; }
cgroup2() { bash test/local-v2/run.sh; }
nextflow() { bash test/engine/nextflow/run.sh; }
snakemake() { bash test/engine/snakemake/run.sh; }
example() { bash examples/chromosomes/test.sh; }
readme() { python3 test/readme.py "$GENOSCHED_RELEASE" build/release; }
# The first of the README's two commands, on a small cohort.
quickstart() {
    local out rc=0
    out=$(mktemp -d "${TMPDIR:-/tmp}/genosched-quickstart.XXXXXX")
    GENOSCHED_STATE=$out/state GENOSCHED_COHORT="--scale 0.02 --targets 40 --panel 100" \
        bash examples/quickstart.sh --out "$out" || rc=$?
    [ "$rc" -ne 0 ] || rm -rf "$out"
    return "$rc"
}
bench() { bash test/bench/run.sh --quick; }

suites=(style unit conformance cli readme fault crash cgroup2 nextflow snakemake
    example quickstart bench)

passed=0 failed=0 broken=()
run() {
    local name=$1 log=$logs/$1.log began=$SECONDS rc last p f
    say "$name …"
    (set -e; "$name") >"$log" 2>&1 </dev/null
    rc=$?
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    p=$(echo "${last:-}" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    f=$(echo "${last:-}" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
    p=${p:-$((rc == 0))} f=${f:-$((rc != 0))}
    [ "$rc" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f))
    if [ "$f" -ne 0 ]; then
        broken+=("$name")
        say "$name FAILED: $p passed, $f failed, $((SECONDS - began)) s"
        tail -n 60 "$log" | sed 's/^/    /'
    else
        say "$name: $p passed, $((SECONDS - began)) s"
    fi
}

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${suites[@]}"
    exit 0
fi
mkdir -p "$logs" "$CACHE"
say "installing what the tests need"
install >"$logs/install.log" 2>&1 || {
    tail -n 20 "$logs/install.log"
    echo "0 passed, 1 failed"
    exit 1
}
say "building"
build >"$logs/build.log" 2>&1 || {
    tail -n 40 "$logs/build.log"
    echo "0 passed, 1 failed"
    exit 1
}
for s in "${@:-${suites[@]}}"; do run "$s"; done
[ ${#broken[@]} -eq 0 ] || say "failed: ${broken[*]}; see build/test/*.log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
