"""Builds the argument vector of a job from Snakemake's own command line.

Snakemake gives a shell line; genosched takes an argument vector and adds no
shell.  The line is taken apart, and the inner Snakemake is started through
`launcher.py`, so that rule-level retries do not run inside the allocation and
the granted memory reaches `{resources.mem_mb}`.
"""

import shlex
import sys
from pathlib import Path

PACKAGE = __package__ or "snakemake_executor_plugin_genosched"
LAUNCHER = f"{PACKAGE}.launcher"

# Where the job's Python may lack this package (a container image), it decides
# there: without the launcher it is plain Snakemake.
_LAUNCH_IF_THERE = (
    "import importlib.util as u, runpy;"
    f"runpy.run_module('{LAUNCHER}' if u.find_spec('{PACKAGE}') else 'snakemake',"
    "run_name='__main__', alter_sys=True)"
)


def split_line(line: str, python: str) -> tuple[str, list[str]]:
    """(what comes before the inner Snakemake, its arguments)."""
    start = f"{python} -m snakemake --snakefile"
    at = line.find(start)
    if at < 0:
        raise ValueError(f"no call of {python} -m snakemake in: {line}")
    before = line[:at].strip()
    return before, shlex.split(line[at + len(f"{python} -m snakemake") :])


def job_command(
    before: str,
    arguments: list[str],
    python: str,
    shared_software: bool,
    fork_socket: str | None = None,
) -> list[str]:
    """The argument vector; `before` (a pre-command) is the only use of a shell."""
    if shared_software:
        command = [python, "-m", LAUNCHER, *arguments]
        if fork_socket is not None:
            client = str(Path(__file__).with_name("forkclient.py"))
            isolated = [sys.executable, "-S", "-E", "-I", client, fork_socket]
            command = [*isolated, *command]
    else:
        command = [python, "-c", _LAUNCH_IF_THERE, *arguments]
    if before:
        return ["/bin/sh", "-c", f'{before} exec "$@"', "sh", *command]
    return command


def without_persistence(usage: list[str]) -> str:
    """What the inner Snakemake may share: everything but the bookkeeping.

    On a shared folder it would overwrite and remove the markers by which a
    restarted Snakemake finds its tasks again.
    """
    return " ".join(sorted(u for u in usage if u != "persistence")) or "none"


def wait_for_files(paths: list[str], list_file: Path) -> str:
    """The option that makes the inner Snakemake wait for its input files."""
    if not paths:
        return ""
    if len(paths) <= 20:
        return "--wait-for-files " + " ".join(shlex.quote(path) for path in paths)
    list_file.parent.mkdir(parents=True, exist_ok=True)
    list_file.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    return f"--wait-for-files-file {shlex.quote(str(list_file))}"
