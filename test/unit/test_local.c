/*
 * The local backend with real shims and real processes: start, measure,
 * limit, kill, find. Memory limits are tested with whatever enforcement this
 * machine offers, and with `pss` in any case.
 */
#include <errno.h>
#include <linux/magic.h>
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
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "local_fixture.h"

static void plain_success(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "echo out; echo err >&2; exit 0", NULL};
    struct gs_event *e = run_one(f, "plain", argv);
    assert_int_equal(e->state, GS_ATTEMPT_ENDED);
    assert_int_equal(e->outcome.reason, GS_REASON_EXIT);
    assert_int_equal(e->outcome.exit_code, 0);
    assert_int_equal(e->outcome.signal, -1);
    assert_string_equal(e->outcome.message, "");
    assert_true(e->outcome.peak_bytes > 0);
    assert_true(e->outcome.started.ms > 0);
    assert_true(e->outcome.ended.ms >= e->outcome.started.ms);
    assert_file(f, "out", "out\n");
    assert_file(f, "err", "err\n");
    assert_int_equal(f->n_running, 1);
}

static void exit_code_and_signal(void **state)
{
    struct fixture *f = *state;
    char *seven[] = {"sh", "-c", "exit 7", NULL};
    char *killed[] = {"sh", "-c", "kill -ABRT $$", NULL};
    struct gs_event *e = run_one(f, "seven", seven);
    assert_int_equal(e->outcome.reason, GS_REASON_EXIT);
    assert_int_equal(e->outcome.exit_code, 7);
    assert_non_null(strstr(e->outcome.message, "exit code 7"));
    e = run_one(f, "killed", killed);
    assert_int_equal(e->outcome.reason, GS_REASON_SIGNAL);
    assert_int_equal(e->outcome.signal, SIGABRT);
    assert_int_equal(e->outcome.exit_code, -1);
}

static void missing_things_say_so(void **state)
{
    struct fixture *f = *state;
    char *nosuch[] = {"no-such-program", NULL};
    char *data[] = {"/etc/passwd", NULL};
    char *script[] = {"./script", NULL};
    struct gs_event *e = run_one(f, "nosuch", nosuch);
    assert_int_equal(e->outcome.reason, GS_REASON_EXIT);
    assert_int_equal(e->outcome.exit_code, 127);
    assert_non_null(strstr(e->outcome.message, "no-such-program"));
    e = run_one(f, "data", data);
    assert_int_equal(e->outcome.exit_code, 126);
    /* No interpreter named: no shell is guessed. */
    gs_auto_free char *path = gs_format("%s/script", f->workdir);
    assert_int_equal(gs_file_write(path, "exit 0\n", 7, NULL), 0);
    assert_int_equal(chmod(path, 0700), 0);
    e = run_one(f, "script", script);
    assert_int_equal(e->outcome.exit_code, 126);
    assert_non_null(strstr(e->outcome.message, "./script"));
    f->launch.workdir = "/nonexistent/folder";
    e = run_one(f, "nodir", nosuch);
    assert_int_equal(e->outcome.reason, GS_REASON_INFRASTRUCTURE);
    assert_int_equal(e->outcome.exit_code, -1);
    assert_non_null(strstr(e->outcome.message, "/nonexistent/folder"));
}

static void environment_of_a_task(void **state)
{
    struct fixture *f = *state;
    struct gs_pair env[] = {{"SECRET", "s3cr3t"}, {"HOME", "/elsewhere"}};
    char *argv[] = {"sh", "-c",
                    "echo $SECRET $HOME $GENOSCHED_MEMORY_MB "
                    "$GENOSCHED_MEMORY_BYTES $GENOSCHED_CPUS "
                    "$GENOSCHED_ATTEMPT $GENOSCHED_TASK_ID $GENOSCHED_RUN_ID "
                    "$_JAVA_OPTIONS $INHERITED",
                    NULL};
    setenv("INHERITED", "yes", 1);
    f->launch.env = env;
    f->launch.n_env = 2;
    f->launch.grant.memory_bytes = 1000000000;
    f->launch.java_heap = 0.8;
    run_one(f, "a b/c", argv);
    assert_file(f, "out",
                "s3cr3t /elsewhere 1000 1000000000 1 1 a b/c testrun "
                "-Xmx762m yes\n");
    struct gs_pair java[] = {{"_JAVA_OPTIONS", "-Xmx1m"}};
    f->launch.env = java;
    f->launch.n_env = 1;
    char *show[] = {"sh", "-c", "echo $_JAVA_OPTIONS", NULL};
    run_one(f, "java", show);
    assert_file(f, "out", "-Xmx1m\n");
}

