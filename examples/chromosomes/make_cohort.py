#!/usr/bin/env python3
"""Simulates a small cohort to run the example on, one set of files a chromosome.

A coalescent simulation (msprime) of the 22 human autosomes, all shortened by
one factor, so that they keep their relative lengths and genetic maps. Each
gives an unphased, array-like target with the flaws that quality control is
there for, a phased reference panel, a genetic map, and weights of a polygenic
score; the score computed from the true genotypes is kept beside them.

The same parameters give the same bytes. The result goes to
$XDG_CACHE_HOME/genosched/cohort-<hash of the parameters>, or to --out, and is
made once; the folder's path is printed on stdout, everything else on stderr.
Needs msprime and numpy (examples/install-tools.sh) and the programs bgzip and
tabix.
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import msprime
import numpy

# A change of what is written for the same parameters needs a new number.
FORMAT = 1

# Length in Mb (GRCh38) and genetic length in cM (sex-averaged) of the autosomes.
AUTOSOMES = {
    "chr1": (248.96, 286.3), "chr2": (242.19, 268.8), "chr3": (198.30, 223.4),
    "chr4": (190.21, 214.7), "chr5": (181.54, 204.1), "chr6": (170.81, 192.0),
    "chr7": (159.35, 187.2), "chr8": (145.14, 168.0), "chr9": (138.39, 166.4),
    "chr10": (133.80, 181.1), "chr11": (135.09, 158.2), "chr12": (133.28, 174.7),
    "chr13": (114.36, 125.7), "chr14": (107.04, 120.2), "chr15": (101.99, 141.9),
    "chr16": (90.34, 134.0), "chr17": (83.26, 128.5), "chr18": (80.37, 117.7),
    "chr19": (58.62, 107.7), "chr20": (64.44, 108.3), "chr21": (46.71, 62.8),
    "chr22": (50.82, 74.1),
}

POPULATION_SIZE = 10_000
MUTATION_RATE = 1.25e-8
MAP_STEP = 20_000        # bp between two points of the genetic map
ARRAY_STEP = 6_000       # bp between two sites of the genotyping array
WEIGHT_STEP = 20_000     # bp between two variants of the polygenic score
PANEL_MIN_COUNT = 2      # rarer alleles are not in the panel
COMMON = 0.05            # least allele frequency of array and score variants

MISSING = 0.005          # share of calls that are missing everywhere
BAD_MISSING_SITES = 0.02  # share of sites where many calls are missing
BAD_HET_SITES = 0.01     # share of sites that call nearly everyone heterozygous
DUPLICATE_SITES = 0.005  # share of sites that were written twice

BASES = numpy.frombuffer(b"ACGT", dtype=numpy.uint8)


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Everything that the files depend on."""

    seed: int
    targets: int
    panel: int
    scale: float
    chromosomes: tuple[str, ...]
    format: int = FORMAT
    msprime: str = msprime.__version__
    numpy: str = numpy.__version__

    def digest(self) -> str:
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def length(self, chromosome: str) -> int:
        return round(AUTOSOMES[chromosome][0] * 1e6 * self.scale)


@dataclasses.dataclass(frozen=True)
class Sites:
    """The variants of one chromosome; genotypes are one column a haplotype."""

    chromosome: str
    length: int
    position: numpy.ndarray
    ref: list[str]
    alt: list[str]
    genotypes: numpy.ndarray

    def name(self, i: int) -> str:
        return (f"{self.chromosome}:{self.position[i]}"
                f":{self.ref[i]}:{self.alt[i]}")


