"""Wakes Snakemake's polling thread from any other thread."""

import asyncio
import contextlib
import threading


class Wake:
    """An event that is set from threads and awaited in one event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    def set(self) -> None:
        with self._lock:
            self._pending = True
            loop, event = self._loop, self._event
        if loop is not None and event is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(event.set)

    async def wait(self, seconds: float) -> None:
        """Until `set` was called since the last wait, or the time is over."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._event = self._event or asyncio.Event()
            event, pending = self._event, self._pending
        if not pending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        with self._lock:
            self._pending = False
            event.clear()
