"""Translates one of Snakemake's jobs into a Task of the protocol.

Only translates: everything known about the job goes along (resources, wild-
cards, chromosome, input sizes, priority, attempt), nothing is decided here.

What a rule may say to genosched directly are resources named `genosched_…`:
see docs/further.md.  A resource without a value yet (`<TBD>`, tmpdir) is left
out.  `memory_bytes` is absent where neither rule nor user named a figure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import chromosome, memory
from .identity import parts_of, wildcards_of
from .mentions import memory_in_script

_MB = 1_000_000
_INTEGER_MAX = 2**53
_PRIORITY_MAX = 1e9
_INPUTS_MAX = 1000
_LABEL_MAX = 256
_PREFIX = "genosched_"
_TEXT_FIELDS = ("machine_type", "arch", "gpu_type", "spot", "chromosome")
_CARRIED_ELSEWHERE = frozenset(
    {"mem", "mem_mb", "mem_mib", "disk", "disk_mb", "disk_mib", "runtime", "tmpdir"}
    | {"_cores", "_nodes", "gpu", "gpus", "gpu_model"}
)


@dataclass(frozen=True)
class Place:
    """Where and how a task runs: all that is not in Snakemake's job."""

    command: list[str]
    workdir: Path
    stdout: Path
    stderr: Path
    environment: Mapping[str, str]
    base: Path
    overhead_mb: int
    shared_files: bool
    cpus_max: int | None = None
    container: str | None = None


def resources_of(job: Any) -> dict[str, int | float | str]:
    """The job's resources that have a value, as plain numbers and strings."""
    plain: dict[str, int | float | str] = {}
    for name, value in job.resources.items():
        if type(value) in (int, float, str):  # not bool, not Snakemake's <TBD>
            plain[str(name)] = value
    return plain


