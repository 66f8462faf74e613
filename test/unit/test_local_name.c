/*
 * Names of attempts: what file systems take, and never two the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/name.h"

static void hex(const void *data, size_t len, char out[65])
{
    uint8_t digest[32];
    gs_sha256(data, len, digest);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The examples of FIPS 180-4, and one that needs two blocks of padding. */
static void sha256(void **state)
{
    (void)state;
    char out[65], a[1000];
    hex("", 0, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c"
                             "a495991b7852b855");
    hex("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
                             "b410ff61f20015ad");
    hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, out);
    assert_string_equal(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167"
                             "f6ecedd419db06c1");
    memset(a, 'a', sizeof a);
    hex(a, sizeof a, out);
    assert_string_equal(out, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d13464"
                             "5adb5db1b9737ea3");
}

static void plain_names_stay_readable(void **state)
{
    (void)state;
    char out[GS_NAME_MAX];
    gs_attempt_name("IMPUTE-chr7", 3, out);
    assert_string_equal(out, "IMPUTE-chr7.3");
    gs_attempt_name("a b/c_d", 1, out);
    assert_string_equal(out, "a_20b_2fc_5fd.1");
    gs_attempt_name("..", 1, out);
    assert_string_equal(out, "_2e..1");
}

static void check(const char *name)
{
    assert_true(strlen(name) < GS_NAME_MAX);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR"
                                  "STUVWXYZ0123456789.-_~"),
                     strlen(name));
    assert_int_not_equal(name[0], '.');
}

static void never_two_the_same(void **state)
{
    (void)state;
    static char tasks[8][600], names[16][GS_NAME_MAX];
    /* The hardest neighbours: escapes written out, long ones that differ at
     * their end only, ids that look like the name of another. */
    snprintf(tasks[0], 600, "a/b");
    snprintf(tasks[1], 600, "a_2fb");
    snprintf(tasks[2], 600, "a_5f2fb");
    memset(tasks[3], '/', 128);
    memset(tasks[4], '/', 127);
    tasks[4][127] = 'x';
    for (int i = 0; i < 128; i++)
        memcpy(tasks[5] + 4 * i, "\xf0\x9f\xa7\xac", 4);
    gs_attempt_name(tasks[3], 1, tasks[6]);
    snprintf(tasks[7], 600, "a/b.1");
    int n = 0;
    for (int t = 0; t < 8; t++)
        for (int attempt = 1; attempt <= 2; attempt++)
            gs_attempt_name(tasks[t], attempt, names[n++]);
    for (int i = 0; i < n; i++) {
        check(names[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256),
        cmocka_unit_test(plain_names_stay_readable),
        cmocka_unit_test(never_two_the_same),
    };
    return cmocka_run_group_tests_name("local_name", tests, NULL, NULL);
}
