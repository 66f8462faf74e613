# Shared by run.sh and bench.sh: where things are, how Nextflow is started,
# and how a check is counted. Sourced, not run.

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
passed=0
failed=0

say() { printf '%s\n' "$*" >&2; }
die() { say "$0: $*"; exit 1; }

# The genosched under test, as an absolute path.
find_genosched() {
    local found="${GENOSCHED:-}" preset
    for preset in debug asan release; do
        [ -n "$found" ] && break
        [ ! -x "$root/build/$preset/bin/genosched" ] ||
            found="$root/build/$preset/bin/genosched"
    done
    [ -n "$found" ] || [ ! -x "$root/build/bin/genosched" ] ||
        found="$root/build/bin/genosched"
    [ -n "$found" ] && [ -x "$found" ] ||
        die "no genosched to test: build it (cmake --preset debug && cmake" \
            "--build --preset debug) or set GENOSCHED to the program"
    readlink -f "$found"
}

# Makes $scratch, Nextflow and the plugin; sets nextflow, genosched.
set_up() {
    genosched="$(find_genosched)" || exit 1
    scratch="$(mktemp -d "${TMPDIR:-/tmp}/genosched-nextflow.XXXXXX")"
    nextflow="$("$root/nextflow-plugin/install-nextflow.sh")" ||
        die "Nextflow could not be installed (see above)"
    export NXF_HOME="$scratch/nxf-home" NXF_PLUGINS_DIR="$scratch/plugins"
    export NXF_PLUGINS_DEFAULT=nf-genosched@0.1.0 NXF_ANSI_LOG=false
    # Small and quick: many short launches, on a machine that has other work.
    export NXF_OPTS="${NXF_OPTS:--Xms64m -XX:TieredStopAtLevel=1}"
    unset GENOSCHED_CONFIG GENOSCHED_STATE
    # What other genoscheds of this user have reserved is not our business.
    export GENOSCHED_LEDGER="$scratch/ledger"
    "$root/nextflow-plugin/build.sh" --plugins-dir "$NXF_PLUGINS_DIR" \
        --target "$scratch/target" --skip-tests >/dev/null ||
        die "the plugin could not be built (see above)"
}

# A folder of its own for a launch, with the configuration on stdin laid over
# the common one; prints the folder.
launch_dir() {
    local dir="$scratch/$1"
    mkdir -p "$dir"
    {
        cat <<CONFIG
process.executor = 'genosched'
process.memory = '100 MB'
genosched {
    binary = '$genosched'
    stateDir = '$scratch/state'
    predict = false
}
trace {
    enabled = true
    overwrite = true
    file = 'trace.txt'
    raw = true
    fields = 'name,status,exit,attempt,hash,native_id,hostname,realtime,%cpu,peak_rss,rss,write_bytes,memory,workdir,genosched_id,genosched_limit,genosched_request,genosched_peak,genosched_attempts,genosched_reason'
}
CONFIG
        cat
    } >"$dir/nextflow.config"
    printf '%s\n' "$dir"
}

# nf DIR ARGS…: runs Nextflow in DIR; its words go to DIR/out, its status is
# the answer. A launch that hangs is ended after three minutes.
nf() {
    local dir="$1"
    shift
    (cd "$dir" && exec timeout -k 20 180 "$nextflow" "$@" >out 2>&1)
}

# nf_start DIR ARGS…: the same in the background; sets nf_pid, the JVM's.
nf_start() {
    local dir="$1"
    shift
    (cd "$dir" && exec "$nextflow" "$@" >out 2>&1) &
    nf_pid=$!
}

# check WHAT COMMAND…: one assertion.
check() {
    local what="$1"
    shift
    if "$@"; then
        passed=$((passed + 1))
        say "  ok    $what"
    else
        failed=$((failed + 1))
        say "  FAIL  $what   [$*]"
    fi
}

equal() { [ "$1" = "$2" ] || { say "        '$1' is not '$2'"; return 1; }; }

has() { grep -qF -- "$2" "$1" || { say "        no '$2' in $1"; return 1; }; }

has_not() { ! grep -qF -- "$2" "$1" || { say "        '$2' in $1"; return 1; }; }

# count FILE TEXT: lines with TEXT.
count() { grep -cF -- "$2" "$1" 2>/dev/null || true; }

# traced DIR NAME FIELD: a field of the last trace line of the task NAME.
traced() {
    awk -F '\t' -v name="$2" -v field="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
        $col["name"] == name { value = $col[field] }
        END { print value }' "$1/trace.txt"
}

# within VALUE LOW HIGH
within() {
    awk -v v="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(v ~ /^[0-9.]+$/ && v >= a && v <= b) }' ||
        { say "        '$1' is not from $2 to $3"; return 1; }
}

# wait_until SECONDS COMMAND…
wait_until() {
    local left=$(($1 * 10))
    shift
    while ! "$@" 2>/dev/null; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}

lines_at_least() { [ "$(count "$1" "$2")" -ge "$3" ]; }

# show DIR: what a failed launch said, for the reader of the report.
show() { [ "$failed" -eq "${shown:-0}" ] || { shown=$failed; sed 's/^/        | /' "$1/out" | tail -n 30 >&2; }; }

finish() {
    if [ "$failed" -eq 0 ] && [ -z "${KEEP:-}" ]; then
        rm -rf "$scratch"
    else
        say "kept: $scratch"
    fi
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
