#!/usr/bin/env bash
# The command line from outside: every verb, its exit codes, what it prints
# where, and the verbs that read a run while it lives and after.
#
#   GENOSCHED=build/asan/bin/genosched test/cli/run.sh
#
# Ends with the line "N passed, N failed".
set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
genosched=${GENOSCHED:-$top/build/asan/bin/genosched}
[ -x "$genosched" ] || {
    echo "no program at $genosched; build it: cmake --preset asan &&" \
        "cmake --build --preset asan, or set GENOSCHED" >&2
    echo "0 passed, 1 failed"
    exit 1
}
genosched=$(realpath "$genosched")
dir=$(mktemp -d "${TMPDIR:-/tmp}/genosched-cli-XXXXXX")
server=
clean_up() {
    [ -n "$server" ] && kill "$server" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$dir"
}
trap clean_up EXIT
unset GENOSCHED_CONFIG XDG_CONFIG_HOME XDG_STATE_HOME NO_COLOR
export HOME=$dir/home GENOSCHED_STATE=$dir/state TZ=UTC
export GENOSCHED_LEDGER=$dir/ledger # other runs of this machine do not count
mkdir -p "$HOME" "$dir/cwd"
cd "$dir/cwd" || exit 1

passed=0 failed=0
pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$1"
    sed 's/^/    stdout: /' "$dir/out" | head -n 20
    sed 's/^/    stderr: /' "$dir/err" | head -n 20
}

# run RC ARGUMENT…: runs it; the exit code must be RC. Output in out and err.
run() {
    local want=$1 rc
    shift
    "$genosched" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    rc=$?
    what="genosched $*"
    if [ "$rc" -eq "$want" ]; then pass; else
        fail "$what: exit code $rc, not $want"
    fi
}
out() { # out TEXT…: each is in what was printed
    for text in "$@"; do
        if grep -qF -- "$text" "$dir/out"; then pass; else
            fail "$what: '$text' is not in stdout"
        fi
    done
}
err() {
    for text in "$@"; do
        if grep -qF -- "$text" "$dir/err"; then pass; else
            fail "$what: '$text' is not in stderr"
        fi
    done
}
silent() { # silent out|err
    if [ -s "$dir/$1" ]; then fail "$what: something on std$1"; else pass; fi
}
json() { # json PYTHON: an expression over the document d
    if python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), d' "$dir/out" "$1" 2>"$dir/err"; then pass; else
        fail "$what: not so: $1"
    fi
}

