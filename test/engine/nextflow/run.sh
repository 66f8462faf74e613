#!/usr/bin/env bash
# Real Nextflow pipelines through the real genosched, on this machine.
#
# Usage: run.sh [CASE…]      (default: all; `run.sh --list` names them)
# GENOSCHED=PROGRAM   the genosched to test (default: build/…/bin/genosched)
# KEEP=1              keep the scratch folder
# Ends with "N passed, N failed" and a status that says the same.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

pipelines="$here/pipelines"
readonly cases=(outcomes exits oom_cap time_limit too_big terminate resume
    adoption genosched_dies finish container many queue_size binary versions
    bad_config nf_core)

# Rows of the run that the launch in DIR made: sql DIR QUERY
sql() {
    local run
    run="$(sed -n 's/.*Session UUID: \([0-9a-f-]*\).*/\1/p' "$1/.nextflow.log" | tail -n 1)"
    python3 - "$scratch/state/runs/$run/run.db" "$2" <<'PY'
import sqlite3, sys
for row in sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.argv[2]):
    print(*row, sep="\t")
PY
}

case_outcomes() {
    local dir
    dir="$(launch_dir outcomes <<<"process.resourceLimits = [memory: '1 GB']")"
    printf A >"$dir/letter.txt"
    nf "$dir" run "$pipelines/outcomes.nf" --letter "$dir/letter.txt" \
        --log "$dir/log" --out "$dir/out.d"
    check 'a pipeline of all outcomes succeeds' equal $? 0
    show "$dir"
    check 'outputs arrive, and what was granted is told to the task' equal \
        "$(sort "$dir/out.d/answers.txt" | tr '\n' ';')" 'A chr1 1 104;A chr2 1 104;A chrX 1 104;'

    check 'errorStrategy retry: first attempt' equal "$(count "$dir/log" 'RETRIED attempt=1')" 1
    check 'errorStrategy retry: second attempt' equal "$(count "$dir/log" 'RETRIED attempt=2')" 1
    check 'errorStrategy retry: the request has grown' equal "$(traced "$dir" RETRIED memory)" 209715200
    check 'errorStrategy ignore' has "$dir/out" 'Error is ignored'

    check 'out of memory is repaired with no errorStrategy' equal \
        "$(sort "$dir/out.d/hungry.txt" | tr '\n' ' ')" '1 2 '
    check 'the attempt number stays 1' equal "$(grep HUNGRY "$dir/log" | grep -c -v 'attempt=1 ')" 0
    check 'each repeat has a fresh work directory' equal \
        "$(grep 'HUNGRY 1 ' "$dir/log" | sed 's/.*dir=\([^ ]*\).*/\1/' | sort | uniq -d | wc -l)" 0
    check 'each repeat has more memory' equal \
        "$(grep 'HUNGRY 1 ' "$dir/log" | sed 's/.*mb=//' | tr '\n' ' ')" \
        "$(grep 'HUNGRY 1 ' "$dir/log" | sed 's/.*mb=//' | sort -nu | tr '\n' ' ')"
    check 'there were repeats' within "$(count "$dir/log" 'HUNGRY 1 ')" 2 4
    check 'the user is told why' has "$dir/out" 'ran out of memory at its limit'
    check 'a failed try is in the trace with exit code 137' equal \
        "$(awk -F '\t' '$1 == "HUNGRY (1)" && $2 == "FAILED" { print $3 }' "$dir/trace.txt" | sort -u)" 137

    check 'a job array runs every task once' equal \
        "$(grep ARRAYED "$dir/log" | sort | tr '\n' ';')" \
        'ARRAYED 1;ARRAYED 2;ARRAYED 3;ARRAYED 4;ARRAYED 5;ARRAYED 6;ARRAYED 7;'
    check 'a job array gives every output' equal "$(wc -l <"$dir/out.d/arrayed.txt")" 7
    check 'executor local beside it stays local' has "$dir/log" 'ELSEWHERE none'
    check 'an exec process runs' equal "$(cat "$dir/out.d/native.txt")" 42

    check 'trace: status' equal "$(traced "$dir" MEASURED status)" COMPLETED
    check 'trace: peak_rss of 300 MB and a little' within "$(traced "$dir" MEASURED peak_rss)" 300000000 420000000
    # Whatever else the machine does: %cpu times realtime is the CPU time.
    check 'trace: %cpu and realtime of 1.5 s of work' within \
        "$(awk -v p="$(traced "$dir" MEASURED '%cpu')" -v t="$(traced "$dir" MEASURED realtime)" 'BEGIN { print p * t / 100 }')" 1300 4000
    check 'trace: memory is the request' equal "$(traced "$dir" MEASURED memory)" 838860800
    check 'trace: the limit in force' equal "$(traced "$dir" MEASURED genosched_limit)" 838860800
    check 'trace: attempts' equal "$(traced "$dir" MEASURED genosched_attempts)" 1
    check 'trace: hostname' equal "$(traced "$dir" MEASURED hostname)" "$(uname -n)"
    check 'trace: native_id is the id of the backend' equal "$(traced "$dir" MEASURED native_id)" \
        "$(sql "$dir" "SELECT backend_id FROM attempt JOIN task ON task.id = attempt.task WHERE task.process = 'MEASURED'")"
    check 'trace: a task of the local executor has no genosched columns' equal \
        "$(traced "$dir" ELSEWHERE genosched_id)" -

    check 'chromosomes are carried from the meta map' equal \
        "$(sql "$dir" "SELECT DISTINCT chromosome FROM task WHERE process = 'GREET' ORDER BY 1" | sed 's/^chr//' | tr '\n' ' ')" '1 2 X '
    check 'a chromosome is carried from ext.chromosome' equal \
        "$(sql "$dir" "SELECT chromosome FROM task WHERE process = 'WITH_EXT'" | sed 's/^chr//')" 17
    check 'features are carried' equal \
        "$(sql "$dir" "SELECT json_extract(spec.body, '\$.features.variants') FROM spec JOIN task ON task.id = spec.task WHERE process = 'WITH_EXT'")" 1234
    check 'labels, cap and inputs are carried' equal \
        "$(sql "$dir" "SELECT DISTINCT json_extract(spec.body, '\$.labels.team'), json_extract(spec.body, '\$.memory_max_bytes'), json_extract(spec.body, '\$.inputs[0].bytes') FROM spec JOIN task ON task.id = spec.task WHERE process = 'GREET'" | tr '\t' ' ')" 'genomics 1073741824 1'
    check 'memory in the script is told truthfully' equal \
        "$(sql "$dir" "SELECT count(*) FROM spec WHERE json_extract(body, '\$.memory_in_script')")" 0
}

