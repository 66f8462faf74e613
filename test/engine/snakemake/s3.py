"""An S3 server on the loopback interface, at the port that Snakemake's own tests
are written for."""

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from waiting import wait_until

S3_PORT = 9000


def port_answers(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def turn_at_the_port(seconds=600):
    """Test runs on one machine take turns at the port that cannot be chosen."""
    path = Path(tempfile.gettempdir()) / f"genosched-s3-{S3_PORT}-{os.getuid()}.lock"
    with path.open("w") as lock:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < end, f"{path} is held by another test run"
                time.sleep(0.5)
        yield


@contextlib.contextmanager
def moto():
    with turn_at_the_port():
        if port_answers(S3_PORT):
            pytest.fail(
                f"port {S3_PORT} of 127.0.0.1 is in use; end what listens there"
            )
        program = str(Path(sys.executable).with_name("moto_server"))
        server = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(S3_PORT)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: port_answers(S3_PORT), 60, lambda: "no answer of moto")
            yield f"http://127.0.0.1:{S3_PORT}"
        finally:
            server.terminate()
            server.wait()