static void secrets_stay_in_memory(void **state)
{
    struct fixture *f = *state;
    struct gs_pair env[] = {{"SECRET", "s3cr3t-value"}};
    char *argv[] = {"true", NULL};
    f->launch.env = env;
    f->launch.n_env = 1;
    run_one(f, "secret", argv);
    gs_auto_free char *grep =
        gs_format("grep -rl s3cr3t-value %s || true", f->run_dir);
    char *found = shell_output(grep);
    assert_string_equal(found, "");
    free(found);
}

static void nobody_holds_what_is_not_theirs(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    char c;
    /* A descriptor that an engine leaked into genosched. */
    assert_int_equal(pipe(fds), 0);
    char *argv[] = {"sh", "-c", "readlink /proc/$$/fd/*; touch ready; sleep 1",
                    NULL};
    start_one(f, "fds", argv);
    close(fds[1]);
    wait_file(f, "ready");
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(read(fds[0], &c, 1), 0); /* the other end is closed */
    close(fds[0]);
    wait_end(f);
    gs_auto_free char *out = workdir_file(f, "out");
    assert_non_null(strstr(out, "/dev/null"));
    assert_null(strstr(out, f->run_dir));
    assert_null(strstr(out, "ledger"));
    assert_null(strstr(out, "memfd"));
}

/* The task's own PATH counts; an entry that cannot be searched does not. */
static void command_on_the_tasks_path(void **state)
{
    struct fixture *f = *state;
    gs_auto_free char *path = gs_format("%s/mine", f->workdir);
    gs_auto_free char *where =
        gs_format("/nonexistent:/etc/passwd:%s:/bin:/usr/bin", f->workdir);
    struct gs_pair env[] = {{"PATH", where}};
    static const char text[] = "#!/bin/sh\nexit 11\n";
    assert_int_equal(gs_file_write(path, text, sizeof text - 1, NULL), 0);
    assert_int_equal(chmod(path, 0700), 0);
    f->launch.env = env;
    f->launch.n_env = 1;
    char *mine[] = {"mine", NULL};
    assert_int_equal(run_one(f, "mine", mine)->outcome.exit_code, 11);
    char *other[] = {"mine2", NULL};
    assert_int_equal(run_one(f, "other", other)->outcome.exit_code, 127);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(run_one(f, "mine3", mine)->outcome.exit_code, 126);
}

static void time_limit(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sleep", "30", NULL};
    f->launch.time_ms = 200;
    struct gs_event *e = run_one(f, "slow", argv);
    assert_int_equal(e->outcome.reason, GS_REASON_TIMEOUT);
    assert_int_equal(e->outcome.signal, SIGTERM);
    assert_in_range(e->outcome.wall_ms, 200, 3000);
}

static void kill_takes_the_tree(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c",
                    "trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 987 & "
                    "sleep 987\" &) ; sleep 988 & touch ready; wait; "
                    "sleep 989",
                    NULL};
    start_one(f, "tree", argv);
    wait_file(f, "ready");
    for (int i = 0; i < 500 && count_processes(f) < 4; i++)
        usleep(10000);
    assert_true(count_processes(f) >= 4);
    struct gs_attempt_key key = {"testrun", "tree", 1};
    int64_t before = gs_mono_now().ms;
    assert_int_equal(
        gs_backend_local.cancel(f->self, &key, GS_REASON_CANCELLED, NULL), 0);
    assert_int_equal(
        gs_backend_local.cancel(f->self, &key, GS_REASON_CANCELLED, NULL), 0);
    struct gs_event *e = wait_end(f);
    assert_int_equal(e->outcome.reason, GS_REASON_CANCELLED);
    assert_in_range(gs_mono_now().ms - before, 4500, 9000);
    assert_int_equal(count_processes(f), 0);
}

/* A program that counts its SIGTERMs must not be hurried by a second. */
static void told_to_end_once(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c",
                    "trap 'echo told >>told' TERM; touch ready; "
                    "while [ ! -s told ]; do sleep 0.05; done; sleep 0.5",
                    NULL};
    struct gs_attempt_key key = {"testrun", "once", 1};
    start_one(f, "once", argv);
    wait_file(f, "ready");
    gs_backend_local.cancel(f->self, &key, GS_REASON_CANCELLED, NULL);
    assert_int_equal(wait_end(f)->outcome.reason, GS_REASON_CANCELLED);
    assert_file(f, "told", "told\n");
}

/* Heard however early it comes: the shim is told before it can listen. */
static void cancel_at_birth(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sleep", "60", NULL};
    for (int i = 0; i < 20; i++) {
        struct gs_attempt_key key = {"testrun", "birth", i + 1};
        start_attempt(f, "birth", i + 1, argv);
        gs_backend_local.cancel(f->self, &key, GS_REASON_CANCELLED, NULL);
        assert_int_equal(wait_end(f)->outcome.reason, GS_REASON_CANCELLED);
    }
}

