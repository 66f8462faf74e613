#!/usr/bin/env python3
"""Merges the scores of the chromosomes into one table, on stdout.

Takes plink2's .sscore files, named CHROMOSOME.sscore, in any order. The table
has a line for each person: the total, then a column for each chromosome. The
same files give the same bytes, whatever order they are named in.
"""

import argparse
import csv
import decimal
import pathlib
import re
import sys


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("scores", nargs="+", type=pathlib.Path,
                        metavar="CHROMOSOME.sscore")
    paths = sorted(parser.parse_args().scores, key=natural_key)
    columns = {path.stem: read_scores(path) for path in paths}
    samples = list(next(iter(columns.values())))
    for path in paths:
        if list(columns[path.stem]) != samples:
            sys.exit(f"error: {path} has other samples than {paths[0]}: "
                     "were they made from the same cohort?")
    write_table(samples, columns)
    return 0


def natural_key(path: pathlib.Path) -> list:
    """Puts chr2 before chr10."""
    parts = re.split(r"(\d+)", path.stem)
    return [int(p) if p.isdigit() else p for p in parts]


def read_scores(path: pathlib.Path) -> dict[str, decimal.Decimal]:
    with path.open(newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {row["#IID"]: decimal.Decimal(row["SCORE1_SUM"])
                for row in rows}


def write_table(samples: list[str],
                columns: dict[str, dict[str, decimal.Decimal]]) -> None:
    """Decimal sums: exact, so that no order of addition can show."""
    print("sample", "total", *columns, sep="\t")
    for sample in samples:
        values = [column[sample] for column in columns.values()]
        print(sample, *(f"{v:.6f}" for v in [sum(values), *values]), sep="\t")


if __name__ == "__main__":
    sys.exit(main())
