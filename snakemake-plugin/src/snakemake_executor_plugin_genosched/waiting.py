"""Says why nothing happens, when nothing happens for a while.

Snakemake shows a job as begun from the moment it is handed over.  When none of
them runs, because the machine is full of somebody else's jobs for example, the
user should read the reason that genosched gives.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

_QUIET_SECONDS = 20.0
_AGAIN_SECONDS = 600.0


class Waiting:
    """Looks at the states once in a while; tells each reason only rarely."""

    def __init__(
        self, tell: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._now = now
        self._moved = now()
        self._told: dict[str, float] = {}

    def look(self, statuses: Iterable[dict[str, Any] | None]) -> None:
        """Takes the status of every job that has not ended."""
        waiting = list(statuses)
        now = self._now()
        pending = [s for s in waiting if s is not None and s.get("state") == "pending"]
        if not pending or len(pending) < len(waiting):
            self._moved = now
            return
        if now - self._moved < _QUIET_SECONDS:
            return
        reason = str(pending[0].get("waiting") or "no reason was given")
        if now - self._told.get(reason, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return
        self._told[reason] = now
        jobs = "1 job waits" if len(pending) == 1 else f"all {len(pending)} jobs wait"
        self._tell(f"genosched: {jobs}, none is running: {reason}")
