/*
 * Attempts that share the run's budget, the attempt's cgroup as tasks see
 * it, and what is in force on this machine. GS_TEST_EXPECT_ENFORCE says what
 * must be in force where a test run wants to be sure of it.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "local_fixture.h"

/* Is there a memory cgroup in force? Pools need one, or PSS. */
static bool has_cgroup(struct fixture *f)
{
    gs_auto_free char *what = enforcement(f);
    return strncmp(what, "cgroup", 6) == 0;
}

static void what_is_in_force(void **state)
{
    struct fixture *f = *state;
    gs_auto_free char *what = enforcement(f);
    const char *expected = getenv("GS_TEST_EXPECT_ENFORCE");
    if (expected)
        assert_string_equal(what, expected);
    reopen(f, "pss");
    gs_auto_free char *pss = enforcement(f);
    assert_string_equal(pss, "pss");
    reopen(f, "none");
    gs_auto_free char *none = enforcement(f);
    assert_string_equal(none, "none");
}

static void budget(struct fixture *f, const char *size)
{
    close_backend(f);
    set_option(f, "local.memory", size);
    open_backend(f);
    f->launch.pooled = true;
}

static void pooled_may_pass_its_grant(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {self_path(), "eat", "120", "100", NULL};
    budget(f, "1 GiB");
    f->launch.grant.memory_bytes = 32 << 20;
    struct gs_event *e = run_one(f, "more", argv);
    assert_int_equal(e->outcome.reason, GS_REASON_EXIT);
    assert_int_equal(e->outcome.exit_code, 0);
    assert_in_range(e->outcome.peak_bytes, 100 << 20, 200 << 20);
    assert_in_range(e->outcome.max_rss_bytes, 100 << 20, 200 << 20);
}

/* Two that do not fit together: the younger goes, the older ends well. */
static void youngest_is_evicted(struct fixture *f)
{
    char *argv[] = {self_path(), "eat", "150", "1500", NULL};
    budget(f, "256 MiB");
    f->launch.grant.memory_bytes = 100 << 20;
    start_one(f, "older", argv);
    usleep(50000);
    start_one(f, "younger", argv);
    struct gs_event *e = wait_end(f);
    assert_string_equal(e->task, "younger");
    assert_int_equal(e->outcome.reason, GS_REASON_OOM);
    e = wait_end(f);
    assert_string_equal(e->task, "older");
    assert_int_equal(e->outcome.exit_code, 0);
}

static void youngest_goes_first(void **state)
{
    struct fixture *f = *state;
    if (has_cgroup(f))
        youngest_is_evicted(f);
    else
        skip();
}

static void youngest_goes_first_by_pss(void **state)
{
    reopen(*state, "pss");
    youngest_is_evicted(*state);
}

/* Alone and larger than the budget: the kernel's limit of the run. */
static void budget_holds_for_one(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "\"$0\" eat 200 100 & wait; exit 0",
                    self_path(), NULL};
    if (!has_cgroup(f))
        skip();
    budget(f, "128 MiB");
    struct gs_event *e = run_one(f, "alone", argv);
    assert_int_equal(e->outcome.reason, GS_REASON_OOM);
    assert_non_null(strstr(e->outcome.message, "the kernel"));
}

/* A process from elsewhere may join, is limited with it and ends with it:
 * a fork server hands its children over that way. */
static void others_may_join(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c",
                    "echo \"$GENOSCHED_CGROUP_PROCS\" >procs.tmp; "
                    "mv procs.tmp procs; while [ ! -e joined ]; do sleep "
                    "0.02; done",
                    NULL};
    if (!has_cgroup(f))
        skip();
    start_one(f, "join", argv);
    wait_file(f, "procs");
    gs_auto_free char *procs = workdir_file(f, "procs");
    gs_auto_free char *joined = gs_format("%s/joined", f->workdir);
    procs[strcspn(procs, "\n")] = '\0';
    pid_t pid = fork();
    if (pid == 0) {
        char *save;
        for (char *p = strtok_r(procs, ":", &save); p;
             p = strtok_r(NULL, ":", &save)) {
            int fd = open(p, O_WRONLY);
            if (fd < 0 || write(fd, "0", 1) != 1)
                _exit(9);
        }
        close(open(joined, O_CREAT | O_WRONLY, 0600));
        for (;;)
            pause();
    }
    struct gs_event *e = wait_end(f);
    assert_int_equal(e->outcome.exit_code, 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void measures(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c",
                    "\"$0\" eat 100 300; i=0; while [ $i -lt 100000 ]; do "
                    "i=$((i+1)); done",
                    self_path(), NULL};
    struct gs_event *e = run_one(f, "m", argv);
    assert_int_equal(e->outcome.exit_code, 0);
    assert_in_range(e->outcome.peak_bytes, 100 << 20, 150 << 20);
    assert_in_range(e->outcome.max_rss_bytes, 90 << 20, 150 << 20);
    assert_in_range(e->outcome.cpu_ms, 30, 60000);
    assert_in_range(e->outcome.wall_ms, 500, 60000);
    assert_true(e->outcome.wall_ms >=
                e->outcome.ended.ms - e->outcome.started.ms - 1500);
    gs_auto_free char *path =
        gs_format("%s/attempts/m.1/record.json", f->run_dir);
    gs_auto_free char *text = gs_file_read(path, 1 << 16, NULL, NULL);
    gs_auto_json cJSON *o = gs_json_parse(text, strlen(text), NULL);
    const cJSON *samples = gs_json_get(o, "samples");
    const cJSON *bytes = gs_json_get(samples, "bytes");
    assert_true(cJSON_GetArraySize(bytes) >= 3);
    double most = 0;
    for (const cJSON *b = bytes->child; b; b = b->next)
        most = b->valuedouble > most ? b->valuedouble : most;
    assert_in_range((int64_t)most, 90 << 20, 150 << 20);
}

static void measures_by_pss(void **state)
{
    reopen(*state, "pss");
    measures(state);
}

int main(int argc, char **argv)
{
    int rc = eat(argc, argv);
    if (rc >= 0)
        return rc;
    const struct CMUnitTest tests[] = {
        T(what_is_in_force),
        T(pooled_may_pass_its_grant),
        T(youngest_goes_first),
        T(youngest_goes_first_by_pss),
        T(budget_holds_for_one),
        T(others_may_join),
        T(measures),
        T(measures_by_pss),
    };
    return cmocka_run_group_tests_name("local_pool", tests, NULL, NULL);
}
