#!/usr/bin/env python3
"""Runs a command on a terminal of its own, as a person would.

Usage: on_terminal.py OUTPUT COMMAND…
What the command prints goes to OUTPUT. SIGINT to this process is typed as
Ctrl-C on that terminal, so that it reaches the command and all its children
in the foreground, not the command alone.
"""
import os
import pty
import signal
import sys


def main() -> int:
    output, command = sys.argv[1], sys.argv[2:]
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(command[0], command)
    signal.signal(signal.SIGINT, lambda *_: os.write(terminal, b"\x03"))
    with open(output, "wb", buffering=0) as out:
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the terminal is closed when the command ends
                break
            if not data:
                break
            out.write(data)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
