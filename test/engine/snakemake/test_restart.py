"""Kills at bad moments: nothing is lost and nothing runs twice.

The oracle is the file `log` that the jobs append to themselves.
"""

import os
import random
import signal
import time

from conftest import alive, descendants_in, genosched_of
from waiting import wait_until

SNAKEFILE = """
rule all:
    input: expand("out/{chrom}.txt", chrom=range(1, 5)), "late.txt"
rule work:
    output: "out/{chrom}.txt"
    resources: mem_mb=50
    shell:
        "echo start work-{wildcards.chrom} $$ >> log; echo half > {output}; "
        "until test -e go; do sleep 0.1; done; sleep 0.5; echo done > {output}; "
        "echo end work-{wildcards.chrom} $$ >> log"
rule late:
    input: expand("out/{chrom}.txt", chrom=range(1, 5))
    output: "late.txt"
    shell: "echo start late $$ >> log; cat {input} > {output}; echo end late $$ >> log"
"""
AGAIN = ("--rerun-incomplete", "--nolock")


def names(project, kind):
    return sorted(name for _, name, _ in project.events(kind))


ALL = ["late", "work-1", "work-2", "work-3", "work-4"]


def kill_snakemake(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_snakemake_running_jobs_are_adopted(project):
    project.write(SNAKEFILE)
    flags = ("--genosched-on-engine-exit", "detach", "--genosched-cpus", "8")
    first = project.start(*flags)
    project.wait_for_events("start", 4)
    kill_snakemake(first)
    assert len(project.live_jobs()) == 4, "detached jobs go on"
    second = project.start(*flags, *AGAIN)
    wait_until(
        lambda: second.log.read_text().count("is taken over") == 4,
        60,
        second.log.read_text,
    )
    (project.work / "go").touch()
    code, said = project.finish(second)
    assert code == 0, said
    assert names(project, "start") == ALL, "each job ran once"
    assert names(project, "end") == ALL
    assert (project.work / "late.txt").read_text() == "done\n" * 4
    code, said = project.run(*flags, "--nolock")  # the killed one left its lock
    assert code == 0, said
    assert "Nothing to be done" in said


def test_killed_snakemake_finished_jobs_are_not_run_again(project):
    project.write(SNAKEFILE)
    flags = ("--genosched-on-engine-exit", "detach", "--genosched-cpus", "8")
    first = project.start(*flags)
    project.wait_for_events("start", 4)
    kill_snakemake(first)
    (project.work / "go").touch()
    project.wait_for_events("end", 4)
    wait_until(lambda: not descendants_in(project.state), 20)
    code, said = project.run(*flags, *AGAIN)
    assert code == 0, said
    assert names(project, "start") == ALL, "each job ran once"
    assert names(project, "end") == ALL


def test_killed_snakemake_with_cancel_leaves_nothing_and_runs_once_more(project):
    project.write(SNAKEFILE)
    flags = ("--genosched-cpus", "8")
    first = project.start(*flags)
    project.wait_for_events("start", 4)
    kill_snakemake(first)
    wait_until(lambda: not project.live_jobs(), 30, lambda: str(project.live_jobs()))
    wait_until(lambda: not descendants_in(project.state), 30)
    (project.work / "go").touch()
    code, said = project.run(*flags, *AGAIN)
    assert code == 0, said
    assert names(project, "end") == ALL
    assert len(project.events("start")) == 4 + 5


def test_changed_work_is_stopped_before_it_is_run_anew(project):
    project.write(SNAKEFILE)
    flags = ("--genosched-on-engine-exit", "detach", "--genosched-cpus", "8")
    first = project.start(*flags)
    project.wait_for_events("start", 4)
    kill_snakemake(first)
    old = project.live_jobs()
    assert len(old) == 4
    project.write(SNAKEFILE.replace("echo done >", "echo other >"))
    second = project.start(*flags, *AGAIN)
    project.wait_for_events("start", 8)
    assert not any(alive(int(pid)) for _, _, pid in old), "never two of one job"
    (project.work / "go").touch()
    code, said = project.finish(second)
    assert code == 0, said
    assert names(project, "end") == ALL
    assert (project.work / "late.txt").read_text() == "other\n" * 4


def test_killed_genosched_is_started_again_and_nothing_is_lost(project):
    project.write(SNAKEFILE)
    run = project.start("--genosched-cpus", "8")
    project.wait_for_events("start", 4)
    pids = set()
    for _ in range(3):
        wait_until(lambda: genosched_of(run) not in (None, *pids), 30)
        pid = genosched_of(run)
        pids.add(pid)
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: genosched_of(run) not in (None, *pids), 30)
    (project.work / "go").touch()
    code, said = project.finish(run)
    assert code == 0, said
    assert "starting it again" in said
    assert names(project, "start") == ALL
    assert names(project, "end") == ALL


