/*
 * Small files: whole or not at all; limits; links are never followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "scratch.h"

static void writes_and_reads(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = gs_format("%s/f", dir);
    struct gs_error err = {0};
    size_t len = 0;
    struct stat st;
    assert_int_equal(gs_file_write(path, "a\0b", 3, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    gs_auto_free char *text = gs_file_read(path, 3, &len, &err);
    assert_non_null(text);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4); /* NUL behind it */
    assert_int_equal(gs_file_write(path, "", 0, &err), 0);
    gs_auto_free char *empty = gs_file_read(path, 0, &len, &err);
    assert_non_null(empty);
    assert_int_equal(len, 0);
    assert_int_equal(err.code, GS_OK);
    scratch_drop(dir);
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = scratch_file(dir, "f", "12345");
    struct gs_error err = {0};
    assert_null(gs_file_read(path, 4, NULL, &err));
    assert_int_equal(err.code, GS_ERR_LIMIT);
    assert_null(gs_file_read("/dev/zero", 1000, NULL, &err));
    assert_int_equal(err.code, GS_ERR_LIMIT);
    assert_null(gs_file_read("/nonexistent/file", 4, NULL, &err));
    assert_int_equal(err.code, GS_ERR_NOTFOUND);
    assert_null(gs_file_read(dir, 4, NULL, &err)); /* a folder */
    assert_int_equal(err.code, GS_ERR_SYSTEM);
    scratch_drop(dir);
}

/* A writer that dies leaves the old content; no temporary is left behind by
 * one that fails. */
static void old_content_survives(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = scratch_file(dir, "f", "old");
    gs_auto_free char *folder = gs_format("%s/d", dir);
    gs_auto_free char *inside = gs_format("%s/d/x", dir);
    struct gs_error err = {0};
    size_t len;
    assert_int_equal(gs_dir_make(inside, &err), 0);
    assert_int_equal(gs_file_write(folder, "x", 1, &err), -1);
    assert_int_equal(err.code, GS_ERR_SYSTEM);
    gs_auto_free char *ls = gs_format("%s/d.tmp.%ld", dir, (long)getpid());
    assert_false(gs_path_exists(ls));
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            for (;;)
                gs_file_write(path, "new", 3, NULL);
        usleep((useconds_t)(i * 37 % 3000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        gs_auto_free char *text = gs_file_read(path, 100, &len, &err);
        assert_non_null(text);
        assert_true(strcmp(text, "old") == 0 || strcmp(text, "new") == 0);
    }
    scratch_drop(dir);
}

static void reports_a_full_disk(void **state)
{
    (void)state;
    /* The temporary is a link to a device that is always full. */
    struct gs_error err = {0};
    char *dir = scratch_make();
    gs_auto_free char *path = gs_format("%s/f", dir);
    gs_auto_free char *temp = gs_format("%s.tmp.%ld", path, (long)getpid());
    assert_int_equal(symlink("/dev/full", temp), 0);
    assert_int_equal(gs_file_write(path, "x", 1, &err), -1);
    assert_int_equal(err.code, GS_ERR_FULL);
    assert_false(gs_path_exists(path));
    assert_true(gs_path_exists("/dev/full"));
    scratch_drop(dir);
}

static void makes_folders(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *deep = gs_format("%s/a/b//c/", dir);
    gs_auto_free char *file = scratch_file(dir, "f", "");
    gs_auto_free char *below = gs_format("%s/f/x", dir);
    struct gs_error err = {0};
    struct stat st;
    assert_int_equal(gs_dir_make(deep, &err), 0);
    assert_int_equal(gs_dir_make(deep, &err), 0);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(gs_dir_make("", &err), -1);
    assert_int_equal(gs_dir_make(file, &err), -1);
    assert_int_equal(gs_dir_make(below, &err), -1);
    assert_int_equal(gs_dir_sync(dir, &err), 0);
    assert_int_equal(gs_dir_sync(file, &err), -1);
    scratch_drop(dir);
}

static void removes_without_following_links(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    gs_auto_free char *keep = gs_format("%s/keep", dir);
    gs_auto_free char *kept = gs_format("%s/keep/f", dir);
    gs_auto_free char *gone = gs_format("%s/gone/x/y", dir);
    gs_auto_free char *top = gs_format("%s/gone", dir);
    gs_auto_free char *link1 = gs_format("%s/gone/x/link", dir);
    gs_auto_free char *link2 = gs_format("%s/link", dir);
    assert_int_equal(gs_dir_make(keep, &err), 0);
    assert_int_equal(gs_dir_make(gone, &err), 0);
    assert_int_equal(gs_file_write(kept, "x", 1, &err), 0);
    assert_int_equal(symlink(keep, link1), 0);
    assert_int_equal(symlink(keep, link2), 0);
    assert_int_equal(gs_dir_remove(top, &err), 0);
    assert_int_equal(gs_dir_remove(link2, &err), 0); /* the link itself */
    assert_false(gs_path_exists(top));
    assert_true(gs_path_exists(kept));
    assert_int_equal(gs_dir_remove(top, &err), 0); /* missing is fine */
    scratch_drop(dir);
}

static void remove_ends_at_its_depth(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    char path[1024];
    size_t used = (size_t)snprintf(path, sizeof path, "%s/deep", dir);
    for (int i = 0; i < 40; i++)
        used += (size_t)snprintf(path + used, sizeof path - used, "/d");
    gs_auto_free char *top = gs_format("%s/deep", dir);
    assert_int_equal(gs_dir_make(path, &err), 0);
    assert_int_equal(gs_dir_remove(top, &err), -1);
    assert_int_equal(err.code, GS_ERR_SYSTEM);
    assert_true(gs_path_exists(top));
    /* From below it can be done in two steps. */
    path[strlen(path) - 20 * 2] = '\0';
    assert_int_equal(gs_dir_remove(path, &err), 0);
    assert_int_equal(gs_dir_remove(top, &err), 0);
    scratch_drop(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(old_content_survives),
        cmocka_unit_test(reports_a_full_disk),
        cmocka_unit_test(makes_folders),
        cmocka_unit_test(removes_without_following_links),
        cmocka_unit_test(remove_ends_at_its_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
