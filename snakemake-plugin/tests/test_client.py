import pytest

from snakemake_executor_plugin_genosched.client import Client, parse_line
from snakemake_executor_plugin_genosched.errors import ConnectionLost

OPENING = {
    "protocol": 1,
    "engine": {"name": "snakemake", "version": "9"},
    "run": {"id": "r", "workdir": "/"},
}


@pytest.mark.parametrize(
    "line",
    [
        b"Segmentation fault\n",
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"result":{}}\n',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}\n',
        b'{"jsonrpc":"2.0","id":1,"result":{}} {}\n',
        b'{"jsonrpc":"2.0","id":1}\n',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}\n',
        b'{"jsonrpc":"2.0","id":1,"error":"no"}\n',
        b'{"id":1,"result":{}}\n',
        b"[]\n",
        b"\xff\xfe\n",
    ],
)
def test_a_line_that_is_not_the_protocol_is_refused(line):
    with pytest.raises(ValueError):
        parse_line(line)


def test_replies_reach_the_request_that_waits(fake):
    heard = []
    client = Client(fake, heard.append)
    try:
        result = client.call("initialize", OPENING, 10)
        assert result["server"]["name"] == "genosched"
        assert client.call("poll", {"after": 0}, 10)["tasks"] == []
        client.call("shutdown", {"mode": "cancel"}, 10)
        assert client.wait(10)
    finally:
        client.close()
    assert heard == ["fake: serving"]
    assert client.lost is not None


@pytest.mark.parametrize("fault", ["garbage", "cut", "duplicate", "stranger"])
def test_a_broken_reply_ends_the_connection(fake, monkeypatch, fault):
    monkeypatch.setenv("FAKE_FAULT", fault)
    client = Client(fake, lambda line: None)
    try:
        client.call("initialize", OPENING, 10)
        with pytest.raises(ConnectionLost):
            client.call("submit", {"tasks": []}, 10)
        with pytest.raises(ConnectionLost):
            client.call("poll", {"after": 0}, 10)
        assert client.wait(5), "the child must be gone"
    finally:
        client.close()


def test_a_silent_child_is_not_waited_for_without_end(fake, monkeypatch):
    monkeypatch.setenv("FAKE_FAULT", "silent")
    client = Client(fake, lambda line: None)
    try:
        client.call("initialize", OPENING, 10)
        with pytest.raises(ConnectionLost, match="no reply to submit within 1 s"):
            client.call("submit", {"tasks": []}, 1)
        assert client.wait(5)
    finally:
        client.close()


def test_a_program_that_cannot_be_started(tmp_path):
    with pytest.raises(ConnectionLost):
        Client([str(tmp_path / "none")], lambda line: None)


def test_a_request_over_the_longest_line_is_not_sent(fake):
    client = Client(fake, lambda line: None)
    try:
        with pytest.raises(ValueError, match="16 MiB"):
            client.call("submit", {"tasks": ["x" * (17 * 1024 * 1024)]}, 1)
    finally:
        client.close()
