/*
 * supervise: from the fork to the last process of the tree.
 *
 *   START -> RUN -> SETTLE -> TERM -> KILL -> DONE
 *
 * START   the child sets itself up; `begun` is made durable, then the word
 * RUN     the command runs; memory is looked at, limits are enforced
 * SETTLE  the command ended, something of its tree is left: it may finish
 *         (a `tee` behind a pipe does)
 * TERM    everything was asked to end and has a grace
 * KILL    everything is killed, again and again, until nothing is left
 *
 * Invariants: a phase never goes back; DONE only when no child, no descendant
 * and no member of the cgroup is left; the first reason for a stop stays.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SETTLE_MS = 1000,
    FIRST_LOOK_MS = 20,
    PSS_LOOK_MS = 100,
    OOM_LOOKS = 50, /* for the kill that follows an OOM notice */
    OOM_LOOK_MS = 10,
    MAX_CHECK_MS = 100,
};

enum phase {
    START,
    RUN,
    SETTLE,
    TERM,
    KILL,
    DONE,
};

struct run {
    struct spec *spec;
    struct cgroup *cg;
    struct outcome *o;
    struct measure *m;
    struct launch launch;
    struct launch_error failed;
    int dir_fd, signal_fd, oom_fd;
    short oom_events;
    enum phase phase;
    bool main_ended, no_child, pss_over;
    int status; /* of the command, valid when main_ended */
    const char *stop;
    int64_t t0, t_end;   /* mono: released, ended */
    int64_t deadline;    /* of the phase */
    int64_t next_sample; /* mono */
    int64_t check_ms;    /* wait between checks for leftovers */
    int oom_looks;
};

static void enter(struct run *r, enum phase phase, int64_t for_ms)
{
    r->phase = phase;
    r->deadline = mono_ms() + for_ms;
    r->check_ms = 1;
}

static void ask_to_end(struct run *r)
{
    tree_signal(r->cg, SIGTERM);
    tree_signal(r->cg, SIGCONT); /* a stopped process would not hear it */
    enter(r, TERM, r->spec->grace_ms);
}

static void kill_all(struct run *r)
{
    cgroup_kill(r->cg);
    tree_signal(r->cg, SIGKILL);
}

/* The first reason counts; after the command's own end there is none. */
static void stop(struct run *r, const char *reason, const char *evidence)
{
    if (!r->main_ended && !r->stop) {
        r->stop = reason;
        r->o->evidence = evidence;
    }
    if (r->phase == START)
        enter(r, KILL, 0);
    else if (r->phase < TERM)
        ask_to_end(r);
}

static void on_sigterm(struct run *r)
{
    char word[32] = "";
    slurp_at(r->dir_fd, GS_FILE_CANCEL, word, sizeof word);
    if (strncmp(word, "oom", 3) == 0)
        stop(r, "oom", "evicted");
    else if (strncmp(word, "cancelled", 9) == 0)
        stop(r, "cancelled", NULL);
    else
        stop(r, "signal", NULL);
}

static void read_signals(struct run *r)
{
    struct signalfd_siginfo info;
    while (read(r->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM)
            on_sigterm(r);
}

/* Makes the beginning durable: the file, its entry, the folder's entry. */
static int mark_begun(struct run *r)
{
    char text[256], boot[64] = "";
    int fd = openat(r->dir_fd, GS_FILE_BEGUN,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    slurp_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    boot[strcspn(boot, "\n")] = '\0';
    int len = snprintf(text, sizeof text, "started=%lld\npid=%ld\nboot=%s\n",
                       (long long)wall_ms(), (long)r->launch.pid, boot);
    int rc = write(fd, text, (size_t)len) == len && fsync(fd) == 0 &&
                     fsync(r->dir_fd) == 0
                 ? 0
                 : -1;
    close(fd);
    int up = rc == 0 ? openat(r->dir_fd, "..", O_RDONLY | O_CLOEXEC) : -1;
    rc = up >= 0 ? fsync(up) : -1;
    if (up >= 0)
        close(up);
    return rc;
}

static void on_ready(struct run *r)
{
    if (r->phase != START)
        return;
    if (mark_begun(r) < 0) {
        r->failed = (struct launch_error){STAGE_BEGUN, errno};
        launch_explain(r->spec, &r->failed, r->o->message,
                       sizeof r->o->message);
        r->o->evidence = "not begun";
        enter(r, KILL, 0);
        return;
    }
    r->o->started_ms = wall_ms();
    r->t0 = mono_ms();
    r->next_sample = r->t0 + FIRST_LOOK_MS;
    enter(r, RUN, 0);
    launch_release(&r->launch);
}

static void read_report(struct run *r)
{
    struct launch_error e;
    ssize_t n = read(r->launch.report, &e, sizeof e);
    if (n < 0 && errno == EINTR)
        return;
    if (n == (ssize_t)sizeof e && e.stage == STAGE_NONE) {
        on_ready(r);
        return;
    }
    if (n == (ssize_t)sizeof e) {
        r->failed = e;
        launch_explain(r->spec, &e, r->o->message, sizeof r->o->message);
    }
    close(r->launch.report); /* the command runs, or the child is dead */
    r->launch.report = -1;
    spec_wipe(r->spec);
}

static void reap(struct run *r)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0)
            return;
        if (pid < 0) {
            r->no_child = errno == ECHILD;
            return;
        }
        if (pid == r->launch.pid) {
            r->main_ended = true;
            r->status = status;
            r->t_end = mono_ms();
            while (r->launch.report >= 0) /* its last words */
                read_report(r);
        }
    }
}

