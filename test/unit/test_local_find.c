/*
 * find: what a restarted genosched makes of an attempt at every moment at
 * which the earlier one, its shim or the machine may have died.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/name.h"
#include "local_fixture.h"

static struct gs_found find(struct fixture *f, const char *task)
{
    struct gs_found found;
    struct gs_error err = {0};
    struct gs_attempt_key key = {"testrun", task, 1};
    if (gs_backend_local.find(f->self, &key, &found, &err) < 0)
        fail_msg("find: %s", err.text);
    return found;
}

static char *folder_of(struct fixture *f, const char *task)
{
    char name[GS_NAME_MAX];
    gs_attempt_name(task, 1, name);
    return gs_format("%s/attempts/%s", f->run_dir, name);
}

static void put(struct fixture *f, const char *task, const char *file,
                const char *text)
{
    gs_auto_free char *dir = folder_of(f, task);
    gs_auto_free char *path = gs_format("%s/%s", dir, file);
    gs_dir_make(dir, NULL);
    assert_int_equal(gs_file_write(path, text, strlen(text), NULL), 0);
}

static pid_t shim_pid(struct fixture *f)
{
    return (pid_t)strtol(f->backend_id, NULL, 10);
}

static void never_heard_of(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "nobody").state, GS_ATTEMPT_ABSENT);
}

static void died_before_the_spawn(void **state)
{
    struct fixture *f = *state;
    gs_auto_free char *dir = folder_of(f, "t");
    gs_dir_make(dir, NULL);
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_ABSENT);
    put(f, "t", "lock", "");
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_ABSENT);
    put(f, "t", "lock", "task=t\ngrant=1\nledger=/nonexistent/x\n");
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_ABSENT);
    put(f, "t", "cancel", "cancelled\n");
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_ABSENT);
    /* And it may be started then, as if nothing had been. */
    char *argv[] = {"true", NULL};
    assert_int_equal(run_one(f, "t", argv)->outcome.reason, GS_REASON_EXIT);
}

static void shim_died_before_the_command(void **state)
{
    struct fixture *f = *state;
    put(f, "t", "lock", "task=t\nledger=/x\npid=1\nstart=1\nready=1\n");
    put(f, "t", "record.tmp", "");
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_ABSENT);
}

static void machine_died_in_the_middle(void **state)
{
    struct fixture *f = *state;
    put(f, "t", "lock", "task=t\nledger=/x\npid=1\nstart=1\nready=1\n");
    put(f, "t", "begun", "started=12345\npid=99999\nboot=x\n");
    struct gs_found found = find(f, "t");
    assert_int_equal(found.state, GS_ATTEMPT_LOST);
    assert_int_equal(found.outcome.started.ms, 12345);
    assert_non_null(strstr(found.outcome.message, "cannot be known"));
    char *argv[] = {"true", NULL};
    struct gs_error err = {0};
    f->launch.key = (struct gs_attempt_key){"testrun", "t", 1};
    f->launch.argv = argv;
    assert_int_equal(gs_backend_local.start(f->self, &f->launch, 0,
                                            f->backend_id, 192, &err),
                     -1);
    assert_int_equal(err.code, GS_ERR_BACKEND);
}

static void damaged_record_is_lost(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "{\"version\":1,\"reason\":\"exit\",\"exit_code\":0",
        "{\"version\":1}",
        "{\"reason\":\"nonsense\",\"exit_code\":0}",
        "{\"reason\":\"exit\",\"exit_code\":-3}",
        "{\"reason\":\"exit\",\"exit_code\":0,\"exit_code\":1}",
    };
    struct fixture *f = *state;
    put(f, "t", "lock", "task=t\nledger=/x\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(f, "t", "record.json", bad[i]);
        assert_int_equal(find(f, "t").state, GS_ATTEMPT_LOST);
    }
}

static void ended_while_nobody_looked(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "sleep 0.2; exit 5", NULL};
    start_one(f, "t", argv);
    pid_t pid = shim_pid(f);
    close_backend(f);
    waitpid(pid, NULL, 0);
    open_backend(f);
    struct gs_found found = find(f, "t");
    assert_int_equal(found.state, GS_ATTEMPT_ENDED);
    assert_int_equal(found.outcome.exit_code, 5);
    struct gs_attempt_key key = {"testrun", "t", 1};
    gs_backend_local.forget(f->self, &key);
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_ABSENT);
}

