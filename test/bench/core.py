#!/usr/bin/env python3
"""What genosched itself costs: submit rate, poll time, resident memory.

Submits tasks that cannot start (they want more CPUs than are free), so that
nothing but acceptance, storage and polling is measured.

usage: core.py GENOSCHED [--tasks N] [--batch N] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


class Server:
    """`genosched serve` and one request at a time."""

    def __init__(self, binary: str, top: pathlib.Path) -> None:
        env = dict(os.environ, GENOSCHED_STATE=str(top / "state"),
                   GENOSCHED_LEDGER=str(top / "ledger"))
        self.proc = subprocess.Popen([binary, "serve"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, env=env)

    def call(self, method: str, **params: object) -> dict:
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return self.raw(line.encode() + b"\n")

    def raw(self, line: bytes) -> dict:
        self.proc.stdin.write(line)
        self.proc.stdin.flush()
        got = json.loads(self.proc.stdout.readline())
        if "error" in got:
            raise SystemExit(f"genosched: {got['error']}")
        return got["result"]

    def rss_mib(self) -> float:
        text = pathlib.Path(f"/proc/{self.proc.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_s(self) -> float:
        fields = pathlib.Path(f"/proc/{self.proc.pid}/stat").read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def task(i: int, work: str) -> dict:
    """About what the Nextflow plugin sends for a task of a real pipeline."""
    return {
        "id": f"{i:08x}-5e55-4cafe", "process": "NFCORE_PHASEIMPUTE:IMPUTE:BEAGLE5",
        "name": f"NFCORE_PHASEIMPUTE:IMPUTE:BEAGLE5 (sample{i // 22} chr{i % 22 + 1})",
        "command": ["/bin/bash", "-ue", ".command.run"], "workdir": f"{work}/{i:02x}",
        "env": {"NXF_TASK_WORKDIR": f"{work}/{i:02x}"}, "stdout": ".command.log",
        "stderr": ".command.log", "cpus": 1, "memory_bytes": 2 << 30,
        "memory_max_bytes": 8 << 30, "time_ms": 3600000, "retry": "engine",
        "chromosome": f"chr{i % 22 + 1}", "attempt": 1,
        "labels": {"tag": f"chr{i % 22 + 1}", "pipeline": "phaseimpute"},
    }


def measure(binary: str, count: int, batch: int) -> dict[str, float]:
    top = pathlib.Path(tempfile.mkdtemp(prefix="gs-bench-"))
    (top / "work").mkdir()
    server = Server(binary, top)
    try:
        server.call("initialize", protocol=1, engine={"name": "bench"},
                    run={"id": "bench", "workdir": str(top)},
                    config={"local": {"cpus": 1}, "settle_ms": 0})
        blocker = dict(task(count, str(top)), id="blocker", workdir=str(top),
                       command=["sleep", "600"])
        server.call("submit", tasks=[blocker])
        empty = server.rss_mib()
        lines = [json.dumps({"jsonrpc": "2.0", "id": 1, "method": "submit",
                             "params": {"tasks": [task(i, str(top)) for i in
                                                  range(at, min(at + batch, count))]}}).encode()
                 + b"\n" for at in range(0, count, batch)]
        began, cpu = time.monotonic(), server.cpu_s()
        for line in lines:
            server.raw(line)
        took, cpu = time.monotonic() - began, server.cpu_s() - cpu
        rss = server.rss_mib()
        full = [timed(lambda: server.call("poll", after=0)) for _ in range(5)]
        after = server.call("poll", after=0)
        while (more := server.call("poll", after=after["sequence"]))["tasks"]:
            after = more
        idle = [timed(lambda: server.call("poll", after=after["sequence"])) for _ in range(20)]
        result = {
            "idle_cpu_percent": idle_cpu(server),
            "settle_cpu_percent": settle_cpu(binary),
            "tasks": count, "batch": batch, "submits_per_s": count / took,
            "submit_cpu_us": cpu / count * 1e6, "poll_all_ms": statistics.median(full) * 1e3,
            "poll_nothing_ms": statistics.median(idle) * 1e3, "rss_empty_mib": empty,
            "rss_mib": rss, "rss_after_polls_mib": server.rss_mib(),
        }
        server.call("shutdown", mode="cancel")
        server.proc.wait(60)
        return result
    finally:
        server.proc.kill()
        server.proc.wait()
        shutil.rmtree(top, ignore_errors=True)


def idle_cpu(server: Server) -> float:
    """Of one core, while nothing happens and every task waits."""
    began, cpu = time.monotonic(), server.cpu_s()
    time.sleep(3)
    return 100 * (server.cpu_s() - cpu) / (time.monotonic() - began)


def settle_cpu(binary: str) -> float:
    """Of one core, while more submits are waited for."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="gs-bench-"))
    server = Server(binary, top)
    try:
        server.call("initialize", protocol=1, engine={"name": "bench"},
                    run={"id": "settle", "workdir": str(top)}, config={"settle_ms": 60000})
        server.call("submit", tasks=[dict(task(1, str(top)), workdir=str(top))])
        return idle_cpu(server)
    finally:
        server.proc.kill()
        server.proc.wait()
        shutil.rmtree(top, ignore_errors=True)


def timed(call) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("genosched")
    parser.add_argument("--tasks", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    got = measure(args.genosched, args.tasks, args.batch)
    if args.json:
        print(json.dumps(got))
    else:
        for key, value in got.items():
            print(f"{key:22} {value:12.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
