"""The project's conformance transcripts, the server's side of them played.

The same files run against the real program in test/conformance; here they hold
the plugin to what the program says.  See test/conformance/README.md.
"""

import json
import sys
from pathlib import Path

import pytest

from snakemake_executor_plugin_genosched import failure
from snakemake_executor_plugin_genosched.client import Client
from snakemake_executor_plugin_genosched.errors import ReplyError
from snakemake_executor_plugin_genosched.session import FINAL, Session

FOLDER = Path(__file__).parents[2] / "test" / "conformance"
TRANSCRIPTS = sorted(FOLDER.glob("*.jsonl"))
STATES = FINAL | {"pending", "dispatched", "running"}

# Answers each request with the next reply of the file, under the request's id.
SERVER = """
import json, sys
for reply, line in zip(json.load(open(sys.argv[1])), sys.stdin):
    print(json.dumps({**reply, "id": json.loads(line)["id"], "jsonrpc": "2.0"}),
          flush=True)
"""


def concrete(pattern):
    """A value that matches a pattern of the transcripts."""
    if isinstance(pattern, dict):
        return {key: concrete(value) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [concrete(value) for value in pattern]
    if pattern in ("<int>", "<any>"):
        return 1
    if isinstance(pattern, str) and pattern.startswith("<has:"):
        return pattern[5:-1]
    return "text" if pattern == "<text>" else pattern


def exchanges(path):
    """[(request, reply)] of a transcript, without what no client would send."""
    text = path.read_text().replace("${WORK}", "/work").replace("${RUN}", "run")
    requests, pairs = {}, []
    for line in text.splitlines():
        if line.startswith("> "):
            try:
                request = json.loads(line[2:])
                requests[request["id"]] = request
            except (ValueError, KeyError, TypeError):
                continue  # a bad line, which is what that transcript is about
        elif line.startswith("< "):
            reply = json.loads(line[2:])
            number = reply.get("id")
            request = requests.get(number) if isinstance(number, int | str) else None
            if request is not None and isinstance(request.get("method"), str):
                pairs.append((request, concrete(reply)))
    return pairs


def test_there_are_transcripts():
    assert TRANSCRIPTS, f"{FOLDER} has none: a checkout of the whole project is needed"


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_client_understands_every_reply(path, tmp_path):
    pairs = exchanges(path)
    replies = tmp_path / "replies.json"
    replies.write_text(json.dumps([reply for _, reply in pairs]))
    said = []
    client = Client([sys.executable, "-c", SERVER, str(replies)], said.append)
    try:
        for request, reply in pairs:
            params = request.get("params", {})
            if "error" in reply:
                with pytest.raises(ReplyError) as caught:
                    client.call(request["method"], params, 20)
                assert caught.value.code == reply["error"]["code"]
                assert isinstance(caught.value.place(), str)
            else:
                assert client.call(request["method"], params, 20) == reply["result"]
    finally:
        client.close()
    assert said == []


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_every_status_is_understood(path, tmp_path, log):
    opening = {"run": {"id": "run"}}
    for _, reply in exchanges(path):
        result = reply.get("result")
        if not isinstance(result, dict) or "tasks" not in result:
            continue
        session = Session([], opening, lambda: None, log)
        assert session._take(result) == result.get("sequence", 0)
        for status in result["tasks"]:
            assert session.status(status["id"]) == status
            # A pattern may leave the state open: then it is not looked at.
            if status.get("state", "pending") not in STATES:
                raise AssertionError(f"an unknown state: {status['state']}")
            assert failure.describe(status, tmp_path / "none").startswith("genosched:")
