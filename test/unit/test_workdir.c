/*
 * Putting a work directory back: what is new goes, what was there must be as
 * it was, and nothing outside is touched.
 */
#include "run/workdir.h"
#include "scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "random.h"

struct place {
    char *top, *dir, *manifest;
};

static struct place begin(void)
{
    struct place p = {.top = scratch_make()};
    p.dir = gs_format("%s/work", p.top);
    p.manifest = gs_format("%s/manifest", p.top);
    assert_int_equal(gs_dir_make(p.dir, NULL), 0);
    return p;
}

static void finish(struct place *p)
{
    free(p->dir);
    free(p->manifest);
    scratch_drop(p->top);
}

static void put(const struct place *p, const char *name, const char *text)
{
    free(scratch_file(p->dir, name, text));
}

static bool is_there(const struct place *p, const char *name)
{
    struct stat st;
    gs_auto_free char *path = gs_format("%s/%s", p->dir, name);
    return lstat(path, &st) == 0;
}

static void folder(const struct place *p, const char *name)
{
    gs_auto_free char *path = gs_format("%s/%s", p->dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void point(const struct place *p, const char *name, const char *to)
{
    gs_auto_free char *path = gs_format("%s/%s", p->dir, name);
    assert_int_equal(symlink(to, path), 0);
}

static void note(const struct place *p)
{
    struct gs_error err = {0};
    if (gs_workdir_note(p->dir, p->manifest, &err) < 0)
        fail_msg("%s", err.text);
}

static int restore(const struct place *p, struct gs_error *err)
{
    return gs_workdir_restore(p->dir, p->manifest, err);
}

static void must_restore(const struct place *p)
{
    struct gs_error err = {0};
    if (restore(p, &err) < 0)
        fail_msg("%s", err.text);
}

static void what_is_new_goes(void **state)
{
    (void)state;
    struct place p = begin();
    put(&p, "in", "input");
    folder(&p, "sub");
    put(&p, "sub/in", "input");
    note(&p);
    put(&p, "out", "half");
    put(&p, "sub/out", "half");
    folder(&p, "new");
    folder(&p, "new/deep");
    put(&p, "new/deep/file", "x");
    put(&p, "odd\nname\twith \xff bytes", "x");
    point(&p, "link", "in");
    point(&p, "dangling", "/no/such/file");
    must_restore(&p);
    assert_true(is_there(&p, "in") && is_there(&p, "sub/in"));
    static const char *const gone[] = {
        "out",  "sub/out",  "new",
        "link", "dangling", "odd\nname\twith \xff bytes"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_false(is_there(&p, gone[i]));
    must_restore(&p); /* once more changes nothing */
    finish(&p);
}

static void an_empty_folder(void **state)
{
    (void)state;
    struct place p = begin();
    note(&p);
    must_restore(&p);
    put(&p, "out", "x");
    must_restore(&p);
    assert_false(is_there(&p, "out"));
    finish(&p);
}

static void what_was_there_and_changed_is_an_error(void **state)
{
    (void)state;
    for (int how = 0; how < 6; how++) {
        struct place p = begin();
        struct gs_error err = {0};
        put(&p, "in", "input");
        folder(&p, "sub");
        point(&p, "link", "in");
        gs_auto_free char *in = gs_format("%s/in", p.dir);
        gs_auto_free char *link = gs_format("%s/link", p.dir);
        gs_auto_free char *sub = gs_format("%s/sub", p.dir);
        gs_auto_free char *other = gs_format("%s/other", p.dir);
        note(&p);
        put(&p, "out", "new");
        struct stat st;
        assert_int_equal(stat(in, &st), 0);
        struct timespec same[2] = {st.st_atim, st.st_mtim};
        switch (how) {
        case 0: /* longer */
            put(&p, "in", "input and more");
            break;
        case 1: /* as long, written later */
            usleep(20000);
            put(&p, "in", "INPUT");
            break;
        case 2:
            unlink(in);
            break;
        case 3: /* another file with its size and time */
            put(&p, "other", "INPUT");
            assert_int_equal(rename(other, in), 0);
            assert_int_equal(utimensat(AT_FDCWD, in, same, 0), 0);
            break;
        case 4: /* points elsewhere */
            unlink(link);
            point(&p, "link", "out");
            break;
        default: /* a folder became a file */
            rmdir(sub);
            put(&p, "sub", "x");
        }
        assert_int_equal(restore(&p, &err), -1);
        assert_int_equal(err.code, GS_ERR_STATE);
        assert_true(is_there(&p, "out")); /* nothing has been removed */
        finish(&p);
    }
}

/* Whatever a link points to stays as it is. */
static void links_are_not_followed(void **state)
{
    (void)state;
    struct place p = begin();
    gs_auto_free char *outside = gs_format("%s/outside", p.top);
    assert_int_equal(gs_dir_make(outside, NULL), 0);
    gs_auto_free char *kept = scratch_file(outside, "kept", "x");
    note(&p);
    point(&p, "folder", outside);
    point(&p, "file", kept);
    point(&p, "up", "..");
    must_restore(&p);
    assert_false(is_there(&p, "folder"));
    assert_true(gs_path_exists(kept));
    finish(&p);
    /* A folder that the attempt has replaced by a link. */
    p = begin();
    gs_auto_free char *victim = gs_format("%s/victim", p.top);
    assert_int_equal(gs_dir_make(victim, NULL), 0);
    gs_auto_free char *file = scratch_file(victim, "kept", "x");
    folder(&p, "sub");
    note(&p);
    gs_auto_free char *sub = gs_format("%s/sub", p.dir);
    rmdir(sub);
    point(&p, "sub", victim);
    struct gs_error err = {0};
    assert_int_equal(restore(&p, &err), -1);
    assert_true(gs_path_exists(file));
    finish(&p);
}

static void a_work_directory_behind_a_link(void **state)
{
    (void)state;
    struct place p = begin();
    put(&p, "in", "x");
    char *real = p.dir;
    p.dir = gs_format("%s/alias", p.top);
    assert_int_equal(symlink(real, p.dir), 0);
    note(&p);
    put(&p, "out", "x");
    must_restore(&p);
    assert_false(is_there(&p, "out"));
    assert_true(is_there(&p, "in"));
    free(real);
    finish(&p);
}

static void the_first_manifest_counts(void **state)
{
    (void)state;
    struct place p = begin();
    note(&p);
    put(&p, "out", "of the first attempt");
    note(&p); /* before the second one */
    must_restore(&p);
    assert_false(is_there(&p, "out"));
    finish(&p);
}

static void too_large_to_be_put_back(void **state)
{
    (void)state;
    struct place p = begin();
    struct gs_error err = {0};
    for (int i = 0; i <= GS_WORKDIR_MAX_ENTRIES; i++) {
        gs_auto_free char *path = gs_format("%s/f%d", p.dir, i);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    assert_int_equal(gs_workdir_note(p.dir, p.manifest, &err), -1);
    assert_int_equal(err.code, GS_ERR_LIMIT);
    assert_false(gs_path_exists(p.manifest));
    finish(&p);
    p = begin();
    gs_auto_free char *deep = gs_strdup(p.dir);
    note(&p);
    for (int i = 0; i < GS_WORKDIR_MAX_DEPTH + 3; i++) {
        char *next = gs_format("%s/d", deep);
        free(deep);
        deep = next;
        assert_int_equal(mkdir(deep, 0700), 0);
    }
    assert_int_equal(restore(&p, &err), -1);
    assert_int_equal(err.code, GS_ERR_LIMIT);
    assert_true(gs_path_exists(deep));
    finish(&p);
}

static void what_is_missing_is_an_error(void **state)
{
    (void)state;
    struct place p = begin();
    struct gs_error err = {0};
    put(&p, "out", "x");
    assert_int_equal(restore(&p, &err), -1); /* no manifest */
    assert_true(is_there(&p, "out"));
    gs_auto_free char *nowhere = gs_format("%s/nowhere", p.top);
    assert_int_equal(gs_workdir_note(nowhere, p.manifest, &err), -1);
    note(&p);
    assert_int_equal(gs_workdir_restore(nowhere, p.manifest, &err), -1);
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_goes),
        cmocka_unit_test(an_empty_folder),
        cmocka_unit_test(what_was_there_and_changed_is_an_error),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(a_work_directory_behind_a_link),
        cmocka_unit_test(the_first_manifest_counts),
        cmocka_unit_test(too_large_to_be_put_back),
        cmocka_unit_test(what_is_missing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
