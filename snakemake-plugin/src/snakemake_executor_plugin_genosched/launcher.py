"""Starts the inner Snakemake of a job: `python -m …launcher SNAKEMAKE-ARGUMENTS`.

Three things are put right before Snakemake's own command line takes over:

1. Rule-level `retries:` are the main Snakemake's business.  The inner one would
   repeat in place, with more memory than was granted to it.
2. The granted memory reaches `{resources.mem_mb}` (see memory.py).
3. Snakemake's rate limiter leaves a one-second timer behind that the exit would
   wait for; it is cancelled, so that a short job ends when it has ended.

The first touches a class of Snakemake that is not an interface; where it has
changed, the job runs as plain Snakemake would run it.
"""

import os
import sys
import threading
from typing import Any

from .memory import VARIABLE, with_granted


def neutralise_rule_retries() -> bool:
    """Makes every rule's retry count 0 in this process; False if it cannot."""
    try:
        from snakemake.rules import Rule  # noqa: PLC0415 - after the arguments

        if not isinstance(Rule.__dict__.get("restart_times"), property):
            return False

        def set_ignored(rule: Any, value: object) -> None:
            rule._restart_times = value

        Rule.restart_times = property(lambda rule: 0, set_ignored)
    except (ImportError, AttributeError, TypeError):
        return False
    return True


def cancel_timers() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def run(arguments: list[str]) -> None:
    """Runs Snakemake with these arguments; ends with SystemExit."""
    arguments = with_granted(arguments, os.environ)
    os.environ.pop(VARIABLE, None)
    neutralise_rule_retries()
    from snakemake.cli import main  # noqa: PLC0415 - after the patch

    sys.argv[1:] = arguments
    try:
        main(arguments)
    finally:
        cancel_timers()


if __name__ == "__main__":
    run(sys.argv[1:])
