from snakemake_executor_plugin_genosched.waiting import Waiting

FULL = {"state": "pending", "waiting": "the machine is full"}


class Clock:
    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


def test_the_reason_is_told_once_in_a_while():
    told, clock = [], Clock()
    waiting = Waiting(told.append, clock)
    waiting.look([FULL, FULL])
    assert told == []
    clock.time = 21
    waiting.look([FULL, FULL])
    waiting.look([FULL])
    assert told == ["genosched: all 2 jobs wait, none is running: the machine is full"]
    clock.time = 700
    waiting.look([FULL])
    assert len(told) == 2


def test_nothing_is_told_while_something_runs_or_just_ran():
    told, clock = [], Clock()
    waiting = Waiting(told.append, clock)
    clock.time = 100
    waiting.look([FULL, {"state": "running"}])
    waiting.look([FULL, None])
    waiting.look([])
    clock.time = 110
    waiting.look([FULL])
    assert told == []
