"""One run of genosched: kept alive, watched, and asked.

Starts the child, opens the run, and holds one long poll in a thread of its
own, so that a job's end is known the moment genosched knows it.  If genosched
dies, the next caller starts it again with the same run id, with growing waits
and a bound; every request of the protocol may be repeated, so nothing is lost
and nothing runs twice.  When the bound is passed the session is `fatal`: every
call raises one GenoschedError and nobody waits for ever.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from .binary import check_version
from .client import PROTOCOL, Client
from .errors import ConnectionLost, GenoschedError, ReplyError

Status = dict[str, Any]

FINAL = frozenset({"succeeded", "failed", "cancelled", "lost"})
_HELD = -32002
# Usage, configuration, backend, state: to start it again changes nothing.
_EXITS_ON_PURPOSE = frozenset({2, 3, 4, 5})
_POLL_MS = 20_000
_REPLY_SECONDS = 120.0
_ASK_AGAIN_SECONDS = 2.0
_STARTS_IN_A_ROW = 8
_STARTS_PER_WINDOW = 40
_WINDOW_SECONDS = 600.0


class Log(Protocol):
    """The part of Snakemake's logger that is used."""

    def info(self, message: str, /) -> None: ...
    def warning(self, message: str, /) -> None: ...
    def error(self, message: str, /) -> None: ...