def main() -> int:
    options = parse_options()
    parameters = Parameters(options.seed, options.targets, options.panel,
                            options.scale, tuple(options.chromosomes))
    folder = options.out or cache_folder() / f"cohort-{parameters.digest()}"
    if (folder / "manifest.json").exists():
        say(f"the cohort is there already: {folder}")
    else:
        make_cohort(parameters, folder, options.jobs)
    print(folder)
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=1,
                        help="seed of everything (default %(default)s)")
    parser.add_argument("--targets", type=int, default=100, metavar="N",
                        help="people in the target (default %(default)s)")
    parser.add_argument("--panel", type=int, default=200, metavar="N",
                        help="people in the panel (default %(default)s)")
    parser.add_argument("--scale", type=float, default=0.07, metavar="X",
                        help="length of the simulated chromosomes as a "
                             "fraction of the real ones (default %(default)s)")
    parser.add_argument("--chromosomes", nargs="+", default=list(AUTOSOMES),
                        choices=list(AUTOSOMES), metavar="CHR",
                        help="which ones (default: chr1 to chr22)")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR",
                        help="where to (default: a folder of the cache)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1,
                        metavar="N", help="chromosomes made at the same time "
                                          "(default: one a CPU)")
    options = parser.parse_args()
    for name in ("targets", "panel", "jobs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be 1 or more")
    if not 0.001 <= options.scale <= 1:
        parser.error("--scale must be between 0.001 and 1")
    for tool in ("bgzip", "tabix"):
        if not shutil.which(tool):
            parser.error(f"the program {tool} is not on PATH: "
                         "run examples/install-tools.sh")
    return options


def cache_folder() -> pathlib.Path:
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "genosched"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def make_cohort(parameters: Parameters, folder: pathlib.Path,
                jobs: int) -> None:
    """Makes all files in a folder beside, then renames it: whole or not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(dir=folder.parent,
                                            prefix=f"{folder.name}.partial-"))
    try:
        for kind in ("target", "panel", "map", "weights", "truth"):
            (partial / kind).mkdir()
        chromosomes = parameters.chromosomes
        by_length = sorted(chromosomes, key=parameters.length, reverse=True)
        with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
            made = {pool.submit(make_chromosome, parameters, c, partial): c
                    for c in by_length}
            scores = {}
            for done in concurrent.futures.as_completed(made):
                chromosome = made[done]
                scores[chromosome], line = done.result()
                say(f"  {len(scores):2}/{len(made)} {line}")
        write_truth(partial, chromosomes, scores, parameters)
        write_manifest(partial, parameters)
        partial.chmod(0o755)
        if folder.exists():        # left over without a manifest
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def make_chromosome(parameters: Parameters, chromosome: str,
                    folder: pathlib.Path) -> tuple[numpy.ndarray, str]:
    """One chromosome's files; returns each target's true score, and a line."""
    number = int(chromosome.removeprefix("chr"))
    rng = numpy.random.default_rng([parameters.seed, number])
    rates = recombination_map(rng, parameters, chromosome)
    write_map(folder / "map" / f"{chromosome}.map", chromosome, rates)
    sites = simulate(rng, parameters, chromosome, rates)

    split = 2 * parameters.targets
    target, panel = sites.genotypes[:, :split], sites.genotypes[:, split:]
    frequency = panel.mean(axis=1)
    common = numpy.flatnonzero((frequency >= COMMON)
                               & (frequency <= 1 - COMMON))
    array = thin(rng, common, sites.length // ARRAY_STEP)
    scored = thin(rng, common, sites.length // WEIGHT_STEP)

    write_panel(folder / "panel" / f"{chromosome}.vcf.gz", sites, panel)
    write_target(folder / "target" / f"{chromosome}.vcf.gz", sites, target,
                 array, rng)
    score = write_weights(folder / "weights" / f"{chromosome}.tsv", sites,
                          target, scored, rng)
    return score, (f"{chromosome:5} {sites.length / 1e6:5.1f} Mb, "
                   f"{len(sites.position)} variants in the panel, "
                   f"{len(array)} on the array, {len(scored)} in the score")


def recombination_map(rng: numpy.random.Generator, parameters: Parameters,
                      chromosome: str) -> msprime.RateMap:
    """Uneven rates that add up to the chromosome's own genetic length."""
    length = parameters.length(chromosome)
    position = numpy.append(numpy.arange(0, length, MAP_STEP), length)
    rate = rng.gamma(0.7, size=len(position) - 1) + 0.02
    morgans = AUTOSOMES[chromosome][1] * parameters.scale / 100
    rate *= morgans / (rate * numpy.diff(position)).sum()
    return msprime.RateMap(position=position, rate=rate)