usage() {
    run 2
    err "a verb is missing" "genosched help"
    silent out
    run 0 --help
    out "Usage: genosched VERB" "Exit codes: 0 fine"
    silent err
    run 0 help
    run 2 staus
    err "there is no verb 'staus'; did you mean 'status'?"
    silent out
    run 2 qqqqqqq
    err "'genosched help' lists them"
    run 2 help nothing
    run 0 help --json
    json '{"serve", "status", "doctor"} <= {v["name"] for v in d["verbs"]}'
    run 0 help tasks --json
    json 'len(d["verbs"]) == 1 and
          "tsv" in [o["name"] for o in d["verbs"][0]["options"]]'
    run 2 help status tasks
    err "one word too many"
    local verb
    for verb in $("$genosched" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
        run 0 "$verb" --help
        out "Usage: genosched $verb" "--help"
        silent err
        run 0 help "$verb"
        run 2 "$verb" --no-such-option
        err "unknown option --no-such-option"
        silent out
    done
    run 2 version --jsn
    err "did you mean --json?"
    run 2 version --json=1
    err "option --json takes no value"
    run 2 status -Q
    err "unknown option -Q"
    run 2 status --config
    err "option --config needs a value"
    run 2 status --color sometimes
    err "--color cannot be 'sometimes'; it is one of auto, always, never"
    run 2 tasks --sort pek
    err "did you mean 'peak'?"
    run 2 tasks --state faild
    err "did you mean 'failed'?"
    run 2 explain
    err "genosched explain TASK"
    run 2 cancel
    run 2 cancel --all t1
    run 2 log --lines 0
    run 2 log --lines many
    run 2 config
    run 2 config shwo
    err "did you mean 'show'?"
    run 2 config show extra
    run 2 completion fish
}

version() {
    run 0 version
    out "genosched 0.1.0" "protocol 1" "sqlite" "htslib"
    run 0 --version
    out "genosched 0.1.0"
    run 0 version --json
    json 'd["name"] == "genosched" and d["version"] == "0.1.0"'
    json 'd["protocol"] == 1 and len(d["git_revision"]) >= 7'
    json 'set(d["libraries"]) == {"curl","cjson","libyaml","htslib","sqlite"}'
    json 'd["compiler"] and isinstance(d["sanitizers"], bool)'
    what="genosched version >/dev/full"
    "$genosched" version >/dev/full 2>"$dir/err"
    [ $? -eq 70 ] && pass || fail "$what: not 70"
    err "cannot write to standard output"
}

config() {
    run 0 config check
    out "no configuration file"
    run 0 config init
    cp "$dir/out" all.yaml
    run 0 config check all.yaml
    out "all.yaml: fine"
    # With every line of it in force it is still right.
    sed -i 's/^\( *\)#\([a-z_]*:\)/\1\2/' all.yaml
    run 0 config check all.yaml
    run 0 config show --json --config all.yaml
    json 'all("all.yaml:" in v["origin"] for v in d["values"].values())'
    json 'd["values"]["predict.default_memory"]["value"] == 2 << 30'
    json 'd["values"]["settle_ms"]["value"] == 50'
    json 'd["file"] == "all.yaml"'
    run 0 config schema
    json 'd["properties"]["local"]["properties"]["memory"]["anyOf"]'
    json 'd["additionalProperties"] is False'
    cp "$dir/out" schema.json
    run 0 config show --json
    json 'd["file"] is None'
    json 'all(k in json.load(open("schema.json"))["properties"]
              for k in d["values"])'
    run 0 config init mine.yaml
    out "mine.yaml written"
    run 1 config init mine.yaml
    err "exists already"
    run 1 config init /nonexistent/folder/f.yaml
    err "No such file"

    printf 'local:\n  memroy: 1 GiB\n' >genosched.yaml
    run 3 config check
    err "genosched.yaml:2:3: unknown key 'local.memroy'" \
        "did you mean 'local.memory'?"
    silent out
    run 3 config check --json
    json 'not d["ok"] and d["error"]["line"] == 2 and
          d["error"]["column"] == 3'
    for verb in "config show" status tasks "explain x" "cancel x" log; do
        # shellcheck disable=SC2086
        run 3 $verb
        err "genosched.yaml:2:3"
    done
    run 1 doctor
    out "fail  configuration" "genosched.yaml:2:3"
    run 3 config check /nonexistent.yaml
    err "/nonexistent.yaml"
    printf 'local:\n  memory: 3 GiB\n' >genosched.yaml
    run 0 config show
    out "3 GiB" "genosched.yaml:2:11" "default"
    GENOSCHED_CONFIG=all.yaml run 0 config show --json
    json 'd["file"] == "all.yaml"'
    rm genosched.yaml
}

colours() {
    run 0 config show
    grep -q $'\033' "$dir/out" && fail "colour in a pipe" || pass
    run 0 config show --color always
    grep -q $'\033' "$dir/out" && pass || fail "--color always: none"
    NO_COLOR=1 run 0 config show --color=never
    grep -q $'\033' "$dir/out" && fail "--color never: some" || pass
    what="colour on a terminal"
    script -qec "'$genosched' config show" /dev/null >"$dir/out" 2>&1
    grep -q $'\033\[1m' "$dir/out" && pass || fail "$what: none"
    what="NO_COLOR on a terminal"
    NO_COLOR=1 script -qec "'$genosched' config show" /dev/null \
        >"$dir/out" 2>&1
    grep -q $'\033' "$dir/out" && fail "$what: some" || pass
}

# complete WORD…: what bash offers for the last of these words
complete_words() {
    bash -c 'source <("$1" completion bash); shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _genosched
        printf "%s\n" "${COMPREPLY[@]}"' _ "$genosched" "$@" >"$dir/out" \
        2>"$dir/err"
    what="completion of: $*"
}

