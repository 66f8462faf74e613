#!/usr/bin/env python3
"""Holds the READMEs against what is there.

Every path that a README names must exist, every `genosched VERB --option`
must be known to the program, and the steps of "In your own pipeline" are
done into a temporary folder: install, plugin, the verbs that need no run.

usage: readme.py GENOSCHED BUILD_DIR
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import tempfile
import venv

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("executor", "shim", "nextflow-plugin", "snakemake-plugin", "test", "examples")
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.S)
WORD = re.compile(rf"(?<![\w/])(?:{'|'.join(FOLDERS)})/[\w./-]+\w")


def tracked(pattern: str) -> list[pathlib.Path]:
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
                         cwd=TOP, capture_output=True, text=True, check=True).stdout
    return [TOP / line for line in out.splitlines()]


def code_of(readme: pathlib.Path) -> list[str]:
    """The lines of code in a page: blocks and inline."""
    lines: list[str] = []
    for block, inline in CODE.findall(readme.read_text()):
        lines += (block or inline).splitlines()
    return lines


class Checks:
    """Counts what held and says what did not."""

    def __init__(self) -> None:
        self.passed, self.failed = 0, 0

    def check(self, good: bool, what: str) -> None:
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAILED {what}")

    def run(self, what: str, *argv: object, **more: object) -> str:
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **more)
        self.check(done.returncode == 0,
                   f"{what}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def check_paths(c: Checks, readme: pathlib.Path) -> None:
    for line in code_of(readme):
        for word in WORD.findall(line):
            roots = (TOP, readme.parent)
            c.check(any((r / word).exists() for r in roots),
                    f"{readme.relative_to(TOP)} names {word}, which is not there")


def check_verbs(c: Checks, readme: pathlib.Path, binary: str) -> None:
    for line in code_of(readme):
        found = re.match(r"\s*\$?\s*genosched ([a-z]+)(.*)", line)
        if not found:
            continue
        verb, rest = found.groups()
        text = c.run(f"{readme.relative_to(TOP)}: genosched help {verb}", binary, "help", verb)
        for option in re.findall(r"(?<!\S)(--?[a-zA-Z][\w-]*)", rest.split("#")[0]):
            c.check(re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text) is not None,
                    f"{readme.relative_to(TOP)}: genosched {verb} has no {option}")


def check_install(c: Checks, build: str, top: pathlib.Path) -> None:
    c.run("cmake --install", "cmake", "--install", build, "--prefix", top / "usr")
    installed = top / "usr/bin/genosched"
    env = {"PATH": f"{installed.parent}:/usr/bin:/bin", "HOME": str(top)}
    for verb in (["version"], ["doctor"], ["help"], ["config", "init"]):
        c.run(f"installed genosched {' '.join(verb)}", installed, *verb, env=env, cwd=top)


def check_pip(c: Checks, top: pathlib.Path) -> None:
    """`pip install ./snakemake-plugin`, without what it depends on."""
    venv.create(top / "venv", with_pip=True)
    python = top / "venv/bin/python"
    c.run("pip install ./snakemake-plugin", python, "-m", "pip", "install", "-q", "--no-deps",
          "./snakemake-plugin", cwd=TOP)
    c.run("the profile is in the package", python, "-c",
          "import importlib.util as u, pathlib, sys;"
          "p = pathlib.Path(u.find_spec('snakemake_executor_plugin_genosched').origin).parent;"
          "sys.exit(not list(p.rglob('config.yaml')))")


def main() -> int:
    binary, build = sys.argv[1], sys.argv[2]
    c = Checks()
    for readme in tracked("*README.md"):
        check_paths(c, readme)
        check_verbs(c, readme, binary)
    with tempfile.TemporaryDirectory(prefix="gs-readme-") as top:
        check_install(c, build, pathlib.Path(top))
        check_pip(c, pathlib.Path(top))
    print(f"{c.passed} passed, {c.failed} failed")
    return 1 if c.failed else 0


if __name__ == "__main__":
    sys.exit(main())
