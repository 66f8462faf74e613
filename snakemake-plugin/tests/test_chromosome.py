import pytest

from snakemake_executor_plugin_genosched import chromosome


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("7", "7"),
        ("chr7", "chr7"),
        ("X", "X"),
        ("MT", "MT"),
        ("NC_000007.14", "NC_000007.14"),
        ("CM000669.2", "CM000669.2"),
        ("chr7:1-50000000", "chr7:1-50000000"),
        ("chr7:1,000-2,000", "chr7:1000-2000"),
        ("7_100_200", "7:100-200"),
        ("chr7:200-100", "chr7"),
        ("chr7:0-100", "chr7"),
        ("sample1", None),
        ("", None),
        ("7.5", None),
        ("genome", None),
        ("chr7; rm -rf", None),
    ],
)
def test_value(value, found):
    assert chromosome.from_value(value) == found


def test_first_well_known_wildcard_that_names_one():
    assert chromosome.from_wildcards({"sample": "7", "Chrom": "chr2"}) == "chr2"
    assert chromosome.from_wildcards({"region": "chr3:1-9", "chr": "all"}) == "chr3:1-9"
    assert chromosome.from_wildcards({"sample": "7"}) is None


def test_file_names_only_with_prefix_and_only_one():
    assert chromosome.from_files(["out/chr7.vcf.gz", "out/chr7.vcf.gz.tbi"]) == "chr7"
    assert chromosome.from_files(["data/cohort_CHRX.bed"]) == "CHRX"
    assert chromosome.from_files(["out/7.vcf.gz"]) is None
    assert chromosome.from_files(["chr7.vcf", "chr8.vcf"]) is None
    assert chromosome.from_files(["chromosomes/all.vcf", "xchr7x.vcf"]) is None


def test_group_over_two_chromosomes_has_none():
    two = [{"chrom": "1"}, {"chrom": "2"}]
    assert chromosome.of_jobs(two, ["out.chr1.txt"], []) is None
    assert chromosome.of_jobs([{"chrom": "1"}] * 2, [], []) == "1"


def test_outputs_before_inputs():
    assert chromosome.of_jobs([{}], ["chr4.txt"], ["chr5.txt"]) == "chr4"
    assert chromosome.of_jobs([{}], ["all.txt"], ["chr5.txt"]) == "chr5"
