#!/usr/bin/env bash
# From a fresh Debian 12 to a chromosome-parallel workflow that has run through
# genosched, by Nextflow and by Snakemake. See --help.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
top="$(dirname "$here")"
. "$here/lib.sh"

example="$here/chromosomes"
bin="$top/build/release/bin"
out="$top/build/quickstart"
engines=(nextflow snakemake)
declare -A run_id=()
watcher=""

usage() {
    cat <<USAGE
Usage: examples/quickstart.sh [--only nextflow|snakemake] [--out DIR]

Installs what is needed, builds genosched and its plugins, simulates a small
cohort, runs the example on it through Nextflow and through Snakemake, and
shows what each chromosome was given and what it used.

  --only ENGINE  only this engine: nextflow or snakemake
  --out DIR      where the engines run and leave their results
                 (default: build/quickstart in the checkout)
  --help         this text

Packages come from Debian by apt-get, as root or through sudo. Everything else
goes to ~/.cache/genosched, ~/.nextflow/plugins, ~/.local/state/genosched and
build/. Running it again does only what is still to do: delete DIR to run the
engines from the start.
USAGE
}

usage_error() {
    usage >&2
    fail "$1" "that is not how this script is called" "see above"
}

while [ $# -gt 0 ]; do
    case "$1" in
    --only)
        case "${2:-}" in
        nextflow | snakemake) engines=("$2") ;;
        *) usage_error "--only needs nextflow or snakemake" ;;
        esac
        shift 2
        ;;
    --out)
        [ -n "${2:-}" ] || usage_error "--out needs a folder"
        out="$(realpath -m "$2")"
        shift 2
        ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error "unknown option '$1'" ;;
    esac
done

number=0
step() {
    number=$((number + 1))
    printf '\n[%d/%d] %s\n' "$number" "$((5 + 2 * ${#engines[@]}))" "$1"
}

# logged NAME DO COMMAND…: runs it with its talk in a log file; where it fails,
# shows the log's end and says what to do.
logged() {
    local name="$1" remedy="$2" log="$out/logs/$1.log" began=$SECONDS
    shift 2
    if ! "$@" >"$log" 2>&1 9>&-; then
        tail -n 30 "$log" >&2
        fail "the step '$name' failed" \
            "see the lines above; the whole log is $log" "$remedy"
    fi
    printf '      done in %s s\n' "$((SECONDS - began))"
}

build() {
    cmake --preset release && cmake --build --preset release
}

prepare_nextflow() {
    local remedy="check that this machine reaches Maven Central and has space, then run this again"
    step "Nextflow and the plugin nf-genosched"
    logged install-nextflow "$remedy" install_nextflow
    nextflow="$(cat "$out/logs/nextflow.path")"
    logged nf-genosched "$remedy" install_nf_plugin "$top"
}

install_nextflow() {
    "$top/nextflow-plugin/install-nextflow.sh" >"$out/logs/nextflow.path"
}

prepare_snakemake() {
    step "Snakemake and its plugin"
    logged install-snakemake \
        "check that this machine reaches the Python package index, then run this again" \
        install_snakemake
    snakemake="$(cat "$out/logs/snakemake.path")/bin/snakemake"
}

install_snakemake() {
    "$top/snakemake-plugin/install-snakemake.sh" >"$out/logs/snakemake.path"
}

# Prints how far the engine in our folder is, every 15 seconds, until stopped.
progress() {
    while sleep 15 >/dev/null 2>&1; do
        genosched status --json 2>/dev/null | python3 -c '
import json, sys
run = json.load(sys.stdin)
count = run["counts"]
if run["live"] and run["workdir"].startswith(sys.argv[1] + "/"):
    print("      {} of 89 tasks done, {} running, {:.1f} GiB in use".format(
        count["succeeded"], count["running"] + count["dispatched"],
        run["in_use"]["memory_bytes"] / 2**30))' "$out" 2>/dev/null || true
    done
}

# with_progress COMMAND…: runs it in the foreground, so that Ctrl-C reaches it.
with_progress() {
    progress 9>&- &
    watcher=$!
    "$@"
    stop_progress
}

stop_progress() {
    [ -n "$watcher" ] || return 0
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    watcher=""
}
trap stop_progress EXIT

