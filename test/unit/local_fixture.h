/*
 * local_fixture: a local backend on a loop, in a scratch folder, with its
 * events kept. Included by one test program each, so everything is static.
 * Needs GENOSCHED_SHIM (set by ctest).
 */
#ifndef GS_TEST_LOCAL_FIXTURE_H
#define GS_TEST_LOCAL_FIXTURE_H

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/local/local.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"

#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wwrite-strings"
#pragma GCC diagnostic ignored "-Wdiscarded-qualifiers"

/* A shell that grows to about 256 MiB, slowly enough to be looked at. */
#define EAT_256_MIB                                                            \
    "x=0123456789abcdef; i=0; while [ $i -lt 24 ]; do x=$x$x; i=$((i+1)); "    \
    "done; sleep 5"

struct fixture {
    char *root, *run_dir, *workdir;
    struct gs_loop *loop;
    struct gs_config *config;
    void *self;
    struct gs_launch launch;
    struct gs_event last;
    char last_task[256];
    int n_ended, n_running, n_lost;
    char backend_id[192];
};

static void on_event(void *arg, const struct gs_event *event)
{
    struct fixture *f = arg;
    if (event->state == GS_ATTEMPT_RUNNING) {
        f->n_running++;
        return;
    }
    f->n_ended += event->state == GS_ATTEMPT_ENDED;
    f->n_lost += event->state == GS_ATTEMPT_LOST;
    f->last = *event;
    snprintf(f->last_task, sizeof f->last_task, "%s", event->task);
    f->last.task = f->last_task;
}

static void set_option(struct fixture *f, const char *key, const char *value)
{
    struct gs_error err = {0};
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, key, value);
    if (gs_config_merge(f->config, o, "test", &err) < 0)
        fail_msg("%s", err.text);
    cJSON_Delete(o);
}

static void open_backend(struct fixture *f)
{
    struct gs_error err = {0};
    struct gs_backend_env env = {.loop = f->loop,
                                 .config = f->config,
                                 .run_id = "testrun",
                                 .run_dir = f->run_dir,
                                 .report = on_event,
                                 .report_arg = f};
    if (gs_backend_local.open(&env, &f->self, &err) < 0)
        fail_msg("%s", err.text);
}

static void close_backend(struct fixture *f)
{
    if (f->self)
        gs_backend_local.close(f->self);
    f->self = NULL;
}

/* As after a restart of genosched, with another enforcement if not NULL. */
static void reopen(struct fixture *f, const char *enforce)
{
    close_backend(f);
    if (enforce)
        set_option(f, "local.enforce", enforce);
    open_backend(f);
}