static void running_is_adopted(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "touch ready; sleep 1; exit 6", NULL};
    start_one(f, "t", argv);
    wait_file(f, "ready");
    reopen(f, NULL);
    struct gs_found found = find(f, "t");
    assert_int_equal(found.state, GS_ATTEMPT_RUNNING);
    assert_true(found.outcome.started.ms > 0);
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_RUNNING); /* again */
    struct gs_attempt_key key = {"testrun", "t", 1};
    assert_true(gs_backend_local.live_bytes(f->self, &key) > 0);
    struct gs_event *e = wait_end(f);
    assert_string_equal(e->task, "t");
    assert_int_equal(e->outcome.exit_code, 6);
}

static void adopted_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "touch ready; sleep 60", NULL};
    start_one(f, "t", argv);
    wait_file(f, "ready");
    reopen(f, NULL);
    find(f, "t");
    struct gs_attempt_key key = {"testrun", "t", 1};
    gs_backend_local.cancel(f->self, &key, GS_REASON_OOM, NULL);
    struct gs_event *e = wait_end(f);
    assert_int_equal(e->outcome.reason, GS_REASON_OOM);
}

static void cancel_that_never_reached_the_shim(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "touch ready; sleep 60", NULL};
    start_one(f, "t", argv);
    wait_file(f, "ready");
    put(f, "t", "cancel", "cancelled\n"); /* and died before the signal */
    reopen(f, NULL);
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_RUNNING);
    struct gs_event *e = wait_end(f);
    assert_int_equal(e->outcome.reason, GS_REASON_CANCELLED);
}

/* The shim is alive and has not written its pid: it is stopped before it
 * can, by taking its place with a process that holds the lock. */
static void adopted_at_birth(void **state)
{
    struct fixture *f = *state;
    gs_auto_free char *dir = folder_of(f, "t");
    gs_auto_free char *path = gs_format("%s/lock", dir);
    put(f, "t", "lock", "task=t\ngrant=5\n");
    pid_t holder = fork();
    if (holder == 0) {
        int fd = open(path, O_RDWR);
        char text[64];
        flock(fd, LOCK_EX);
        put(f, "t", "held", "");
        usleep(300000);
        lseek(fd, 0, SEEK_END);
        int len = snprintf(text, sizeof text, "pid=%ld\nstart=1\nready=1\n",
                           (long)getpid());
        ssize_t n = write(fd, text, (size_t)len);
        (void)n;
        usleep(300000);
        put(f, "t", "record.json",
            "{\"version\":1,\"reason\":\"exit\",\"exit_code\":9}");
        _exit(0);
    }
    gs_auto_free char *held = gs_format("%s/held", dir);
    while (!gs_path_exists(held))
        usleep(1000);
    struct gs_found found = find(f, "t");
    assert_int_equal(found.state, GS_ATTEMPT_RUNNING);
    struct gs_event *e = wait_end(f);
    assert_int_equal(e->outcome.exit_code, 9);
    waitpid(holder, NULL, 0);
}

static void killed_shim_means_lost(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "(setsid sleep 967 &); touch ready; sleep 966",
                    NULL};
    start_one(f, "t", argv);
    wait_file(f, "ready");
    for (int i = 0; i < 500 && count_processes(f) < 2; i++)
        usleep(10000);
    assert_true(count_processes(f) >= 2);
    kill(shim_pid(f), SIGKILL);
    rounds_until(f, &f->n_lost, 1);
    assert_int_equal(f->last.state, GS_ATTEMPT_LOST);
    assert_int_equal(count_processes(f), 0);
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_LOST);
}

static void killed_shim_without_cgroup(void **state)
{
    reopen(*state, "none");
    killed_shim_means_lost(state);
}

static void one_attempt_is_never_two(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "touch ready; sleep 2", NULL};
    struct gs_error err = {0};
    start_one(f, "t", argv);
    assert_int_equal(gs_backend_local.start(f->self, &f->launch, 0,
                                            f->backend_id, 192, &err),
                     -1);
    assert_int_equal(err.code, GS_ERR_BACKEND);
    wait_file(f, "ready");
    reopen(f, NULL); /* does not know it yet */
    assert_int_equal(gs_backend_local.start(f->self, &f->launch, 0,
                                            f->backend_id, 192, &err),
                     -1);
    assert_int_equal(err.code, GS_ERR_BACKEND);
    assert_int_equal(find(f, "t").state, GS_ATTEMPT_RUNNING);
    wait_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(never_heard_of),
        T(died_before_the_spawn),
        T(shim_died_before_the_command),
        T(machine_died_in_the_middle),
        T(damaged_record_is_lost),
        T(ended_while_nobody_looked),
        T(running_is_adopted),
        T(adopted_can_be_cancelled),
        T(cancel_that_never_reached_the_shim),
        T(adopted_at_birth),
        T(killed_shim_means_lost),
        T(killed_shim_without_cgroup),
        T(one_attempt_is_never_two),
    };
    return cmocka_run_group_tests_name("local_find", tests, NULL, NULL);
}
