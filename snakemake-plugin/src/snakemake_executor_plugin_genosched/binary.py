"""Finds the genosched binary and makes sure that it is the matching one.

Runs before the first job, so that a missing binary or one of another version
is one clear error instead of a run that stops in the middle.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from .errors import GenoschedError

VERSION = "0.1.0"
_INSTALL = (
    "install genosched {version} so that `genosched version` works in this shell, "
    "or name the program with --genosched-binary /path/to/genosched (or the "
    "variable SNAKEMAKE_GENOSCHED_BINARY)."
)


def _mend() -> str:
    return _INSTALL.format(version=VERSION)


def find_binary(wanted: Path | None) -> str:
    """The absolute path of the program to start."""
    name = str(wanted) if wanted is not None else "genosched"
    found = shutil.which(name)
    if found is not None:
        return str(Path(found).absolute())
    path = Path(name)
    if wanted is None:
        why = "it is not on PATH"
    elif not path.exists():
        why = "there is no such file"
    elif path.is_dir():
        why = "this is a folder"
    else:
        why = "it is not executable"
    raise GenoschedError("the genosched program was not found", name, why, _mend())


def _series(version: str) -> list[str]:
    return version.split(".")[:2]


def check_version(found: str, where: str) -> None:
    """Ends the run unless major and minor version are the plugin's own."""
    if _series(found) == _series(VERSION):
        return
    raise GenoschedError(
        "genosched and its Snakemake plugin do not match",
        where,
        f"the program has version {found or 'unknown'}, the plugin has {VERSION}",
        f"install snakemake-executor-plugin-genosched {found} to go with it, or "
        + _mend(),
    )


def check_binary(path: str) -> None:
    """Asks the program itself for its version."""
    try:
        answer = subprocess.run(
            [path, "version", "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        version = json.loads(answer.stdout)
        if version["name"] != "genosched":
            raise ValueError(f"it calls itself {version['name']!r}")
        found = str(version["version"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as e:
        raise GenoschedError(
            "the program does not answer `version --json` as genosched does",
            path,
            " ".join(str(e).split()),
            _mend(),
        ) from e
    check_version(found, path)
