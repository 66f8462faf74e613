#!/usr/bin/env bash
# What a task costs: N tasks of `true` with Nextflow's own local executor and
# with genosched, in turn, in one go, and the ratios.
#
# Usage: bench.sh [--tasks N] [--rounds N]     (default: 500 tasks, 3 rounds)
# GENOSCHED=PROGRAM   the genosched to measure (default: build/…/bin/genosched;
#                     measure a release build)
# Talk goes to stderr; stdout has one line a launch and a JSON object at the
# end: medians of wall and CPU seconds (Nextflow, genosched and the tasks
# together) and genosched divided by local.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tasks=500
rounds=3

while [ $# -gt 0 ]; do
    case "$1" in
    --tasks) tasks="${2:?--tasks needs a number}"; shift 2 ;;
    --rounds) rounds="${2:?--rounds needs a number}"; shift 2 ;;
    *) die "unknown option '$1' (there are --tasks N and --rounds N)" ;;
    esac
done

# measure EXECUTOR ROUND TASKS: prints "wall cpu" in seconds.
measure() {
    local dir
    dir="$(launch_dir "$1-$2-$3" <<<"process.executor = '$1'
process.memory = null
trace.enabled = false")"
    python3 - "$dir" "$nextflow" run "$here/pipelines/many.nf" \
        --tasks "$3" --out "$dir/out.d" <<'PY' || die "the launch failed: $(tail -n 5 "$dir/out")"
import ctypes, os, resource, subprocess, sys, time
folder, command = sys.argv[1], sys.argv[2:]
# What outlives its parent becomes a child of this process, so that its CPU
# time is counted too (PR_SET_CHILD_SUBREAPER).
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
with open(f"{folder}/out", "wb") as out:
    begin = time.monotonic()
    status = subprocess.call(command, cwd=folder, stdout=out, stderr=out)
wall = time.monotonic() - begin
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{wall:.2f} {used.ru_utime + used.ru_stime:.2f}")
sys.exit(status)
PY
    [ "$(wc -l <"$dir/out.d/many.txt")" -eq "$3" ] ||
        die "the launch gave not all of its results"
    rm -rf "$dir"
}

set_up
# The JVM as a user has it.
unset NXF_OPTS
results="$scratch/results"
for round in $(seq "$rounds"); do
    for executor in local genosched; do
        figures="$(measure "$executor" "$round" "$tasks")" || exit 1
        echo "$executor $figures" >>"$results"
        echo "round $round: $executor, $tasks tasks: ${figures% *} s wall, ${figures#* } s CPU"
    done
done
empty="$(measure local 0 1)" || exit 1
echo "1 task: ${empty% *} s wall, ${empty#* } s CPU (the start of Nextflow)"

python3 - "$results" "$tasks" "$rounds" ${empty} <<'PY'
import json, statistics, sys
path, tasks, rounds, wall0, cpu0 = sys.argv[1], *map(float, sys.argv[2:])
runs = {"local": [], "genosched": []}
for line in open(path):
    name, wall, cpu = line.split()
    runs[name].append((float(wall), float(cpu)))
mid = {n: [statistics.median(r[i] for r in rs) for i in (0, 1)] for n, rs in runs.items()}
per = {n: {"wall_ms": round((w - wall0) / (tasks - 1) * 1000, 1),
           "cpu_ms": round((c - cpu0) / (tasks - 1) * 1000, 1)} for n, (w, c) in mid.items()}
print(json.dumps({
    "benchmark": "nextflow", "tasks": int(tasks), "rounds": int(rounds),
    "wall_s": {n: round(v[0], 2) for n, v in mid.items()},
    "cpu_s": {n: round(v[1], 2) for n, v in mid.items()},
    "per_task": per,
    "wall_ratio": round(mid["genosched"][0] / mid["local"][0], 3),
    "cpu_ratio": round(mid["genosched"][1] / mid["local"][1], 3)}))
PY
rm -rf "$scratch"
