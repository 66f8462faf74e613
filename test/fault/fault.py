#!/usr/bin/env python3
"""Faults from outside, one function a case; each has a folder of its own.

usage: fault.py GENOSCHED [CASE ...]
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conformance"))
import run as conformance  # noqa: E402  (the client of the transcripts)

conformance.PATIENCE = 90.0
FINAL = ("succeeded", "failed", "cancelled", "lost")


class Place:
    """A state folder, a work folder, and a genosched that uses them."""

    def __init__(self, binary: str, top: pathlib.Path) -> None:
        self.binary, self.top = binary, top
        self.state, self.work = top / "state", top / "work"
        self.state.mkdir()
        self.work.mkdir()
        self.mounts: list[pathlib.Path] = []
        self.servers: list[conformance.Server] = []
        self.env = dict(os.environ, GENOSCHED_STATE=str(self.state),
                        GENOSCHED_LEDGER=str(top / "ledger"))
        self.calls = 0

    def server(self, **env: str) -> conformance.Server:
        s = conformance.Server(self.binary, {**self.env, **env})
        self.servers.append(s)
        return s

    def call(self, s: conformance.Server, method: str, **params: object) -> dict:
        self.calls += 1
        return s.call(f"{method}-{self.calls}", method, **params)

    def initialize(self, s: conformance.Server, run: str = "r", **config: object) -> dict:
        return self.call(s, "initialize", protocol=1, engine={"name": "fault", "session": "1"},
                         run={"id": run, "workdir": str(self.work)},
                         config={"settle_ms": 0, **config})

    def task(self, ident: str, script: str, **more: object) -> dict:
        return {"id": ident, "process": "P", "command": ["sh", "-c", script],
                "workdir": str(self.work), "stdout": "/dev/null", "stderr": "/dev/null",
                "restore": "none", **more}

    def submit(self, s: conformance.Server, *tasks: dict) -> dict:
        return self.call(s, "submit", tasks=list(tasks))

    def accept(self, s: conformance.Server, *tasks: dict) -> None:
        got = self.submit(s, *tasks)
        assert got.get("result", {}).get("accepted") == [t["id"] for t in tasks], got

    def states(self, s: conformance.Server) -> dict[str, str]:
        got = self.call(s, "poll", after=0)
        return {t["id"]: t["state"] for t in got["result"]["tasks"]}

    def until(self, s: conformance.Server, wanted: dict[str, str], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        have: dict[str, str] = {}
        while time.monotonic() < deadline:
            have = self.states(s)
            if all(have.get(k) == v for k, v in wanted.items()):
                return
            time.sleep(0.1)
        got = self.call(s, "poll", after=0, ids=list(wanted))["result"]["tasks"]
        raise AssertionError("; ".join(
            f"{t['id']} is {t['state']} ({t.get('message', '')}), not {wanted[t['id']]}"
            for t in got if t["state"] != wanted[t["id"]])[:1500])

    def mount(self, at: pathlib.Path, options: str) -> None:
        got = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)],
                             capture_output=True, text=True)
        assert got.returncode == 0, (
            "this test needs to mount a small tmpfs: run it as root, or in a container "
            f"with CAP_SYS_ADMIN ({got.stderr.strip()})")
        self.mounts.append(at)

    def log_lines(self, s: conformance.Server) -> str:
        return b"".join(s.errors).decode(errors="replace")

    def close(self) -> None:
        for s in self.servers:
            s.stop()
        for _ in range(50):
            if not live_shims(self.top):
                break
            time.sleep(0.1)
        for m in self.mounts:
            subprocess.run(["umount", "-l", str(m)], check=False)
        shutil.rmtree(self.top, ignore_errors=True)


def live_shims(top: pathlib.Path) -> list[int]:
    """Processes that work below this case's folder."""
    found = []
    for p in pathlib.Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                if os.readlink(p / "cwd").startswith(str(top / "work")):
                    found.append(int(p.name))
            except OSError:
                pass
    return found


