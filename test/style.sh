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

clang-format --dry-run "${sources[@]}" 2>&1 | grep -E 'warning:' |
    cut -d: -f1 | sort | uniq -c | check "not as clang-format has it"

grep -nE '\b(strcpy|strcat|sprintf|strtok|atoi|atof|gets|system|popen|strncpy|localtime|gmtime|alloca)\(' \
    "${sources[@]}" | check "banned functions"

grep -nE '#include [<"]cjson/cJSON.h' "${sources[@]}" |
    grep -E 'shim/' | check "JSON in the shim"

grep -lE 'cJSON_Parse' "${sources[@]}" | grep -v '^executor/base/json.c$' |
    grep -v '^test/' | check "cJSON's parser outside base/json.c"

wc -l "${sources[@]}" | awk '$2 != "total" && $1 > 700' |
    check "files longer than 700 lines"

awk 'length($0) > 80 {print FILENAME ":" FNR}' "${sources[@]}" |
    check "lines longer than 80 columns"

# A function starts at "{" in column one and ends at "}" there.
awk 'FNR == 1 {start = 0} /^\{/ {start = FNR} /^\}/ && start {
        if (FNR - start > 100) print FILENAME ":" start ": " FNR - start
        start = 0}' "${sources[@]}" | check "functions longer than 100 lines"

for dir in executor/predict executor/schedule executor/genome; do
    grep -nE '\b(open|fopen|getenv|clock_gettime|time|rand|random)\(' \
        "$dir"/*.c
done | check "not pure"

for d in executor shim nextflow-plugin snakemake-plugin test examples; do
    [ -f "$d/README.md" ] || echo "$d/README.md"
done | check "folders without a README"

echo "$good passed, $bad failed"
[ "$bad" -eq 0 ]