def simulate(rng: numpy.random.Generator, parameters: Parameters,
             chromosome: str, rates: msprime.RateMap) -> Sites:
    people = parameters.targets + parameters.panel
    seeds = rng.integers(1, 2**31, size=2)
    trees = msprime.sim_ancestry(
        samples=people, population_size=POPULATION_SIZE,
        recombination_rate=rates, random_seed=int(seeds[0]))
    trees = msprime.sim_mutations(
        trees, rate=MUTATION_RATE, random_seed=int(seeds[1]),
        model=msprime.BinaryMutationModel())
    genotypes = trees.genotype_matrix().astype(numpy.uint8)
    count = genotypes[:, 2 * parameters.targets:].sum(axis=1)
    kept = ((count >= PANEL_MIN_COUNT)
            & (count <= 2 * parameters.panel - PANEL_MIN_COUNT))
    # Positions are 0-based there and 1-based here.
    position = trees.tables.sites.position[kept].astype(numpy.int64) + 1
    ref = rng.integers(0, 4, size=len(position))
    alt = (ref + rng.integers(1, 4, size=len(position))) % 4
    return Sites(chromosome, parameters.length(chromosome), position,
                 list(BASES[ref].tobytes().decode()),
                 list(BASES[alt].tobytes().decode()), genotypes[kept])


def thin(rng: numpy.random.Generator, rows: numpy.ndarray,
         wanted: int) -> numpy.ndarray:
    return numpy.sort(rng.choice(rows, min(wanted, len(rows)), replace=False))


def write_map(path: pathlib.Path, chromosome: str,
              rates: msprime.RateMap) -> None:
    """PLINK format: chromosome, name, cM, bp."""
    with path.open("w") as out:
        for bp in rates.position:
            cm = 100 * rates.get_cumulative_mass(bp)
            out.write(f"{chromosome}\t.\t{cm:.6f}\t{max(1, int(bp))}\n")


def write_panel(path: pathlib.Path, sites: Sites,
                genotypes: numpy.ndarray) -> None:
    calls = call_bytes(genotypes, b"|")
    rows = ((i, calls[i]) for i in range(len(calls)))
    write_vcf(path, sites, sample_names("P", genotypes), rows)


def write_target(path: pathlib.Path, sites: Sites, genotypes: numpy.ndarray,
                 array: numpy.ndarray, rng: numpy.random.Generator) -> None:
    """Unphased, with missing calls and with sites that control must remove."""
    people = genotypes.shape[1] // 2
    chosen = numpy.sort(genotypes[array].reshape(len(array), people, 2))
    over_called = rng.random(len(array)) < BAD_HET_SITES
    het = over_called[:, None] & (rng.random((len(array), people)) < 0.95)
    chosen[het] = (0, 1)
    share = numpy.where(rng.random(len(array)) < BAD_MISSING_SITES,
                        rng.uniform(0.1, 0.4, len(array)), MISSING)
    missing = rng.random((len(array), people)) < share[:, None]
    calls = call_bytes(chosen.reshape(len(array), -1), b"/")
    calls[missing, 0] = calls[missing, 2] = ord(".")
    twice = rng.random(len(array)) < DUPLICATE_SITES
    rows = ((site, calls[i]) for i, site in enumerate(array)
            for _ in range(2 if twice[i] else 1))
    write_vcf(path, sites, sample_names("T", genotypes), rows)


