/*
 * One name for the many ways a chromosome is written.
 */
#include "genome/chromosome.h"
#include "scratch.h"

static const struct {
    const char *given, *name, *region;
} cases[] = {
    {"chr7", "7", ""},
    {"7", "7", ""},
    {"Chr7", "7", ""},
    {"CHR7", "7", ""},
    {"chromosome7", "7", ""},
    {"Chromosome_7", "7", ""},
    {"chromosome", "chromosome", ""},
    {"chr7:1-50000000", "7", "1-50000000"},
    {"7:1,000-2,000", "7", "1,000-2,000"},
    {"chr7:500", "7", "500"},
    {"chr7:500-", "7", "500-"},
    {"chrX", "X", ""},
    {"x", "X", ""},
    {"chry:1-2", "Y", "1-2"},
    {"chrM", "MT", ""},
    {"m", "MT", ""},
    {"mt", "MT", ""},
    {"chrMT", "MT", ""},
    {"chr", "chr", ""},
    {"", "", ""},
    {"chrUn_KI270302v1", "Un_KI270302v1", ""},
    {"NC_000007.14", "NC_000007.14", ""},
    {"HLA-A*01:01:01:01", "HLA-A*01:01:01:01", ""},
    {"HLA-DRB1*15:01", "HLA-DRB1*15:01", ""},
    {":1-5", ":1-5", ""},
    {"chr7:", "7:", ""},
    {"chr7:a-b", "7:a-b", ""},
};

static void every_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64], region[64];
        gs_chromosome_normalise(cases[i].given, name, sizeof name, region,
                                sizeof region);
        assert_string_equal(name, cases[i].name);
        assert_string_equal(region, cases[i].region);
        gs_chromosome_normalise(cases[i].given, name, sizeof name, NULL, 0);
        assert_string_equal(name, cases[i].name);
    }
}

static void long_names_are_cut(void **state)
{
    (void)state;
    char given[600], out[16], region[4];
    memset(given, 'x', sizeof given - 1);
    given[sizeof given - 1] = '\0';
    gs_chromosome_normalise(given, out, sizeof out, region, sizeof region);
    assert_int_equal(strlen(out), sizeof out - 1);
    gs_chromosome_normalise("chr1:123456-7", out, sizeof out, region,
                            sizeof region);
    assert_string_equal(out, "1");
    assert_string_equal(region, "123");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling),
        cmocka_unit_test(long_names_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
