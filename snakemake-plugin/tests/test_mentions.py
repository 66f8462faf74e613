from types import SimpleNamespace

import pytest

from conftest import make_group, make_job
from snakemake_executor_plugin_genosched.mentions import memory_in_script


def job(**rule):
    made = make_job(resources={"mem_mb": 2000}, params=rule.pop("params", []))
    made.rule.shellcmd = None
    for name, value in rule.items():
        setattr(made.rule, name, value)
    return made


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("java -Xmx{resources.mem_mb}m -jar beagle.jar", True),
        ("sort -S {resources.mem_mib}M", True),
        ("tool --memory {resources[mem_mb]}", True),
        ("tool --memory '{resources.mem}'", True),
        ("bcftools view {input} > {output}", False),
        ("bwa mem -t {threads} {input}", False),
        ("echo {resources.runtime}", False),
    ],
)
def test_shell_commands(text, named):
    assert memory_in_script(job(shellcmd=text)) is named


def test_code_of_a_run_block():
    assert memory_in_script(job(run_func_src='x = resources["mem_mb"] // 2'))
    assert not memory_in_script(job(run_func_src="shell('true')"))


def test_scripts_are_read_and_unreadable_ones_count(tmp_path):
    base = SimpleNamespace(get_path_or_uri=lambda secret_free: str(tmp_path))
    (tmp_path / "a.R").write_text('m <- snakemake@resources[["mem_mb"]]\n')
    (tmp_path / "b.py").write_text("print(snakemake.input)\n")
    assert memory_in_script(job(script="a.R", basedir=base))
    assert not memory_in_script(job(script="b.py", basedir=base))
    assert memory_in_script(job(script="none.py", basedir=base))
    assert memory_in_script(job(script="b.py", basedir=None))


def test_wrappers_and_parameters():
    assert memory_in_script(job(wrapper="v1/bio/beagle"))
    assert memory_in_script(job(shellcmd="t {params}", params=["-Xmx2000m"]))
    assert not memory_in_script(job(shellcmd="t {params}", params=["-n 12000"]))


def test_only_where_there_is_a_figure():
    plain = make_job()
    plain.rule.shellcmd = "{resources.mem_mb}"
    assert not memory_in_script(plain)


def test_one_job_of_a_group_is_enough():
    quiet, loud = job(shellcmd="true"), job(shellcmd="{resources.mem_mb}")
    assert memory_in_script(make_group(quiet, loud))
    assert not memory_in_script(make_group(quiet, quiet))
