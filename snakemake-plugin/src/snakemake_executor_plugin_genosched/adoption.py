"""Decides what becomes of the tasks that an interrupted Snakemake left behind.

For each job that is about to be submitted there may be older tasks of the same
place.  The promise: the job's work is never started while an older task of the
same place is alive, and is not started again when it is known to be done.

Pure: decides from what is passed in, touches nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .identity import place_and_work
from .session import FINAL, Status


@dataclass
class Decision:
    """What to do for one job."""

    adopt: str | None = None
    stop: list[str] = field(default_factory=list)


def decide(
    key: str,
    work: str,
    marked: set[str],
    statuses: Mapping[str, Status],
    inputs_unchanged_since: Callable[[int], bool],
    outputs_good_since: Callable[[int], bool],
) -> Decision:
    """Adopts the one task that does or did just this work; stops the others.

    A live task is adopted if it does the same work on inputs that have not
    changed since it began.  A finished one only if Snakemake's own marker still
    names it (else a user's wish to run it again would be overruled) and its
    outputs are there, made from today's inputs.
    """
    decision = Decision()
    for task, status in sorted(statuses.items()):
        keys = place_and_work(task)
        if keys is None or keys[0] != key:
            continue
        same = keys[1] == work
        state = status.get("state")
        if state not in FINAL:
            began = status.get("started")
            fresh = not isinstance(began, int) or inputs_unchanged_since(began)
            if same and fresh and decision.adopt is None:
                decision.adopt = task
            else:
                decision.stop.append(task)
        elif (
            state == "succeeded"
            and same
            and task in marked
            and decision.adopt is None
            and outputs_good_since(started_ms(status))
        ):
            decision.adopt = task
    return decision


def started_ms(status: Mapping[str, Any]) -> int:
    value = status.get("started") or status.get("submitted") or 0
    return value if isinstance(value, int) else 0
