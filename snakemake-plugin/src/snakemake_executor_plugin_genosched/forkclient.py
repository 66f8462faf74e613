"""Stands in for a job's Python under genosched-shim: `SOCKET ARGV…`.

Hands its files, environment, folder and arguments to the fork server, which
forks a process that has Snakemake loaded already.  From outside nothing is
different: signals are passed on, the exit status is the job's own, and a kill
of this process is a kill of the job.

Falls back to running ARGV itself whenever the job was not begun: without a
cgroup to put the forked process in, or when the server is gone or declines.
A job that was begun is never begun again here.

Started as `python -S -E -I` for the sake of its start-up time: it must import
little and nothing of this package.
"""

import array
import contextlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import NoReturn

MESSAGE = struct.Struct("=ci")
STARTED, ENDED, DECLINED, SIGNAL = b"S", b"X", b"D", b"K"
FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
LIMITS = (
    resource.RLIMIT_CORE,
    resource.RLIMIT_CPU,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_STACK,
)
_SERVER_LOST = 70
_BEGIN_SECONDS = 60.0


def circumstances(arguments: list[str]) -> bytes:
    """What the forked process takes over, apart from the three files."""
    umask = os.umask(0o077)
    os.umask(umask)
    return json.dumps(
        {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": os.getcwd(),  # noqa: PTH109
            "umask": umask,
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "affinity": sorted(os.sched_getaffinity(0)),
            "limits": [[which, *resource.getrlimit(which)] for which in LIMITS],
        }
    ).encode("utf-8", "surrogateescape")


def hand_over(path: str, arguments: list[str]) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(path)
    data = circumstances(arguments)
    rights = array.array("i", [0, 1, 2])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
    link.sendmsg([struct.pack("=I", len(data))], ancillary)
    link.sendall(data)
    return link


def receive(link: socket.socket) -> tuple[bytes, int]:
    """The next message; (b"", 0) when the other side is gone."""
    data = b""
    try:
        while len(data) < MESSAGE.size:
            piece = link.recv(MESSAGE.size - len(data))
            if not piece:
                return b"", 0
            data += piece
    except OSError:
        return b"", 0
    kind, value = MESSAGE.unpack(data)
    return kind, value


def end_as(status: int) -> NoReturn:
    """Ends this process just as the job ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))


def server_lost(child: int) -> NoReturn:
    """The server died under a running job: nobody can learn how it ends."""
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    sys.stderr.write(
        "genosched: the fork server of Snakemake ended while this job was running; "
        "the job was stopped, because its result could not be known. Run it again; "
        "if this happens often, use --genosched-no-fork-server.\n"
    )
    sys.stderr.flush()
    os._exit(_SERVER_LOST)


def follow(link: socket.socket) -> bool:
    """Waits for the job's end and ends likewise; False if it was not begun."""
    link.settimeout(_BEGIN_SECONDS)
    kind, child = receive(link)
    if kind != STARTED:
        # A late child cannot begin any more: it has to say so first.  One that
        # did in this very moment is found here, and stopped below.
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RD)
        kind, child = receive(link)
        if kind != STARTED:
            return False
    link.settimeout(None)
    kind, status = receive(link)
    if kind != ENDED:
        server_lost(child)
    end_as(status)


def main() -> NoReturn:
    path, arguments = sys.argv[1], sys.argv[2:]
    if os.environ.get("GENOSCHED_CGROUP_PROCS"):
        link = None
        held: list[int] = []

        def forward(number: int, _frame: object) -> None:
            if link is None:
                held.append(number)
                return
            with contextlib.suppress(OSError):
                link.sendall(MESSAGE.pack(SIGNAL, number))

        for number in FORWARDED:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, forward)
        try:
            link = hand_over(path, arguments)
            for early in held:
                forward(early, None)
            follow(link)
            link.close()
        except OSError:
            pass
        for number in FORWARDED:
            if signal.getsignal(number) == forward:
                signal.signal(number, signal.SIG_DFL)
        if held:
            os.kill(os.getpid(), held[0])
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main()
