/*
 * follow: a living shim, from its start or its adoption to its end.
 *
 * The end is heard through a pidfd in the loop. While the shim's pid is not
 * known yet (adopted in the instant of its birth), or on a kernel without
 * pidfds, a timer looks at the lock instead.
 */
#include "backend/local/local.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "spec.h"

enum {
    BIRTH_LOOK_MS = 20,
    LOCK_LOOK_MS = 250,
    CANCEL_ROOM = 32,
};

static void on_end(struct gs_local_attempt *a);

static void unlink_attempt(struct gs_local_attempt *a)
{
    struct gs_local_attempt **slot = &a->local->running;
    while (*slot && *slot != a)
        slot = &(*slot)->next;
    if (*slot)
        *slot = a->next;
}

void gs_local_unfollow(struct gs_local_attempt *a)
{
    struct gs_loop *loop = a->local->env.loop;
    gs_loop_unwatch(loop, a->watch);
    gs_loop_cancel(loop, a->timer);
    a->watch = NULL;
    a->timer = NULL;
    unlink_attempt(a);
    gs_local_attempt_destroy(a);
}

static void reap(struct gs_local_attempt *a)
{
    int status;
    /* No child any more if SIGCHLD is ignored here; the record is the truth
     * in any case. */
    while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
        continue;
}

static void say_never_ran(const struct gs_local_attempt *a,
                          struct gs_outcome *o)
{
    memset(o, 0, sizeof *o);
    o->reason = GS_REASON_INFRASTRUCTURE;
    o->exit_code = o->signal = -1;
    o->peak_bytes = o->max_rss_bytes = o->cpu_ms = o->wall_ms = -1;
    o->read_bytes = o->write_bytes = -1;
    o->started = o->ended = gs_wall_now();
    snprintf(o->message, sizeof o->message,
             "task %s, attempt %d was not run: its supervisor ended before "
             "the command began; see whether something kills processes on "
             "this machine",
             a->task, a->n);
}

/* The shim is gone: what it left is the result. */
static void on_end(struct gs_local_attempt *a)
{
    struct gs_event event = {.task = a->task, .attempt = a->n};
    struct gs_backend_env env = a->local->env;
    if (a->child)
        reap(a);
    event.state = gs_local_result(a, &event.outcome);
    if (event.state == GS_ATTEMPT_ABSENT) {
        event.state = GS_ATTEMPT_ENDED;
        say_never_ran(a, &event.outcome);
    }
    if (a->ledger)
        unlink(a->ledger);
    gs_cgroup_remove(a->memory, a->cpuacct);
    gs_loop_unwatch(env.loop, a->watch);
    gs_loop_cancel(env.loop, a->timer);
    a->watch = NULL;
    a->timer = NULL;
    unlink_attempt(a);
    if (a->pooled)
        gs_local_rank_pool(a->local);
    env.report(env.report_arg, &event);
    gs_local_attempt_destroy(a);
}

static void on_pidfd(void *arg, int fd)
{
    (void)fd;
    on_end(arg);
}

static int pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void look_again(struct gs_local_attempt *a, int64_t wait_ms);

static void on_look(void *arg)
{
    struct gs_local_attempt *a = arg;
    a->timer = NULL;
    if (gs_local_lock_held(a->dir) != 1) {
        on_end(a);
        return;
    }
    if (a->pid <= 0) {
        gs_local_read_plan(a);
        if (a->pid > 0) {
            gs_local_follow(a);
            return;
        }
    }
    look_again(a, a->pid > 0 ? LOCK_LOOK_MS : BIRTH_LOOK_MS);
}

static void look_again(struct gs_local_attempt *a, int64_t wait_ms)
{
    a->timer = gs_loop_timer(a->local->env.loop, wait_ms, on_look, a);
}

static void say_running(void *arg)
{
    struct gs_local_attempt *a = arg;
    struct gs_event event = {.task = a->task,
                             .attempt = a->n,
                             .state = GS_ATTEMPT_RUNNING,
                             .outcome = {.exit_code = -1, .signal = -1}};
    a->timer = NULL;
    event.outcome.started = a->started;
    a->local->env.report(a->local->env.report_arg, &event);
}

static void send_stop(const struct gs_local_attempt *a)
{
    if (a->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, a->pidfd, SIGTERM, NULL, 0);
    else if (a->pid > 0 && gs_local_lock_held(a->dir) == 1)
        kill(a->pid, SIGTERM);
}

void gs_local_follow(struct gs_local_attempt *a)
{
    struct gs_local *local = a->local;
    unlink_attempt(a);
    a->next = local->running;
    local->running = a;
    /* The lock, looked at after the descriptor is open, says that the pid
     * has not passed to another process in between. */
    if (a->pid > 0 && (a->pidfd = pidfd_open(a->pid)) >= 0 &&
        (a->child || gs_local_lock_held(a->dir) == 1)) {
        a->watch = gs_loop_watch(local->env.loop, a->pidfd, on_pidfd, a);
        if (a->child)
            a->timer = gs_loop_timer(local->env.loop, 0, say_running, a);
        else if (a->stopping)
            send_stop(a);
    } else {
        look_again(a, 0);
    }
    if (a->pooled) {
        gs_local_rank_pool(local);
        gs_local_watch_pool(local);
    }
}

int gs_local_poll(void *self, struct gs_error *err)
{
    struct gs_local *local = self;
    (void)err;
    for (struct gs_local_attempt *a = local->running, *next; a; a = next) {
        next = a->next;
        struct pollfd p = {a->pidfd, POLLIN, 0};
        if (a->pidfd >= 0 && poll(&p, 1, 0) > 0 && p.revents)
            on_end(a);
    }
    return 0;
}

/* The word first, the signal after it: the shim reads the word when it hears
 * the signal, and looks for it before it runs the command. */
int gs_local_stop(struct gs_local_attempt *a, enum gs_reason why,
                  struct gs_error *err)
{
    if (a->stopping)
        return 0;
    gs_auto_free char *path = gs_format("%s/" GS_FILE_CANCEL, a->dir);
    gs_auto_free char *temp = gs_format("%s.tmp", path);
    const char *word = why == GS_REASON_OOM ? "oom\n" : "cancelled\n";
    /* Not synced: if the machine goes, so does the attempt. */
    FILE *f = fopen(temp, "we");
    if (!f || fputs(word, f) == EOF || fflush(f) == EOF ||
        rename(temp, path) < 0) {
        /* A full disk must not save a task that is to be stopped; its
         * record will say `signal`. */
        gs_warn("task %s: cannot write why it is stopped to %s: %s", a->task,
                path, strerror(errno));
    }
    if (f)
        fclose(f);
    (void)err;
    a->stopping = true;
    send_stop(a);
    return 0;
}

int gs_local_cancel(void *self, const struct gs_attempt_key *key,
                    enum gs_reason why, struct gs_error *err)
{
    struct gs_local_attempt *a = gs_local_running(self, key);
    return a ? gs_local_stop(a, why, err) : 0;
}
