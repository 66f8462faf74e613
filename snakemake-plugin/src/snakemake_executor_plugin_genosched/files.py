"""The files of a task under .snakemake/genosched, and those of its job."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import identity


@dataclass
class Files:
    """What belongs to one task only."""

    stdout: Path
    stderr: Path
    wait_list: Path
    scratch: Path


def files_of(folder: Path, task: str, job: Any) -> Files:
    """Where the output of a task goes; the same for a task that is taken over."""
    wildcards = "+".join(
        f"{name}={value}"
        for part in identity.parts_of(job)[:1]
        for name, value in identity.wildcards_of(part).items()
    )
    rule, _place, _work, fresh = task.split(".")
    said = re.sub(r"[^A-Za-z0-9=+,_-]+", "-", wildcards)[:80]
    name = f"{said}.{fresh[:8]}" if said else fresh[:8]
    logs = folder / "logs" / rule
    return Files(
        stdout=logs / f"{name}.out",
        stderr=logs / f"{name}.err",
        wait_list=folder / "wait" / f"{task}.txt",
        scratch=folder / "work" / task,
    )


def inputs_unchanged_since(job: Any, workdir: Path, since_ms: int) -> bool:
    """Whether no input file is newer than that; what is in a storage counts as
    unchanged, because Snakemake's copy of it says nothing."""
    try:
        newest = max(
            (
                (workdir / str(file)).stat().st_mtime
                for file in job.input
                if not getattr(file, "is_storage", False)
            ),
            default=0.0,
        )
    except OSError:
        return False
    return newest * 1000 <= since_ms


def outputs_good_since(job: Any, workdir: Path, since_ms: int) -> bool:
    """Whether all outputs are there and no input has changed since then.

    Only for plain files: what lies in a storage is left to Snakemake to judge.
    """
    files = (*job.output, *job.input)
    if any(getattr(file, "is_storage", False) for file in files):
        return False
    try:
        for file in job.output:
            (workdir / str(file)).lstat()
    except OSError:
        return False
    return inputs_unchanged_since(job, workdir, since_ms)