def whole(value: object) -> int | None:
    """A positive whole number of the protocol, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = round(value)
    return number if 0 < number <= _INTEGER_MAX else None


def is_default(job: Any, workflow: Any, name: str) -> bool:
    """Whether a resource is Snakemake's own guess from --default-resources.

    A rule gets a copy of the default, which is equal to it; a rule that declares
    the same number as the default says cannot be told from one that does not.
    """
    try:
        defaults = workflow.resource_settings._parsed_default_resources
        if name not in defaults:
            return False
        rules = [part.rule.resources for part in parts_of(job)]
        given = [resources[name] for resources in rules if name in resources]
    except (AttributeError, TypeError, KeyError):
        return False
    return bool(given) and all(value == defaults[name] for value in given)


def display_name(job: Any) -> str:
    if job.is_group():
        return f"group {job.name} ({len(parts_of(job))} jobs)"
    wildcards = wildcards_of(job)
    if not wildcards:
        return str(job.name)
    said = ", ".join(f"{name}={value}" for name, value in wildcards.items())
    return f"{job.name} ({said})"


def process_name(job: Any) -> str:
    """The unit that memory is learned for: the rule, or the rules of a group."""
    return "+".join(sorted({part.rule.name for part in parts_of(job)}))


def _gpus(resources: Mapping[str, int | float | str]) -> int | None:
    for name in ("gpu", "gpus"):
        number = whole(resources.get(name))
        if number is not None:
            return number
    return None


def _labels(
    job: Any, resources: Mapping[str, int | float | str], source: str
) -> dict[str, str]:
    labels = {"rule": process_name(job), "memory_source": source}
    for part in parts_of(job):
        for name, value in wildcards_of(part).items():
            key = f"wildcard.{name}"
            known = labels.setdefault(key, value)
            if value not in known.split(","):
                labels[key] = f"{known},{value}"
    for name, amount in resources.items():
        if name.startswith(_PREFIX):
            if isinstance(amount, str):
                labels[name.removeprefix(_PREFIX)] = amount
        elif name not in _CARRIED_ELSEWHERE:
            labels[f"resource.{name}"] = str(amount)
    if job.is_group():
        labels["group"] = str(getattr(job, "groupid", job.jobid))
    return {key: value[:_LABEL_MAX] for key, value in labels.items()}


def _features(resources: Mapping[str, int | float | str]) -> dict[str, float]:
    return {
        name.removeprefix(_PREFIX): value
        for name, value in resources.items()
        if name.startswith(_PREFIX)
        and name != "genosched_max_mem_mb"
        and not isinstance(value, str)
    }


def _inputs(paths: Iterable[str], base: Path) -> list[dict[str, Any]]:
    """Input files with their sizes, as far as they are on this machine."""
    inputs = []
    for path in list(paths)[:_INPUTS_MAX]:
        file = base / str(path)
        entry: dict[str, Any] = {"path": str(file)}
        try:
            status = file.stat()
        except OSError:
            continue
        if file.is_file():
            entry["bytes"] = status.st_size
        inputs.append(entry)
    return inputs


def _memory(
    job: Any, resources: Mapping[str, int | float | str], workflow: Any, place: Place
) -> tuple[dict[str, Any], str]:
    """The memory fields, and where the figure comes from."""
    fields: dict[str, Any] = {}
    declared = whole(resources.get("mem_mb"))
    source = "none"
    if declared is not None:
        fields["memory_bytes"] = (declared + place.overhead_mb) * _MB
        guess = is_default(job, workflow, "mem_mb")
        source = "default-resources" if guess else "rule"
        fields["memory_in_script"] = memory_in_script(job)
    largest = whole(resources.get("genosched_max_mem_mb"))
    if largest is not None:
        fields["memory_max_bytes"] = (largest + place.overhead_mb) * _MB
    jobs = [
        (
            part.rule.name,
            list(wildcards_of(part).values()),
            whole(resources_of(part).get("mem_mb")),
        )
        for part in parts_of(job)
    ]
    told = memory.encode(place.overhead_mb, declared, jobs)
    fields["env"] = {**place.environment, memory.VARIABLE: told}
    return fields, source


def _asked(
    job: Any, resources: Mapping[str, int | float | str], workflow: Any
) -> dict[str, Any]:
    """Disk, time, GPUs and wishes: the fields that are there only if asked.

    Snakemake's default of 50 GB of disk for a job without inputs is not asked.
    """
    fields: dict[str, Any] = {}
    disk = whole(resources.get("disk_mb"))
    if disk is not None and not is_default(job, workflow, "disk_mb"):
        fields["disk_bytes"] = disk * _MB
    if (minutes := whole(resources.get("runtime"))) is not None:
        fields["time_ms"] = minutes * 60_000
    if (gpus := _gpus(resources)) is not None:
        fields["gpus"] = gpus
    model = resources.get("gpu_model")
    if isinstance(model, str):
        fields["gpu_type"] = model
    for name in _TEXT_FIELDS:
        value = resources.get(_PREFIX + name)
        if isinstance(value, str):
            fields[name] = value
    priority = getattr(job, "priority", 0)
    if isinstance(priority, int | float) and priority:
        fields["priority"] = max(min(priority, _PRIORITY_MAX), -_PRIORITY_MAX)
    return fields


def make_task(task_id: str, job: Any, workflow: Any, place: Place) -> dict[str, Any]:
    """The Task of PROTOCOL.md for this job."""
    resources = resources_of(job)
    fields, source = _memory(job, resources, workflow, place)
    task: dict[str, Any] = {
        "id": task_id,
        "process": process_name(job),
        "name": display_name(job),
        "command": place.command,
        "workdir": str(place.workdir),
        "stdout": str(place.stdout),
        "stderr": str(place.stderr),
        "cpus": min(whole(job.threads) or 1, place.cpus_max or _INTEGER_MAX),
        "attempt": max(whole(job.attempt) or 1, 1),
        # The inner Snakemake removes its own partial outputs before it begins,
        # so genosched may repeat an attempt in the same folder.
        "retry": "genosched",
        "restore": "none",
        "labels": _labels(job, resources, source),
        **fields,
        **_asked(job, resources, workflow),
    }
    if features := _features(resources):
        task["features"] = features
    if place.shared_files:
        task["inputs"] = _inputs(job.input, place.base)
    if place.container:
        task["container"] = {"image": place.container}
    if "chromosome" not in task:
        parts = [wildcards_of(part) for part in parts_of(job)]
        found = chromosome.of_jobs(parts, map(str, job.output), map(str, job.input))
        if found is not None:
            task["chromosome"] = found
    return task
