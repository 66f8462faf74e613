"""A process with Snakemake loaded that forks one process for each job.

Run as a module by `ForkServer` (forkhost.py) with a listening socket and a pipe
from the main Snakemake.  For each connection of a `forkclient.py` it forks; the
child moves itself into the cgroup of its attempt, so that limits, peaks and
kills hold for it as for any other process, and only then begins to work.

Invariants: the server itself stays single-threaded and never leaves its own
cgroup; a child whose client is gone is killed with its process group; when the
main Snakemake is gone (the pipe is at its end) the server lives on for as long
as it has children and then ends.  It takes orders from its own user only.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from . import forkclient as wire
from .command import LAUNCHER
from .launcher import run

# What the start of an inner Snakemake imports; a missing one is no harm.
_PRELOAD = (
    "snakemake.cli",
    "snakemake.api",
    "snakemake.workflow",
    "snakemake.dag",
    "snakemake.executors.local",
    "snakemake.scheduling.job_scheduler",
    "snakemake.scheduling.greedy",
    "snakemake.scheduling.milp",
    "snakemake.persistence.file",
    "snakemake.script",
    "snakemake.shell",
    "snakemake.storage",
    "graphlib",
    "pulp",
    "smart_open",
)
_REQUEST_MAX = 16 * 1024 * 1024
_REQUEST_SECONDS = 10.0
# Read by the interpreter when it starts: a fork cannot change them any more.
_FIXED_AT_START = ("PYTHON", "LC_", "LANG")


def preload() -> None:
    """Imports Snakemake and lets it collect its plugins."""
    for name in _PRELOAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError, AttributeError):
        importlib.import_module("snakemake.cli").get_argument_parser()
    gc.collect()
    gc.freeze()


def fixed_at_start(environment: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_FIXED_AT_START)}


@dataclass
class Request:
    """One job as its client described it."""

    files: list[int]
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    umask: int
    nice: int
    affinity: list[int]
    limits: list[list[int]]

    def snakemake_arguments(self) -> list[str]:
        """ARGV is `python -m …launcher ARGUMENTS`."""
        return self.arguments[3:]

    def close(self) -> None:
        for file in self.files:
            os.close(file)


def _receive_exactly(link: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = link.recv(min(size - len(data), 1 << 16))
        if not piece:
            raise ValueError("the client went away")
        data += piece
    return bytes(data)


def receive_request(link: socket.socket) -> Request:
    """Reads a client's request; raises ValueError or OSError."""
    head, files, _flags, _address = socket.recv_fds(link, 4, 3)
    try:
        if len(head) != 4 or len(files) != 3:
            raise ValueError("the request has no files")
        (size,) = struct.unpack("=I", head)
        if size > _REQUEST_MAX:
            raise ValueError("the request is too large")
        said: dict[str, Any] = json.loads(
            _receive_exactly(link, size).decode("utf-8", "surrogateescape")
        )
        return Request(files=list(files), **said)
    except (ValueError, TypeError, OSError) as error:
        for file in files:
            os.close(file)
        raise ValueError(str(error)) from error


def of_own_user(link: socket.socket) -> bool:
    data = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", data)[1] == os.getuid())