completion() {
    run 0 completion bash
    bash -n "$dir/out" && pass || fail "completion bash: not bash"
    complete_words genosched sta
    out status
    complete_words genosched tasks --so
    out --sort
    complete_words genosched tasks --sort pe
    out peak
    complete_words genosched config ''
    out show check schema init
    complete_words genosched help ''
    out status doctor
    run 0 completion zsh
    out "#compdef genosched" "compdef _genosched genosched"
    if command -v zsh >/dev/null; then
        zsh -n "$dir/out" && pass || fail "completion zsh: not zsh"
    fi
}

doctor() {
    run 0 doctor --json
    json 'd["ok"] and {c["verdict"] for c in d["checks"]} <= {"ok", "warn"}'
    json '{"version", "configuration", "state folder", "disk", "supervisor",
           "memory limits", "pool", "clock", "open files"} <=
          {c["check"] for c in d["checks"]}'
    json 'd["backend"]["enforce"] in ("cgroup v1", "cgroup v2", "pss")'
    json 'all(c["remedy"] for c in d["checks"] if c["verdict"] != "ok")'
    [ -e "$GENOSCHED_STATE" ] && fail "doctor made the state folder" || pass
    printf 'local: {enforce: none}\n' >none.yaml
    run 0 doctor --config none.yaml
    out "warn  memory limits" "local.enforce says so"
    printf 'local: {enforce: pss}\n' >none.yaml
    run 0 doctor --config none.yaml
    out "warn  memory limits" "pss"
    GENOSCHED_STATE=/etc/passwd/x run 1 doctor
    out "fail  state folder" "set state_dir"
    # Alone, without its supervisor.
    mkdir -p "$dir/alone"
    cp "$genosched" "$dir/alone/"
    env -u GENOSCHED_SHIM "$dir/alone/genosched" doctor >"$dir/out" \
        2>"$dir/err"
    [ $? -eq 1 ] && pass || fail "doctor without the shim: not 1"
    out "fail  supervisor" "GENOSCHED_SHIM"
    (ulimit -n 256 && exec "$genosched" doctor) >"$dir/out" 2>"$dir/err"
    out "warn  open files"
}

no_runs() {
    for verb in status tasks "explain x" "cancel x" log; do
        # shellcheck disable=SC2086
        run 1 $verb
        err "there is no run in $GENOSCHED_STATE yet"
        silent out
    done
    run 0 status --list
    run 0 status --list --json
    json 'd["runs"] == []'
}

# The protocol with a server of our own.
serve() {
    rm -f "$dir/in" "$dir/reply"
    mkfifo "$dir/in" "$dir/reply"
    "$genosched" serve <"$dir/in" >"$dir/reply" 2>"$dir/serve.err" &
    server=$!
    exec 7>"$dir/in" 8<"$dir/reply"
}
call() { # call METHOD PARAMS
    printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}\n' \
        "$1" "$2" >&7
    IFS= read -r -t 60 reply <&8 || reply=
    printf '%s\n' "$reply" >"$dir/out"
}
initialize() { # initialize RUN NAME
    call initialize '{"protocol":1,"engine":{"name":"test","version":"9"},"run":{"id":"'"$1"'","name":"'"$2"'","workdir":"'"$dir/cwd"'"},"config":{"local":{"memory":"1 GiB","cpus":3},"settle_ms":10}}'
}
submit() { # submit ID PROCESS NAME MEMORY SHELL
    mkdir -p "$dir/cwd/$1"
    call submit '{"tasks":[{"id":"'"$1"'","process":"'"$2"'","name":"'"$3"'","command":["/bin/sh","-c","'"$5"'"],"workdir":"'"$dir/cwd/$1"'","memory_bytes":'"$4"',"env":{"SECRET":"swordfish"}}]}'
}
state_of() {
    "$genosched" explain "$1" --json 2>/dev/null |
        python3 -c 'import json, sys
print(json.load(sys.stdin)["task"]["state"])'
}
until_state() { # until_state TASK STATE
    for _ in $(seq 200); do
        [ "$(state_of "$1")" = "$2" ] && return 0
        sleep 0.1
    done
    : >"$dir/out"
    fail "task $1 did not become $2"
    return 1
}