packages() {
    apt_install ca-certificates git procps unzip python3 python3-venv \
        build-essential cmake ninja-build pkg-config \
        libcurl4-gnutls-dev libcjson-dev libyaml-dev libhts-dev \
        libsqlite3-dev maven openjdk-17-jdk-headless
    "$here/install-tools.sh" >/dev/null
}

run_engine() {
    local engine="$1"
    case "$engine" in
    nextflow)
        with_progress logged nextflow \
            "mend what the log says, then run this again: it goes on from there" \
            run_nextflow "$nextflow" "$example" "$out/nextflow" "$cohort"
        run_id[nextflow]="$(nextflow_run_id "$out/nextflow")"
        ;;
    snakemake)
        run_id[snakemake]="quickstart-$(printf '%s' "$out" |
            sha256sum | cut -c 1-12)"
        with_progress logged snakemake \
            "mend what the log says (a lock that a killed run left: rm -r $out/snakemake/.snakemake/locks), then run this again: it goes on from there" \
            run_snakemake "$snakemake" "$example" "$out/snakemake" "$cohort" \
            --genosched-run-id "${run_id[snakemake]}"
        ;;
    esac
}

compare() {
    local engine
    if [ ${#engines[@]} -eq 2 ]; then
        cmp "$out/nextflow/results/scores.tsv" \
            "$out/snakemake/results/scores.tsv" || fail \
            "the tables of the two engines are not the same" \
            "they were made from other data or by other tools, or there is a bug" \
            "delete $out and run this again; report it if it stays"
        echo "      both tables are the same, byte for byte"
    fi
    engine="${engines[0]}"
    printf '      '
    python3 "$example/compare_scores.py" "$out/$engine/results/scores.tsv" \
        "$cohort/truth/scores.tsv" || fail \
        "the scores are far from those of the true genotypes" \
        "r should be at least 0.9: see the line above" \
        "look at $out/$engine, and report it"
}

show() {
    local engine task="impute (chromosome=chr1)"
    for engine in "${engines[@]}"; do
        printf '\n%s (run %s)\n' "$engine" "${run_id[$engine]}"
        python3 "$example/report.py" "${run_id[$engine]}"
    done
    [ "${engines[0]}" = snakemake ] || task="IMPUTE (chr1)"
    cat <<NEXT

The scores:  $out/${engines[0]}/results/scores.tsv
What next:
  export PATH="$bin:\$PATH"
  genosched status --list
  genosched tasks --sort peak --reverse ${run_id[${engines[0]}]}
  genosched explain --run ${run_id[${engines[0]}]} '$task'
  genosched doctor
In a pipeline of your own: README.md, and examples/chromosomes/README.md.
NEXT
}

mkdir -p "$out/logs" || fail "cannot make the folder $out/logs" \
    "see the line above" "name another one with --out DIR"
exec 9>"$out/.lock"
flock -n 9 || fail "another quickstart.sh is using $out" \
    "two runs in one folder would disturb each other" \
    "wait for it, or name another folder with --out DIR"
began=$SECONDS

step "Debian packages and tools (first time: a few minutes)"
packages

step "genosched (cmake --preset release)"
cd "$top"
logged build "mend what the compiler says; a clean start: rm -rf build/release" \
    build
export PATH="$bin:$PATH" GENOSCHED="$bin/genosched"
genosched version | head -n 1 | sed 's/^/      /'

for engine in "${engines[@]}"; do
    "prepare_$engine"
done

step "What is in force on this machine (genosched doctor)"
genosched doctor | sed 's/^/      /' || true

step "A cohort of 100 people and 22 chromosomes (about half a minute)"
# shellcheck disable=SC2086  # options, for tests: a smaller cohort
cohort="$("$CACHE/cohort-venv/bin/python" "$example/make_cohort.py" \
    ${GENOSCHED_COHORT:-})"

for engine in "${engines[@]}"; do
    step "The workflow by $engine: 89 tasks"
    run_engine "$engine"
done

step "Results"
compare
show
printf '\nAll done in %s min %s s.\n' "$(((SECONDS - began) / 60))" \
    "$(((SECONDS - began) % 60))"
