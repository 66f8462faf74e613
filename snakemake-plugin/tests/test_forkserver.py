"""The fork server with real jobs; a plain file stands in for the cgroup."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snakemake_executor_plugin_genosched import command
from snakemake_executor_plugin_genosched.forkhost import ForkServer

SNAKEFILE = """
import os, sys
rule show:
    output: "show.txt"
    run:
        with open(output[0], "w") as out:
            print(os.getpid(), os.getsid(0), os.environ.get("TOLD"), file=out)
            print(os.getcwd(), file=out)
rule bad:
    output: "bad.txt"
    shell: "exit 3"
rule long:
    output: "long.txt"
    shell: "echo $$ > started; sleep 60; touch {output}"
rule brief:
    output: "brief.txt"
    shell: "echo $$ > started; sleep 3; touch {output}"
"""


@pytest.fixture(scope="module")
def server():
    started = ForkServer()
    yield started
    started.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def start(folder, rule, socket, cgroup=True, **environment):
    arguments = ["--snakefile", "Snakefile", "--cores", "1", "--nolock", rule]
    argv = command.job_command("", arguments, sys.executable, True, str(socket))
    if cgroup:
        environment["GENOSCHED_CGROUP_PROCS"] = str(folder / "cgroup.procs")
    return subprocess.Popen(
        argv,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, seconds=60):
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said


def wait_for(path, seconds=30):
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)
    return int(path.read_text())


def gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_job_runs_in_a_fork_that_looks_like_its_client(server, folder):
    code, said = finish(start(folder, "show", server.socket, TOLD="yes"))
    assert code == 0, said
    (pid, session, told), (cwd,) = [
        line.split() for line in (folder / "show.txt").read_text().splitlines()
    ]
    assert told == "yes"
    assert cwd == str(folder)
    entered = (folder / "cgroup.procs").read_text()
    assert entered == session, "the forked process itself entered the cgroup"
    assert pid != str(server.pid)


def test_the_exit_code_is_the_jobs_own(server, folder):
    code, said = finish(start(folder, "bad", server.socket))
    assert code == 1
    assert "exit code 3" in said or "exit status 3" in said


def test_a_killed_job_is_a_killed_client(server, folder):
    process = start(folder, "long", server.socket)
    wait_for(folder / "started")
    child = wait_for(folder / "cgroup.procs")
    os.kill(child, signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    os.killpg(child, signal.SIGKILL)  # here it is the cgroup that would be emptied
    process.stderr.close()


def test_a_killed_client_is_a_killed_job(server, folder):
    process = start(folder, "long", server.socket)
    shell, child = wait_for(folder / "started"), wait_for(folder / "cgroup.procs")
    process.kill()
    finish(process)
    assert gone(child)
    assert gone(shell), "the whole process group has to go"


def test_signals_are_forwarded(server, folder):
    process = start(folder, "long", server.socket)
    shell = wait_for(folder / "started")
    process.send_signal(signal.SIGINT)
    code, _ = finish(process)
    assert code != 0
    assert gone(shell)


def test_without_a_cgroup_the_job_runs_by_itself(server, folder):
    code, said = finish(start(folder, "show", server.socket, cgroup=False))
    assert code == 0, said
    assert (folder / "show.txt").exists()
    assert not (folder / "cgroup.procs").exists()


def test_without_a_server_the_job_runs_by_itself(folder):
    code, said = finish(start(folder, "show", folder / "no-such-socket"))
    assert code == 0, said
    assert not (folder / "cgroup.procs").exists()


def test_another_language_is_declined_and_runs_by_itself(server, folder):
    process = start(folder, "show", server.socket, LANG="tlh_KX.UTF-8")
    assert finish(process)[0] == 0
    assert (folder / "show.txt").exists()
    assert not (folder / "cgroup.procs").exists()


def test_another_program_is_declined_and_runs_by_itself(server, folder):
    client = command.job_command("", [], sys.executable, True, str(server.socket))[:6]
    done = subprocess.run(
        [*client, "/bin/echo", "-m", command.LAUNCHER],
        env={**os.environ, "GENOSCHED_CGROUP_PROCS": str(folder / "cgroup.procs")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == f"-m {command.LAUNCHER}\n"
    assert not (folder / "cgroup.procs").exists()


def test_a_cgroup_that_is_gone_is_declined(server, folder):
    gone_cgroup = str(folder / "none" / "cgroup.procs")
    process = start(
        folder, "show", server.socket, cgroup=False, GENOSCHED_CGROUP_PROCS=gone_cgroup
    )
    assert finish(process)[0] == 0
    assert (folder / "show.txt").exists()


def test_only_the_user_can_reach_the_socket(server):
    assert server.socket.stat().st_mode & 0o777 == 0o600
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700


def test_the_server_outlives_its_parent_while_it_has_children(folder):
    own = ForkServer()
    process = start(folder, "brief", own.socket)
    wait_for(folder / "started")
    own._process.stdin.close()
    code, said = finish(process)
    assert code == 0, said
    assert (folder / "brief.txt").exists()
    assert gone(own.pid)
    assert not own.socket.parent.exists()
    own._process.wait()


def test_a_server_that_dies_does_not_leave_a_job_behind(folder):
    own = ForkServer()
    process = start(folder, "long", own.socket)
    shell = wait_for(folder / "started")
    own._process.kill()
    code, said = finish(process)
    assert code == 70
    assert "--genosched-no-fork-server" in said
    assert gone(shell)
    own.close()
