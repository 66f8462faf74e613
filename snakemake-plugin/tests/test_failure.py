from snakemake_executor_plugin_genosched.failure import describe, tail


def test_message_attempts_and_end_of_the_log(tmp_path):
    log = tmp_path / "job.err"
    log.write_text("".join(f"line {i}\n" for i in range(100)))
    status = {
        "state": "failed",
        "reason": "oom",
        "message": "IMPUTE (chr7) ran out of memory",
        "attempts": [
            {"n": 1, "reason": "oom", "memory": {"limit_bytes": 2**30}},
            {"n": 2, "reason": "oom", "memory": {"limit_bytes": 2**31}},
        ],
    }
    text = describe(status, log)
    assert "IMPUTE (chr7) ran out of memory" in text
    assert "attempt 2: oom, limit 2.00 GiB, peak unknown" in text
    assert "line 99" in text
    assert "line 79\n" not in text
    assert str(log) in text


def test_lost_is_never_called_a_plain_failure(tmp_path):
    text = describe({"state": "lost"}, tmp_path / "none")
    assert "nobody can know" in text


def test_exit_code_and_signal(tmp_path):
    none = tmp_path / "none"
    assert "exit code 3" in describe({"state": "failed", "exit_code": 3}, none)
    assert "signal 9" in describe({"state": "failed", "signal": 9}, none)


def test_tail_of_hostile_logs(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\x00" * 100_000)
    assert len(tail(log)) <= 16 * 1024
    assert tail(tmp_path / "none") == ""
