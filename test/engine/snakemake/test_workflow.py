"""A real workflow: chromosomes, failures, memory, groups, checkpoints, pipes."""

import json
import os
import re
import sys

import pytest

LOG = "echo start {rule}-{wildcards} $$ >> log; "
END = "echo end {rule}-{wildcards} $$ >> log"


def use(megabytes):
    """A shell command that touches that much memory."""
    return f'{sys.executable} -S -c "bytes([1]) * {megabytes}000000"'


def test_chromosomes_through_and_their_records(project):
    project.write(f"""
CHR = [1, 2, 22, "X"]
rule all:
    input: "merged.txt"
rule phase:
    output: "phased/{{chrom}}.txt"
    threads: 2
    resources: mem_mb=150, runtime=5, disk_mb=10, genosched_tool="beagle"
    log: "logs/{{chrom}}.log"
    shell:
        "{LOG} echo {{resources.mem_mb}} {{threads}} $GENOSCHED_CPUS > {{output}}; "
        "{END}"
rule merge:
    input: expand("phased/{{chrom}}.txt", chrom=CHR)
    output: "merged.txt"
    shell: "{LOG} cat {{input}} > {{output}}; {END}"
""")
    code, said = project.run()
    assert code == 0, said
    # Granted what was asked: the rule's own figures.
    assert (project.work / "merged.txt").read_text() == "150 2 2\n" * 4
    assert len(project.events("start")) == len(project.events("end")) == 5
    records = [json.loads(file.read_text()) for file in project.attempts()]
    assert len(records) == 5
    assert all(record["peak_bytes"] > 0 for record in records)
    # Nothing is left of successful jobs.
    assert not list((project.work / ".snakemake/genosched/logs").glob("*/*"))
    assert list((project.work / ".snakemake/incomplete").rglob("*")) == []
    code, said = project.run()
    assert code == 0
    assert "Nothing to be done" in said


def test_out_of_memory_is_repaired_and_the_script_sees_the_grant(project):
    project.write(f"""
rule greedy:
    output: "out.txt"
    resources: mem_mb=60
    shell:
        '{LOG} echo {{resources.mem_mb}} >> seen; {use(220)}; touch {{output}}; {END}'
""")
    code, said = project.run()
    assert code == 0, said
    seen = [int(line) for line in (project.work / "seen").read_text().split()]
    assert seen[0] == 60
    assert seen[-1] >= 220
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert "Trying to restart" not in said, "Snakemake has seen one job"
    assert len(project.events("end")) == 1


def test_out_of_memory_to_the_end_says_so(project):
    project.write(f"""
rule greedy:
    output: "out.txt"
    resources: mem_mb=60, genosched_max_mem_mb=90
    shell: '{LOG} {use(400)}; touch {{output}}'
""")
    code, said = project.run()
    assert code == 1
    assert re.search(r"attempt 1: oom, limit 0\.1\d GiB", said), said
    assert not (project.work / "out.txt").exists()
    assert ".snakemake/genosched/logs/greedy/" in said


def test_a_rule_without_a_figure_sees_what_was_granted(project):
    project.write("""
rule plain:
    output: "out.txt"
    run:
        with open(output[0], "w") as out:
            print(resources.mem_mb, os.environ["GENOSCHED_MEMORY_MB"], file=out)
""")
    code, said = project.run()
    assert code == 0, said
    told, granted = map(int, (project.work / "out.txt").read_text().split())
    assert told == granted - 100


def test_a_failure_is_retried_by_snakemake_and_counted_once(project):
    project.write(f"""
rule all:
    input: "a", "b"
rule own_retries:
    output: "a"
    retries: 2
    resources: mem_mb=lambda wc, attempt: attempt * 100
    shell: "{LOG} echo {{resources.mem_mb}} >> seen; exit 3"
rule cli_retries:
    output: "b"
    shell: "{LOG} test $(grep -c cli_retries log) -ge 2; touch {{output}}"
""")
    code, said = project.run("--retries", "1", "--keep-going")
    assert code == 1
    starts = [name for _, name, _ in project.events("start")]
    assert starts.count("own_retries-") == 3, "1 + 2, not 6"
    assert starts.count("cli_retries-") == 2
    assert (project.work / "seen").read_text().split() == ["100", "200", "300"]
    assert (project.work / "b").exists()
    assert "genosched:" in said


def test_a_failure_shows_the_end_of_its_log_and_where_it_is(project):
    project.write("""
rule broken:
    output: "out/{sample}.txt"
    shell: "echo this-is-why >&2; exit 7"
""")
    code, said = project.run("out/s1.txt")
    assert code == 1
    assert "this-is-why" in said
    logs = list((project.work / ".snakemake/genosched/logs/broken").glob("*.err"))
    assert len(logs) == 1
    assert "sample=s1" in logs[0].name
    assert str(logs[0]) in said