def fill(folder: pathlib.Path) -> pathlib.Path:
    """Takes all the room there is."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as f:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass
    return filler


# The cases


def full_disk(p: Place) -> None:
    """Acceptance stops with an error, what runs is recorded, then it goes on."""
    p.mount(p.state, "size=6m")
    s = p.server()
    p.initialize(s)
    p.accept(s, *(p.task(f"run{i}", f"sleep 3; echo run{i} >>log") for i in range(2)))
    p.until(s, {"run0": "running", "run1": "running"})
    filler = fill(p.state)
    refused = 0
    for i in range(60):
        got = p.submit(s, p.task(f"new{i}", f"echo new{i} >>log", labels={"x": "y" * 20000}))
        if "error" in got:
            assert got["error"]["code"] == -32005, got
            assert "full" in got["error"]["message"], got
            refused += 1
        elif got["result"]["rejected"]:
            assert "full" in got["result"]["rejected"][0]["reason"], got
            refused += 1
        if refused > 3:
            break
    assert refused > 3, "a full disk refused nothing"
    assert s.proc.poll() is None
    time.sleep(4)
    filler.unlink()
    p.until(s, {"run0": "succeeded", "run1": "succeeded"})
    deadline = time.monotonic() + 20
    while True:  # acceptance comes back by itself
        got = p.submit(s, p.task("after", "echo after >>log"))
        if got.get("result", {}).get("accepted") == ["after"]:
            break
        assert time.monotonic() < deadline, got
        time.sleep(0.5)
    p.until(s, {"after": "succeeded"})
    known = p.states(s)
    p.until(s, dict.fromkeys(known, "succeeded"))
    lines = (p.work / "log").read_text().split()
    assert sorted(lines) == sorted(known), (lines, known)
    assert "result" in p.call(s, "shutdown", mode="cancel")
    assert s.proc.wait(30) == 0


def full_disk_killed(p: Place) -> None:
    """kill -9 while the disk is full: nothing accepted is lost."""
    p.mount(p.state, "size=6m")
    s = p.server()
    p.initialize(s, local={"cpus": 2})
    p.accept(s, *(p.task(f"t{i}", f"sleep 0.3; echo t{i} >>log") for i in range(12)))
    p.until(s, {"t0": "running"})
    filler = fill(p.state)
    time.sleep(1)
    s.proc.kill()
    s.proc.wait()
    s = p.server()
    got = p.initialize(s, local={"cpus": 2})
    if "error" in got:
        assert got["error"]["code"] == -32005 and "full" in got["error"]["message"], got
    filler.unlink()
    if "error" in got:
        got = p.initialize(s, local={"cpus": 2})
    assert got["result"]["recovered"] == 12, got
    p.until(s, {f"t{i}": "succeeded" for i in range(12)})
    lines = (p.work / "log").read_text().split()
    assert sorted(lines) == sorted(f"t{i}" for i in range(12)), lines


def unwritable_state(p: Place) -> None:
    """A clear error, and the process serves a better folder."""
    p.mount(p.state, "ro,size=1m")
    s = p.server()
    got = p.initialize(s)
    assert got["error"]["code"] == -32005, got
    for part in (str(p.state), "state_dir", "GENOSCHED_STATE"):
        assert part in got["error"]["message"], got
    (p.top / "file").write_text("")
    got = p.initialize(s, state_dir=str(p.top / "file" / "below"))
    assert got["error"]["code"] == -32005, got
    got = p.initialize(s, state_dir=str(p.top / "good"))
    assert "result" in got, got
    p.accept(s, p.task("a", "true"))
    p.until(s, {"a": "succeeded"})


def second_process(p: Place) -> None:
    """The run is held; the first goes on, the second can have another run."""
    first, second = p.server(), p.server()
    p.initialize(first)
    p.accept(first, p.task("a", "sleep 2; echo a >>log"))
    got = p.initialize(second)
    assert got["error"]["code"] == -32002, got
    assert str(first.proc.pid) in got["error"]["message"], got
    assert "result" in p.initialize(second, run="other")
    p.accept(second, p.task("a", "echo other >>log"))
    p.until(second, {"a": "succeeded"})
    p.until(first, {"a": "succeeded"})
    first.proc.kill()
    first.proc.wait()
    third = p.server()
    assert p.initialize(third)["result"]["recovered"] == 1


def sanitized(binary: str) -> bool:
    return b"libasan" in subprocess.run(["ldd", binary], capture_output=True).stdout


def rss_mib(pid: int) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def never_reads(p: Place) -> None:
    """Replies pile up to a bound, tasks go on, and later all replies come."""
    proc = subprocess.Popen([p.binary, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, env=p.env)
    count = 300

    def send(ident: object, method: str, **params: object) -> None:
        proc.stdin.write(json.dumps({"jsonrpc": "2.0", "id": ident, "method": method,
                                     "params": params}).encode() + b"\n")
        proc.stdin.flush()

    try:
        send("init", "initialize", protocol=1, engine={"name": "x"}, config={"settle_ms": 0},
             run={"id": "r", "workdir": str(p.work)})
        send("sub", "submit", tasks=[p.task(f"t{i}", "true", cpus=100000) if i
                                     else p.task("t0", "sleep 1; echo t0 >>log")
                                     for i in range(4000)])
        # Rejected ones stay unknown: make many known, that wait for their turn.
        send("sub2", "submit", tasks=[p.task(f"w{i}", "sleep 100", priority=-1)
                                      for i in range(3000)])
        os.set_blocking(proc.stdin.fileno(), False)
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "poll",
                           "params": {"after": 0}}).encode() + b"\n"
        sent, stuck, rest = 0, 0, b""
        while sent < count and stuck < 50:
            rest = rest or line
            try:
                n = os.write(proc.stdin.fileno(), rest)
                rest = rest[n:]
                sent += not rest
                stuck = 0
            except BlockingIOError:
                stuck += 1
                time.sleep(0.1)
        limit = 900 if sanitized(p.binary) else 250
        used = rss_mib(proc.pid)
        assert used < limit, f"{used:.0f} MiB for replies that nobody reads"
        deadline = time.monotonic() + 20
        while not (p.work / "log").exists():
            assert time.monotonic() < deadline, "tasks do not go on"
            time.sleep(0.1)
        os.set_blocking(proc.stdin.fileno(), True)
        got = 0
        while got < sent + 3:
            reply = json.loads(proc.stdout.readline())
            assert "result" in reply, reply
            got += 1
        if rest:
            proc.stdin.write(rest)
        send("end", "shutdown", mode="cancel")
        while json.loads(proc.stdout.readline())["id"] != "end":
            pass
        assert proc.wait(60) == 0
    finally:
        if proc.poll() is None:
            proc.kill()
        proc.wait()


def reader_gone(p: Place) -> None:
    """The engine dies with replies unread: its tasks are stopped."""
    s = p.server()
    p.initialize(s)
    p.accept(s, p.task("a", "sleep 60; echo a >>log"))
    p.until(s, {"a": "running"})
    for i in range(50):
        s.send(json.dumps({"jsonrpc": "2.0", "id": i, "method": "status"}).encode())
    os.close(os.dup(s.proc.stdin.fileno()))
    s.proc.stdin.close()
    assert s.proc.wait(40) == 0
    assert not live_shims(p.top)
    s = p.server()
    p.initialize(s)
    assert p.states(s) == {"a": "cancelled"}


def reader_gone_with_a_full_pipe(p: Place) -> None:
    """The engine dies while replies wait for room in the pipe."""
    s = subprocess.Popen([p.binary, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env=p.env)
    try:
        lines = [("initialize", {"protocol": 1, "engine": {"name": "x"},
                                 "config": {"settle_ms": 0},
                                 "run": {"id": "r", "workdir": str(p.work)}}),
                 ("submit", {"tasks": [p.task(f"t{i}", "sleep 60", cpus=0.001)
                                       for i in range(1500)]})]
        lines += [("poll", {"after": 0})] * 20
        for i, (method, params) in enumerate(lines):
            s.stdin.write(json.dumps({"jsonrpc": "2.0", "id": i, "method": method,
                                      "params": params}).encode() + b"\n")
        s.stdin.flush()
        deadline = time.monotonic() + 20
        while not live_shims(p.top) and time.monotonic() < deadline:
            time.sleep(0.1)
        s.stdout.close()
        s.stdin.close()
        assert s.wait(90) == 0
        assert not live_shims(p.top)
    finally:
        if s.poll() is None:
            s.kill()
        s.wait()


def shutdown_on_a_full_disk(p: Place) -> None:
    """A shutdown is answered, with a result or the reason, and the process ends."""
    p.mount(p.state, "size=6m")
    s = p.server()
    p.initialize(s)
    p.accept(s, *(p.task(f"run{i}", "sleep 30", cpus=0.1) for i in range(3)))
    p.until(s, {"run2": "running"})
    filler, ended = p.state / "filler", threading.Event()

    def keep_full() -> None:  # also of what the database gives back
        with open(filler, "ab", buffering=0) as f:
            while not ended.is_set():
                try:
                    f.write(b"x" * 4096)
                except OSError:
                    time.sleep(0.001)

    thread = threading.Thread(target=keep_full)
    thread.start()
    try:
        time.sleep(0.5)
        (p.state / "runs" / "r" / "ballast").unlink(missing_ok=True)
        for i in range(5):
            p.submit(s, p.task(f"new{i}", "true", labels={"x": "y" * 60000}))
        began = time.monotonic()
        p.call(s, "poll", after=1 << 40, wait_ms=500)  # is answered, come what may
        assert time.monotonic() - began < 20
        got = p.call(s, "shutdown", mode="cancel")
        code = s.proc.wait(60)
    finally:
        ended.set()
        thread.join()
    print("     " + ("the reason" if "error" in got else "a result"), flush=True)
    if "error" in got:
        assert got["error"]["code"] == -32005 and "resume" in got["error"]["message"], got
        assert code == 5, code
    else:
        assert code == 0 and not live_shims(p.top)
    filler.unlink()
    s = p.server()
    assert p.initialize(s)["result"]["recovered"] >= 3
    p.call(s, "kill", all=True)
    p.until(s, {f"run{i}": "cancelled" for i in range(3)})


def garbage(p: Place) -> None:
    """10,000 bad lines get 10,000 errors; then all is well."""
    s = p.server()
    junk = [b"\x00\xff\xfe", b"{", b"[]", b"null", b'{"id":1}', b"hello", b'{"a":1,"a":2}',
            b"[" * 200, b'"\xc3\x28"', b'{"jsonrpc":"2.0","id":[],"method":"poll"}']
    for i in range(10000):
        s.send(junk[i % len(junk)])
    codes = [s.replies.get(timeout=60)["error"]["code"] for _ in range(10000)]
    assert set(codes) == {-32700, -32600}, set(codes)
    p.initialize(s)
    p.accept(s, p.task("a", "true"))
    p.until(s, {"a": "succeeded"})


def slow_large_submit(p: Place) -> None:
    """15 MiB in one line, in small pieces with pauses; tasks go on meanwhile."""
    s = p.server()
    p.initialize(s, local={"cpus": 2})
    p.accept(s, p.task("first", "sleep 0.5; echo first >>log"))
    tasks = [p.task(f"t{i}", "true", cpus=0.01, labels={"x": "y" * 3700}) for i in range(3900)]
    line = json.dumps({"jsonrpc": "2.0", "id": "big", "method": "submit",
                       "params": {"tasks": tasks}}).encode() + b"\n"
    assert 14 << 20 < len(line) < 16 << 20, len(line)
    for at in range(0, len(line), 65536):
        s.proc.stdin.write(line[at:at + 65536])
        s.proc.stdin.flush()
        time.sleep(0.01)
    got = s.reply("big")
    assert len(got["result"]["accepted"]) == 3900, got
    p.until(s, {"first": "succeeded"})
    assert "result" in p.call(s, "shutdown", mode="cancel")
    assert s.proc.wait(60) == 0


def oversized_line(p: Place) -> None:
    """Lines of 17 and 40 MiB are thrown away; the next one is served."""
    s = p.server()
    for size in (17, 40):
        s.send(b"x" * (size << 20))
        got = s.reply(None)
        assert got["error"]["code"] == -32700 and "16 MiB" in got["error"]["message"], got
    assert "result" in p.initialize(s)
    assert s.replies.empty()


def sigterm(p: Place) -> None:
    """As if the engine had gone: cancel stops the tasks, detach leaves them."""
    s = p.server()
    p.initialize(s)
    p.accept(s, p.task("a", "sleep 60"), p.task("b", "sleep 60", cpus=0.1))
    p.until(s, {"a": "running"})
    s.proc.send_signal(signal.SIGINT)  # the terminal's Ctrl-C: not ours to obey
    s.proc.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert s.proc.poll() is None
    s.proc.terminate()
    assert s.proc.wait(40) == 0
    assert not live_shims(p.top)
    s = p.server()
    p.initialize(s, on_engine_exit="detach")
    assert set(p.states(s).values()) == {"cancelled"}
    p.accept(s, p.task("c", "sleep 2; echo c >>log"))
    p.until(s, {"c": "running"})
    s.proc.terminate()
    assert s.proc.wait(40) == 0
    s = p.server()
    p.initialize(s)
    p.until(s, {"c": "succeeded"})
    assert (p.work / "log").read_text() == "c\n"


def sigterm_ends_a_drain(p: Place) -> None:
    """A drain goes on when the pipe is closed, and ends at a SIGTERM."""
    s = p.server()
    p.initialize(s)
    p.accept(s, p.task("a", "sleep 60"))
    p.until(s, {"a": "running"})
    s.send(json.dumps({"jsonrpc": "2.0", "id": "d", "method": "shutdown",
                       "params": {"mode": "drain"}}).encode())
    s.proc.stdin.close()
    time.sleep(1)
    assert s.proc.poll() is None and live_shims(p.top)
    s.proc.terminate()
    assert s.proc.wait(40) == 0
    assert "result" in s.reply("d")
    assert not live_shims(p.top)


def stopped_for_a_while(p: Place) -> None:
    """Tasks end while genosched is stopped; it hears of all of them."""
    s = p.server()
    p.initialize(s, local={"cpus": 8})
    p.accept(s, *(p.task(f"t{i}", f"sleep 0.{i}; echo t{i} >>log") for i in range(1, 9)))
    p.until(s, {"t8": "running"})
    s.proc.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    s.proc.send_signal(signal.SIGCONT)
    p.until(s, {f"t{i}": "succeeded" for i in range(1, 9)})
    assert len((p.work / "log").read_text().split()) == 8


def clock_jumps(p: Place) -> None:
    """The wall clock goes forth and back a year; nothing is timed by it."""
    libs = [x for x in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
    assert libs, "this test needs libfaketime: apt-get install faketime"
    rc = p.top / "faketime"
    rc.write_text("+0")
    preload = str(libs[0])
    if sanitized(p.binary):
        asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True,
                              text=True).stdout.strip()
        preload = f"{asan}:{preload}"
    s = p.server(LD_PRELOAD=preload, FAKETIME_TIMESTAMP_FILE=str(rc), FAKETIME_NO_CACHE="1",
                 FAKETIME_DONT_FAKE_MONOTONIC="1")
    p.initialize(s)
    own = {"LD_PRELOAD": ""}
    p.accept(s, p.task("a", "sleep 1.5; echo a >>log", time_ms=60000, env=own))
    p.until(s, {"a": "running"})
    rc.write_text("+365d")
    p.accept(s, p.task("b", "sleep 1; echo b >>log", time_ms=60000, cpus=0.1, env=own))
    got = p.call(s, "poll", after=0)["result"]
    t = {x["id"]: x for x in got["tasks"]}
    assert t["b"]["submitted"] - t["a"]["submitted"] > 300 * 86400 * 1000, t
    assert t["b"]["sequence"] > 0
    rc.write_text("-365d")
    began = time.monotonic()
    p.call(s, "poll", after=got["sequence"] + 1000, wait_ms=500)
    assert 0.4 < time.monotonic() - began < 20
    p.until(s, {"a": "succeeded", "b": "succeeded"})
    p.accept(s, p.task("c", "echo c >>log", env=own))
    p.until(s, {"c": "succeeded"})
    assert "result" in p.call(s, "shutdown", mode="cancel")
    assert s.proc.wait(30) == 0


def holds(path: pathlib.Path, needle: bytes) -> bool:
    try:
        return needle in path.read_bytes()
    except OSError:
        return False


def secrets(p: Place) -> None:
    """A canary in a task's environment is nowhere but in the task."""
    canary = "CaNaRy-4f9a0c7755"
    s = p.server()
    p.initialize(s, log={"level": "debug"})
    sees = 'test "$SECRET" = ' + canary[:6] + '"${SECRET#??????}" && echo seen >>log; sleep 2; '
    p.accept(s, p.task("a", sees + "exit 3", env={"SECRET": canary}))
    p.submit(s, p.task("bad", "true", env={"SECRET": canary, "A=B": canary}),
             p.task("bad2", "true", env={"SECRET": canary}, cpus="many"),
             p.task("bad3", "true", env={"SECRET": canary}, memory_bytes=1 << 52))
    s.send(b'{"jsonrpc":"2.0","id":"x","method":"submit","params":{"tasks":[{"env":{"A":"'
           + canary.encode() + b'","A":"' + canary.encode() + b'"}}]}}')
    assert s.reply(None)["error"]["code"] == -32700
    p.until(s, {"a": "running"})
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        if holds(proc / "cmdline", canary.encode()):
            raise AssertionError(f"in {proc}/cmdline")
    p.until(s, {"a": "failed"})
    assert (p.work / "log").read_text() == "seen\n"
    time.sleep(3)
    p.call(s, "status")
    for path in p.top.rglob("*"):
        assert not (path.is_file() and holds(path, canary.encode())), f"in {path}"
    replies = json.dumps([p.call(s, "poll", after=0), p.call(s, "status")])
    assert canary not in replies
    p.accept(s, p.task("b", "sleep 60", env={"SECRET": canary}))
    p.until(s, {"b": "running"})
    s.proc.kill()
    s.proc.wait()
    assert canary not in p.log_lines(s)
    s = p.server()
    p.initialize(s)
    p.call(s, "kill", all=True)
    p.until(s, {"b": "cancelled"})
    assert "result" in p.call(s, "shutdown", mode="cancel")
    assert s.proc.wait(30) == 0
    for path in p.top.rglob("*"):
        assert not (path.is_file() and holds(path, canary.encode())), f"in {path} at the end"
    assert canary not in p.log_lines(s)


