import sys

import pytest

from snakemake_executor_plugin_genosched import command

PYTHON = "/opt/py/bin/python"


def test_split_line_takes_quotes_away():
    line = (
        f"{PYTHON} -m snakemake --snakefile '/a b/Snakefile' "
        "--target-jobs 'r:chrom=7' --config \"name=it's\" --cores 2"
    )
    before, arguments = command.split_line(line, PYTHON)
    assert before == ""
    assert arguments == [
        "--snakefile",
        "/a b/Snakefile",
        "--target-jobs",
        "r:chrom=7",
        "--config",
        "name=it's",
        "--cores",
        "2",
    ]


def test_precommand_is_found_before_the_last_call():
    line = (
        f"{PYTHON} -m snakemake --deploy-sources q c && "
        f"{PYTHON} -m snakemake --snakefile Snakefile"
    )
    before, arguments = command.split_line(line, PYTHON)
    assert before.endswith("--deploy-sources q c &&")
    assert arguments == ["--snakefile", "Snakefile"]


def test_a_line_without_snakemake_is_an_error():
    with pytest.raises(ValueError, match="no call of"):
        command.split_line("true", PYTHON)


def test_command_goes_through_the_launcher_without_a_shell():
    made = command.job_command("", ["--x"], PYTHON, shared_software=True)
    assert made == [PYTHON, "-m", command.LAUNCHER, "--x"]


def test_fork_client_stands_before_the_plain_command():
    made = command.job_command("", ["--x"], PYTHON, True, "/run/s")
    assert made[:4] == [sys.executable, "-S", "-E", "-I"]
    assert made[4].endswith("forkclient.py")
    assert made[5:] == ["/run/s", PYTHON, "-m", command.LAUNCHER, "--x"]


def test_only_a_precommand_needs_a_shell_and_arguments_stay_arguments():
    made = command.job_command("pre &&", ["a b", "$x"], PYTHON, True)
    assert made[:4] == ["/bin/sh", "-c", 'pre && exec "$@"', "sh"]
    assert made[-2:] == ["a b", "$x"]


def test_foreign_python_decides_for_itself_whether_it_has_the_launcher():
    made = command.job_command("", ["--x"], "python", shared_software=False)
    assert made[:2] == ["python", "-c"]
    compile(made[2], "inline", "exec")


def test_inner_snakemake_does_not_share_the_bookkeeping():
    assert command.without_persistence(["sources", "persistence"]) == "sources"
    assert command.without_persistence(["persistence"]) == "none"
    assert command.without_persistence([]) == "none"


def test_many_files_to_wait_for_go_into_a_file(tmp_path):
    target = tmp_path / "wait" / "list"
    assert command.wait_for_files([], target) == ""
    assert command.wait_for_files(["a b"], target) == "--wait-for-files 'a b'"
    assert not target.exists()
    many = [f"f{i}" for i in range(21)]
    assert str(target) in command.wait_for_files(many, target)
    assert target.read_text().split() == many
