/*
 * genosched-shim: runs one attempt of a task, measures it, outlives
 * genosched and leaves one durable record.
 *
 *   genosched-shim --spec-fd 3 NAME     started by genosched, see spec.h
 *   genosched-shim --version
 *
 * It must never: run the command twice, hold an open file of the engine or
 * of genosched, be inside the attempt's cgroup, or end before everything
 * that the command started is gone and the record is durable.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_OPEN = 65536, /* looked through on kernels without close_range */
};

/* Keeps the three that are ours, away from the command; what the engine or
 * genosched leaked is closed, or somebody would wait for its end in vain. */
static void close_strangers(void)
{
    for (int fd = GS_SPEC_FD; fd <= GS_LEDGER_FD; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (syscall(SYS_close_range, GS_LEDGER_FD + 1, ~0U, 0) == 0)
        return;
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = GS_LEDGER_FD + 1; fd < most && fd < MAX_OPEN; fd++)
        close(fd);
}

/* From here on genosched can find this process by pid and start time. */
static void tell_pid(void)
{
    char text[96];
    int len = snprintf(text, sizeof text, "pid=%ld\nstart=%lld\nready=1\n",
                       (long)getpid(), (long long)own_start_time());
    lseek(GS_LOCK_FD, 0, SEEK_END);
    ssize_t n = write(GS_LOCK_FD, text, (size_t)len);
    (void)n; /* without it the shim is found by its lock alone */
}

static void fail_early(int dir_fd, int record_fd, const char *what,
                       const char *why, struct measure *m)
{
    struct outcome o = {.reason = "infrastructure",
                        .evidence = "not begun",
                        .exit_code = -1,
                        .signal = -1,
                        .started_ms = wall_ms(),
                        .ended_ms = wall_ms()};
    snprintf(o.message, sizeof o.message,
             "the command was not run: %s: %s; check free space and "
             "permissions of the state folder, and `genosched doctor`",
             what, why);
    record_write(dir_fd, record_fd, &o, m);
}

static int run(int spec_fd)
{
    static struct measure m;
    static struct spec spec; /* in use until the end: never freed */
    struct cgroup cg;
    const char *bad = spec_load(&spec, spec_fd);
    if (bad) {
        dprintf(STDERR_FILENO, "genosched-shim: %s\n", bad);
        return 2;
    }
    int dir_fd = open(spec.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) { /* no `begun`: genosched sees that nothing ran */
        cgroup_remove(&spec);
        return 3;
    }
    int signal_fd = supervise_signals();
    tell_pid();
    measure_begin(&m, &spec);
    int record_fd = record_reserve(dir_fd);
    if (record_fd < 0 || signal_fd < 0 || cgroup_open(&cg, &spec) < 0) {
        const char *why = strerror(errno);
        cgroup_remove(&spec);
        fail_early(dir_fd, record_fd, spec.dir, why, &m);
        return 0;
    }
    struct outcome o = {.exit_code = -1, .signal = -1};
    supervise(&spec, &cg, dir_fd, signal_fd, &o, &m);
    cgroup_remove(&spec);
    record_write(dir_fd, record_fd, &o, &m);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("genosched-shim %s\n", GS_VERSION) < 0;
    if (argc < 3 || strcmp(argv[1], "--spec-fd") != 0 ||
        strtol(argv[2], NULL, 10) != GS_SPEC_FD) {
        fprintf(stderr, "genosched-shim is started by genosched; for people "
                        "it has only --version\n");
        return 2;
    }
    close_strangers();
    setsid();
    if (chdir("/") < 0) /* not to keep a folder busy */
        return 2;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    /* Needs a privilege that most lack; the task's own score is raised. */
    write_at(AT_FDCWD, "/proc/self/oom_score_adj", "-500");
    return run(GS_SPEC_FD);
}
