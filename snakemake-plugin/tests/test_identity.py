import os

from conftest import make_group, make_job
from snakemake_executor_plugin_genosched import identity
from snakemake_executor_plugin_genosched.adoption import decide
from snakemake_executor_plugin_genosched.files import (
    inputs_unchanged_since,
    outputs_good_since,
)


def test_run_id_is_stable_and_different_for_two_snakefiles(tmp_path):
    first = identity.run_id(str(tmp_path), str(tmp_path / "Snakefile"))
    assert first == identity.run_id(f"{tmp_path}/.", str(tmp_path / "Snakefile"))
    assert first != identity.run_id(str(tmp_path), str(tmp_path / "other.smk"))
    assert first != identity.run_id(str(tmp_path / "sub"), str(tmp_path / "Snakefile"))


def test_run_id_holds_to_the_protocol(tmp_path):
    folder = tmp_path / ("ä ü!" * 30)
    made = identity.run_id(str(folder), "Snakefile")
    assert len(made) <= 64
    assert all(c.isascii() and (c.isalnum() or c in "._-") for c in made)


def test_task_id_names_place_and_work():
    job = make_job()
    task = identity.new_task_id(job)
    assert len(task) <= 128
    assert identity.place_and_work(task) == (identity.place(job), identity.work(job))
    assert task != identity.new_task_id(job)
    assert identity.place_and_work("12345") is None


def test_place_follows_outputs_and_work_follows_code():
    job, same = make_job(), make_job()
    assert identity.place(job) == identity.place(same)
    other = make_job(output=["elsewhere"])
    assert identity.place(other) != identity.place(job)
    changed = make_job(input=["new"])
    assert identity.place(changed) == identity.place(job)
    assert identity.work(changed) != identity.work(job)
    changed = make_job()
    changed.rule.shellcmd = "false"
    assert identity.work(changed) != identity.work(job)


def test_place_of_a_group_does_not_depend_on_order():
    one, two = make_job(output=["1"]), make_job(output=["2"])
    first, second = make_group(one, two), make_group(two, one)
    assert identity.place(first) == identity.place(second)


def task(work="b" * 16, place="a" * 16, fresh="c"):
    return f"r.{place}.{work}.{fresh * 16}"


def choose(statuses, marked=(), good=True, unchanged=True):
    return decide(
        "a" * 16,
        "b" * 16,
        set(marked),
        statuses,
        lambda since: unchanged,
        lambda since: good,
    )


def test_a_running_task_of_the_same_work_is_adopted():
    for state in ("pending", "dispatched", "running"):
        decision = choose({task(): {"state": state}})
        assert decision.adopt == task()
        assert decision.stop == []


def test_a_running_task_of_other_work_is_stopped_first():
    stale = task(work="d" * 16)
    decision = choose({stale: {"state": "running"}})
    assert decision.adopt is None
    assert decision.stop == [stale]


def test_a_task_that_began_on_other_inputs_is_stopped_first():
    begun = {task(): {"state": "running", "started": 5}}
    assert choose(begun, unchanged=False).stop == [task()]
    waiting = {task(): {"state": "pending"}}
    assert choose(waiting, unchanged=False).adopt == task()


def test_two_live_tasks_of_one_place_never_stay():
    first, second = task(fresh="c"), task(fresh="d")
    decision = choose({first: {"state": "running"}, second: {"state": "running"}})
    assert decision.adopt == first
    assert decision.stop == [second]


def test_a_finished_task_needs_marker_and_good_outputs():
    done = {task(): {"state": "succeeded", "started": 5}}
    assert choose(done, marked=[task()]).adopt == task()
    assert choose(done).adopt is None
    assert choose(done, marked=[task()], good=False).adopt is None


def test_failed_cancelled_and_lost_are_run_again():
    for state in ("failed", "cancelled", "lost"):
        decision = choose({task(): {"state": state}}, marked=[task()])
        assert decision.adopt is None
        assert decision.stop == []


def test_other_places_are_left_alone():
    decision = choose({task(place="e" * 16): {"state": "running"}, "x": {}})
    assert decision.adopt is None
    assert decision.stop == []


def test_inputs_and_outputs_on_the_disk(tmp_path):
    job = make_job(input=["in"], output=["out"])
    (tmp_path / "in").touch()
    os.utime(tmp_path / "in", (1000, 1000))
    assert inputs_unchanged_since(job, tmp_path, 1_000_000)
    assert not inputs_unchanged_since(job, tmp_path, 999_999)
    assert not outputs_good_since(job, tmp_path, 1_000_000)
    (tmp_path / "out").touch()
    assert outputs_good_since(job, tmp_path, 1_000_000)
    (tmp_path / "in").unlink()
    assert not inputs_unchanged_since(job, tmp_path, 1_000_000)