live_run() {
    serve
    initialize run-one happy_darwin
    grep -q '"protocol":1' "$dir/out" && pass || fail "initialize: $reply"
    submit ok PHASE 'PHASE (chr1)' 100000000 'echo to out; echo to err >&2'
    submit bad PHASE 'PHASE (chr2)' 100000000 'exit 3'
    submit esc IMPUTE 'IMPUTE \u001b[31m' 100000000 'sleep 300'
    submit long1 IMPUTE 'IMPUTE (chr3)' 100000000 'sleep 300'
    submit long2 IMPUTE 'IMPUTE (chr4)' 100000000 'sleep 300'
    submit waits IMPUTE 'IMPUTE (chr5)' 1000000000 'true'
    until_state ok succeeded
    until_state bad failed
    until_state long2 running

    run 1 status
    out "run-one (happy_darwin), test 9 on local, running" "2 of 6 done" \
        "3 running, 1 waiting, 1 succeeded, 1 failed" "reserved of 1.0 GiB" \
        "3 of 3"
    run 1 status run-one
    run 1 status run-o
    run 1 status happy_darwin
    run 1 status rnu-one
    err "there is no run 'rnu-one'" "did you mean 'run-one'?"
    run 1 status --json
    json 'd["live"] and d["tasks"] == 6 and d["counts"]["running"] == 3'
    json 'd["reserved"]["memory_bytes"] == 300000000'
    json 'd["in_use"]["memory_bytes"] > 0'
    json 'd["pool"] == {"memory_bytes": 1 << 30, "cpus": 3}'
    json 'd["failed_for_good"] == 1'
    run 0 status --list
    out run-one happy_darwin

    run 0 tasks
    out "PHASE (chr1)" succeeded PEAK
    grep -q $'\033' "$dir/out" && fail "an escape sequence came through" ||
        pass
    run 0 tasks --json
    json '[t["id"] for t in d["tasks"]] ==
          ["ok", "bad", "esc", "long1", "long2", "waits"]'
    json 'd["tasks"][1]["exit_code"] == 3 and
          d["tasks"][1]["reason"] == "exit"'
    json 'd["tasks"][0]["memory"]["limit_bytes"] == 100000000 and
          d["tasks"][0]["memory"]["peak_bytes"] > 0'
    json '"swordfish" not in json.dumps(d)'
    run 0 tasks --json --state failed,running --sort name --reverse
    json '[t["id"] for t in d["tasks"]] == ["bad", "long2", "long1", "esc"]'
    run 0 tasks --json --process 'PH*'
    json 'len(d["tasks"]) == 2'
    run 0 tasks --json --process "x' OR '1'='1"
    json 'd["tasks"] == []'
    run 0 tasks --tsv
    [ "$(awk -F'\t' '{print NF}' "$dir/out" | sort -u)" = 18 ] && pass ||
        fail "tasks --tsv: not 18 columns everywhere"

    run 0 explain waits
    out "State       pending" "Waits for" "Timeline" "accepted"
    run 0 explain 'PHASE (chr2)'
    out "failed (exit, exit code 3)" "why this memory" "LIMIT" \
        "ended: exit, exit code 3" "final: failed"
    run 0 explain bad --json
    json 'd["attempts"][0]["exit_code"] == 3'
    json '[e["kind"] for e in d["events"]] ==
          ["accepted", "intent", "started", "ended", "final"]'
    json '"swordfish" not in json.dumps(d) and
          d["submitted_as"]["process"] == "PHASE"'
    run 1 explain long
    err "several tasks"
    run 1 explain nothing
    err "there is no task 'nothing'"

    run 0 log ok
    out "to out"
    run 0 log ok --stderr
    out "to err"
    run 0 log ok --json
    json 'd["text"] == "to out\n" and d["path"].endswith(".genosched.out")'
    run 0 log ok --path
    out "$dir/cwd/ok/.genosched.out"
    run 0 log
    out "task bad"
    run 1 log waits
    err "cannot read"

    run 0 cancel long1
    out "long1  cancelled"
    run 0 cancel long1
    out "cancelled already"
    run 0 cancel ok --json
    json 'd["tasks"] == [{"id": "ok", "state": "succeeded",
                          "was_final": True}]'
    run 1 cancel nothing
}

