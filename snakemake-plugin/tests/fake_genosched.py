#!/usr/bin/env python3
"""A stand-in for genosched with the faults that the real one does not have.

`version --json` and `serve`, enough of the protocol to run tasks as plain
processes: no limits, no scheduling, no state on disk.  What it does wrong is
said by FAKE_FAULT:
  garbage     a line that is not JSON instead of the reply to the first submit
  cut         half a reply to the first submit, then the end
  duplicate   a reply with a key twice
  stranger    a reply to a request that was never made
  nonsense    a reply to poll without its tasks, once tasks are there
  silent      no reply to submit at all
  held        error -32002 for the first FAKE_HELD initializes
  die         exits after each submit that it has answered
  no-start    exits with code 3 at once
  old         calls itself version 0.0.9
  reject      refuses every task
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

FAULT = os.environ.get("FAKE_FAULT", "")
VERSION = "0.0.9" if FAULT == "old" else "0.1.0"
NOTES = os.environ.get("FAKE_NOTES")


def note(line):
    if NOTES:
        with Path(NOTES).open("a") as notes:
            notes.write(line + "\n")


def first_time(what):
    """True once for each name, over all processes of a test."""
    if not NOTES:
        return True
    try:
        Path(f"{NOTES}.{what}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Fake:
    def __init__(self):
        self.changed = threading.Condition()
        self.sequence = 0
        self.tasks = {}
        self.processes = {}
        self.out = threading.Lock()

    def send(self, value):
        with self.out:
            sys.stdout.write(json.dumps(value) + "\n")
            sys.stdout.flush()

    def update(self, task, **fields):
        with self.changed:
            self.sequence += 1
            status = self.tasks.setdefault(task, {"id": task, "attempts": []})
            status.update(fields, sequence=self.sequence)
            self.changed.notify_all()

    def run(self, task):
        with (
            Path(task["stdout"]).open("wb") as out,
            Path(task["stderr"]).open("wb") as err,
        ):
            process = subprocess.Popen(
                task["command"],
                cwd=task["workdir"],
                env={**os.environ, **task.get("env", {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            self.processes[task["id"]] = process
            if self.tasks[task["id"]]["state"] == "cancelled":
                process.kill()
            else:
                self.update(task["id"], state="running")
            code = process.wait()
        if self.tasks[task["id"]].get("state") == "cancelled":
            return
        if code == 0:
            self.update(task["id"], state="succeeded", exit_code=0)
        elif code > 0:
            self.update(task["id"], state="failed", reason="exit", exit_code=code)
        else:
            self.update(task["id"], state="failed", reason="signal", signal=-code)

    def submit(self, number, params):
        accepted, rejected = [], []
        for task in params["tasks"]:
            note(f"submit {task['id']} {json.dumps(task)}")
            if FAULT == "reject":
                rejected.append({"id": task["id"], "reason": "needs 9 of 8 CPUs"})
                continue
            accepted.append(task["id"])
            if task["id"] not in self.tasks:
                self.update(task["id"], state="pending")
                threading.Thread(target=self.run, args=(task,), daemon=True).start()
        return {"accepted": accepted, "rejected": rejected}

    def poll(self, params):
        after, ids = params.get("after", 0), params.get("ids")
        with self.changed:
            self.changed.wait_for(
                lambda: self.sequence > after, params.get("wait_ms", 0) / 1000
            )
            tasks = [
                status
                for status in self.tasks.values()
                if status["sequence"] > after and (ids is None or status["id"] in ids)
            ]
            if FAULT == "nonsense" and tasks and first_time("nonsense"):
                return {"sequence": "seven", "tasks": tasks}
            return {"sequence": self.sequence, "tasks": tasks, "counts": {}}

    def kill(self, params):
        for task in params.get("ids", []):
            if task in self.tasks:
                self.update(task, state="cancelled", reason="cancelled")
            if task in self.processes:
                self.processes[task].kill()
        ids = params.get("ids", [])
        return {
            "stopping": [],
            "finished": [i for i in ids if i in self.tasks],
            "unknown": [i for i in ids if i not in self.tasks],
        }

    def initialize(self, number, params):
        note(f"initialize {json.dumps(params)}")
        if FAULT == "held":
            tries = int(os.environ.get("FAKE_HELD", "1"))
            if any(first_time(f"held{i}") for i in range(tries)):
                error = {"code": -32002, "message": "held by process 1"}
                self.send({"jsonrpc": "2.0", "id": number, "error": error})
                return None
        return {
            "protocol": 1,
            "server": {"name": "genosched", "version": VERSION},
            "run": params["run"],
            "backend": os.environ.get("FAKE_BACKEND", "local"),
            "pool": {},
            "recovered": 0,
        }

    def spoil(self, number):
        """Does the fault that is asked for; True if there is no other reply."""
        if FAULT in ("garbage", "cut", "duplicate", "stranger"):
            if not first_time(FAULT):
                return False
            text = {
                "garbage": "Segmentation fault\n",
                "cut": '{"jsonrpc": "2.0", "id": ',
                "duplicate": f'{{"jsonrpc":"2.0","id":{number},"id":1,"result":0}}\n',
                "stranger": '{"jsonrpc":"2.0","id":999999,"result":{}}\n',
            }[FAULT]
            with self.out:
                sys.stdout.write(text)
                sys.stdout.flush()
                if FAULT == "cut":
                    os._exit(1)
            return True
        return FAULT == "silent"

    def handle(self, request):
        number, method = request["id"], request["method"]
        params = request.get("params", {})
        if method == "initialize":
            result = self.initialize(number, params)
        elif method == "submit":
            result = self.submit(number, params)
            if self.spoil(number):
                return
        elif method == "poll":
            result = self.poll(params)
        elif method == "kill":
            result = self.kill(params)
        else:
            note(f"shutdown {params.get('mode')}")
            self.send({"jsonrpc": "2.0", "id": number, "result": {}})
            os._exit(0)
        if result is not None:
            self.send({"jsonrpc": "2.0", "id": number, "result": result})
        if method == "submit" and FAULT == "die":
            os._exit(9)

    def serve(self):
        print("fake: serving", file=sys.stderr, flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            threading.Thread(target=self.handle, args=(request,), daemon=True).start()
        for process in self.processes.values():
            process.kill()


def main():
    if FAULT == "no-start":
        print("fake: bad configuration", file=sys.stderr)
        sys.exit(3)
    if sys.argv[1] == "version":
        print(json.dumps({"name": "genosched", "version": VERSION, "protocol": 1}))
    else:
        Fake().serve()


if __name__ == "__main__":
    main()
