"""What the tests share: a session with the stand-in, and small job objects."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FAKE = Path(__file__).with_name("fake_genosched.py")


class Log:
    """Collects what would go to Snakemake's log."""

    def __init__(self):
        self.lines = []

    def info(self, message):
        self.lines.append(f"info {message}")

    def warning(self, message):
        self.lines.append(f"warning {message}")

    def error(self, message):
        self.lines.append(f"error {message}")

    @property
    def text(self):
        return "\n".join(self.lines)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def fake():
    """The command that starts the stand-in."""
    return [sys.executable, str(FAKE), "serve"]


def make_job(**fields):
    """An object with what a job of Snakemake offers to an executor."""
    rule = SimpleNamespace(
        name=fields.pop("rule", "impute"), shellcmd="true", resources={}
    )
    job = SimpleNamespace(
        rule=rule,
        name=rule.name,
        jobid=1,
        wildcards_dict={"chrom": "7"},
        resources={"_cores": 1, "_nodes": 1},
        threads=1,
        attempt=1,
        priority=0,
        input=[],
        output=["out.7.txt"],
        non_derived_params=[],
        is_group=lambda: False,
    )
    for name, value in fields.items():
        setattr(job, name, value)
    return job


def make_group(*jobs, **fields):
    group = make_job(
        jobs=list(jobs),
        is_group=lambda: True,
        groupid="g",
        name="g_impute",
        output=[path for job in jobs for path in job.output],
        input=[path for job in jobs for path in job.input],
    )
    for name, value in fields.items():
        setattr(group, name, value)
    return group