watching() {
    "$genosched" status -w >"$dir/watch" 2>"$dir/err" &
    local watcher=$!
    script -qec "stty cols 100; '$genosched' status -w" /dev/null \
        >"$dir/screen" 2>&1 &
    local screen=$!
    "$genosched" status -w --json >"$dir/lines" 2>"$dir/err" &
    local lines=$!
    sleep 1
    run 0 cancel --all
    out "long2  cancelled" "waits  cancelled"
    call shutdown '{"mode":"cancel"}'
    exec 7>&- 8<&-
    wait "$server"
    [ $? -eq 0 ] && pass || fail "serve after shutdown: not 0"
    server=
    local rc
    for pid in $watcher $screen $lines; do
        wait "$pid"
        rc=$?
        [ "$rc" -eq 1 ] && pass || fail "status -w: exit code $rc, not 1"
    done
    cp "$dir/watch" "$dir/out"
    what="status -w in a pipe"
    out "of 6 done"
    grep -q $'\033' "$dir/out" && fail "$what: escapes" || pass
    [ "$(wc -l <"$dir/out")" -lt 20 ] && pass || fail "$what: too many lines"
    cp "$dir/screen" "$dir/out"
    what="status -w on a terminal"
    out "6 of 6 done" $'\033[J'
    cp "$dir/lines" "$dir/out"
    what="status -w --json"
    python3 -c 'import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert lines[0]["live"] and not lines[-1]["live"], lines
assert lines[-1]["counts"]["cancelled"] == 4, lines[-1]' "$dir/lines" \
        2>"$dir/err" && pass || fail "$what"
    run 1 status
    out "test 9 on local, ended" "6 of 6 done"
    run 0 cancel --all
    out "nothing to cancel"
}

# What another run holds is said, where it is the reason.
two_runs() {
    local state=$GENOSCHED_STATE first=$server
    export GENOSCHED_STATE=$dir/state2
    exec 5>&7 6<&8
    serve
    initialize run-other proud_bell
    submit second PHASE 'PHASE (chr9)' 900000000 true
    for _ in $(seq 50); do
        "$genosched" status >"$dir/out" 2>&1
        grep -q 'tasks of other runs' "$dir/out" && break
        sleep 0.1
    done
    what="status beside another run"
    out "2 tasks of other runs on this machine"
    run 0 explain second
    out "Waits for" "other runs on this machine"
    run 0 status --json
    json 'd["other_runs"]["attempts"] == 2 and
          d["other_runs"]["memory_bytes"] == 200000000'
    run 0 cancel second
    call shutdown '{"mode":"cancel"}'
    exec 7>&5 8<&6 5>&- 6<&-
    wait "$server"
    server=$first GENOSCHED_STATE=$state
}

after_a_crash() {
    serve
    initialize run-two sad_curie
    submit left PHASE 'PHASE (chr1)' 100000000 'sleep 300'
    until_state left running
    kill -KILL "$server"
    wait "$server" 2>/dev/null
    exec 7>&- 8<&-
    server=
    run 0 status
    out "run-two (sad_curie)" "interrupted: no genosched serves it"
    run 0 tasks --json
    json 'd["tasks"][0]["state"] == "running"'
    run 1 cancel left
    err "not served by a genosched now" "resume it"
    # Readers that look all the time are in nobody's way.
    for _ in 1 2 3; do
        (while [ ! -e "$dir/enough" ]; do
            "$genosched" status >/dev/null 2>&1
        done) &
    done
    serve
    initialize run-two sad_curie
    out '"recovered":1'
    run 0 cancel left
    out "left  cancelled"
    call shutdown '{"mode":"cancel"}'
    exec 7>&- 8<&-
    wait "$server"
    server=
    touch "$dir/enough"
    run 0 status run-two
    out "ended"
    run 0 status --list --json
    json '[r["run"] for r in d["runs"]] == ["run-two", "run-one"]'
}

damaged() {
    mkdir -p "$GENOSCHED_STATE/runs/broken" "$GENOSCHED_STATE/runs/empty"
    head -c 5000 /dev/urandom >"$GENOSCHED_STATE/runs/broken/run.db"
    run 5 status broken
    err "cannot read the run"
    run 5 tasks broken
    run 0 status --list
    err "cannot be read as a run"
    run 1 status empty
}

command -v python3 >/dev/null && command -v script >/dev/null || {
    echo "python3 and script (bsdutils) are needed"
    echo "0 passed, 1 failed"
    exit 1
}
usage
version
config
colours
completion
doctor
no_runs
live_run
two_runs
watching
after_a_crash
damaged
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