case_exits() {
    local dir
    dir="$(launch_dir exits </dev/null)"
    nf "$dir" run "$pipelines/fails.nf" --how exit
    check 'a task that fails ends the pipeline with status 1' equal $? 1
    check 'its exit code is reported' has "$dir/out" 'terminated with an error exit status (3)'
    check 'its stderr is reported' has "$dir/out" 'the reason is here'
    check 'its stdout is reported' has "$dir/out" 'this went to stdout'
    check 'its .exitcode is there' equal "$(cat "$(traced "$dir" EXITS workdir)/.exitcode")" 3
}

case_oom_cap() {
    local dir
    dir="$(launch_dir oom_cap </dev/null)"
    nf "$dir" run "$pipelines/fails.nf" --how oom --log "$dir/log"
    check 'a task that outgrows its cap fails' equal $? 1
    check 'it is reported as out of memory' has "$dir/out" 'Process `TOO_HUNGRY` failed: ran out of memory'
    check 'with exit code 137' equal "$(traced "$dir" TOO_HUNGRY exit)" 137
    check 'and in .exitcode' equal "$(cat "$(traced "$dir" TOO_HUNGRY workdir)/.exitcode")" 137
    check 'its last limit is the cap' equal "$(traced "$dir" TOO_HUNGRY genosched_limit)" 157286400
    check 'it was tried with less before' within "$(count "$dir/log" 'TOO_HUNGRY attempt=1')" 2 4
    show "$dir"
}

case_time_limit() {
    local dir start
    dir="$(launch_dir time_limit </dev/null)"
    start=$SECONDS
    nf "$dir" run "$pipelines/fails.nf" --how time
    check 'a task over its time limit fails' equal $? 1
    check 'it was stopped' within $((SECONDS - start)) 0 45
    check 'the time limit is named' grep -qiE 'failed: .*time' "$dir/out"
    check 'the trace says timeout' equal "$(traced "$dir" TOO_SLOW genosched_reason)" timeout
    show "$dir"
}

