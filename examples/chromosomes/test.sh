#!/usr/bin/env bash
# Tests the example on a small cohort: the generator, both engines through
# genosched ($GENOSCHED, default: build/release/bin/genosched), their results
# against the true genotypes, and the report. Ends with "N passed, N failed".
#   test.sh          a cohort of 40 people on chromosomes of 2 % of their length
#   test.sh --full   the cohort of the quickstart
# It leaves nothing behind but caches; where a check fails, its folder is kept.
set -uo pipefail
example="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
top="$(cd "$example/../.." && pwd)"
. "$top/examples/lib.sh"

size=(--scale 0.02 --targets 40 --panel 100)
[ "${1:-}" != --full ] || size=()

GENOSCHED="$(realpath "${GENOSCHED:-$top/build/release/bin/genosched}")"
export GENOSCHED
[ -x "$GENOSCHED" ] || fail "there is no genosched to test: $GENOSCHED" \
    "it has not been built, or GENOSCHED names another file" \
    "cmake --preset release && cmake --build --preset release"
PATH="$(dirname "$GENOSCHED"):$PATH"

scratch="$(mktemp -d "${TMPDIR:-/tmp}/genosched-example-XXXXXX")"
export GENOSCHED_STATE="$scratch/state"
passed=0
failed=0

# check NAME COMMAND…: one test, by the command's exit code.
check() {
    local name="$1" log="$scratch/check.log" began=$SECONDS
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %s (%s s)\n' "$name" "$((SECONDS - began))"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$name"
        tail -n 30 "$log" | sed 's/^/        /'
    fi
}

finish() {
    [ "$failed" -gt 0 ] || rm -rf "$scratch"
    [ "$failed" -eq 0 ] || printf 'kept: %s\n' "$scratch"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
    exit
}

# prepare NAME COMMAND…: what the tests need; without it there is no going on.
prepare() {
    local before=$failed
    check "$@"
    [ "$failed" -eq "$before" ] || finish
}

generate() {
    "$CACHE/cohort-venv/bin/python" "$example/make_cohort.py" "$@"
}

install_engines() {
    "$top/nextflow-plugin/install-nextflow.sh" >"$scratch/nextflow.path" &&
        install_nf_plugin "$top" &&
        "$top/snakemake-plugin/install-snakemake.sh" >"$scratch/snakemake.path"
}

header_is_whole() {
    local table="$1" wanted
    wanted="$(printf 'sample\ttotal'
        for n in $(seq 22); do printf '\tchr%d' "$n"; done)"
    [ "$(head -n 1 "$table")" = "$wanted" ] &&
        [ "$(wc -l <"$table")" -eq "$(wc -l <"$cohort/truth/scores.tsv")" ]
}

# Every step of every chromosome has succeeded, and all its figures are there.
report_is_whole() {
    python3 "$example/report.py" --tsv "$1" | tee "$scratch/report" |
        awk -F '\t' 'NR > 1 && $1 != "-" {
            rows++
            if ($3 != "succeeded" || $5 <= 0 || $6 <= 0 || $7 <= 0 || $8 <= 0) {
                bad++; print
            }
            if ($7 > $6) { bad++; print "over the limit:", $0 }
        } END { print rows + 0, "rows"; exit !(rows == 88 && !bad) }'
}

table_report_is_whole() {
    python3 "$example/report.py" "$1" >"$scratch/table" &&
        [ "$(grep -c '^chr[0-9]' "$scratch/table")" -eq 22 ] &&
        grep -q '^greatest ' "$scratch/table"
}

# The heap comes from the grant: genosched's variable is what Java picked up,
# and no pipeline names a heap of its own.
heap_is_granted() {
    ! grep -n 'Xmx' "$example/main.nf" "$example/nextflow.config" \
        "$example/Snakefile" &&
        [ "$(grep -l 'Picked up _JAVA_OPTIONS:.*-Xmx' \
            "$scratch"/snakemake/logs/impute/chr*.log | wc -l)" -eq 22 ] &&
        [ "$(grep -rl --include=.command.log \
            'Picked up _JAVA_OPTIONS:.*-Xmx' "$scratch/nextflow/work" |
            wc -l)" -ge 44 ]
}

