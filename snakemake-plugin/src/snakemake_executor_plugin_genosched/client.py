"""The protocol: one `genosched serve` child, JSON lines in both directions.

Owns the child process and nothing else does.  Strict: a line that is not one
JSON object with the id of a waiting request ends the connection, because from
then on no reply can be trusted.  Knows nothing of Snakemake or of tasks.

Never retries: a lost connection is reported as `ConnectionLost` and the owner
(`session.py`) starts a new child with the same run id.
"""

import itertools
import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

from .errors import ConnectionLost, ReplyError

PROTOCOL = 1
LINE_MAX = 16 * 1024 * 1024
_GRACE_SECONDS = 5.0


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key occurs twice")
    return table


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_line(line: bytes) -> dict[str, Any]:
    """One line of genosched, or ValueError that says what is wrong with it."""
    if not line.endswith(b"\n"):
        raise ValueError("the line is cut off or longer than 16 MiB")
    value = json.loads(
        line.decode("utf-8"),
        object_pairs_hook=_unique,
        parse_constant=_refuse_constant,
    )
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    if value.get("jsonrpc") != "2.0":
        raise ValueError("not JSON-RPC 2.0")
    if ("result" in value) == ("error" in value):
        raise ValueError("neither a result nor an error, or both")
    if "error" in value:
        error = value["error"]
        if not isinstance(error, dict) or not isinstance(error.get("code"), int):
            raise ValueError("an error without a code")
    return value


class _Waiting:
    """A request whose reply has not come yet."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.reply: dict[str, Any] | None = None


class Client:
    """One child process; `call` may be used from several threads."""

    def __init__(
        self,
        command: list[str],
        talk: Callable[[str], None],
        environment: dict[str, str] | None = None,
    ) -> None:
        self._lost: str | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._talk = talk
        self._last_words: deque[str] = deque(maxlen=5)
        try:
            # A session of its own: the terminal's Ctrl-C must not reach it
            # before Snakemake has had its tasks cancelled.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=environment,
            )
        except OSError as error:
            raise ConnectionLost(f"{command[0]}: {error.strerror}") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lost(self) -> str | None:
        """Why the connection ended; None while it lives."""
        return self._lost

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """The end of what it said on stderr."""
        return " | ".join(self._last_words)

    def call(self, method: str, params: dict[str, Any], seconds: float) -> Any:
        """The result of one request.

        Raises ReplyError for an error reply and ConnectionLost when no reply
        can come any more; then it is unknown whether the request was applied.
        """
        number, waiting = next(self._numbers), _Waiting()
        with self._lock:
            if self._lost is not None:
                raise ConnectionLost(self._lost)
            self._waiting[number] = waiting
        self._write(
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        )
        if not waiting.done.wait(seconds):
            self._lose(f"no reply to {method} within {seconds:.0f} s")
        with self._lock:
            self._waiting.pop(number, None)
        if waiting.reply is None:
            raise ConnectionLost(self._lost or "the connection was closed")
        if "error" in waiting.reply:
            error = waiting.reply["error"]
            text = str(error.get("message", ""))
            raise ReplyError(error["code"], text, error.get("data"))
        return waiting.reply["result"]

    def abandon(self, why: str) -> None:
        """For an owner that has been told nonsense: ends the connection."""
        self._lose(why)

    def close(self) -> None:
        """Ends the child; its tasks are treated as `on_engine_exit` says."""
        self._end("closed")
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(_GRACE_SECONDS)

    def wait(self, seconds: float) -> bool:
        """Whether the child has ended by itself within that time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _write(self, request: dict[str, Any]) -> None:
        line = json.dumps(request, ensure_ascii=False, allow_nan=False)
        data = line.encode("utf-8") + b"\n"
        if len(data) > LINE_MAX:
            raise ValueError(f"a request of {len(data)} bytes is over 16 MiB")
        try:
            with self._write_lock:
                assert self._process.stdin is not None
                self._process.stdin.write(data)
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            self._lose(f"cannot write to genosched: {error}")

    def _read(self) -> None:
        """Reader thread: hands each reply to the request that waits for it."""
        stream = self._process.stdout
        assert stream is not None
        try:
            while line := stream.readline(LINE_MAX + 1):
                reply = parse_line(line)
                with self._lock:
                    waiting = self._waiting.get(reply.get("id"))  # type: ignore[arg-type]
                if waiting is None:
                    raise ValueError(f"a reply to nothing: id {reply.get('id')!r}")
                waiting.reply = reply
                waiting.done.set()
        except (ValueError, RecursionError) as error:
            self._lose(f"genosched wrote a line that is not the protocol ({error})")
        except OSError as error:
            self._lose(f"cannot read from genosched: {error}")
        else:
            self._end(self._how_it_ended())

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "genosched closed its output"
        if code < 0:
            return f"genosched was killed by signal {-code}"
        return f"genosched ended with exit code {code}"

    def _listen(self) -> None:
        """Everything that genosched says on stderr goes to Snakemake's log."""
        stream = self._process.stderr
        assert stream is not None
        for line in stream:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._last_words.append(text)
                self._talk(text)

    def _lose(self, why: str) -> None:
        """The connection cannot be trusted any more: the child is ended.

        Its tasks live on under their shims and are found again by run id.
        """
        self._process.kill()
        self._end(why)

    def _end(self, why: str) -> None:
        with self._lock:
            if self._lost is None:
                self._lost = why
            waiting = list(self._waiting.values())
        try:
            assert self._process.stdin is not None
            self._process.stdin.close()
        except OSError:
            pass
        for request in waiting:
            request.done.set()
