/*
 * scratch: a private folder for one test, removed behind it. Included by one
 * test program each, so everything is static.
 */
#ifndef GS_TEST_SCRATCH_H
#define GS_TEST_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

static inline char *scratch_make(void)
{
    const char *temp = getenv("TMPDIR");
    char *dir = gs_format("%s/genosched-test-XXXXXX", temp ? temp : "/tmp");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline void scratch_drop(char *dir)
{
    assert_int_equal(gs_dir_remove(dir, NULL), 0);
    free(dir);
}

/* The path of a file in it with this content; the caller frees. */
static inline char *scratch_file(const char *dir, const char *name,
                                 const char *content)
{
    char *path = gs_format("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(content, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    return path;
}

#endif
