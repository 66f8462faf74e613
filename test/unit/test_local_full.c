/*
 * A full disk: a result is not lost, and what cannot be started leaves
 * nothing behind. Needs the right to mount a small tmpfs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "local_fixture.h"

/* The run's folder on a file system of half a megabyte, or skips. */
static char *small_disk(struct fixture *f)
{
    char *disk = gs_format("%s/disk", f->root);
    gs_dir_make(disk, NULL);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=512k,mode=0700") < 0) {
        print_message("cannot mount a small file system: %s\n",
                      strerror(errno));
        free(disk);
        skip();
    }
    close_backend(f);
    free(f->run_dir);
    f->run_dir = gs_format("%s/run", disk);
    assert_int_equal(gs_dir_make(f->run_dir, NULL), 0);
    open_backend(f);
    return disk;
}

static void the_result_is_kept(void **state)
{
    struct fixture *f = *state;
    gs_auto_free char *disk = small_disk(f);
    gs_auto_free char *fill = gs_format("cat /dev/zero >%s/fill; exit 3", disk);
    char *argv[] = {"sh", "-c", fill, NULL};
    struct gs_event *e = run_one(f, "fills", argv);
    assert_int_equal(e->state, GS_ATTEMPT_ENDED);
    assert_int_equal(e->outcome.exit_code, 3);

    /* The record is smaller than the room that was kept for it. */
    gs_auto_free char *again = gs_format("cat /dev/zero >>%s/fill", disk);
    free(shell_output(again));
    struct gs_error err = {0};
    struct gs_found found;
    f->launch.key.task = "next";
    assert_int_equal(gs_backend_local.start(f->self, &f->launch, 0,
                                            f->backend_id, 192, &err),
                     -1);
    assert_int_equal(err.code, GS_ERR_FULL);
    gs_backend_local.find(f->self, &f->launch.key, &found, &err);
    assert_int_equal(found.state, GS_ATTEMPT_ABSENT);
    gs_auto_free char *dir = gs_format("%s/attempts/next.1", f->run_dir);
    assert_false(gs_path_exists(dir));

    /* With room again everything goes on. */
    gs_auto_free char *big = gs_format("%s/fill", disk);
    assert_int_equal(unlink(big), 0);
    char *fine[] = {"true", NULL};
    assert_int_equal(run_one(f, "next", fine)->outcome.exit_code, 0);
    close_backend(f);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_result_is_kept),
    };
    return cmocka_run_group_tests_name("local_full", tests, NULL, NULL);
}
