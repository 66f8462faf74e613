#!/usr/bin/env python3
"""kill -9 of genosched at random moments; the tasks themselves are the oracle.

Every task appends to one log when it starts and when it ends, and holds a
lock of its own while it lives. After any number of kills each task must have
started once and ended once, and no lock may ever have been found taken.

usage: crash.py GENOSCHED [--kills N] [--tasks N] [--seed N]
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

SCRIPT = """
exec 9>>"locks/$1"
flock -n 9 || echo "double $1" >>log
echo "start $1" >>log
sleep "$2"
if [ "$3" != 0 ]; then
    python3 -c "x = bytearray($3)" || { echo "oom $1" >>log; kill -9 $$; }
fi
echo "end $1" >>log
"""


class Server:
    """genosched as a child that is killed now and then."""

    def __init__(self, binary: str, env: dict[str, str], run: str, work: str) -> None:
        self.argv, self.env, self.run, self.work = [binary, "serve"], env, run, work
        self.kills = 0
        self.proc: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, env=self.env)

    def initialize(self) -> None:
        self.call("initialize", protocol=1, engine={"name": "crash", "session": "one"},
                  run={"id": self.run, "workdir": self.work},
                  config={"settle_ms": 0, "local": {"cpus": 12}})

    def call(self, method: str, **params: object) -> dict:
        """One request; raises EOFError if the server died before its reply."""
        line = json.dumps({"jsonrpc": "2.0", "id": method, "method": method,
                           "params": params})
        try:
            self.proc.stdin.write(line.encode() + b"\n")
            self.proc.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        reply = self.proc.stdout.readline()
        if not reply.endswith(b"\n"):
            raise EOFError
        got = json.loads(reply)
        if "error" in got:
            raise AssertionError(f"{method}: {got['error']}")
        return got["result"]

    def kill(self) -> None:
        self.kills += 1
        self.proc.kill()
        self.proc.wait()
        for stream in (self.proc.stdin, self.proc.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # bytes that nobody will read


def make_tasks(count: int, work: str, rng: random.Random) -> list[dict]:
    tasks = []
    for i in range(count):
        hungry = rng.random() < 0.04
        tasks.append({
            "id": f"t{i}", "process": "HUNGRY" if hungry else "P", "workdir": work,
            "command": ["sh", "-c", SCRIPT, "sh", f"t{i}", f"{rng.uniform(0.01, 0.3):.3f}",
                        "120000000" if hungry else "0"],
            "stdout": "/dev/null", "stderr": "/dev/null", "restore": "none",
            "memory_bytes": 64 << 20, "memory_max_bytes": 1 << 30, "cpus": 1,
        })
    return tasks


def killer(proc: subprocess.Popen[bytes], after_s: float) -> subprocess.Popen[bytes]:
    """A kill that comes from outside, at a moment nobody here has chosen."""
    return subprocess.Popen(["sh", "-c", f"sleep {after_s:.4f}; kill -9 {proc.pid}"],
                            stderr=subprocess.DEVNULL)


def drive(server: Server, tasks: list[dict], kills: int, rng: random.Random) -> dict[str, dict]:
    """Submits and polls until every task is final, being killed all the while."""
    final: dict[str, dict] = {}
    todo = list(tasks)
    pending_kill: subprocess.Popen[bytes] | None = None
    started = False
    while len(final) < len(tasks):
        try:
            if not started:
                server.start()
                if server.kills < kills:
                    pending_kill = killer(server.proc, rng.expovariate(1 / 0.15))
                server.initialize()
                after, started = 0, True
            if todo:
                batch = todo[:rng.randint(1, 60)]
                got = server.call("submit", tasks=batch)
                assert not got["rejected"], got["rejected"]
                todo = todo[len(batch):]
            got = server.call("poll", after=after, wait_ms=rng.choice([0, 50, 500]))
            after = got["sequence"]
            for status in got["tasks"]:
                if status["state"] in ("succeeded", "failed", "cancelled", "lost"):
                    final[status["id"]] = status
        except EOFError:
            server.kill()
            started = False
            time.sleep(rng.choice([0, 0, 0.02, 0.2]))
    if pending_kill:
        pending_kill.wait()
    return final


def judge(log: pathlib.Path, tasks: list[dict], final: dict[str, dict]) -> list[str]:
    count: collections.Counter[str] = collections.Counter(log.read_text().split("\n"))
    wrong = [line for line in count if line.startswith("double")]
    for task in tasks:
        ident = task["id"]
        hungry = task["process"] == "HUNGRY"
        starts, ends = count[f"start {ident}"], count[f"end {ident}"]
        state = final[ident]["state"]
        if state != "succeeded":
            wrong.append(f"{ident} is {state}: {final[ident].get('message')}")
        if ends != 1 or (starts != 1 if not hungry else starts < 1):
            wrong.append(f"{ident} started {starts} times, ended {ends} times")
    return wrong


def one_run(binary: str, count: int, kills: int, seed: int) -> tuple[int, list[str]]:
    rng = random.Random(seed)
    top = pathlib.Path(tempfile.mkdtemp(prefix="gs-crash-"))
    work = top / "work"
    (work / "locks").mkdir(parents=True)
    env = dict(os.environ, GENOSCHED_STATE=str(top / "state"),
               GENOSCHED_LEDGER=str(top / "ledger"))
    server = Server(binary, env, f"crash-{seed}", str(work))
    tasks = make_tasks(count, str(work), rng)
    began = time.monotonic()
    final = drive(server, tasks, kills, rng)
    wrong = judge(work / "log", tasks, final)
    try:
        server.call("shutdown", mode="cancel")
    except EOFError:
        pass
    server.proc.wait()
    retried = sum(len(s["attempts"]) > 1 for s in final.values())
    print(f"seed {seed}: {count} tasks, {server.kills} kills, {retried} repeated after "
          f"out of memory, {time.monotonic() - began:.1f} s, {len(wrong)} wrong", flush=True)
    if wrong:
        print(f"  kept: {top}")
    else:
        shutil.rmtree(top, ignore_errors=True)
    return server.kills, wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("genosched")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 30)
    kills, bad, runs = 0, 0, 0
    while kills < args.kills:
        done, wrong = one_run(args.genosched, args.tasks, args.kills - kills, seed + runs)
        for line in wrong[:20]:
            print(f"  WRONG {line}")
        kills += done
        bad += bool(wrong)
        runs += 1
        if wrong:
            break
    print(f"{kills} kills over {runs} runs of {args.tasks} tasks, first seed {seed}")
    print(f"{runs - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
