#!/usr/bin/env bash
# House style that a machine can check: format, banned functions, sizes.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
bad=0 good=0
mapfile -t sources < <(git ls-files --cached --others --exclude-standard \
    'executor/*.[ch]' 'shim/*.[ch]' 'test/*.[ch]')

check() { # check NAME: standard input holds what is wrong
    local found
    found=$(cat)
    if [ -n "$found" ]; then
        bad=$((bad + 1))
        printf '%s:\n%s\n' "$1" "$found"
    else
        good=$((good + 1))
    fi
}

check "not as clang-format has it" < <(
    clang-format --dry-run "${sources[@]}" 2>&1 | grep -E 'warning:' |
        cut -d: -f1 | sort | uniq -c)

check "banned functions" < <(
    grep -nE '\b(strcpy|strcat|sprintf|strtok|atoi|atof|gets|system|popen|strncpy|localtime|gmtime|alloca)\(' \
        "${sources[@]}")

check "JSON in the shim" < <(grep -n 'cJSON' shim/*.[ch])

check "cJSON's parser outside base/json.c" < <(
    grep -lE 'cJSON_Parse' "${sources[@]}" |
        grep -vE '^(executor/base/json.c|test/.*)$')

check "files longer than 700 lines" < <(
    wc -l "${sources[@]}" | awk '$2 != "total" && $1 > 700')

check "lines longer than 80 columns" < <(
    awk 'length($0) > 80 {print FILENAME ":" FNR}' "${sources[@]}")

# A function starts at "{" in column one and ends at "}" there.
check "functions longer than 100 lines" < <(
    awk 'FNR == 1 {start = 0} /^\{/ {start = FNR} /^\}/ && start {
            if (FNR - start > 100) print FILENAME ":" start ": " FNR - start
            start = 0}' "${sources[@]}")

check "not pure" < <(
    grep -nE '\b(open|fopen|getenv|clock_gettime|time|rand|random)\(' \
        executor/{predict,schedule,genome}/*.c)

check "folders without a README" < <(
    for d in executor shim nextflow-plugin snakemake-plugin test examples; do
        [ -f "$d/README.md" ] || echo "$d/README.md"
    done)

echo "$good passed, $bad failed"
[ "$bad" -eq 0 ]
