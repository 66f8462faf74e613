"""The beginning of a run: programs, versions, secrets, the fork server."""

import json
import os
import stat
from pathlib import Path

from conftest import processes

SNAKEFILE = """
rule all:
    input: expand("out/{i}.txt", i=range(3))
rule one:
    output: "out/{i}.txt"
    resources: mem_mb=100
    shell: "tr '\\\\0' ' ' < /proc/$PPID/cmdline > {output}; echo >> {output}"
"""


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_missing_program_is_one_error(project):
    project.write(SNAKEFILE)
    project.binary = project.folder / "none"
    code, said = project.run()
    assert code == 1
    assert "the genosched program was not found" in said
    assert "--genosched-binary" in said
    assert "Traceback" not in said


def test_a_program_of_another_version_is_one_error(project):
    project.write(SNAKEFILE)
    project.binary = script(
        project.folder / "genosched",
        '#!/bin/sh\necho \'{"name":"genosched","version":"7.1.0"}\'\n',
    )
    code, said = project.run()
    assert code == 1
    assert "7.1.0" in said
    assert "0.1.0" in said
    assert "Traceback" not in said


def test_a_bad_configuration_names_its_place(project):
    project.write(SNAKEFILE)
    config = project.folder / "genosched.yaml"
    config.write_text("backend: local\nlocal:\n  memroy: 1 GiB\n")
    code, said = project.run("--genosched-config", str(config))
    assert code == 1
    assert "genosched.yaml" in said
    assert "memroy" in said
    assert "Traceback" not in said


def test_a_state_folder_that_cannot_be_made(project):
    project.write(SNAKEFILE)
    project.state.write_text("a file is in the way")
    code, said = project.run()
    assert code == 1
    assert "Traceback" not in said
    assert not (project.work / "out").exists()


def parents(project):
    return [(project.work / f"out/{i}.txt").read_text() for i in range(3)]


def test_jobs_are_forked_on_this_machine(project):
    project.write(SNAKEFILE)
    code, said = project.run()
    assert code == 0, said
    assert all("forkserver" in line for line in parents(project)), parents(project)
    for file in project.attempts():
        record = json.loads(file.read_text())
        # The forked process is measured in the cgroup of its attempt.
        assert record["peak_bytes"] > 5_000_000
        assert record["cpu_ms"] > 0


def test_without_the_fork_server(project):
    project.write(SNAKEFILE)
    code, said = project.run("--genosched-no-fork-server")
    assert code == 0, said
    assert all("launcher" in line for line in parents(project)), parents(project)


def test_no_server_is_left_behind(project):
    project.write(SNAKEFILE)
    assert project.run()[0] == 0
    servers = [pid for pid, _, line in processes() if "forkserver" in line]
    # Those of other runs on this machine work in other folders.
    left = [pid for pid in servers if folder_of(pid) == project.work]
    assert left == []


def folder_of(pid):
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def test_secrets_are_in_no_command_line_log_or_record(project):
    project.write("""
envvars: "MY_TOKEN"
rule all:
    output: "out.txt"
    shell:
        "cat /proc/*/cmdline 2>/dev/null | tr '\\\\0' '\\\\n' > {output} || true; "
        "test -n \\"$MY_TOKEN\\""
rule bad:
    output: "bad.txt"
    shell: "echo ${{#MY_TOKEN}} > length; exit 1"
""")
    code, said = project.run("--genosched-keep-logs", "all", MY_TOKEN="geheim-42")
    assert code == 0, said
    assert "genosched-shim" in (project.work / "out.txt").read_text()
    assert "geheim-42" not in (project.work / "out.txt").read_text()
    bad_code, bad_said = project.run("bad", MY_TOKEN="geheim-42")
    assert bad_code == 1
    assert (project.work / "length").read_text().strip() == "9"
    assert "geheim-42" not in said + bad_said
    for folder in (project.state, project.work / ".snakemake"):
        for file in folder.rglob("*"):
            if file.is_file() and file.stat().st_mode & 0o400:
                assert b"geheim-42" not in file.read_bytes(), file


def test_the_profile_runs_as_shipped(project):
    project.write(SNAKEFILE)
    import snakemake_executor_plugin_genosched as plugin  # noqa: PLC0415

    profile = Path(plugin.__file__).with_name("profile")
    del os.environ["PYTEST_CURRENT_TEST"]
    bare = project.command()
    start = bare.index("--executor")
    own = bare.index("--genosched-binary")
    project.command = lambda *arguments: [
        *bare[:start],
        "--profile",
        str(profile),
        *bare[own:],
        *arguments,
    ]
    code, said = project.run()
    assert code == 0, said
    assert "Execute 3 jobs" in said, "the whole ready set at once"
