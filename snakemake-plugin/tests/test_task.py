from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.resources import Resources

from conftest import make_group, make_job
from snakemake_executor_plugin_genosched.task import Place, make_task

MB = 1_000_000
NO_DEFAULTS = SimpleNamespace(
    resource_settings=SimpleNamespace(_parsed_default_resources={})
)


def translate(job, base=Path("/work"), workflow=NO_DEFAULTS, **fields):
    place = Place(
        **{
            "command": ["true"],
            "workdir": base,
            "stdout": base / "out",
            "stderr": base / "err",
            "environment": {},
            "base": base,
            "overhead_mb": 100,
            "shared_files": True,
            **fields,
        }
    )
    return make_task("id", job, workflow, place)


def test_all_resources_are_carried():
    job = make_job(
        threads=4,
        attempt=2,
        priority=7,
        resources={
            "_cores": 4,
            "_nodes": 1,
            "mem_mb": 2000,
            "mem": "2 GB",
            "mem_mib": 1908,
            "disk_mb": 500,
            "runtime": 90,
            "gpu": 2,
            "gpu_model": "a100",
            "slurm_partition": "long",
            "licences": 3,
        },
    )
    task = translate(job)
    assert task["cpus"] == 4
    assert task["attempt"] == 2
    assert task["priority"] == 7
    assert task["memory_bytes"] == 2100 * MB
    assert task["disk_bytes"] == 500 * MB
    assert task["time_ms"] == 90 * 60_000
    assert task["gpus"] == 2
    assert task["gpu_type"] == "a100"
    assert task["labels"]["resource.slurm_partition"] == "long"
    assert task["labels"]["resource.licences"] == "3"
    assert task["retry"] == "genosched"
    assert task["restore"] == "none"


def test_memory_is_absent_where_nobody_declared_it():
    task = translate(make_job())
    assert "memory_bytes" not in task
    assert task["labels"]["memory_source"] == "none"


def test_a_default_is_marked_as_a_guess_and_a_rules_own_figure_is_not():
    guess = object()
    workflow = SimpleNamespace(
        resource_settings=SimpleNamespace(_parsed_default_resources={"mem_mb": guess})
    )
    job = make_job(resources={"mem_mb": 1000})
    job.rule.resources = {"mem_mb": guess}
    task = translate(job, workflow=workflow)
    assert task["labels"]["memory_source"] == "default-resources"
    assert task["memory_bytes"] == 1100 * MB
    job.rule.resources = {"mem_mb": object()}
    assert translate(job, workflow=workflow)["labels"]["memory_source"] == "rule"


def test_defaults_are_told_from_figures_as_snakemake_keeps_them():
    defaults = Resources.parse(["runtime=5"], defaults="full", allow_expressions=True)
    workflow = SimpleNamespace(
        resource_settings=SimpleNamespace(_parsed_default_resources=defaults)
    )
    job = make_job(resources={"mem_mb": 1000, "disk_mb": 50000})
    job.rule.resources = defaults.copy()
    task = translate(job, workflow=workflow)
    assert task["labels"]["memory_source"] == "default-resources"
    assert "disk_bytes" not in task
    job.rule.resources.update(Resources.from_mapping({"mem": "1 GB", "disk": "5 GB"}))
    task = translate(job, workflow=workflow)
    assert task["labels"]["memory_source"] == "rule"
    assert task["disk_bytes"] == 50000 * MB


class ToBeDetermined(str):
    """As Snakemake's own placeholder: a string that is no value."""


@pytest.mark.parametrize("value", [ToBeDetermined("<TBD>"), True, None, object()])
def test_values_that_are_none_are_dropped(value):
    job = make_job(resources={"mem_mb": value, "tmpdir": value, "other": value})
    task = translate(job)
    assert "memory_bytes" not in task
    assert "resource.other" not in task["labels"]


@pytest.mark.parametrize("value", [0, -5, 2**60])
def test_figures_out_of_range_are_not_sent(value):
    task = translate(make_job(resources={"mem_mb": value, "runtime": value}))
    assert "memory_bytes" not in task
    assert "time_ms" not in task


def test_priorities_stay_within_the_protocol():
    task = translate(make_job(priority=2**63 - 1))
    assert task["priority"] == 1e9


def test_own_resources_become_fields_features_and_labels():
    job = make_job(
        resources={
            "genosched_variants": 5000,
            "genosched_tool": "beagle",
            "genosched_spot": "never",
            "genosched_chromosome": "chr9",
            "genosched_max_mem_mb": 4000,
        }
    )
    task = translate(job)
    assert task["features"] == {"variants": 5000}
    assert task["labels"]["tool"] == "beagle"
    assert task["spot"] == "never"
    assert task["chromosome"] == "chr9"
    assert task["memory_max_bytes"] == 4100 * MB


def test_wildcards_become_labels_and_the_chromosome_is_seen():
    task = translate(make_job(wildcards_dict={"chrom": "7", "sample": "s1"}))
    assert task["labels"]["wildcard.sample"] == "s1"
    assert task["chromosome"] == "7"
    assert task["process"] == "impute"
    assert task["name"] == "impute (chrom=7, sample=s1)"


def test_a_group_of_two_chromosomes():
    one = make_job(wildcards_dict={"chrom": "1"}, output=["a.1"])
    two = make_job(wildcards_dict={"chrom": "2"}, output=["a.2"], rule="phase")
    group = make_group(one, two, threads=2, resources={"_cores": 2, "mem_mb": 300})
    task = translate(group)
    assert task["process"] == "impute+phase"
    assert task["labels"]["wildcard.chrom"] == "1,2"
    assert task["labels"]["group"] == "g"
    assert task["memory_bytes"] == 400 * MB
    assert "chromosome" not in task


def test_inputs_carry_their_sizes(tmp_path):
    (tmp_path / "a.vcf").write_bytes(b"12345")
    job = make_job(input=["a.vcf", "missing.vcf"])
    task = translate(job, base=tmp_path)
    assert task["inputs"] == [{"path": str(tmp_path / "a.vcf"), "bytes": 5}]
    assert "inputs" not in translate(job, base=tmp_path, shared_files=False)


def test_secrets_are_in_the_environment_only():
    task = translate(make_job(), environment={"S3_KEY": "geheim"})
    assert task["env"]["S3_KEY"] == "geheim"
    del task["env"]
    assert "geheim" not in str(task)