class Session:
    """The connection to one run; all methods may be called from any thread."""

    def __init__(
        self,
        command: list[str],
        opening: dict[str, Any],
        changed: Callable[[], None],
        log: Log,
        held_seconds: float = 30.0,
    ) -> None:
        self._command = command
        self._opening = opening
        self._changed = changed
        self._log = log
        self._held_seconds = held_seconds
        self._client: Client | None = None
        self._lock = threading.RLock()
        self._starts: deque[float] = deque()
        self._closing = threading.Event()
        self._known: dict[str, Status] = {}
        self._watcher: threading.Thread | None = None
        self.fatal: GenoschedError | None = None
        self.server: dict[str, Any] = {}

    # -- what the executor uses ------------------------------------------

    def start(self) -> None:
        """Opens the run; on return everything known from before is known."""
        with self._lock:
            if self._watcher is not None:
                return
            after, told = -1, 0
            while told > after:  # a long list comes in several replies
                after = told
                told = self._take(self._call("poll", {"after": after}))
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()

    def status(self, task: str) -> Status | None:
        return self._known.get(task)

    def statuses(self) -> dict[str, Status]:
        return dict(self._known)

    def submit(self, tasks: list[dict[str, Any]]) -> dict[str, str]:
        """Hands over a batch; returns {id: why} of those that were refused."""
        reply = self._call("submit", {"tasks": tasks})
        return {
            str(entry["id"]): str(entry.get("reason", "no reason was given"))
            for entry in reply.get("rejected", [])
        }

    def kill(self, tasks: Iterable[str], seconds: float) -> bool:
        """Stops tasks; whether all of them were seen to be gone in time."""
        wanted = [task for task in tasks if not self._is_final(task)]
        if not wanted:
            return True
        deadline = time.monotonic() + seconds
        unknown = self._call("kill", {"ids": wanted}, seconds).get("unknown", [])
        wanted = [task for task in wanted if task not in unknown]
        asked = time.monotonic()
        while not all(self._is_final(task) for task in wanted):
            left = deadline - time.monotonic()
            if left <= 0 or self.fatal is not None:
                return False
            if time.monotonic() - asked > _ASK_AGAIN_SECONDS:
                # The watcher's long poll tells it sooner, as a rule.
                asked = time.monotonic()
                request = {"after": 0, "wait_ms": 0, "ids": wanted}
                self._take(self._call("poll", request, max(left, 1.0)))
            time.sleep(min(0.05, left))
        return True

    def ask_to_stop(self, tasks: list[str]) -> None:
        """Stops tasks without waiting; their ends come like any other."""
        self._call("kill", {"ids": tasks})

    def close(self, mode: str, seconds: float) -> None:
        """Ends the run in that mode (`cancel`, `drain`, `detach`) and the child."""
        self._closing.set()
        if not self._lock.acquire(timeout=seconds):
            return  # it hangs in a start; the end of this process ends it too
        client, self._client = self._client, None
        self._lock.release()
        if client is None:
            return
        try:
            if client.lost is None:
                client.call("shutdown", {"mode": mode}, seconds)
                client.wait(5.0)
        except (ConnectionLost, ReplyError) as error:
            self._log.warning(
                f"genosched: shutdown ({mode}) was not confirmed: {error}"
            )
        finally:
            client.close()
        if self._watcher is not None:
            self._watcher.join(5.0)

    # -- keeping it alive ------------------------------------------------

    def _is_final(self, task: str) -> bool:
        status = self._known.get(task)
        return status is not None and status.get("state") in FINAL

    def _call(
        self, method: str, params: dict[str, Any], seconds: float = _REPLY_SECONDS
    ) -> Any:
        """A request that is repeated on a new connection until it is answered."""
        while True:
            client = self._living()
            try:
                return self._ask(client, method, params, seconds)
            except ConnectionLost as error:
                client.abandon(str(error))
                if self._closing.is_set():
                    raise
                self._log.warning(f"genosched: {error}; starting it again")

    def _ask(
        self, client: Client, method: str, params: dict[str, Any], seconds: float
    ) -> Any:
        try:
            reply = client.call(method, params, seconds)
        except ReplyError as error:
            raise self._refused(method, error) from error
        if not isinstance(reply, dict):
            raise ConnectionLost(f"the reply to {method} is not an object")
        return reply

    def _living(self) -> Client:
        with self._lock:
            if self.fatal is not None:
                raise self.fatal
            if self._closing.is_set():
                raise ConnectionLost("the run is being closed")
            if self._client is not None and self._client.lost is None:
                return self._client
            return self._connect()

    def _connect(self) -> Client:
        """Starts genosched and opens the run, with growing waits in between."""
        why = "it was never reached"
        for attempt in range(_STARTS_IN_A_ROW):
            self._bound_starts(why)
            client = None
            try:
                client = Client(self._command, self._hear)
                self._open_run(client)
            except ConnectionLost as error:
                why = str(error)
                if client is not None:
                    client.close()
                    if client.exit_code in _EXITS_ON_PURPOSE:
                        said = client.last_words or "it said nothing"
                        raise self._give_up(self._dead(f"{why}: {said}")) from error
            except GenoschedError as error:
                if client is not None:
                    client.close()
                raise self._give_up(error) from error
            else:
                self._client = client
                return client
            if self._closing.wait(min(0.1 * 2**attempt, 5.0)):
                raise ConnectionLost("the run is being closed")
        raise self._give_up(self._dead(why))

    def _bound_starts(self, why: str) -> None:
        now = time.monotonic()
        while self._starts and now - self._starts[0] > _WINDOW_SECONDS:
            self._starts.popleft()
        if len(self._starts) >= _STARTS_PER_WINDOW:
            raise self._give_up(self._dead(why))
        self._starts.append(now)

    def _give_up(self, error: GenoschedError) -> GenoschedError:
        self.fatal = error
        self._changed()
        return error

    def _dead(self, why: str) -> GenoschedError:
        return GenoschedError(
            "genosched does not stay alive",
            " ".join(self._command),
            why,
            "read genosched's own lines above and `genosched doctor`; once it is "
            "mended, start Snakemake again: running jobs are found again by the "
            f"run id {self._opening['run']['id']}.",
        )

    def _open_run(self, client: Client) -> None:
        """`initialize`; waits while the end of an earlier genosched holds the run."""
        deadline = time.monotonic() + self._held_seconds
        told = False
        while True:
            try:
                reply = client.call("initialize", self._opening, _REPLY_SECONDS)
            except ReplyError as error:
                if error.code != _HELD or time.monotonic() >= deadline:
                    raise self._refused("initialize", error) from error
            else:
                break
            if not told:
                self._log.info("genosched: waiting for the end of an earlier run.")
                told = True
            if self._closing.wait(0.25):
                raise ConnectionLost("the run is being closed")
        if not isinstance(reply, dict) or not isinstance(reply.get("server"), dict):
            raise ConnectionLost("the reply to initialize names no server")
        check_version(str(reply["server"].get("version", "")), self._command[0])
        if reply.get("protocol", PROTOCOL) != PROTOCOL:
            raise ConnectionLost(f"it speaks protocol {reply.get('protocol')}")
        self.server = reply

    def _refused(self, method: str, error: ReplyError) -> GenoschedError:
        run = self._opening["run"]["id"]
        mends = {
            _HELD: "if another Snakemake is working here, wait for it, or give this "
            "one a name of its own with --genosched-run-id.",
            -32003: "check the backend with `genosched doctor`.",
            -32004: "correct the configuration, `genosched config check` helps.",
            -32005: "check that the state folder (--genosched-state-dir) can be "
            "written and has space.",
        }
        return GenoschedError(
            f"genosched refused {method} (error {error.code})",
            f"run {run}" + (f", {error.place()}" if error.place() else ""),
            error.message.rstrip("."),
            mends.get(error.code, "check that plugin and program match."),
        )

    # -- watching --------------------------------------------------------

    def _watch(self) -> None:
        """Watcher thread: one long poll for all tasks, for as long as the run."""
        after = 0
        client: Client | None = None
        living: Client | None = None
        while not self._closing.is_set():
            try:
                living = self._living()
                if living is not client:
                    after, client = 0, living
                request = {"after": after, "wait_ms": _POLL_MS}
                seconds = _POLL_MS / 1000 + _REPLY_SECONDS
                after = self._take(self._ask(living, "poll", request, seconds))
            except ConnectionLost as error:
                if not self._closing.is_set():
                    if living is not None:
                        living.abandon(str(error))
                    self._log.warning(f"genosched: {error}; starting it again")
            except GenoschedError as error:
                if not self._closing.is_set():
                    self._give_up(error)
                return
            except Exception as error:  # without this thread no job would end
                self._give_up(self._dead(repr(error)))
                return

    def _take(self, reply: dict[str, Any]) -> int:
        """Keeps what a poll said; wakes the executor if anything changed."""
        tasks, sequence = reply.get("tasks"), reply.get("sequence", 0)
        if not isinstance(tasks, list) or not isinstance(sequence, int):
            raise ConnectionLost("the reply to poll has no tasks or no sequence")
        for status in tasks:
            if not isinstance(status, dict) or "id" not in status:
                raise ConnectionLost("the reply to poll has a task without an id")
            task = str(status["id"])
            # Two polls may be answered in any order: an end stays an end.
            if not self._is_final(task) or status.get("state") in FINAL:
                self._known[task] = status
        if tasks:
            self._changed()
        return sequence

    def _hear(self, line: str) -> None:
        lower = line.lower()
        if "error" in lower:
            self._log.error(f"[genosched] {line}")
        elif "warn" in lower:
            self._log.warning(f"[genosched] {line}")
        else:
            self._log.info(f"[genosched] {line}")