class Server:
    """The loop; `serve` returns a request only in a forked child."""

    def __init__(self, listener: socket.socket, lifeline: int) -> None:
        self._listener = listener
        self._lifeline: int | None = lifeline
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, wake = socket.socketpair()
        self._wake.setblocking(False)
        wake.setblocking(False)
        self._waker = wake
        self._environment = fixed_at_start(dict(os.environ))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(lifeline, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> Request | None:
        """Runs until there is nobody left to serve."""
        while self._lifeline is not None or self._children:
            for key, _events in self._selector.select():
                if key.fileobj is self._listener:
                    request = self._accept()
                    if request is not None:
                        return request
                elif key.fileobj is self._wake:
                    self._reap()
                elif key.fileobj == self._lifeline:
                    if not os.read(key.fd, 4096):
                        self._selector.unregister(key.fd)
                        self._lifeline = None
                elif key.data in self._children:
                    self._hear_client(key.data)
        return None

    def _accept(self) -> Request | None:
        """Forks for one client; returns the request in the child only."""
        link, _address = self._listener.accept()
        request = None
        try:
            link.settimeout(_REQUEST_SECONDS)
            if not of_own_user(link):
                raise PermissionError("not my own user")
            request = receive_request(link)
            if fixed_at_start(request.environment) != self._environment:
                raise ValueError("another Python or language environment")
            if request.arguments[:3] != [sys.executable, "-m", LAUNCHER]:
                raise ValueError("another program than the one that is loaded")
            child = os.fork()
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                link.sendall(wire.MESSAGE.pack(wire.DECLINED, 0))
            link.close()
            if request is not None:
                request.close()
            return None
        if child == 0:
            self._become_child(link, request)
            return request
        request.close()
        self._children[child] = link
        self._selector.register(link, selectors.EVENT_READ, child)
        return None

    def _become_child(self, link: socket.socket, request: Request) -> None:
        """In the child: leaves the server behind and enters the attempt."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._selector.close()
            for other in (self._listener, self._wake, self._waker):
                other.close()
            for other in self._children.values():
                other.close()
            if self._lifeline is not None:
                os.close(self._lifeline)
            os.setsid()
            enter_cgroup(request.environment)
        except OSError:
            with contextlib.suppress(OSError):
                link.sendall(wire.MESSAGE.pack(wire.DECLINED, 0))
            os._exit(1)
        try:
            link.sendall(wire.MESSAGE.pack(wire.STARTED, os.getpid()))
        except OSError:
            os._exit(1)  # the client was killed: so is the job
        link.close()

    def _hear_client(self, child: int) -> None:
        link = self._children[child]
        try:
            data = link.recv(wire.MESSAGE.size * 16)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:  # the client was killed: so is the job
            self._signal(child, signal.SIGKILL)
            self._selector.unregister(link)
            return
        whole = len(data) - len(data) % wire.MESSAGE.size
        for kind, number in wire.MESSAGE.iter_unpack(data[:whole]):
            if kind == wire.SIGNAL:
                self._signal(child, number)

    def _signal(self, child: int, number: int) -> None:
        with contextlib.suppress(OSError):
            os.killpg(child, number)
            return
        with contextlib.suppress(OSError):  # before its setsid
            os.kill(child, number)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake.recv(4096):
                pass
        while self._children:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            link = self._children.pop(child, None)
            if link is None:
                continue
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(link)
            with contextlib.suppress(OSError):
                link.sendall(wire.MESSAGE.pack(wire.ENDED, status))
            link.close()


def enter_cgroup(environment: dict[str, str]) -> None:
    """Moves this process into every cgroup of the attempt; raises OSError."""
    paths = environment.get("GENOSCHED_CGROUP_PROCS", "")
    if not paths:
        raise OSError("no cgroup is in force")
    for path in paths.split(":"):
        with open(path, "w", encoding="ascii") as procs:  # noqa: PTH123
            procs.write(str(os.getpid()))


def assume(request: Request) -> None:
    """Makes this process look as if the client had started it."""
    for number, file in enumerate(request.files):
        os.dup2(file, number)
    request.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    os.umask(request.umask)

    for which, soft, hard in request.limits:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (soft, hard))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, request.nice)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, request.affinity)
    sys.argv = [request.arguments[2], *request.snakemake_arguments()]
    if not sys.flags.safe_path:  # as `python -m` does
        sys.path[0] = request.folder
    tempfile.tempdir = None


def job_status(arguments: list[str]) -> int:
    """Runs the job; the exit status that Python would end with."""
    try:
        run(arguments)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return (ended.code or 0) & 0xFF
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(status: int) -> NoReturn:
    """Ends as Python does, but for taking its modules apart.

    That would touch, and so copy, every page that is shared with the server.
    """
    join_threads = threading._shutdown  # type: ignore[attr-defined]
    for finish in (join_threads, atexit._run_exitfuncs):
        try:
            finish()
        except BaseException:
            traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def main() -> None:
    """`SOCKET LISTENER-FD`; the lifeline is standard input."""
    path, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    lifeline = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    listener = socket.socket(fileno=descriptor)
    preload()
    request = Server(listener, lifeline).serve()
    if request is None:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        return
    assume(request)
    end(job_status(request.snakemake_arguments()))


if __name__ == "__main__":
    main()