case_too_big() {
    local dir
    dir="$(launch_dir too_big </dev/null)"
    nf "$dir" run "$pipelines/fails.nf" --how size
    check 'a task that can never fit fails at once' equal $? 1
    check 'with the figure that does not fit' grep -q 'cannot run: asks for .*of memory' "$dir/out"
    check 'and what to do' has "$dir/out" 'resourceLimits'
    show "$dir"
}

gone() { ! pgrep -f "$1" >/dev/null; }

up() { pgrep -f "$1" >/dev/null; }

ended() { ! kill -0 "$1"; }

# The process id of the genosched that serves the launch in DIR.
serving() { sed -n 's/.*Started genosched, pid \([0-9]*\).*/\1/p' "$1/.nextflow.log" | tail -n 1; }

case_terminate() {
    local dir marker signal
    for signal in TERM INT; do
        marker="gs-stubborn-$signal-$$"
        dir="$(launch_dir "terminate-$signal" </dev/null)"
        if [ "$signal" = INT ]; then
            # A background job of a script ignores SIGINT: give it a terminal.
            (cd "$dir" && exec python3 "$here/on_terminal.py" out "$nextflow" run \
                "$pipelines/stubborn.nf" --log "$dir/log" --marker "$marker" 2>"$dir/err") &
        else
            (cd "$dir" && exec "$nextflow" run "$pipelines/stubborn.nf" \
                --log "$dir/log" --marker "$marker" >out 2>&1) &
        fi
        nf_pid=$!
        check "$signal: tasks come up" wait_until 60 lines_at_least "$dir/log" up 2
        wait_until 10 up "$marker-deaf"
        kill -"$signal" "$nf_pid"
        wait "$nf_pid"
        check "$signal: Nextflow does not end as if all were well" within $? 1 255
        check "$signal: nothing is left running" wait_until 1 gone "$marker"
        check "$signal: tasks are traced as aborted" within "$(count "$dir/trace.txt" ABORTED)" 1 4
        check "$signal: genosched has ended" wait_until 5 ended "$(serving "$dir")"
        show "$dir"
    done
}

case_resume() {
    local dir before
    dir="$(launch_dir resume </dev/null)"
    nf "$dir" run "$pipelines/steps.nf" --tasks 5 --seconds 0 --log "$dir/log" --out "$dir/out.d"
    check 'a first launch' equal $? 0
    before="$(sql "$dir" 'SELECT count(*) FROM task')"
    nf "$dir" run "$pipelines/steps.nf" --tasks 7 --seconds 0 --log "$dir/log" --out "$dir/out.d" -resume
    check '-resume succeeds' equal $? 0
    check 'finished tasks come from the cache' equal "$(count "$dir/trace.txt" CACHED)" 5
    check 'new ones run' equal "$(count "$dir/log" begin)" 7
    check 'only new ones reach genosched, in the same run' equal \
        "$before $(sql "$dir" 'SELECT count(*) FROM task')" '5 7'
    check 'the result is whole' equal "$(sort -n "$dir/out.d/steps.txt" | tr '\n' ' ')" '1 2 3 4 5 6 7 '
    show "$dir"
}

