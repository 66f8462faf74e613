"""Starts and ends the fork server, on the side of the main Snakemake."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path


class ForkServer:
    """One server process; its socket is for this user only.

    The socket is bound here and handed down: a job may connect while the server
    still imports, and is refused, not left hanging, when the server is gone.
    """

    def __init__(self) -> None:
        base = os.environ.get("XDG_RUNTIME_DIR")
        if base is None or not os.access(base, os.W_OK):
            base = tempfile.gettempdir()
        self._folder = Path(tempfile.mkdtemp(prefix="genosched-fork-", dir=base))
        self.socket = self._folder / "s"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                listener.bind(str(self.socket))
                self.socket.chmod(0o600)
                listener.listen(4096)
                self._process = self._start(listener)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _start(self, listener: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = listener.fileno()
        module = f"{__package__}.forkserver"
        return subprocess.Popen(
            [sys.executable, "-m", module, str(self.socket), str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Lets the server end once its last job has ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            return  # it still has jobs, and cleans up behind them
        shutil.rmtree(self._folder, ignore_errors=True)
