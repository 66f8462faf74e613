"""What the tests of Snakemake with the real genosched share."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from s3 import moto
from waiting import wait_until


@pytest.fixture(scope="session")
def genosched():
    """The program under test."""
    named = os.environ.get("GENOSCHED")
    assert named, "GENOSCHED is not set: it names the genosched program; use run.sh"
    assert Path(named).is_file(), f"GENOSCHED={named} is not there; build it first"
    return Path(named).absolute()


@pytest.fixture(scope="session", autouse=True)
def _own_machine(tmp_path_factory):
    """What other runs have reserved on this machine must not hold up the tests."""
    os.environ["GENOSCHED_LEDGER"] = str(tmp_path_factory.mktemp("ledger"))


class Project:
    """A folder with a workflow, and Snakemake runs in it."""

    def __init__(self, folder, genosched):
        self.folder = folder
        self.state = folder / "state"
        self.work = folder / "project"
        self.work.mkdir()
        self.binary = genosched
        self._started = []

    def write(self, text, name="Snakefile"):
        (self.work / name).write_text(text)

    def command(self, *arguments):
        return [
            sys.executable,
            "-m",
            "snakemake",
            "--executor",
            "genosched",
            "--jobs",
            "unlimited",
            "--max-jobs-per-timespan",
            "100000/1s",
            "--genosched-binary",
            str(self.binary),
            "--genosched-state-dir",
            str(self.state),
            *arguments,
        ]

    def start(self, *arguments, **environment):
        """Snakemake in the background; its output goes to a file."""
        log = self.folder / f"snakemake.{len(self._started)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.work,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process.log = log
        self._started.append(process)
        return process

    def finish(self, process, seconds=120):
        code = process.wait(timeout=seconds)
        return code, process.log.read_text()

    def run(self, *arguments, **environment):
        return self.finish(self.start(*arguments, **environment))

    # -- what the jobs wrote about themselves

    def events(self, kind=None):
        """[(what, job, pid)] that the jobs appended to the file `log`."""
        file = self.work / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        events = [tuple(line.split()) for line in lines]
        return [e for e in events if kind is None or e[0] == kind]

    def wait_for_events(self, kind, count, seconds=60):
        wait_until(
            lambda: len(self.events(kind)) >= count,
            seconds,
            lambda: f"{count} x {kind}, but: {self.events()}",
        )

    def live_jobs(self):
        return [e for e in self.events("start") if alive(int(e[2]))]

    def attempts(self):
        """The records that the shims left: one JSON text for each attempt."""
        return sorted(self.state.glob("runs/*/attempts/*/record.json"))

    def close(self):
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()
        for pid in descendants_in(self.state):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def project(tmp_path, genosched):
    made = Project(tmp_path, genosched)
    yield made
    made.close()


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes():
    """(pid, parent, command line) of everything that runs."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, UnicodeDecodeError):
            continue
        yield int(entry.name), int(stat[1]), line


def genosched_of(process):
    """The pid of the `genosched serve` that this Snakemake has started."""
    found = [
        pid
        for pid, parent, line in processes()
        if parent == process.pid and " serve" in line and "python" not in line
    ]
    assert len(found) <= 1
    return found[0] if found else None


def descendants_in(state):
    """Shims and genosched processes that belong to a test's state folder."""
    return [pid for pid, _, line in processes() if str(state) in line]


@pytest.fixture(scope="module")
def s3_server():
    """An S3 server on the loopback interface, for the tests of one file."""
    with moto() as endpoint:
        yield endpoint