case_adoption() {
    local dir
    dir="$(launch_dir adoption <<<"genosched { onEngineExit = 'detach'; cpus = 8 }")"
    nf_start "$dir" run "$pipelines/steps.nf" --tasks 6 --seconds 8 --log "$dir/log" --out "$dir/out.d"
    check 'tasks are running' wait_until 60 lines_at_least "$dir/log" begin 6
    # Some are still running at the resume, whatever the machine's speed.
    kill -9 "$nf_pid"
    wait "$nf_pid" 2>/dev/null
    nf "$dir" run "$pipelines/steps.nf" --tasks 6 --seconds 8 --log "$dir/log" --out "$dir/out.d" -resume
    check 'after kill -9 of Nextflow, -resume succeeds' equal $? 0
    show "$dir"
    check 'no task ran twice' equal "$(count "$dir/log" begin)" 6
    check 'every task ran to its end' equal "$(count "$dir/log" end)" 6
    check 'their outputs were collected' equal "$(sort -n "$dir/out.d/steps.txt" | tr '\n' ' ')" '1 2 3 4 5 6 '
    check 'the user is told' has "$dir/out" 'was started by an earlier launch'
    nf "$dir" run "$pipelines/steps.nf" --tasks 6 --seconds 8 --log "$dir/log" --out "$dir/out.d" -resume
    check 'the next -resume finds them in the cache' equal "$(count "$dir/trace.txt" CACHED)" 6
    check 'and runs nothing' equal "$(count "$dir/log" begin)" 6

    dir="$(launch_dir no_adoption <<<"genosched.cpus = 8")"
    nf_start "$dir" run "$pipelines/steps.nf" --tasks 4 --seconds 20 --log "$dir/log" --out "$dir/out.d"
    wait_until 60 lines_at_least "$dir/log" begin 4
    kill -9 "$nf_pid"
    wait "$nf_pid" 2>/dev/null
    check 'by default tasks end with a Nextflow that is killed' wait_until 15 \
        gone "$dir/.*sleep 20"
    nf "$dir" run "$pipelines/steps.nf" --tasks 4 --seconds 0 --log "$dir/log" --out "$dir/out.d" -resume
    check 'and run again with -resume' equal "$? $(count "$dir/log" end)" '0 4'
    show "$dir"
}

restarted() { [ "$(serving "$1")" != "$2" ] && kill -0 "$(serving "$1")"; }

case_genosched_dies() {
    local dir i pid
    dir="$(launch_dir genosched_dies <<<"genosched.cpus = 4")"
    nf_start "$dir" run "$pipelines/steps.nf" --tasks 24 --seconds 2 --log "$dir/log" --out "$dir/out.d"
    wait_until 60 lines_at_least "$dir/log" begin 2
    for i in 1 2 3; do
        pid="$(serving "$dir")"
        kill -9 "$pid"
        check "kill -9 of genosched, $i: it is started again" wait_until 20 restarted "$dir" "$pid"
        sleep "1.$i"
    done
    wait "$nf_pid"
    check 'the pipeline succeeds all the same' equal $? 0
    show "$dir"
    check 'no task is lost' equal "$(grep end "$dir/log" | cut -d' ' -f2 | sort -nu | wc -l)" 24
    check 'no task ran twice' equal "$(count "$dir/log" begin)" 24
    check 'the result is whole' equal "$(sort -nu "$dir/out.d/steps.txt" | wc -l)" 24
    check 'the user is told' has "$dir/out" 'genosched ended unexpectedly'
}

case_finish() {
    local dir
    dir="$(launch_dir finish <<<"genosched.cpus = 3")"
    nf "$dir" run "$pipelines/finish.nf" --log "$dir/log"
    check 'a failure with errorStrategy finish ends the pipeline' equal $? 1
    check 'tasks that ran could end' equal "$(count "$dir/log" begin)" "$(($(count "$dir/log" end) + 1))"
    check 'tasks that waited were not run for it' within "$(count "$dir/log" begin)" 1 12
    check 'and are traced as aborted, once' equal \
        "$(awk -F '\t' '$2 == "ABORTED" { print $1 }' "$dir/trace.txt" | sort | uniq -d | wc -l)" 0
    show "$dir"
}

case_container() {
    local dir image=registry.example/tool:1.0
    dir="$(launch_dir container <<<'docker.enabled = true')"
    mkdir "$dir/bin"
    ln -s "$here/fake_docker" "$dir/bin/docker"
    PATH="$dir/bin:$PATH" FAKE_DOCKER_LOG="$dir/docker" FAKE_DOCKER_IMAGE="$image" \
        nf "$dir" run "$pipelines/contained.nf" --image "$image" --log "$dir/log"
    check 'a process with a container succeeds' equal $? 0
    show "$dir"
    check 'the wrapper starts it through Docker' has "$dir/docker" "$image /bin/bash"
    check "a repeat has more memory in Docker's own limit too" equal \
        "$(grep -o -- '--memory [0-9a-z]*' "$dir/docker" | sort | uniq | wc -l)" "$(grep -c ^run "$dir/docker")"
    check 'there was a repeat' within "$(grep -c ^run "$dir/docker")" 2 3
    check 'the image is carried' equal \
        "$(sql "$dir" "SELECT DISTINCT json_extract(body, '\$.container.image') FROM spec")" "$image"
}