/* An OOM killer took a process of the attempt: the rest is of no use. */
static void look_for_oom(struct run *r)
{
    if (r->phase < KILL && cgroup_oom_kills(r->cg) > 0) {
        enter(r, KILL, 0);
        r->oom_looks = 0;
    }
}

static void on_oom_notice(struct run *r)
{
    char events[1024];
    uint64_t count;
    ssize_t n;
    if (r->cg->version == 1) { /* comes before the kill: look some more */
        n = read(r->oom_fd, &count, sizeof count);
        r->oom_looks = OOM_LOOKS;
    } else { /* comes with it; reading from the start re-arms it */
        n = pread(r->oom_fd, events, sizeof events, 0);
    }
    (void)n;
    look_for_oom(r);
}

static void sample(struct run *r, int64_t now)
{
    int64_t at = now - r->t0, limit = r->spec->limit;
    bool pss = r->spec->enforce == ENFORCE_PSS && limit > 0;
    /* The resident sets' sum is never less than that of the proportional
     * ones, and far cheaper: most looks need no more. */
    if (pss && at % r->spec->sample_ms >= PSS_LOOK_MS && tree_rss() <= limit) {
        r->next_sample = now + PSS_LOOK_MS;
        return;
    }
    int64_t live = measure_sample(r->m, r->cg, at);
    if (pss && live > limit && r->phase < KILL) {
        r->pss_over = true;
        enter(r, KILL, 0);
    }
    /* Short attempts are looked at often, long ones now and then. */
    int64_t wait = at / 4 > FIRST_LOOK_MS ? at / 4 : FIRST_LOOK_MS;
    int64_t most = pss && PSS_LOOK_MS < r->spec->sample_ms ? PSS_LOOK_MS
                                                           : r->spec->sample_ms;
    r->next_sample = now + (wait < most ? wait : most);
    look_for_oom(r);
}

static bool nothing_left(struct run *r)
{
    return r->main_ended && r->no_child && cgroup_empty(r->cg);
}

static void advance(struct run *r, int64_t now)
{
    if (r->phase == RUN && !r->main_ended && r->spec->time_ms > 0 &&
        now - r->t0 >= r->spec->time_ms)
        stop(r, "timeout", NULL);
    if (r->phase <= RUN && r->main_ended)
        enter(r, SETTLE, SETTLE_MS);
    if (r->phase >= SETTLE && nothing_left(r))
        r->phase = DONE;
    if (r->phase == SETTLE && now >= r->deadline)
        ask_to_end(r);
    if (r->phase == TERM && now >= r->deadline)
        enter(r, KILL, 0);
    if (r->phase == KILL)
        kill_all(r);
}

static int wait_ms(struct run *r)
{
    int64_t now = mono_ms(), until = now + 60000;
    if (r->phase == RUN || r->phase == SETTLE || r->phase == TERM)
        until = r->next_sample;
    if (r->phase == RUN && r->spec->time_ms > 0 &&
        r->t0 + r->spec->time_ms < until)
        until = r->t0 + r->spec->time_ms;
    if (r->phase > RUN) {
        /* Members of the cgroup that are no children end unheard. */
        if (r->phase < KILL && r->deadline < until)
            until = r->deadline;
        if (now + r->check_ms < until)
            until = now + r->check_ms;
        r->check_ms *= r->check_ms < MAX_CHECK_MS ? 2 : 1;
    }
    if (r->oom_looks > 0 && now + OOM_LOOK_MS < until)
        until = now + OOM_LOOK_MS;
    return until > now ? (int)(until - now) : 0;
}

static void turn(struct run *r)
{
    struct pollfd fds[] = {{r->signal_fd, POLLIN, 0},
                           {r->launch.report, POLLIN, 0},
                           {r->oom_fd, r->oom_events, 0}};
    poll(fds, 3, wait_ms(r));
    if (fds[1].revents)
        read_report(r);
    if (fds[0].revents)
        read_signals(r);
    if (r->oom_fd >= 0 && (fds[2].revents & r->oom_events))
        on_oom_notice(r);
    else if (r->oom_looks > 0 && r->oom_looks--)
        look_for_oom(r);
    reap(r);
    int64_t now = mono_ms();
    if (r->phase >= RUN && r->phase <= TERM && r->t0 && now >= r->next_sample)
        sample(r, now);
    advance(r, now);
}

