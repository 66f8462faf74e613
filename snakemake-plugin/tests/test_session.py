import time
from pathlib import Path

import pytest

from snakemake_executor_plugin_genosched.errors import GenoschedError
from snakemake_executor_plugin_genosched.session import Session

OPENING = {
    "protocol": 1,
    "engine": {"name": "snakemake", "version": "9"},
    "run": {"id": "r", "workdir": "/"},
    "config": {},
}


@pytest.fixture
def open_session(fake, log, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_NOTES", str(tmp_path / "notes"))
    sessions = []

    def make(held_seconds=5.0):
        session = Session(fake, OPENING, lambda: None, log, held_seconds)
        sessions.append(session)
        session.start()
        return session

    yield make
    for session in sessions:
        session.close("cancel", 5)


def notes(tmp_path):
    return Path(tmp_path / "notes").read_text()


def task(tmp_path, name="t1", command=("true",)):
    return {
        "id": name,
        "command": list(command),
        "workdir": str(tmp_path),
        "stdout": str(tmp_path / f"{name}.out"),
        "stderr": str(tmp_path / f"{name}.err"),
    }


def wait_final(session, name, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = session.status(name)
        if status and status["state"] in ("succeeded", "failed", "cancelled", "lost"):
            return status
        time.sleep(0.02)
    raise AssertionError(f"{name} has no final state: {session.status(name)}")


def test_a_task_from_submit_to_its_end(open_session, tmp_path):
    session = open_session()
    assert session.submit([task(tmp_path)]) == {}
    assert wait_final(session, "t1")["state"] == "succeeded"


def test_the_end_is_known_at_once(open_session, tmp_path):
    session = open_session()
    session.submit([task(tmp_path, command=("sleep", "0.3"))])
    began = time.monotonic()
    wait_final(session, "t1")
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("fault", ["garbage", "cut", "duplicate", "stranger"])
def test_a_broken_reply_is_asked_for_again(
    open_session, tmp_path, monkeypatch, log, fault
):
    monkeypatch.setenv("FAKE_FAULT", fault)
    session = open_session()
    assert session.submit([task(tmp_path)]) == {}
    assert wait_final(session, "t1")["state"] == "succeeded"
    assert "starting it again" in log.text
    text = notes(tmp_path)
    assert text.count("initialize") == 2
    assert text.count("submit t1 ") == 2, "the same id is sent again"


def test_nonsense_in_a_poll_is_asked_for_again(
    open_session, tmp_path, monkeypatch, log
):
    monkeypatch.setenv("FAKE_FAULT", "nonsense")
    session = open_session()
    session.submit([task(tmp_path, command=("sleep", "5"))])
    wait_for = time.monotonic() + 20
    while "no sequence; starting it again" not in log.text:
        assert time.monotonic() < wait_for, log.text
        time.sleep(0.02)
    session.submit([task(tmp_path, "t2")])
    assert wait_final(session, "t2")["state"] == "succeeded"


def test_what_genosched_does_not_know_is_not_waited_for(open_session):
    began = time.monotonic()
    assert open_session().kill(["never-submitted"], 30)
    assert time.monotonic() - began < 20


def test_refused_tasks_come_back_with_their_reason(open_session, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FAULT", "reject")
    assert open_session().submit([task(tmp_path)]) == {"t1": "needs 9 of 8 CPUs"}


def test_kill_waits_until_it_is_gone(open_session, tmp_path):
    session = open_session()
    session.submit([task(tmp_path, command=("sleep", "60"))])
    assert session.kill(["t1"], 10)
    assert session.status("t1")["state"] == "cancelled"


def test_a_held_run_is_waited_for(open_session, monkeypatch, log, tmp_path):
    monkeypatch.setenv("FAKE_FAULT", "held")
    monkeypatch.setenv("FAKE_HELD", "2")
    open_session()
    assert notes(tmp_path).count("initialize") == 3
    assert log.text.count("waiting for the end of an earlier run") == 1


def test_a_run_that_stays_held_is_one_clear_error(open_session, monkeypatch):
    monkeypatch.setenv("FAKE_FAULT", "held")
    monkeypatch.setenv("FAKE_HELD", "1000")
    with pytest.raises(GenoschedError, match="--genosched-run-id"):
        open_session(held_seconds=0.6)


def test_a_program_that_ends_on_purpose_is_not_started_again(open_session, monkeypatch):
    monkeypatch.setenv("FAKE_FAULT", "no-start")
    began = time.monotonic()
    with pytest.raises(GenoschedError, match="exit code 3: fake: bad configuration"):
        open_session()
    assert time.monotonic() - began < 5


def test_another_version_is_refused(open_session, monkeypatch):
    monkeypatch.setenv("FAKE_FAULT", "old")
    with pytest.raises(GenoschedError, match=r"has version 0\.0\.9.*has 0\.1\.0"):
        open_session()


def test_a_program_that_dies_again_and_again_is_given_up(
    fake, log, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_FAULT", "die")
    monkeypatch.setattr(
        "snakemake_executor_plugin_genosched.session._STARTS_PER_WINDOW", 3
    )
    woken = []
    session = Session(fake, OPENING, lambda: woken.append(1), log)
    session.start()
    with pytest.raises(GenoschedError, match="does not stay alive"):
        for number in range(10):
            session.submit([task(tmp_path, f"t{number}", ("sleep", "60"))])
    assert session.fatal is not None
    assert woken
    session.close("cancel", 1)