def test_snakemake_killed_at_random_moments_runs_each_job_once(project):
    seed = int(os.environ.get("GENOSCHED_SEED", time.time_ns() % 10**6))
    print(f"GENOSCHED_SEED={seed}")
    chance = random.Random(seed)
    project.write("""
rule all:
    input: expand("b/{i}", i=range(10))
rule a:
    output: "a/{i}"
    resources: mem_mb=50
    shell:
        "echo start a-{wildcards.i} $$ >> log; sleep 0.4; touch {output}; "
        "echo end a-{wildcards.i} $$ >> log"
rule b:
    input: "a/{i}"
    output: "b/{i}"
    resources: mem_mb=50
    shell:
        "echo start b-{wildcards.i} $$ >> log; sleep 0.4; touch {output}; "
        "echo end b-{wildcards.i} $$ >> log"
""")
    flags = ("--genosched-on-engine-exit", "detach", "--genosched-cpus", "2", *AGAIN)
    for _ in range(4):
        run = project.start(*flags)
        begun = len(project.events("start"))
        wait_until(
            lambda run=run, begun=begun: (
                run.poll() is not None or len(project.events("start")) > begun
            ),
            60,
            run.log.read_text,
        )
        time.sleep(chance.uniform(0, 2))
        genosched = genosched_of(run)
        if genosched is not None and chance.random() < 0.5:
            os.kill(genosched, signal.SIGKILL)  # and both at once
        kill_snakemake(run)
        live = [name for _, name, _ in project.live_jobs()]
        assert len(live) == len(set(live)), f"seed {seed}: two of one job: {live}"
    code, said = project.run(*flags)
    assert code == 0, f"seed {seed}: {said}"
    every = sorted(f"{rule}-{i}" for rule in "ab" for i in range(10))
    assert names(project, "start") == every, f"seed {seed}: each job begins once"
    assert names(project, "end") == every, f"seed {seed}: each job ends once"


def test_ctrl_c_leaves_nothing_running(project):
    project.write(SNAKEFILE)
    run = project.start("--genosched-cpus", "2")
    project.wait_for_events("start", 2)
    os.killpg(run.pid, signal.SIGINT)
    code, said = project.finish(run)
    assert code == 1, said
    assert not project.live_jobs()
    assert not descendants_in(project.state)
    (project.work / "go").touch()
    code, said = project.run("--genosched-cpus", "8", "--rerun-incomplete")
    assert code == 0, said
    assert names(project, "end") == ALL


def test_sigterm_lets_running_jobs_finish(project):
    project.write(SNAKEFILE)
    run = project.start("--genosched-cpus", "8")
    project.wait_for_events("start", 4)
    os.kill(run.pid, signal.SIGTERM)
    (project.work / "go").touch()
    code, said = project.finish(run)
    assert code == 1, said
    assert names(project, "end") == [n for n in ALL if n != "late"]


def test_sigterm_begins_nothing_new(project):
    project.write(SNAKEFILE)
    run = project.start("--genosched-cpus", "1")
    project.wait_for_events("start", 1)
    os.kill(run.pid, signal.SIGTERM)
    wait_until(lambda: "3 waiting jobs are not begun" in run.log.read_text(), 30)
    (project.work / "go").touch()
    code, said = project.finish(run)
    assert code == 1, said
    assert len(project.events("start")) == len(project.events("end")) == 1
    assert "Error in rule" not in said, "they have not failed"


def test_two_snakemakes_of_one_snakefile_is_one_clear_error(project):
    project.write(SNAKEFILE)
    run = project.start("--genosched-cpus", "8", "out/1.txt")
    project.wait_for_events("start", 1)
    code, said = project.run("--genosched-cpus", "8", "out/2.txt", "--nolock")
    assert code == 1
    assert "--genosched-run-id" in said
    assert "Traceback" not in said
    other = project.start(
        "--genosched-run-id", "other", "--genosched-cpus", "8", "out/2.txt", "--nolock"
    )
    project.wait_for_events("start", 2)
    (project.work / "go").touch()
    assert project.finish(other)[0] == 0
    assert project.finish(run)[0] == 0
