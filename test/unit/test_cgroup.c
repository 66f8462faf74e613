/*
 * cgroup: on a machine that has a memory controller this process may divide,
 * the real one; the refusals everywhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/local/cgroup.h"
#include "base/file.h"
#include "base/mem.h"

static char run_name[64];

static struct gs_cgroup *open_or_skip(void)
{
    struct gs_error err = {0};
    struct gs_cgroup *cg =
        gs_cgroup_create(NULL, run_name, INT64_C(1) << 30, &err);
    if (!cg) {
        print_message("no cgroup here: %s\n", err.text);
        skip();
    }
    return cg;
}

static const char *limit_file(const struct gs_cgroup *cg)
{
    return cg->version == 1 ? "memory.limit_in_bytes" : "memory.max";
}

static void limits_are_written(void **state)
{
    (void)state;
    struct gs_error err = {0};
    struct gs_cgroup *cg = open_or_skip();
    char *memory, *cpuacct;
    assert_int_equal(
        gs_cgroup_add(cg, "a.1", 64 << 20, &memory, &cpuacct, &err), 0);
    const int64_t budget = INT64_C(1) << 30;
    /* Now that it has a child: an empty run may be swept by any genosched. */
    assert_int_equal(gs_cgroup_number(cg->memory, limit_file(cg)), budget);
    assert_int_equal(gs_cgroup_number(memory, limit_file(cg)), 64 << 20);
    if (cg->version == 2)
        assert_int_equal(gs_cgroup_number(memory, "memory.oom.group"), 1);
    assert_true(gs_cgroup_live_bytes(cg->version, memory) >= 0);
    gs_auto_free char *procs = gs_cgroup_procs(memory, cpuacct);
    assert_true(strstr(procs, "a.1/cgroup.procs") != NULL);
    gs_cgroup_remove(memory, cpuacct);
    assert_false(gs_path_exists(memory));
    free(memory);
    free(cpuacct);
    assert_int_equal(gs_cgroup_add(cg, "b.1", 0, &memory, &cpuacct, &err), 0);
    assert_true(gs_cgroup_number(memory, limit_file(cg)) > INT64_C(1) << 50);
    gs_cgroup_remove(memory, cpuacct);
    free(memory);
    free(cpuacct);
    gs_auto_free char *run = gs_strdup(cg->memory);
    gs_cgroup_destroy(cg);
    assert_false(gs_path_exists(run));
}

static void a_second_start_takes_over(void **state)
{
    (void)state;
    struct gs_error err = {0};
    struct gs_cgroup *first = open_or_skip();
    char *memory, *cpuacct;
    assert_int_equal(
        gs_cgroup_add(first, "a.1", 64 << 20, &memory, &cpuacct, &err), 0);
    struct gs_cgroup *second =
        gs_cgroup_create(NULL, run_name, INT64_C(2) << 30, &err);
    if (!second)
        fail_msg("%s", err.text);
    assert_string_equal(first->memory, second->memory);
    assert_int_equal(gs_cgroup_number(second->memory, limit_file(second)),
                     INT64_C(2) << 30);
    gs_cgroup_destroy(second); /* not empty: it stays */
    assert_true(gs_path_exists(memory));
    gs_cgroup_remove(memory, cpuacct);
    gs_cgroup_destroy(first);
    assert_false(gs_path_exists(memory));
    free(memory);
    free(cpuacct);
}

static void clear_kills_every_member(void **state)
{
    (void)state;
    struct gs_error err = {0};
    struct gs_cgroup *cg = open_or_skip();
    char *memory, *cpuacct;
    int status, ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(gs_cgroup_add(cg, "a.1", 0, &memory, &cpuacct, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (gs_cgroup_put(memory, "cgroup.procs", "0", NULL) < 0)
            _exit(9);
        if (fork() > 0 && write(ready[1], "r", 1) != 1)
            _exit(9);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    signal(SIGCHLD, SIG_IGN); /* the grandchild's zombie is nobody's */
    assert_true(gs_cgroup_clear(cg->version, memory));
    signal(SIGCHLD, SIG_DFL);
    waitpid(pid, &status, 0);
    gs_cgroup_remove(memory, cpuacct);
    assert_false(gs_path_exists(memory));
    free(memory);
    free(cpuacct);
    close(ready[0]);
    close(ready[1]);
    gs_cgroup_destroy(cg);
}

static void wrong_places_are_refused(void **state)
{
    (void)state;
    struct gs_error err = {0};
    assert_null(gs_cgroup_create("/nonexistent", run_name, 1 << 30, &err));
    assert_int_equal(err.code, GS_ERR_BACKEND);
    assert_non_null(strstr(err.text, "/nonexistent"));
    assert_null(gs_cgroup_create("/tmp", run_name, 1 << 30, &err));
    gs_auto_free char *made = gs_format("/tmp/%s", run_name);
    assert_false(gs_path_exists(made));
}

static void limits_above_are_seen(void **state)
{
    (void)state;
    int64_t total = INT64_MAX, available = INT64_MAX;
    gs_cgroup_memory_above(&total, &available);
    assert_true(total > 0 && available >= 0);
    assert_true(gs_cgroup_cpu_quota() >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_written),
        cmocka_unit_test(a_second_start_takes_over),
        cmocka_unit_test(clear_kills_every_member),
        cmocka_unit_test(wrong_places_are_refused),
        cmocka_unit_test(limits_above_are_seen),
    };
    snprintf(run_name, sizeof run_name, "genosched-test-cgroup-%ld",
             (long)getpid());
    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