case_many() {
    local dir
    dir="$(launch_dir many </dev/null)"
    # The program comes from the plugin here, and nothing says where.
    sed -i '/binary =/d' "$dir/nextflow.config"
    "$root/nextflow-plugin/build.sh" --plugins-dir "$scratch/bundled" --skip-tests \
        --target "$scratch/target-bundled" --bundle "$(dirname "$genosched")" >/dev/null
    check 'the plugin is built with genosched inside' equal $? 0
    NXF_PLUGINS_DIR="$scratch/bundled" nf "$dir" run "$pipelines/many.nf" --tasks 500 --out "$dir/out.d"
    check '500 tasks succeed' equal $? 0
    show "$dir"
    check 'each of them once' equal "$(sort -nu "$dir/out.d/many.txt" | wc -l)" 500
    check 'all are in the trace' equal "$(count "$dir/trace.txt" COMPLETED)" 500
    check 'the bundled genosched ran them' has "$dir/.nextflow.log" "$scratch/bundled/nf-genosched-0.1.0/bin/"
}

case_queue_size() {
    local dir most
    dir="$(launch_dir queue_size <<<"genosched.cpus = 8
executor.queueSize = 3")"
    nf "$dir" run "$pipelines/steps.nf" --tasks 8 --seconds 1 --log "$dir/log" --out "$dir/out.d"
    check 'a pipeline with a queue size succeeds' equal $? 0
    most="$(sort -n -k3 "$dir/log" | awk '{ n += $1 == "begin" ? 1 : -1; if (n > most) most = n } END { print most }')"
    check 'executor.queueSize is honoured' equal "$most" 3
    show "$dir"
}

case_binary() {
    local dir
    dir="$(launch_dir binary-missing </dev/null)"
    sed -i "s:binary = .*:binary = '/no/such/genosched':" "$dir/nextflow.config"
    nf "$dir" run "$pipelines/many.nf" --tasks 1 --out "$dir/out.d"
    check 'a binary that is missing ends the launch' equal $? 1
    check 'which one, why and what to do' grep -q "genosched.binary = '/no/such/genosched': there is no such file.*Install genosched" "$dir/out"
    check 'in one error' equal "$(grep -c 'there is no such file' "$dir/out")" 1

    dir="$(launch_dir binary-path </dev/null)"
    sed -i '/binary =/d' "$dir/nextflow.config"
    mkdir "$dir/bin"
    ln -s "$genosched" "$dir/bin/genosched"
    PATH="$dir/bin:$PATH" nf "$dir" run "$pipelines/many.nf" --tasks 1 --out "$dir/out.d"
    check 'genosched is found on PATH' equal $? 0
    show "$dir"
}

case_versions() {
    local dir
    dir="$(launch_dir versions </dev/null)"
    mkdir "$dir/fake"
    printf '#!/bin/sh\nexec "%s" other-version "%s"\n' \
        "$root/nextflow-plugin/src/test/resources/fake_genosched" "$dir/fake" >"$dir/genosched"
    chmod +x "$dir/genosched" "$root/nextflow-plugin/src/test/resources/fake_genosched"
    sed -i "s:binary = .*:binary = '$dir/genosched':" "$dir/nextflow.config"
    nf "$dir" run "$pipelines/many.nf" --tasks 1 --out "$dir/out.d"
    check 'a genosched of another version ends the launch' equal $? 1
    check 'both versions and what to do' grep -q 'genosched 0.9.3, but this is nf-genosched 0.1.0.*Install genosched' "$dir/out"
}

