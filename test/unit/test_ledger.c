/*
 * The ledger: what several runs have reserved on one machine, and that
 * nothing stays reserved when its holder is gone. Then two runs for real.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/local/ledger.h"
#include "local_fixture.h"

static struct gs_reserved read_of(struct gs_ledger *l,
                                  const struct gs_machine *m)
{
    struct gs_reserved sum;
    struct gs_error err = {0};
    gs_auto_close int held = gs_ledger_lock(l, &err);
    assert_true(held >= 0);
    if (gs_ledger_read(l, m, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}

static void sums_and_stale_entries(void **state)
{
    struct fixture *f = *state;
    struct gs_error err = {0};
    struct gs_machine m = {.gpus = 3, .gpu = {"0", "GPU-abc", "2"}};
    gs_auto_free char *other = gs_format("%s/other", f->root);
    gs_dir_make(other, NULL);
    struct gs_ledger *a = gs_ledger_open(f->run_dir, &err);
    struct gs_ledger *b = gs_ledger_open(other, &err);
    assert_non_null(a);
    assert_non_null(b);
    struct gs_reservation r1 = {.memory_bytes = 100,
                                .disk_bytes = 7,
                                .cpus = 1.5,
                                .n_gpus = 1,
                                .gpu = {1}};
    struct gs_reservation r2 = {.memory_bytes = 200, .cpus = 2};
    char *p1, *p2, *p3;
    int fd1 = gs_ledger_add(a, &m, "x.1", &r1, &p1, &err);
    int fd2 = gs_ledger_add(b, &m, "x.1", &r2, &p2, &err);
    int fd3 = gs_ledger_add(b, &m, "y.1", &r2, &p3, &err);
    assert_true(fd1 >= 0 && fd2 >= 0 && fd3 >= 0);
    assert_string_not_equal(p1, p2); /* same task name, two runs */
    struct gs_reserved sum = read_of(a, &m);
    assert_int_equal(sum.own_memory_bytes, 100);
    assert_int_equal(sum.own_disk_bytes, 7);
    assert_int_equal(sum.other_memory_bytes, 400);
    assert_true(sum.own_cpus == 1.5 && sum.other_cpus == 4);
    assert_int_equal(sum.own_gpus, 1);
    assert_true(sum.gpu_taken[1] && !sum.gpu_taken[0] && !sum.gpu_taken[2]);
    close(fd2); /* its holder is gone */
    sum = read_of(a, &m);
    assert_int_equal(sum.other_memory_bytes, 200);
    assert_false(gs_path_exists(p2));
    assert_true(gs_path_exists(p3));
    close(fd1);
    close(fd3);
    free(p1);
    free(p2);
    free(p3);
    gs_ledger_close(a);
    gs_ledger_close(b);
}

static void folder_of_others_is_refused(void **state)
{
    struct fixture *f = *state;
    struct gs_error err = {0};
    gs_auto_free char *open_dir = gs_format("%s/open", f->root);
    gs_auto_free char *link = gs_format("%s/link", f->root);
    gs_dir_make(open_dir, NULL);
    assert_int_equal(symlink(open_dir, link), 0);
    setenv("GENOSCHED_LEDGER", link, 1);
    assert_null(gs_ledger_open(f->run_dir, &err));
    chmod(open_dir, 0777);
    setenv("GENOSCHED_LEDGER", open_dir, 1);
    assert_null(gs_ledger_open(f->run_dir, &err));
    assert_int_equal(err.code, GS_ERR_BACKEND);
    assert_non_null(strstr(err.text, "GENOSCHED_LEDGER"));
}

static struct gs_bin capacity(struct fixture *f)
{
    struct gs_bin bin;
    struct gs_error err = {0};
    assert_int_equal(gs_backend_local.capacity(f->self, &bin, 1, &err), 1);
    return bin;
}

