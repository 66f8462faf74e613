"""The measurement behind bench.sh: N jobs of `true`, four ways to run them."""

import argparse
import contextlib
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SNAKEFILE = """
rule all:
    input: expand("out/{{i}}", i=range({jobs}))
rule one:
    output: "out/{{i}}"
    shell: "true; : > {{output}}"
"""
# Cluster-generic's own example: a submit command that does not wait.
QSUB = """#!/bin/sh
sh "$1" >/dev/null 2>&1 &
echo $!
"""
WIDE = ["--jobs", "unlimited", "--max-jobs-per-timespan", "100000/1s"]


def ways(folder: Path, cores: int) -> dict[str, list[str]]:
    genosched = [
        "--executor",
        "genosched",
        *WIDE,
        "--genosched-binary",
        os.environ["GENOSCHED"],
        "--genosched-state-dir",
        str(folder / "state"),
    ]
    return {
        "local": ["--cores", str(cores)],
        "cluster-generic": [
            "--executor",
            "cluster-generic",
            "--cluster-generic-submit-cmd",
            str(folder / "qsub"),
            # It has no queue of its own: as many jobs at once as CPUs.
            "--jobs",
            str(cores),
            "--max-jobs-per-timespan",
            "100000/1s",
            "--seconds-between-status-checks",
            "0",
            "--max-status-checks-per-second",
            "1000",
        ],
        "fork": genosched,
        "plain": [*genosched, "--genosched-no-fork-server"],
    }


def adopt_orphans() -> None:
    """Processes that leave their parents behind (shims, qsub's jobs) become
    children of this one, so that their CPU time is counted."""
    set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0) != 0:
        sys.exit("bench: prctl(PR_SET_CHILD_SUBREAPER) failed; Linux is needed")


def cpu_seconds_of_children() -> float:
    """CPU time of everything that was started here and has ended."""
    end = time.monotonic() + 10
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(name: str, jobs: int, cores: int) -> tuple[float, float]:
    """(wall, CPU) in seconds of one run in a fresh folder."""
    folder = Path(tempfile.mkdtemp(prefix="genosched-bench-"))
    try:
        work = folder / "work"
        work.mkdir()
        (work / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs))
        (folder / "qsub").write_text(QSUB)
        (folder / "qsub").chmod(0o755)
        (folder / "ledger").mkdir(mode=0o700)
        command = [sys.executable, "-m", "snakemake", "--quiet", "all"]
        before, began = cpu_seconds_of_children(), time.monotonic()
        done = subprocess.run(
            [*command, *ways(folder, cores)[name]],
            cwd=work,
            env={**os.environ, "GENOSCHED_LEDGER": str(folder / "ledger")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        wall = time.monotonic() - began
        cpu = cpu_seconds_of_children() - before
        made = len(list((work / "out").glob("*"))) if done.returncode == 0 else -1
        if made != jobs:
            sys.exit(f"bench: {name} made {made} of {jobs} files:\n{done.stdout}")
        return wall, cpu
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="?", type=int, default=500)
    names = ("local", "cluster-generic", "fork", "plain")
    parser.add_argument("--only", default=",".join(names))
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    wanted = options.only.split(",")
    print(
        f"{options.jobs} jobs of `true`, {cores} CPUs, Python {sys.version.split()[0]}"
    )
    print(f"{'':16} {'wall ms/job':>12} {'CPU ms/job':>12}")
    results = {}
    for name in wanted:
        wall, cpu = measure(name, options.jobs, cores)
        results[name] = wall, cpu
        print(
            f"{name:16} {wall / options.jobs * 1e3:12.1f} "
            f"{cpu / options.jobs * 1e3:12.1f}",
            flush=True,
        )
    if "cluster-generic" in results:
        base = results["cluster-generic"]
        for name, (wall, cpu) in results.items():
            if name != "cluster-generic":
                print(
                    f"{name} / cluster-generic: wall {wall / base[0]:.2f}, "
                    f"CPU {cpu / base[1]:.2f}"
                )
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