static int setup(void **state)
{
    struct fixture *f = gs_calloc(1, sizeof *f);
    char root[] = "/tmp/gs-test-local-XXXXXX";
    struct gs_error err = {0};
    assert_non_null(mkdtemp(root));
    f->root = gs_strdup(root);
    f->run_dir = gs_format("%s/run", root);
    f->workdir = gs_format("%s/work", root);
    gs_auto_free char *ledger = gs_format("%s/ledger", root);
    assert_int_equal(gs_dir_make(f->run_dir, &err), 0);
    assert_int_equal(gs_dir_make(f->workdir, &err), 0);
    if (!getenv("GENOSCHED_SHIM"))
        fail_msg("GENOSCHED_SHIM is not set; run the tests with ctest");
    setenv("GENOSCHED_LEDGER", ledger, 1);
    unsetenv("_JAVA_OPTIONS");
    f->loop = gs_loop_create(&err);
    f->config = gs_config_create();
    set_option(f, "local.memory", "8 GiB");
    open_backend(f);
    f->launch = (struct gs_launch){
        .workdir = f->workdir,
        .stdout_path = "out",
        .stderr_path = "err",
        .grant = {.memory_bytes = 512 << 20, .cpus = 1},
        .sample_ms = 200,
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    /* Of a test that failed half-way. */
    struct gs_local *local = f->self;
    for (struct gs_local_attempt *a = local ? local->running : NULL; a;
         a = a->next)
        if (a->pid > 0)
            kill(a->pid, SIGTERM);
    close_backend(f);
    gs_loop_destroy(f->loop);
    gs_config_destroy(f->config);
    gs_dir_remove(f->root, NULL);
    free(f->root);
    free(f->run_dir);
    free(f->workdir);
    free(f);
    return 0;
}

static void start_attempt(struct fixture *f, const char *task, int n,
                          char *const *argv)
{
    struct gs_error err = {0};
    f->launch.key = (struct gs_attempt_key){"testrun", task, n};
    f->launch.argv = argv;
    if (gs_backend_local.start(f->self, &f->launch, 0, f->backend_id,
                               sizeof f->backend_id, &err) < 0)
        fail_msg("start: %s", err.text);
}

static void start_one(struct fixture *f, const char *task, char *const *argv)
{
    start_attempt(f, task, 1, argv);
}

static void rounds_until(struct fixture *f, int *counter, int value)
{
    int64_t until = gs_mono_now().ms + 60000;
    struct gs_error err = {0};
    while (*counter < value) {
        if (gs_mono_now().ms > until)
            fail_msg("nothing happened for a minute");
        assert_int_equal(gs_loop_round(f->loop, &err), 0);
    }
}

/* Waits for one more end. */
static struct gs_event *wait_end(struct fixture *f)
{
    int n = f->n_ended + f->n_lost, now = n;
    int64_t until = gs_mono_now().ms + 60000;
    struct gs_error err = {0};
    while (now == n) {
        if (gs_mono_now().ms > until)
            fail_msg("no attempt ended within a minute");
        assert_int_equal(gs_loop_round(f->loop, &err), 0);
        now = f->n_ended + f->n_lost;
    }
    return &f->last;
}

static struct gs_event *run_one(struct fixture *f, const char *task,
                                char *const *argv)
{
    start_one(f, task, argv);
    return wait_end(f);
}

static char *workdir_file(struct fixture *f, const char *name)
{
    gs_auto_free char *path = gs_format("%s/%s", f->workdir, name);
    return gs_file_read(path, 1 << 20, NULL, NULL);
}

static void assert_file(struct fixture *f, const char *name, const char *want)
{
    char *text = workdir_file(f, name);
    if (!text)
        fail_msg("there is no file %s", name);
    assert_string_equal(text, want);
    free(text);
}

static void wait_file(struct fixture *f, const char *name)
{
    for (int i = 0; i < 1000; i++) {
        char *text = workdir_file(f, name);
        free(text);
        if (text)
            return;
        usleep(10000);
    }
    fail_msg("%s did not appear", name);
}

/* Processes that work in the fixture's folder: the tasks' and no others. */
static int count_processes(struct fixture *f)
{
    int n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *d; (d = readdir(proc));) {
        char cwd[4096];
        gs_auto_free char *path = gs_format("/proc/%s/cwd", d->d_name);
        ssize_t len = d->d_name[0] >= '1' && d->d_name[0] <= '9'
                          ? readlink(path, cwd, sizeof cwd - 1)
                          : -1;
        cwd[len > 0 ? len : 0] = '\0';
        n += strcmp(cwd, f->workdir) == 0;
    }
    closedir(proc);
    return n;
}

static char *shell_output(const char *command)
{
    int fds[2];
    char *out = gs_calloc(1, 65536);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    close(fds[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(fds[0], out + used, 65535 - used)) > 0;)
        used += (size_t)n;
    close(fds[0]);
    waitpid(pid, NULL, 0);
    return out;
}

/* The test program itself as a task: `PROGRAM eat MIB MS` takes that much
 * memory in small steps and holds it for that long. */
static int eat(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], "eat") != 0)
        return -1;
    long mib = strtol(argv[2], NULL, 10);
    /* Mapped, and left without clean-up, so that a sanitizer adds little. */
    char *all = mmap(NULL, (size_t)mib << 20, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < mib; i++) {
        memset(all + (i << 20), 1, 1 << 20);
        usleep(2000);
    }
    usleep((useconds_t)strtol(argv[3], NULL, 10) * 1000);
    _exit(0);
}

static char *self_path(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    return path;
}

/* What is in force, from describe(); the caller frees. */
static char *enforcement(struct fixture *f)
{
    gs_auto_free char *text = gs_backend_local.describe(f->self);
    gs_auto_json cJSON *o = gs_json_parse(text, strlen(text), NULL);
    assert_non_null(o);
    return gs_strdup(gs_json_get(o, "enforce")->valuestring);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