static void two_runs_share_the_machine(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    struct gs_error err = {0};
    char *argv[] = {"sleep", "60", NULL}, id[192];
    other.run_dir = gs_format("%s/other", f->root);
    gs_dir_make(other.run_dir, NULL);
    struct gs_backend_env env = {.loop = f->loop,
                                 .config = f->config,
                                 .run_id = "testrun",
                                 .run_dir = other.run_dir,
                                 .report = on_event,
                                 .report_arg = f};
    assert_int_equal(gs_backend_local.open(&env, &other.self, &err), 0);
    assert_int_equal(capacity(f).total.memory_bytes, INT64_C(8) << 30);
    f->launch.grant.memory_bytes = INT64_C(5) << 30;
    start_one(f, "mine", argv);
    /* The other run sees it, and so does this one. */
    assert_int_equal(capacity(&other).free.memory_bytes, INT64_C(3) << 30);
    assert_int_equal(capacity(&other).total.memory_bytes, INT64_C(8) << 30);
    assert_int_equal(capacity(f).free.memory_bytes, INT64_C(3) << 30);
    /* Another run was faster: nothing is started, nothing is left. */
    other.launch.grant.memory_bytes = INT64_C(4) << 30;
    other.launch.key = (struct gs_attempt_key){"testrun", "mine", 1};
    other.launch.argv = argv;
    assert_int_equal(gs_backend_local.start(other.self, &other.launch, 0, id,
                                            sizeof id, &err),
                     -1);
    assert_int_equal(err.code, GS_ERR_BUSY);
    assert_int_equal(capacity(f).free.memory_bytes, INT64_C(3) << 30);
    struct gs_found found;
    gs_backend_local.find(other.self, &other.launch.key, &found, &err);
    assert_int_equal(found.state, GS_ATTEMPT_ABSENT);
    /* With less it fits; both end, and everything is free again. */
    other.launch.grant.memory_bytes = INT64_C(3) << 30;
    if (gs_backend_local.start(other.self, &other.launch, 0, id, sizeof id,
                               &err) < 0)
        fail_msg("%s", err.text);
    struct gs_attempt_key key = {"testrun", "mine", 1};
    gs_backend_local.cancel(f->self, &key, GS_REASON_CANCELLED, &err);
    gs_backend_local.cancel(other.self, &key, GS_REASON_CANCELLED, &err);
    rounds_until(f, &f->n_ended, 2);
    assert_int_equal(capacity(&other).free.memory_bytes, INT64_C(8) << 30);
    gs_backend_local.close(other.self);
    free(other.run_dir);
}

static void reservation_outlives_genosched(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "touch ready; sleep 1", NULL};
    struct gs_attempt_key key = {"testrun", "t", 1};
    struct gs_found found;
    start_one(f, "t", argv);
    wait_file(f, "ready");
    reopen(f, NULL);
    assert_int_equal(capacity(f).free.memory_bytes,
                     (INT64_C(8) << 30) - (512 << 20));
    gs_backend_local.find(f->self, &key, &found, NULL);
    wait_end(f);
    assert_int_equal(capacity(f).free.memory_bytes, INT64_C(8) << 30);
}

static void gpus_are_handed_out(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "echo \"<$CUDA_VISIBLE_DEVICES>\"; sleep 0.5",
                    NULL};
    setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5a", 1);
    reopen(f, NULL);
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_int_equal(capacity(f).total.gpus, 2);
    f->launch.grant.gpus = 1;
    f->launch.stdout_path = "first";
    start_one(f, "first", argv);
    f->launch.stdout_path = "second";
    start_one(f, "second", argv);
    f->launch.key.task = "third";
    struct gs_error err = {0};
    assert_int_equal(gs_backend_local.start(f->self, &f->launch, 0,
                                            f->backend_id, 192, &err),
                     -1);
    assert_int_equal(err.code, GS_ERR_BUSY);
    f->launch.grant.gpus = 0;
    f->launch.stdout_path = "none";
    start_one(f, "none", argv);
    rounds_until(f, &f->n_ended, 3);
    assert_file(f, "first", "<3>\n");
    assert_file(f, "second", "<GPU-5a>\n");
    assert_file(f, "none", "<>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sums_and_stale_entries),     T(folder_of_others_is_refused),
        T(two_runs_share_the_machine), T(reservation_outlives_genosched),
        T(gpus_are_handed_out),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
