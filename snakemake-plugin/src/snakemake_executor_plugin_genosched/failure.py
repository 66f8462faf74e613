"""What a person is told about a job that did not succeed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TAIL_LINES = 20
_TAIL_BYTES = 16 * 1024


def tail(path: Path) -> str:
    """The last lines of a log; empty if there is nothing to show."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            data = log.read(_TAIL_BYTES)
    except OSError:
        return ""
    lines = data.decode("utf-8", "replace").rstrip().splitlines()
    return "\n".join(lines[-_TAIL_LINES:])


def _gib(value: object) -> str:
    return f"{value / 2**30:.2f} GiB" if isinstance(value, int) else "unknown"


def _attempts(status: Mapping[str, Any]) -> list[str]:
    """One line for each attempt: how it ended, with which limit and peak."""
    lines = []
    for attempt in status.get("attempts", []):
        figures = attempt.get("memory", {})
        lines.append(
            f"  attempt {attempt.get('n', '?')}: "
            f"{attempt.get('reason') or attempt.get('state', 'unknown')}, "
            f"limit {_gib(figures.get('limit_bytes'))}, "
            f"peak {_gib(figures.get('peak_bytes'))}"
        )
    return lines if len(lines) > 1 or status.get("reason") == "oom" else []


def _headline(status: Mapping[str, Any]) -> str:
    if status.get("message"):
        return str(status["message"])
    state = status.get("state")
    if state == "lost":
        return "nobody can know whether the job ran to its end"
    if "exit_code" in status:
        return f"the job ended with exit code {status['exit_code']}"
    if "signal" in status:
        return f"the job was ended by signal {status['signal']}"
    return f"the job is {state} ({status.get('reason', 'no reason was given')})"


def describe(status: Mapping[str, Any], stderr: Path) -> str:
    """The message for Snakemake's error report of the job."""
    lines = [f"genosched: {_headline(status)}", *_attempts(status)]
    end = tail(stderr)
    if end:
        lines += [f"The end of {stderr}:", end]
    elif stderr.exists():
        lines.append(f"The log {stderr} is empty.")
    return "\n".join(lines) + "\n"