def write_weights(path: pathlib.Path, sites: Sites, genotypes: numpy.ndarray,
                  scored: numpy.ndarray,
                  rng: numpy.random.Generator) -> numpy.ndarray:
    """The score's variants; the effect allele is REF or ALT, as in real ones."""
    weight = rng.normal(scale=0.1, size=len(scored)).round(5)
    of_alt = rng.random(len(scored)) < 0.5
    count = genotypes[scored].reshape(len(scored), -1, 2).sum(axis=2)
    count = numpy.where(of_alt[:, None], count, 2 - count.astype(numpy.int64))
    with path.open("w") as out:
        out.write("ID\tEFFECT_ALLELE\tWEIGHT\n")
        for i, site in enumerate(scored):
            allele = (sites.alt if of_alt[i] else sites.ref)[site]
            out.write(f"{sites.name(site)}\t{allele}\t{weight[i]:.5f}\n")
    return (count * weight[:, None]).sum(axis=0)


def call_bytes(genotypes: numpy.ndarray, separator: bytes) -> numpy.ndarray:
    """The text of all calls: sites × people × the 4 bytes of '0|1' and a tab."""
    sites, haplotypes = genotypes.shape
    calls = numpy.empty((sites, haplotypes // 2, 4), dtype=numpy.uint8)
    calls[:, :, 0] = genotypes[:, 0::2] + ord("0")
    calls[:, :, 1] = ord(separator)
    calls[:, :, 2] = genotypes[:, 1::2] + ord("0")
    calls[:, :, 3] = ord("\t")
    calls[:, -1, 3] = ord("\n")
    return calls


def sample_names(letter: str, genotypes: numpy.ndarray) -> list[str]:
    return [f"{letter}{i + 1:04}" for i in range(genotypes.shape[1] // 2)]


def write_vcf(path: pathlib.Path, sites: Sites, samples: list[str],
              rows) -> None:
    """Compressed and indexed; rows are pairs of a site's index and its calls."""
    header = "".join([
        "##fileformat=VCFv4.2\n",
        '##FILTER=<ID=PASS,Description="All filters passed">\n',
        f"##contig=<ID={sites.chromosome},length={sites.length}>\n",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t",
        "\t".join(samples), "\n"])
    with path.open("wb") as out, subprocess.Popen(
            ["bgzip", "-c"], stdin=subprocess.PIPE, stdout=out) as bgzip:
        bgzip.stdin.write(header.encode())
        for i, calls in rows:
            fields = (f"{sites.chromosome}\t{sites.position[i]}"
                      f"\t{sites.name(i)}\t{sites.ref[i]}\t{sites.alt[i]}"
                      "\t.\tPASS\t.\tGT\t")
            bgzip.stdin.write(fields.encode() + calls.tobytes())
    if bgzip.returncode != 0:
        raise RuntimeError(f"bgzip failed to write {path} "
                           f"(exit code {bgzip.returncode}): is the disk full?")
    subprocess.run(["tabix", "-p", "vcf", path], check=True)


def write_truth(folder: pathlib.Path, chromosomes: tuple[str, ...],
                scores: dict[str, numpy.ndarray],
                parameters: Parameters) -> None:
    """The scores by the true genotypes, laid out like the pipelines' table."""
    total = sum(scores[c] for c in chromosomes)
    with (folder / "truth" / "scores.tsv").open("w") as out:
        out.write("\t".join(["sample", "total", *chromosomes]) + "\n")
        for i in range(parameters.targets):
            values = [total[i], *(scores[c][i] for c in chromosomes)]
            out.write("\t".join([f"T{i + 1:04}",
                                 *(f"{v:.6f}" for v in values)]) + "\n")


def write_manifest(folder: pathlib.Path, parameters: Parameters) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    sums = {str(p.relative_to(folder)):
            hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    manifest = {"parameters": dataclasses.asdict(parameters), "sha256": sums}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
