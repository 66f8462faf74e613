#!/usr/bin/env python3
"""Shows what each chromosome was given and what it used, step by step.

For each step: the memory that the pipeline asked for (in the header), the
limit that genosched enforced, the peak that the kernel counted, and the time.
Reads `genosched tasks --json`, of the newest run or of the run that is named.
Standard library only.
"""

import argparse
import collections
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys

MIB = 1024 * 1024


@dataclasses.dataclass
class Cell:
    """One step of one chromosome, over all of its tries."""

    requested: int = 0
    limit: int = 0
    peak: int = 0
    wall_ms: int = 0
    tries: int = 0
    state: str = ""

    def add(self, task: dict) -> None:
        memory = task["memory"]
        self.requested = memory.get("requested_bytes") or self.requested
        self.limit = memory.get("limit_bytes") or self.limit
        self.peak = max(self.peak, memory.get("peak_bytes") or 0)
        self.wall_ms += task.get("wall_ms") or 0
        self.tries += max(1, task.get("attempts") or 0)
        self.state = task["state"]


def main() -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)      # report.py | head
    options = parse_options()
    tasks = read_tasks(options)
    if not tasks:
        sys.exit("error: this run has no tasks: did the pipeline start?")
    cells = collections.defaultdict(Cell)
    steps, chromosomes = [], []
    for task in sorted(tasks, key=lambda t: t["submitted"]):
        step, chromosome = task["process"], chromosome_of(task)
        if step not in steps:
            steps.append(step)
        if chromosome not in chromosomes:
            chromosomes.append(chromosome)
        cells[step, chromosome].add(task)
    chromosomes.sort(key=natural_key)
    write = write_lines if options.tsv else write_table
    write(steps, chromosomes, cells)
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", nargs="?",
                        help="the run (default: the newest one)")
    parser.add_argument("--tsv", action="store_true",
                        help="one line a step and chromosome, sizes in bytes")
    parser.add_argument("--genosched", metavar="FILE",
                        default=os.environ.get("GENOSCHED", "genosched"),
                        help="the program (default: $GENOSCHED, else "
                             "genosched on PATH)")
    parser.add_argument("--from", dest="source", metavar="FILE",
                        type=argparse.FileType(),
                        help="read what `genosched tasks --json` printed")
    return parser.parse_args()


def read_tasks(options: argparse.Namespace) -> list[dict]:
    if options.source:
        return json.load(options.source)["tasks"]
    command = [options.genosched, "tasks", "--json"]
    if options.run:
        command.append(options.run)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    except FileNotFoundError:
        sys.exit(f"error: cannot run '{options.genosched}': there is no such "
                 "program; put genosched on PATH or name it with --genosched")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)      # genosched has said why
    return json.loads(done.stdout)["tasks"]


def chromosome_of(task: dict) -> str:
    name = task.get("chromosome") or "-"
    return f"chr{name}" if re.fullmatch(r"\d+|[XYM]|MT", name) else name


def natural_key(name: str) -> tuple:
    """Puts chr2 before chr10, and what has no chromosome last."""
    parts = re.split(r"(\d+)", name)
    return name == "-", [(0, int(p), "") if p.isdigit() else (1, 0, p)
                         for p in parts]


def write_table(steps: list[str], chromosomes: list[str],
                cells: dict[tuple[str, str], Cell]) -> None:
    """A line a chromosome, three columns a step; then the greatest and sums."""
    shown = [s for s in steps if any((s, c) in cells for c in chromosomes
                                     if c != "-")] or steps
    print(f"{'':10}" + "".join(f" | {s[:8]:8}{asked(s, cells):>12}"
                               for s in shown))
    print(f"{'MiB, s':10}" + f" | {'limit':>6}{'peak':>6}{'time':>8}"
          * len(shown))
    for chromosome in chromosomes:
        row = [cells.get((s, chromosome)) for s in shown]
        if any(row):
            print(f"{chromosome:10}" + "".join(" | " + figures(c)
                                               for c in row))
    columns = [[c for (s, _), c in cells.items() if s == step]
               for step in shown]
    for name, fold in (("greatest", max), ("sum", sum)):
        print(f"{name:10}" + "".join(
            " | " + figures(folded(cells_of, fold)) for cells_of in columns))
    if any(c.tries > 1 for c in cells.values()):
        print("+ : repeated; the limit is the last try's, the time that of all")
    if any(c.state != "succeeded" for c in cells.values()):
        print("! : has not succeeded; `genosched explain ID` tells why")


def asked(step: str, cells: dict[tuple[str, str], Cell]) -> str:
    sizes = {c.requested for (s, _), c in cells.items() if s == step}
    low, high = (round(f(sizes) / MIB) for f in (min, max))
    return f"asked {low}" if low == high else f"asked {low}-{high}"


def folded(cells: list[Cell], fold) -> Cell:
    return Cell(limit=fold(c.limit for c in cells),
                peak=fold(c.peak for c in cells),
                wall_ms=fold(c.wall_ms for c in cells), state="succeeded")


def figures(cell: Cell | None) -> str:
    if not cell:
        return f"{'':20}"
    mark = "!" if cell.state != "succeeded" else "+" if cell.tries > 1 else ""
    return (f"{cell.limit / MIB:6.0f}{cell.peak / MIB:6.0f}"
            f"{f'{cell.wall_ms / 1000:.1f}{mark}':>8}")


def write_lines(steps: list[str], chromosomes: list[str],
                cells: dict[tuple[str, str], Cell]) -> None:
    print("chromosome", "step", "state", "tries", "requested_bytes",
          "limit_bytes", "peak_bytes", "wall_ms", sep="\t")
    for chromosome in chromosomes:
        for step in steps:
            if (step, chromosome) in cells:
                c = cells[step, chromosome]
                print(chromosome, step, c.state, c.tries, c.requested, c.limit,
                      c.peak, c.wall_ms, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