static void explain_oom(struct run *r)
{
    struct outcome *o = r->o;
    char peak[32] = "unknown", limit[48] = "no limit of its own";
    if (r->m->peak >= 0)
        snprintf(peak, sizeof peak, "%.1f MiB", (double)r->m->peak / (1 << 20));
    if (r->spec->limit > 0)
        snprintf(limit, sizeof limit, "a limit of %.1f MiB",
                 (double)r->spec->limit / (1 << 20));
    const char *how =
        strcmp(o->evidence, "kernel") == 0 ? "the kernel ended its process"
        : strcmp(o->evidence, "pss") == 0  ? "its processes passed the limit"
        : strcmp(o->evidence, "java") == 0
            ? "Java reported OutOfMemoryError"
            : "it was stopped because the run's memory was full";
    snprintf(o->message, sizeof o->message,
             "%s ran out of memory: %s; peak %s with %s; it needs more memory",
             r->spec->name, how, peak, limit);
}

static void explain(struct run *r)
{
    struct outcome *o = r->o;
    const char *name = r->spec->name;
    if (strcmp(o->reason, "oom") == 0)
        explain_oom(r);
    else if (strcmp(o->reason, "timeout") == 0)
        snprintf(o->message, sizeof o->message,
                 "%s was stopped after its time limit of %lld s; ask for more "
                 "time if it needs it",
                 name, (long long)(r->spec->time_ms / 1000));
    else if (strcmp(o->reason, "cancelled") == 0)
        snprintf(o->message, sizeof o->message, "%s was cancelled", name);
    else if (r->stop)
        snprintf(o->message, sizeof o->message,
                 "%s was stopped because its supervisor got a SIGTERM that "
                 "genosched did not send; the machine may be shutting down",
                 name);
    else if (o->signal > 0)
        snprintf(o->message, sizeof o->message,
                 "%s was ended by signal %d (%s) from outside genosched; its "
                 "output files may say why",
                 name, o->signal, strsignal(o->signal));
    else if (o->exit_code != 0)
        snprintf(o->message, sizeof o->message,
                 "%s ended with exit code %d; see %s in its work directory",
                 name, o->exit_code, r->spec->err);
}

static void judge(struct run *r)
{
    struct outcome *o = r->o;
    if (r->main_ended && WIFEXITED(r->status))
        o->exit_code = WEXITSTATUS(r->status);
    else if (r->main_ended)
        o->signal = WTERMSIG(r->status);
    o->oom_kills = cgroup_oom_kills(r->cg);
    if (r->failed.stage != STAGE_NONE && o->oom_kills == 0) {
        bool exec = r->failed.stage == STAGE_EXEC;
        o->exit_code = !exec ? -1 : r->failed.error == ENOENT ? 127 : 126;
        o->signal = -1;
        o->reason = exec ? "exit" : "infrastructure";
        return; /* the message is there */
    }
    const char *evidence = o->oom_kills > 0 ? "kernel"
                           : r->pss_over    ? "pss"
                                            : NULL;
    if (evidence && !(r->stop && strcmp(r->stop, "cancelled") == 0)) {
        o->reason = "oom";
        o->evidence = evidence;
    } else if (r->stop) {
        o->reason = r->stop;
    } else if (o->exit_code != 0 && evidence_java_oom(r->spec, o->started_ms)) {
        o->reason = "oom";
        o->evidence = "java";
    } else {
        o->reason = o->signal > 0 ? "signal" : "exit";
    }
    explain(r);
}

int supervise_signals(void)
{
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGUSR1,
                                  SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void supervise(struct spec *spec, struct cgroup *cg, int dir_fd, int signal_fd,
               struct outcome *o, struct measure *m)
{
    struct run r = {.spec = spec,
                    .cg = cg,
                    .o = o,
                    .m = m,
                    .dir_fd = dir_fd,
                    .signal_fd = signal_fd,
                    .launch = {.go = -1, .report = -1}};
    r.oom_fd = cgroup_watch_oom(cg, &r.oom_events);
    o->started_ms = wall_ms();
    /* A cancel that came before this process could hear it. */
    if (faccessat(dir_fd, GS_FILE_CANCEL, F_OK, 0) == 0)
        on_sigterm(&r);
    if (!r.stop && launch_start(&r.launch, spec, cg) < 0) {
        r.failed = (struct launch_error){STAGE_FORK, errno};
        launch_explain(spec, &r.failed, o->message, sizeof o->message);
    }
    if (r.launch.pid <= 0)
        r.phase = DONE;
    while (r.phase != DONE)
        turn(&r);
    int64_t now = mono_ms();
    o->ended_ms = wall_ms();
    o->wall_ms = r.t0 ? (r.t_end ? r.t_end : now) - r.t0 : 0;
    measure_end(m, cg, r.t0 ? now - r.t0 : 0);
    judge(&r);
}
