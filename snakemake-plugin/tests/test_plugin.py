"""What the plugin catalog and Snakemake itself look at."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

import snakemake_executor_plugin_genosched as plugin
from snakemake_executor_plugin_genosched import binary
from snakemake_executor_plugin_genosched.errors import GenoschedError
from snakemake_executor_plugin_genosched.launcher import neutralise_rule_retries
from snakemake_executor_plugin_genosched.settings import (
    ExecutorSettings,
    genosched_config,
)

ROOT = Path(__file__).parent.parent


def settings_info():
    return ExecutorPluginRegistry().get_plugin("genosched").get_settings_info()


def test_every_setting_has_a_help_and_a_flag():
    for setting in settings_info():
        assert setting["help"].endswith((".", ")")), setting
        assert setting["cliarg"].startswith("--genosched-")


def test_every_setting_is_in_the_manual():
    manual = (ROOT / "docs" / "further.md").read_text()
    missing = [s["cliarg"] for s in settings_info() if s["cliarg"] not in manual]
    assert missing == []


def test_the_manual_names_no_flag_that_does_not_exist():
    known = {s["cliarg"] for s in settings_info()}
    for page in (ROOT / "docs").glob("*.md"):
        named = set(re.findall(r"--genosched-[a-z-]*[a-z]", page.read_text()))
        assert named <= known, page


def test_import_says_nothing_and_needs_no_program():
    done = subprocess.run(
        [sys.executable, "-c", "import snakemake_executor_plugin_genosched"],
        env={"PATH": ""},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""
    assert done.stderr == b""


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == binary.VERSION


def test_run_time_needs_only_the_interface_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [re.split("[<>=]", d)[0] for d in project["dependencies"]] == [
        "snakemake-interface-common",
        "snakemake-interface-executor-plugins",
    ]


def test_files_stay_small():
    for file in Path(plugin.__file__).parent.glob("*.py"):
        lines = len(file.read_text().splitlines())
        assert lines <= (250 if file.name == "__init__.py" else 400), file


def test_the_profile_is_shipped_and_found():
    done = subprocess.run(
        [sys.executable, "-m", plugin.__name__],
        capture_output=True,
        text=True,
        check=True,
    )
    profile = Path(done.stdout.strip()) / "config.yaml"
    assert "executor: genosched" in profile.read_text()


def test_settings_become_configuration():
    settings = ExecutorSettings(
        backend="local",
        state_dir=Path("/state"),
        memory="20 GiB",
        cpus=3,
        on_engine_exit="detach",
    )
    assert genosched_config(settings) == {
        "backend": "local",
        "state_dir": "/state",
        "on_engine_exit": "detach",
        "local": {"memory": "20 GiB", "cpus": 3},
    }
    assert genosched_config(ExecutorSettings(memory="1000")) == {
        "local": {"memory": 1000}
    }
    assert genosched_config(ExecutorSettings()) == {}


def test_a_missing_program_is_one_error_with_its_mend(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GenoschedError, match="not on PATH") as caught:
        binary.find_binary(None)
    assert "--genosched-binary" in str(caught.value)
    with pytest.raises(GenoschedError, match="no such file"):
        binary.find_binary(tmp_path / "none")
    (tmp_path / "data").write_text("")
    with pytest.raises(GenoschedError, match="not executable"):
        binary.find_binary(tmp_path / "data")


@pytest.mark.parametrize(
    "script",
    ["echo nonsense", 'echo "{}"', "exit 1", """echo '{"name":"x","version":"1"}'"""],
)
def test_a_program_that_is_not_genosched(tmp_path, script):
    program = tmp_path / "genosched"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(GenoschedError, match="version --json"):
        binary.check_binary(str(program))


def test_versions_match_by_major_and_minor():
    binary.check_version("0.1.9", "g")
    for other in ("0.2.0", "1.1.0", "", "x"):
        with pytest.raises(GenoschedError, match="do not match"):
            binary.check_version(other, "g")


def test_rule_retries_can_be_neutralised_in_this_snakemake():
    from snakemake.rules import Rule  # noqa: PLC0415

    before = Rule.restart_times
    try:
        assert neutralise_rule_retries()
        rule = Rule.__new__(Rule)
        rule.restart_times = 3
        assert rule.restart_times == 0
    finally:
        Rule.restart_times = before