case_bad_config() {
    local dir
    dir="$(launch_dir unknown_key <<<"genosched.statedir = '/x'")"
    nf "$dir" run "$pipelines/many.nf" --tasks 1 --out "$dir/out.d"
    check 'an unknown option ends the launch' equal $? 1
    check 'with a hint' has "$dir/out" "did you mean 'genosched.stateDir'?"

    dir="$(launch_dir unknown_inner_key <<<"genosched.config = [local: [memroy: '1 GiB']]")"
    nf "$dir" run "$pipelines/many.nf" --tasks 1 --out "$dir/out.d"
    check 'an unknown key of genosched itself ends the launch' equal $? 1
    check 'with its name and a hint' grep -q 'memroy.*did you mean.*memory' "$dir/out"
    show "$dir"

    dir="$(launch_dir state_dir <<<"genosched.stateDir = '/proc/nowhere'")"
    nf "$dir" run "$pipelines/many.nf" --tasks 1 --out "$dir/out.d"
    check 'a state folder that cannot be used ends the launch' equal $? 1
    check 'with its path and what to do' grep -q 'set state_dir or GENOSCHED_STATE.*/proc/nowhere' "$dir/out"
    show "$dir"
}

case_nf_core() {
    local dir fixture="$here/nf-core-fixture" tool
    for tool in bcftools tabix; do
        command -v "$tool" >/dev/null ||
            { check "$tool is installed (apt-get install bcftools tabix)" false; return; }
    done
    dir="$scratch/nf_core"
    mkdir -p "$dir"
    # As a user does it: the drop-in after the pipeline's own configuration,
    # genosched on PATH, not a line of the pipeline changed.
    mkdir "$dir/bin"
    ln -s "$genosched" "$dir/bin/genosched"
    PATH="$dir/bin:$PATH" GENOSCHED_STATE="$scratch/state" nf "$dir" run "$fixture" \
        -profile test -c "$root/examples/nf-core/genosched.config" --outdir "$dir/results" -with-trace trace.txt
    check 'a pipeline of the nf-core shape completes, unedited' equal $? 0
    show "$dir"
    check 'its report has all four regions' equal "$(grep -c '^S[12] chr' "$dir/results/report/summary.txt")" 4
    check 'variants are counted right' equal \
        "$(awk '$1 == "S1" || $1 == "S2" { n += $3 } END { print n }' "$dir/results/report/summary.txt")" 400
    check 'versions.yml of every tool' grep -q 'bcftools: 1' "$dir/results/pipeline_info/versions.yml"
    check "the pipeline's own retry on 137 works beside it" equal "$(traced_exits "$dir" FLAKY)" 'COMPLETED 0;FAILED 137;'
    check 'its tasks ran through genosched' within "$(sql "$dir" 'SELECT count(*) FROM task')" 10 40
    check 'task.memory in a script is seen' equal \
        "$(sql "$dir" "SELECT DISTINCT json_extract(spec.body, '\$.memory_in_script') FROM spec JOIN task ON task.id = spec.task WHERE process LIKE '%BCFTOOLS_SORT'")" 1
    check 'chromosomes come from the meta map' equal \
        "$(sql "$dir" "SELECT DISTINCT chromosome FROM task WHERE process LIKE '%BCFTOOLS_VIEW' ORDER BY 1" | sed 's/^chr//' | tr '\n' ' ')" '21 22 '
    check 'requests above the machine were lowered, not refused' has "$dir/.nextflow.log" 'CPUs, the most that one machine has'

    PATH="$dir/bin:$PATH" GENOSCHED_STATE="$scratch/state" nf "$dir" run "$fixture" \
        -profile test -stub -c "$root/examples/nf-core/genosched.config" --outdir "$dir/stub"
    check 'and with -stub' equal $? 0
    show "$dir"
}

# STATUS EXIT of every try of the tasks of a process
traced_exits() {
    awk -F '\t' -v process="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
        $col["name"] ~ process { print $col["status"] " " $col["exit"] }' "$1/trace.txt" | sort -u | tr '\n' ';'
}

main() {
    local chosen=("$@") name
    if [ "${1:-}" = --list ]; then
        printf '%s\n' "${cases[@]}"
        return
    fi
    [ $# -gt 0 ] || chosen=("${cases[@]}")
    for name in "${chosen[@]}"; do
        declare -F "case_$name" >/dev/null || die "no case '$name'; the cases are: ${cases[*]}"
    done
    set_up
    say "genosched: $("$genosched" version 2>/dev/null | head -n 1) ($genosched)"
    for name in "${chosen[@]}"; do
        say "== $name"
        "case_$name"
    done
    finish
}

main "$@"