def future_schema(p: Place) -> None:
    """A run of a newer version is refused and left as it is."""
    s = p.server()
    p.initialize(s)
    p.accept(s, p.task("a", "true"))
    p.until(s, {"a": "succeeded"})
    p.call(s, "shutdown", mode="cancel")
    s.proc.wait(30)
    path = p.state / "runs" / "r" / "run.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()
    s = p.server()
    got = p.initialize(s)
    assert got["error"]["code"] == -32005, got
    assert "newer genosched" in got["error"]["message"], got
    assert path.read_bytes() == before
    assert "result" in p.initialize(s, run="other")


def damaged_run(p: Place) -> None:
    """A run folder full of noise is an error, not a crash, and is kept."""
    folder = p.state / "runs" / "r"
    folder.mkdir(parents=True)
    (folder / "run.db").write_bytes(b"noise, and not a database at all " * 400)
    before = (folder / "run.db").read_bytes()
    s = p.server()
    got = p.initialize(s)
    assert got["error"]["code"] == -32005, got
    assert str(folder) in got["error"]["message"], got
    assert (folder / "run.db").read_bytes() == before
    assert "result" in p.initialize(s, run="other")


def kills_among_crashes(p: Place) -> None:
    """Kill requests and kill -9 at random: what is cancelled is gone, the rest runs once."""
    seed = int(os.environ.get("GS_TEST_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"     GS_TEST_SEED={seed}", flush=True)
    rng = random.Random(seed)
    tasks = [p.task(f"t{i}", f"echo start t{i} >>log; sleep {rng.uniform(0.05, 1.5):.2f}; "
                    f"echo end t{i} >>log", cpus=0.5, stdout="/dev/null") for i in range(80)]
    s, crashes, asked = p.server(), 0, set()
    p.initialize(s, local={"cpus": 6})
    p.accept(s, *tasks)
    final: dict[str, str] = {}
    while len(final) < len(tasks):
        time.sleep(rng.uniform(0, 0.2))
        if rng.random() < 0.3 and crashes < 25:
            crashes += 1
            s.proc.kill()
            s.stop()
            s = p.server()
            p.initialize(s, local={"cpus": 6})
        if rng.random() < 0.5:
            ids = rng.sample([t["id"] for t in tasks], 2)
            got = p.call(s, "kill", ids=ids)["result"]
            assert sorted(got["stopping"] + got["finished"]) == sorted(ids), got
            asked |= set(got["stopping"])
        for ident, state in p.states(s).items():
            if state in FINAL:
                assert final.setdefault(ident, state) == state, (ident, state, final[ident])
    assert not live_shims(p.top), "something still lives"
    lines = (p.work / "log").read_text().splitlines()
    time.sleep(1)
    assert lines == (p.work / "log").read_text().splitlines()
    for ident, state in final.items():
        starts, ends = lines.count(f"start {ident}"), lines.count(f"end {ident}")
        if state == "succeeded":
            assert (starts, ends) == (1, 1), (ident, starts, ends)
        else:
            assert state == "cancelled" and ident in asked, (ident, state)
            assert starts <= 1, (ident, starts)
    print(f"     {crashes} crashes, {len(asked)} kills, "
          f"{list(final.values()).count('cancelled')} cancelled", flush=True)


def crash_at_every_step(p: Place) -> None:
    """Killed at its 1st, 2nd, ... step that changes something: nothing is lost or run twice."""
    binary = os.environ.get("GENOSCHED_RELEASE", p.binary)
    assert not sanitized(binary), (
        "this test needs a genosched without sanitizers: set GENOSCHED_RELEASE to one")
    lib = p.top / "crash_at.so"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-std=c17", "-shared", "-fPIC", "-o", str(lib),
                    str(HERE / "crash_at.c"), "-ldl"], check=True)
    p.binary = binary
    at = 0
    while True:
        at += 1
        run, log = f"at{at}", f"log{at}"
        tasks = [p.task(f"t{i}", f"echo t{i} >>{log}", cpus=0.1, env={"A": str(i)},
                        fingerprint=f"f{i}") for i in range(3)]
        s = p.server(LD_PRELOAD=str(lib), GS_CRASH_AT=str(at))
        try:
            assert "result" in p.initialize(s, run=run)
            p.accept(s, *tasks)
            p.until(s, {t["id"]: "succeeded" for t in tasks})
            assert "result" in p.call(s, "shutdown", mode="cancel")
            s.proc.wait(30)
        except (conformance.Mismatch, OSError):
            s.proc.wait(30)
            assert s.proc.returncode == -signal.SIGKILL, s.proc.returncode
        crashed = s.proc.returncode != 0
        s = p.server()
        got = p.initialize(s, run=run)
        assert "result" in got, (at, got)
        p.accept(s, *tasks)
        p.until(s, {t["id"]: "succeeded" for t in tasks})
        assert "result" in p.call(s, "shutdown", mode="cancel")
        s.proc.wait(30)
        p.servers.clear()
        lines = sorted((p.work / log).read_text().split())
        assert lines == ["t0", "t1", "t2"], f"crash at step {at}: {lines}"
        shutil.rmtree(p.state / "runs" / run)
        if not crashed:
            assert at > 50, f"only {at} steps: is crash_at.so in force?"
            print(f"     {at - 1} steps", flush=True)
            return


