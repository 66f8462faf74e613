"""The memory figures of a job, on both sides of the allocation.

A rule's `mem_mb` is what its program needs.  The limit also holds the inner
Snakemake, so what is asked of genosched is `mem_mb` plus an overhead, and what
the program is told is what was granted less that overhead.  If genosched grants
just what was asked, `{resources.mem_mb}` is the rule's own figure; if it grants
more after an out of memory, or less because the rule never needed that much,
the figure in the script follows.

The two sides talk through one environment variable (no secret in it).  Used by
the launcher too: standard library only, and nothing of Snakemake.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

VARIABLE = "GENOSCHED_SNAKEMAKE_MEMORY"
GRANTED = "GENOSCHED_MEMORY_MB"
_BASE64 = "base64//"
_MEMORY_NAMES = ("mem", "mem_mb", "mem_mib")


def encode(
    overhead_mb: int,
    declared_mb: int | None,
    jobs: list[tuple[str, list[str], int | None]],
) -> str:
    """What the launcher has to know: (rule, wildcard values, mem_mb) a job."""
    return json.dumps(
        {"overhead_mb": overhead_mb, "declared_mb": declared_mb, "jobs": jobs}
    )


def granted_figures(
    environment: Mapping[str, str],
) -> dict[str, dict[tuple[str, ...], int]]:
    """{rule: {wildcard values: mem_mb}} to be put in place; {} for no change."""
    try:
        told = json.loads(environment[VARIABLE])
        granted = int(environment[GRANTED])
        overhead, declared = int(told["overhead_mb"]), told["declared_mb"]
        jobs = [(str(r), tuple(map(str, w)), mb) for r, w, mb in told["jobs"]]
    except (KeyError, ValueError, TypeError):
        return {}
    # Never less than half: a grant near the overhead must not become nothing.
    usable = max(granted - overhead, granted // 2, 1)
    if declared and abs(granted - (declared + overhead)) <= 1:
        return {}
    figures: dict[str, dict[tuple[str, ...], int]] = {}
    for rule, wildcards, mem_mb in jobs:
        if declared and mem_mb:
            figure = max(int(mem_mb * usable / declared), 1)
        elif len(jobs) == 1:
            figure = usable
        else:
            continue
        figures.setdefault(rule, {})[wildcards] = figure
    return figures


def _expression(by_wildcards: dict[tuple[str, ...], int]) -> str:
    """A value for --set-resources: a number, or a look-up by wildcards."""
    if len(set(by_wildcards.values())) == 1:
        return str(next(iter(by_wildcards.values())))
    # Snakemake expands $NAME and a leading ~ in such an expression.
    table = repr(by_wildcards).replace("$", "\\x24")
    return f"{table}.get(tuple(map(str, wildcards)), {max(by_wildcards.values())})"


def _decoded(item: str) -> str:
    if item.startswith(_BASE64):
        return base64.b64decode(item[len(_BASE64) :]).decode()
    return item


def _names_memory_of(item: str, rules: Mapping[str, Any]) -> bool:
    match = re.match(r"([^:]+):([A-Za-z_]+)=", _decoded(item))
    return match is not None and match[1] in rules and match[2] in _MEMORY_NAMES


def with_granted(arguments: list[str], environment: Mapping[str, str]) -> list[str]:
    """The inner Snakemake's arguments with the granted memory laid over them.

    Merged into the user's `--set-resources` list: a second one would replace it.
    """
    figures = granted_figures(environment)
    if not figures:
        return arguments
    items = []
    for rule, table in sorted(figures.items()):
        text = f"{rule}:mem_mb={_expression(table)}".encode()
        items.append(_BASE64 + base64.b64encode(text).decode())
    if "--set-resources" not in arguments:
        return [*arguments, "--set-resources", *items]
    start = arguments.index("--set-resources") + 1
    end = start
    while end < len(arguments) and not arguments[end].startswith("--"):
        end += 1
    kept = [a for a in arguments[start:end] if not _names_memory_of(a, figures)]
    return [*arguments[:start], *kept, *items, *arguments[end:]]
