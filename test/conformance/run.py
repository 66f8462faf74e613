#!/usr/bin/env python3
"""Plays conformance transcripts against `genosched serve` (see README.md).

usage: run.py GENOSCHED [TRANSCRIPT.jsonl ...]
"""

from __future__ import annotations

import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 30.0


class Mismatch(Exception):
    """A transcript's expectation that did not come true."""


def match(pattern: object, value: object, where: str) -> None:
    """Raises Mismatch unless `value` fits `pattern`."""
    if isinstance(pattern, str) and pattern.startswith("<") and pattern.endswith(">"):
        word = pattern[1:-1]
        good = (
            word == "any"
            or (word == "int" and isinstance(value, int))
            or (word == "text" and isinstance(value, str) and value != "")
            or (word.startswith("has:") and isinstance(value, str) and word[4:] in value)
        )
        if not good:
            raise Mismatch(f"{where}: {value!r} is not {pattern}")
    elif isinstance(pattern, dict):
        if not isinstance(value, dict):
            raise Mismatch(f"{where}: {value!r} is not an object")
        for key, sub in pattern.items():
            if key not in value:
                raise Mismatch(f"{where}.{key}: missing in {value!r}")
            match(sub, value[key], f"{where}.{key}")
    elif isinstance(pattern, list):
        if not isinstance(value, list) or len(value) != len(pattern):
            raise Mismatch(f"{where}: {value!r} is not {pattern!r}")
        for i, sub in enumerate(pattern):
            match(sub, value[i], f"{where}[{i}]")
    elif pattern != value or isinstance(pattern, bool) != isinstance(value, bool):
        raise Mismatch(f"{where}: {value!r} is not {pattern!r}")


class Server:
    """One `genosched serve` with a thread that reads its replies."""

    def __init__(self, binary: str, env: dict[str, str]) -> None:
        self.proc = subprocess.Popen(
            [binary, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=env)
        self.replies: queue.Queue[dict | None] = queue.Queue()
        self.errors: list[bytes] = []
        self.waiting: list[dict] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._talk, daemon=True).start()

    def _read(self) -> None:
        for line in self.proc.stdout:
            self.replies.put(json.loads(line))
        self.replies.put(None)

    def _talk(self) -> None:
        for line in self.proc.stderr:
            self.errors.append(line)

    def send(self, data: bytes) -> None:
        self.proc.stdin.write(data + b"\n")
        self.proc.stdin.flush()

    def reply(self, ident: object) -> dict:
        for i, kept in enumerate(self.waiting):
            if kept.get("id") == ident:
                return self.waiting.pop(i)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                got = self.replies.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise Mismatch(f"no reply with id {ident!r}") from None
            if got is None:
                raise Mismatch(f"the server ended, no reply with id {ident!r}")
            if got.get("id") == ident:
                return got
            self.waiting.append(got)

    def call(self, ident: str, method: str, **params: object) -> dict:
        self.send(json.dumps({"jsonrpc": "2.0", "id": ident, "method": method,
                              "params": params}).encode())
        return self.reply(ident)

    def stop(self) -> None:
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()


class Player:
    """Plays one transcript."""

    def __init__(self, binary: str, path: pathlib.Path, top: pathlib.Path) -> None:
        self.binary, self.path = binary, path
        self.work = top / "work"
        self.work.mkdir()
        self.env = dict(os.environ, GENOSCHED_STATE=str(top / "state"),
                        GENOSCHED_LEDGER=str(top / "ledger"))
        self.run_id = "conf-" + path.stem
        self.server = Server(binary, self.env)
        self.polls = 0

    def fill(self, text: str) -> str:
        return text.replace("${WORK}", str(self.work)).replace("${RUN}", self.run_id)

    def until(self, task: str, state: str) -> None:
        after, deadline, seen = 0, time.monotonic() + PATIENCE, "unknown"
        while time.monotonic() < deadline:
            self.polls += 1
            r = self.server.call(f"until-{self.polls}", "poll", after=after, wait_ms=1000)
            if "result" not in r:
                raise Mismatch(f"poll failed: {r}")
            after = r["result"]["sequence"]
            for status in r["result"]["tasks"]:
                if status["id"] == task:
                    seen = status["state"]
            if seen == state:
                return
        raise Mismatch(f"task {task} is {seen}, not {state}")

    def command(self, words: list[str]) -> None:
        verb, args = words[0], words[1:]
        if verb == "until":
            self.until(args[0], args[1])
        elif verb == "restart":
            self.server.stop()
            self.server = Server(self.binary, self.env)
        elif verb == "eof":
            self.server.proc.stdin.close()
            self.server.proc.wait(PATIENCE)
        elif verb == "exit":
            code = self.server.proc.wait(PATIENCE)
            if code != int(args[0]):
                raise Mismatch(f"exit code {code}, not {args[0]}")
        elif verb == "file":
            text = pathlib.Path(args[0]).read_text().strip()
            if text != " ".join(args[1:]):
                raise Mismatch(f"{args[0]} holds {text!r}")
        elif verb == "nofile":
            if os.path.exists(args[0]):
                raise Mismatch(f"{args[0]} is there")
        else:
            raise Mismatch(f"unknown command {verb}")

    def line(self, text: str) -> None:
        text = self.fill(text.rstrip("\n"))
        if not text or text.startswith("#"):
            return
        mark, _, rest = text.partition(" ")
        if mark == ">":
            self.server.send(rest.encode())
        elif mark == ">>":
            raw = re.sub(rb"\\x([0-9a-fA-F]{2})",
                         lambda m: bytes([int(m.group(1), 16)]), rest.encode())
            self.server.send(raw)
        elif mark == ">*":
            count, _, piece = rest.partition(" ")
            self.server.send(piece.encode() * int(count))
        elif mark == "<":
            pattern = json.loads(rest)
            match(pattern, self.server.reply(pattern.get("id")), "reply")
        elif mark == "!":
            self.command(rest.split())
        else:
            raise Mismatch(f"not a transcript line: {text[:60]}")

    def play(self) -> None:
        try:
            for number, text in enumerate(self.path.read_text().splitlines(), 1):
                try:
                    self.line(text)
                except (Mismatch, BrokenPipeError, subprocess.TimeoutExpired, OSError) as e:
                    time.sleep(0.1)
                    talk = b"".join(self.server.errors[-8:]).decode(errors="replace")
                    raise Mismatch(f"line {number}: {e}\n{talk}") from e
        finally:
            if self.server.proc.poll() is None:
                try:
                    self.server.call("end", "shutdown", mode="cancel")
                    self.server.proc.wait(PATIENCE)
                except (Mismatch, OSError, subprocess.TimeoutExpired):
                    pass
            self.server.stop()


def main() -> int:
    binary = sys.argv[1]
    chosen = [pathlib.Path(p) for p in sys.argv[2:]] or sorted(HERE.glob("*.jsonl"))
    passed = failed = 0
    for path in chosen:
        top = pathlib.Path(tempfile.mkdtemp(prefix="gs-conf-"))
        try:
            Player(binary, path, top).play()
            passed += 1
            print(f"ok   {path.stem}", flush=True)
        except Mismatch as e:
            failed += 1
            print(f"FAIL {path.stem}: {e}", flush=True)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