CASES = [full_disk, full_disk_killed, unwritable_state, second_process, never_reads, reader_gone,
         reader_gone_with_a_full_pipe, shutdown_on_a_full_disk, garbage, slow_large_submit, oversized_line, sigterm, sigterm_ends_a_drain,
         stopped_for_a_while, clock_jumps, secrets, future_schema, damaged_run,
         kills_among_crashes, crash_at_every_step]


def main() -> int:
    binary, chosen = os.path.abspath(sys.argv[1]), sys.argv[2:]
    passed = failed = 0
    for case in CASES:
        if chosen and case.__name__ not in chosen:
            continue
        began = time.monotonic()
        p = Place(binary, pathlib.Path(tempfile.mkdtemp(prefix="gs-fault-")))
        try:
            case(p)
            passed += 1
            print(f"ok   {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as e:  # noqa: BLE001  (whatever it is, it is a failure)
            failed += 1
            where = traceback.extract_tb(e.__traceback__)
            line = next((f.lineno for f in where if f.name == case.__name__), 0)
            print(f"FAIL {case.__name__}, line {line}: {type(e).__name__}: {e}", flush=True)
            for s in p.servers[-1:]:
                print("     " + p.log_lines(s)[-1500:].replace("\n", "\n     "), flush=True)
        finally:
            p.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
