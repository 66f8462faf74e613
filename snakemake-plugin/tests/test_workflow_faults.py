"""Whole runs of Snakemake against a stand-in with faults: an end, no hang."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_genosched.py")
SNAKEFILE = """
rule all:
    input: expand("out/{chrom}.txt", chrom=[1, 2])
rule one:
    output: "out/{chrom}.txt"
    shell: "echo {wildcards.chrom} >> ran; touch {output}"
"""


def snakemake(folder, *arguments, fault="", binary=FAKE, **environment):
    (folder / "Snakefile").write_text(SNAKEFILE)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--executor",
            "genosched",
            "--jobs",
            "unlimited",
            "--genosched-binary",
            str(binary),
            "--genosched-no-fork-server",
            *arguments,
        ],
        cwd=folder,
        env={
            **os.environ,
            "FAKE_FAULT": fault,
            "FAKE_NOTES": str(folder / "notes"),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )


def ran(folder):
    return sorted((folder / "ran").read_text().split())


@pytest.mark.parametrize("fault", ["", "garbage", "cut", "held"])
def test_a_fault_that_passes_does_not_fail_the_run(tmp_path, fault):
    done = snakemake(tmp_path, fault=fault)
    assert done.returncode == 0, done.stdout
    assert {"1", "2"} == set(ran(tmp_path))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no-start", "version --json"),
        ("old", "has version 0.0.9, the plugin has 0.1.0"),
        ("reject", "needs 9 of 8 CPUs"),
    ],
)
def test_a_fault_that_stays_is_one_error_and_an_end(tmp_path, fault, said):
    done = snakemake(tmp_path, "--keep-going", fault=fault)
    assert done.returncode == 1, done.stdout
    assert said in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "ran").exists()


def test_a_missing_program_is_said_before_anything_runs(tmp_path):
    done = snakemake(tmp_path, binary=tmp_path / "none")
    assert done.returncode == 1
    assert "the genosched program was not found" in done.stdout
    assert "What to do:" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_to_do_needs_no_program(tmp_path):
    (tmp_path / "out").mkdir()
    assert snakemake(tmp_path).returncode == 0
    done = snakemake(tmp_path, binary=tmp_path / "none")
    assert done.returncode == 0, done.stdout


def test_immediate_submit_is_refused(tmp_path):
    done = snakemake(tmp_path, "--immediate-submit", "--notemp")
    assert done.returncode == 1
    assert "--immediate-submit is not possible" in done.stdout
    assert not (tmp_path / "ran").exists()


def test_a_missing_configuration_file_is_one_error(tmp_path):
    done = snakemake(tmp_path, "--genosched-config", "no-such.yaml")
    assert done.returncode == 1
    assert "the configuration file was not found" in done.stdout


def test_secrets_reach_the_job_but_no_command_line(tmp_path):
    done = snakemake(tmp_path, "--envvars", "MY_SECRET", MY_SECRET="geheim-42")
    assert done.returncode == 0, done.stdout
    assert "geheim-42" not in done.stdout
    notes = (tmp_path / "notes").read_text().splitlines()
    submitted = [line.split(" ", 2)[2] for line in notes if line.startswith("submit")]
    assert len(submitted) == 2
    for task in map(json.loads, submitted):
        assert task.pop("env")["MY_SECRET"] == "geheim-42"
        assert "geheim-42" not in json.dumps(task)


def test_the_run_is_ended_by_a_shutdown(tmp_path):
    snakemake(tmp_path)
    assert (tmp_path / "notes").read_text().splitlines()[-1] == "shutdown cancel"
