"""Names of runs and tasks, made so that a restart finds them again.

A run is named after the folder and the Snakefile: the same project gets the
same run, two Snakefiles in one folder get two.

A task id has four parts, `RULE.PLACE.WORK.FRESH`:
  PLACE  which job it is: rule, wildcards and output files.  Two tasks of one
         place must never live at the same time.
  WORK   what it does: command, script, inputs and parameters.  A task that was
         left behind by an earlier Snakemake is taken over only if this agrees.
  FRESH  a random part; Snakemake may run the same work again on purpose.
"""

import hashlib
import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_TASK = re.compile(r"[A-Za-z0-9_-]{1,64}\.([0-9a-f]{16})\.([0-9a-f]{16})\.[0-9a-f]{16}")


def digest(*parts: object) -> str:
    """16 hex digits over the parts, with their boundaries."""
    hasher = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8", "surrogateescape")
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()[:16]


def run_id(workdir: str, snakefile: str) -> str:
    """The same for the same project folder and Snakefile, on every start."""
    folder, file = Path(workdir).resolve(), Path(snakefile).resolve()
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.name).strip("-")[:32]
    return f"smk-{name or 'run'}-{digest(folder, file)}"


def parts_of(job: Any) -> list[Any]:
    """The single jobs of a group, or the job itself."""
    return list(job.jobs) if job.is_group() else [job]


def wildcards_of(job: Any) -> dict[str, str]:
    table = getattr(job, "wildcards_dict", None) or {}
    return {str(name): str(value) for name, value in table.items()}


def _parameters(job: Any) -> list[str]:
    # Parameters that depend on resources change with the attempt, not the work.
    plain = getattr(job, "non_derived_params", None)
    try:
        return sorted(repr(value) for value in plain or [])
    except Exception:  # a user's object may refuse; the rest still identifies
        return []


def _code(job: Any) -> list[object]:
    rule = getattr(job, "rule", None)
    names = ("shellcmd", "script", "notebook", "wrapper", "run_func_src")
    return [getattr(rule, name, None) for name in names]


def place(job: Any) -> str:
    """The key of the job: equal for the same job in every run of Snakemake."""
    return digest(
        *sorted(
            digest(part.rule.name, sorted(wildcards_of(part).items()), *part.output)
            for part in parts_of(job)
        )
    )


def work(job: Any) -> str:
    """The key of what the job does."""
    return digest(
        *sorted(
            digest(part.rule.name, *_code(part), *part.input, *_parameters(part))
            for part in parts_of(job)
        )
    )


def new_task_id(job: Any) -> str:
    rules = sorted({part.rule.name for part in parts_of(job)})
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(rules))[:64] or "job"
    return f"{name}.{place(job)}.{work(job)}.{uuid.uuid4().hex[:16]}"


def place_and_work(task: str) -> tuple[str, str] | None:
    """The two keys in a task id; None for an id that is not ours."""
    match = _TASK.fullmatch(task)
    return (match[1], match[2]) if match else None


def marked_ids(persistence: Any, job: Any) -> set[str]:
    """Our task ids in the markers that an interrupted Snakemake left behind."""
    found: set[str] = set()
    for part in parts_of(job):
        try:
            ids: Iterable[Any] = persistence.external_jobids(part)
        except Exception:  # an unreadable marker is no marker
            ids = ()
        found.update(i for i in ids if isinstance(i, str) and place_and_work(i))
    return found
