"""Which chromosome a job is about: from its wildcards, else from file names.

Only says so when there is one answer; a job over several chromosomes has none.
genosched knows the aliases and the sizes, so the name is passed on as written.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

WILDCARDS = ("chr", "chrom", "chromosome", "contig", "region")

_NAME = (
    r"(?:chr)?(?:[1-9][0-9]?|X|Y|W|Z|M|MT)"  # most assemblies
    r"|(?:NC|NT|NW|CM|CP)_?[0-9]{4,9}\.[0-9]{1,2}"  # RefSeq and GenBank accessions
    r"|chr[0-9]{1,2}[A-Za-z]?|chr[A-Za-z0-9]{1,8}"
)
_VALUE = re.compile(
    rf"(?P<name>{_NAME})(?:[:_-](?P<start>[0-9,]+)[-_](?P<end>[0-9,]+))?",
    re.IGNORECASE,
)
# In a file name the prefix is demanded: a lone number means anything.
_IN_FILE = re.compile(
    r"(?:^|[^A-Za-z0-9])(chr(?:[1-9][0-9]?|X|Y|MT?))(?=$|[^A-Za-z0-9])",
    re.IGNORECASE,
)


def from_value(value: str) -> str | None:
    """`chr7`, `7`, `X`, `NC_000007.14`, `chr7:1-500`, `chr7_1_500`; else None."""
    match = _VALUE.fullmatch(value.strip())
    if match is None:
        return None
    if match["start"] is None:
        return match["name"]
    start, end = (int(match[key].replace(",", "") or 0) for key in ("start", "end"))
    return f"{match['name']}:{start}-{end}" if 1 <= start <= end else match["name"]


def from_wildcards(wildcards: Mapping[str, object]) -> str | None:
    """The first of the well-known wildcard names with a value that is one."""
    by_name = {name.lower(): str(value) for name, value in wildcards.items()}
    for name in WILDCARDS:
        if name in by_name and (found := from_value(by_name[name])):
            return found
    return None


def from_files(paths: Iterable[str]) -> str | None:
    """The one chromosome that the file and folder names speak of."""
    found = {
        match.group(1)
        for path in paths
        for part in PurePath(path).parts
        for match in _IN_FILE.finditer(part)
    }
    return found.pop() if len({name.lower() for name in found}) == 1 else None


def of_jobs(
    wildcards: Iterable[Mapping[str, object]],
    outputs: Iterable[str],
    inputs: Iterable[str],
) -> str | None:
    """One answer for a job or a group; None where its parts do not agree."""
    named = [from_wildcards(table) for table in wildcards]
    if any(named):
        return named[0] if len(set(named)) == 1 else None
    return from_files(outputs) or from_files(inputs)
