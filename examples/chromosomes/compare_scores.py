#!/usr/bin/env python3
"""Compares the merged scores with those of the true genotypes.

Prints Pearson's r, overall and for the worst chromosome, and ends with 1 if
the overall r is less than --least. Standard library only.
"""

import argparse
import csv
import statistics
import sys


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("scores", help="the table that a pipeline made")
    parser.add_argument("truth", help="truth/scores.tsv of the cohort")
    parser.add_argument("--least", type=float, default=0.9, metavar="R",
                        help="r that is good enough (default %(default)s)")
    options = parser.parse_args()
    scores, truth = read_table(options.scores), read_table(options.truth)
    if scores["sample"] != truth["sample"] or list(scores) != list(truth):
        sys.exit(f"error: {options.scores} and {options.truth} have other "
                 "samples or chromosomes: are they of the same cohort?")
    r = {name: statistics.correlation([float(v) for v in scores[name]],
                                      [float(v) for v in truth[name]])
         for name in scores if name != "sample"}
    total = r.pop("total")
    worst = min(r, key=r.get)
    print(f"r = {total:.3f} with the scores of the true genotypes "
          f"({len(scores['sample'])} people, {len(r)} chromosomes; the worst "
          f"chromosome is {worst}, r = {r[worst]:.3f})")
    return 0 if total >= options.least else 1


def read_table(path: str) -> dict[str, list[str]]:
    with open(path, newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t"))
    return {name: [row[i] for row in rows[1:]]
            for i, name in enumerate(rows[0])}


if __name__ == "__main__":
    sys.exit(main())