quality_control_works() {
    local qc="$scratch/snakemake/work/chr1.qc.vcf.gz"
    local raw="$cohort/target/chr1.vcf.gz"
    [ "$(bcftools view -H "$raw" | cut -f 2 | uniq -d | wc -l)" -gt 0 ] &&
        [ "$(bcftools view -H "$qc" | cut -f 2 | uniq -d | wc -l)" -eq 0 ] &&
        [ "$(bcftools view -H -i 'F_MISSING>=0.05' "$raw" | wc -l)" -gt 0 ] &&
        [ "$(bcftools view -H -i 'F_MISSING>=0.05' "$qc" | wc -l)" -eq 0 ]
}

merge_ignores_order() {
    local work="$scratch/snakemake/work"
    # shellcheck disable=SC2046  # the names hold no spaces
    (cd "$work" && "$example/bin/merge_scores.py" \
        $(printf '%s\n' chr*.sscore | sort -r)) |
        cmp - "$scratch/snakemake/results/scores.tsv"
}

wrong_call_is_refused() {
    local said
    ! said="$("$top/examples/quickstart.sh" "$@" 2>&1)" &&
        grep -q '^error: ' <<<"$said" && grep -q '^  do: ' <<<"$said"
}

differ() { ! cmp -s "$1" "$2"; }

prepare "tools are installed" "$top/examples/install-tools.sh"
prepare "engines are installed" install_engines
nextflow="$(cat "$scratch/nextflow.path")"
snakemake="$(cat "$scratch/snakemake.path")/bin/snakemake"

cohort="$scratch/cohort"
prepare "a cohort is made" generate "${size[@]}" --out "$cohort" --jobs 2
check "and once more, one chromosome after the other" \
    generate "${size[@]}" --out "$scratch/again" --jobs 1
check "the same parameters give the same bytes" \
    diff -r "$cohort" "$scratch/again"
check "another seed gives another cohort" generate "${size[@]}" --seed 2 \
    --chromosomes chr22 --out "$scratch/other"
check "really another one" differ "$cohort/target/chr22.vcf.gz" \
    "$scratch/other/target/chr22.vcf.gz"

check "Nextflow runs the pipeline through genosched" \
    run_nextflow "$nextflow" "$example" "$scratch/nextflow" "$cohort"
check "Snakemake runs the workflow through genosched" \
    run_snakemake "$snakemake" "$example" "$scratch/snakemake" "$cohort" \
    --genosched-run-id example-test
check "both tables are the same" cmp "$scratch/nextflow/results/scores.tsv" \
    "$scratch/snakemake/results/scores.tsv"
check "every chromosome and person is in the table" \
    header_is_whole "$scratch/nextflow/results/scores.tsv"
check "the scores fit the true genotypes, r > 0.9" \
    python3 "$example/compare_scores.py" --least 0.9 \
    "$scratch/nextflow/results/scores.tsv" "$cohort/truth/scores.tsv"
cat "$scratch/check.log"
check "quality control removes what it should" quality_control_works
check "the merge does not depend on the order" merge_ignores_order
check "Java's heap comes from what was granted" heap_is_granted
check "the report of Nextflow's run is whole" \
    report_is_whole "$(nextflow_run_id "$scratch/nextflow")"
check "the report of Snakemake's run is whole" report_is_whole example-test
check "and so is the report for people" table_report_is_whole example-test
check "quickstart.sh refuses another engine" wrong_call_is_refused --only make
check "quickstart.sh refuses an unknown option" wrong_call_is_refused --nope
check "quickstart.sh explains itself" "$top/examples/quickstart.sh" --help
finish