static void leftovers_end_before_the_result(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "(setsid sleep 977 &); exit 3", NULL};
    struct gs_event *e = run_one(f, "leftover", argv);
    assert_int_equal(e->outcome.reason, GS_REASON_EXIT);
    assert_int_equal(e->outcome.exit_code, 3);
    /* Of the command itself, not of what it left. */
    assert_true(e->outcome.ended.ms - e->outcome.started.ms -
                    e->outcome.wall_ms >=
                900);
    assert_int_equal(count_processes(f), 0);
}

static void late_writer_may_finish(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c", "(sleep 0.2; echo late > late) & exit 0", NULL};
    run_one(f, "late", argv);
    assert_file(f, "late", "late\n");
}

static void oom_of(struct fixture *f, const char *task, char **argv,
                   int exit_code)
{
    f->launch.grant.memory_bytes = 64 << 20;
    struct gs_event *e = run_one(f, task, argv);
    assert_int_equal(e->outcome.reason, GS_REASON_OOM);
    assert_true(e->outcome.peak_bytes > 32 << 20);
    assert_non_null(strstr(e->outcome.message, "out of memory"));
    (void)exit_code;
}

static void out_of_memory(void **state)
{
    struct fixture *f = *state;
    char *direct[] = {"sh", "-c", EAT_256_MIB, NULL};
    char *child[] = {"sh", "-c", "sh -c '" EAT_256_MIB "'; sleep 1; exit 0",
                     NULL};
    char *piped[] = {"sh", "-c",
                     "sh -c '" EAT_256_MIB "' | cat; sleep 1; exit 2", NULL};
    oom_of(f, "direct", direct, -1);
    oom_of(f, "child", child, 0);
    oom_of(f, "piped", piped, 2);
}

static void out_of_memory_by_pss(void **state)
{
    struct fixture *f = *state;
    reopen(f, "pss");
    out_of_memory(state);
    char *fine[] = {"sh", "-c", "sleep 0.3", NULL};
    struct gs_event *e = run_one(f, "fine", fine);
    assert_int_equal(e->outcome.reason, GS_REASON_EXIT);
}

static void java_says_so(void **state)
{
    struct fixture *f = *state;
    char *heap[] = {"sh", "-c",
                    "echo 'Exception in thread \"main\" "
                    "java.lang.OutOfMemoryError: Java heap space' >&2; exit 1",
                    NULL};
    char *fine[] = {"sh", "-c", "echo java.lang.OutOfMemoryError >&2; exit 0",
                    NULL};
    char *threads[] = {"sh", "-c",
                       "echo 'java.lang.OutOfMemoryError: unable to create "
                       "native thread' >&2; exit 1",
                       NULL};
    char *nextflow[] = {"sh", "-c",
                        "echo java.lang.OutOfMemoryError > .command.err; "
                        "exit 1",
                        NULL};
    assert_int_equal(run_one(f, "heap", heap)->outcome.reason, GS_REASON_OOM);
    assert_int_equal(run_one(f, "fine", fine)->outcome.reason, GS_REASON_EXIT);
    assert_int_equal(run_one(f, "threads", threads)->outcome.reason,
                     GS_REASON_EXIT);
    assert_int_equal(run_one(f, "nextflow", nextflow)->outcome.reason,
                     GS_REASON_OOM);
    /* The log of an earlier attempt is still there. */
    char *plain[] = {"sh", "-c", "exit 1", NULL};
    sleep(2);
    assert_int_equal(run_one(f, "plain", plain)->outcome.reason,
                     GS_REASON_EXIT);
}

static void page_cache_is_no_need(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {"sh", "-c",
                    "dd if=/dev/zero of=big bs=1M count=200 2>/dev/null; "
                    "sleep 0.3; cat big >/dev/null; rm big",
                    NULL};
    struct statfs fs;
    assert_int_equal(statfs(f->workdir, &fs), 0);
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        skip(); /* files there are memory, not cache */
    struct gs_event *e = run_one(f, "cache", argv);
    assert_int_equal(e->outcome.exit_code, 0);
    assert_true(e->outcome.peak_bytes < 120 << 20);
    assert_true(e->outcome.write_bytes >= 200 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain_success),
        T(exit_code_and_signal),
        T(missing_things_say_so),
        T(environment_of_a_task),
        T(secrets_stay_in_memory),
        T(nobody_holds_what_is_not_theirs),
        T(command_on_the_tasks_path),
        T(time_limit),
        T(kill_takes_the_tree),
        T(told_to_end_once),
        T(cancel_at_birth),
        T(leftovers_end_before_the_result),
        T(late_writer_may_finish),
        T(out_of_memory),
        T(out_of_memory_by_pss),
        T(java_says_so),
        T(page_cache_is_no_need),
    };
    return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