def test_after_a_failure_the_queue_is_not_begun_unless_it_shall_go_on(project):
    project.write(f"""
rule all:
    input: expand("out/{{i}}", i=range(4))
rule one:
    output: "out/{{i}}"
    shell: "{LOG} sleep 1; exit 1"
""")
    code, said = project.run("--genosched-cpus", "1")
    assert code == 1
    assert len(project.events("start")) < 4
    assert said.count("external_jobid:") == len(project.events("start"))
    code, said = project.run("--genosched-cpus", "1", "--keep-going")
    assert code == 1
    assert said.count("external_jobid:") == 4


@pytest.mark.skipif(
    os.environ.get("GENOSCHED_QUICK") == "1", reason="takes a minute: quick run"
)
def test_a_time_limit_is_enforced(project):
    project.write(f"""
rule slow:
    output: "out.txt"
    resources: runtime=1
    shell: "{LOG} sleep 300; touch {{output}}"
""")
    code, said = project.run()
    assert code == 1
    assert "time" in said.split("Error in rule slow")[1].split("log:")[0]
    assert not project.live_jobs()


def test_a_job_that_can_never_fit_is_refused_with_the_figure(project):
    project.write("""
rule huge:
    output: "out.txt"
    resources: mem_mb=900000000
    shell: "touch {output}"
""")
    code, said = project.run()
    assert code == 1
    assert "genosched refused the job" in said
    assert re.search(r"[TG]iB", said.split("refused the job")[1])
    assert "Traceback" not in said


def test_more_threads_than_the_machine_has_are_scaled_down(project):
    project.write("""
rule wide:
    output: "out.txt"
    threads: 1000
    shell: "echo {threads} $GENOSCHED_CPUS > {output}"
""")
    code, said = project.run("--genosched-cpus", "1")
    assert code == 0, said
    assert (project.work / "out.txt").read_text() == "1 1\n"


def test_groups_and_pipes(project):
    project.write(f"""
rule all:
    input: "grouped.txt", "counted.txt"

rule first:
    output: "g/{{i}}.1"
    group: "pair"
    resources: mem_mb=50
    shell: "{LOG} echo {{wildcards.i}} > {{output}}"
rule second:
    input: "g/{{i}}.1"
    output: "g/{{i}}.2"
    group: "pair"
    resources: mem_mb=50
    shell: "{LOG} cat {{input}} > {{output}}"
rule grouped:
    input: expand("g/{{i}}.2", i=[1, 2, 3])
    output: "grouped.txt"
    shell: "cat {{input}} > {{output}}"

rule producer:
    output: pipe("numbers")
    shell: "seq 1000 > {{output}}"
rule counter:
    input: "numbers"
    output: "counted.txt"
    shell: "wc -l < {{input}} > {{output}}"
""")
    code, said = project.run("--group-components", "pair=2", "--genosched-cpus", "1")
    assert code == 0, said
    assert sorted((project.work / "grouped.txt").read_text().split()) == list("123")
    assert (project.work / "counted.txt").read_text().strip() == "1000"
    starts = [name for _, name, _ in project.events("start")]
    assert sorted(starts) == [f"{r}-i={i}" for r in ("first", "second") for i in "123"]
    assert len(project.attempts()) == 2 + 1 + 1, "two groups, the pipe, the end"


def test_a_group_that_fails_says_why(project):
    project.write("""
rule all:
    input: "b"
rule a:
    output: "a"
    group: "g"
    shell: "touch {output}"
rule b:
    input: "a"
    output: "b"
    group: "g"
    shell: "echo this-is-why >&2; exit 7"
""")
    code, said = project.run()
    assert code == 1
    assert "this-is-why" in said
    assert ".snakemake/genosched/logs/" in said


def test_a_checkpoint(project):
    project.write(f"""
rule all:
    input: "collected.txt"
checkpoint split:
    output: directory("parts")
    shell:
        "{LOG} mkdir {{output}}; for i in 1 2 3; do echo $i > {{output}}/$i.txt; done"
rule part:
    input: "parts/{{i}}.txt"
    output: "done/{{i}}.txt"
    shell: "{LOG} cp {{input}} {{output}}"
def parts(wildcards):
    folder = checkpoints.split.get().output[0]
    found = glob_wildcards(os.path.join(folder, "{{i}}.txt")).i
    return expand("done/{{i}}.txt", i=found)
rule collected:
    input: parts
    output: "collected.txt"
    shell: "cat {{input}} > {{output}}"

""")
    code, said = project.run()
    assert code == 0, said
    assert sorted((project.work / "collected.txt").read_text().split()) == list("123")
    starts = [name for _, name, _ in project.events("start")]
    assert sorted(starts) == [*(f"part-i={i}" for i in "123"), "split-"]


def test_names_with_everything_that_shells_eat(project):
    project.write("""
rule odd:
    output: "out dir/{name}.txt"
    shell: "printf '%s' {wildcards.name:q} > {output:q}"
""")
    names = ["a b", "x$HOME", "semi;colon", "ünï", "it's", "back`tick"]
    code, said = project.run(*(f"out dir/{name}.txt" for name in names))
    assert code == 0, said
    for name in names:
        assert (project.work / f"out dir/{name}.txt").read_text() == name
