/*
 * start: from a launch to a living shim. The order is what makes a crash at
 * any moment readable for `find`:
 *
 *   folder, lock file and its flock, plan in the lock file, reservation,
 *   cgroup, spec, spawn; then our own descriptors of lock and reservation
 *   are closed, and the shim alone holds them.
 *
 * Before the spawn a crash frees the locks and leaves a folder without
 * `begun`: ABSENT. From the spawn on the shim holds the lock: RUNNING.
 */
#include "backend/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/local/spec_write.h"
#include "backend/name.h"
#include "base/file.h"
#include "base/mem.h"
#include "spec.h"

enum {
    FREE_FD = 10, /* above the numbers that the shim is born with */
};

/* What a start has made so far; all of it goes if it fails. */
struct making {
    struct gs_local_attempt *a;
    const struct gs_launch *launch;
    int lock, ledger, spec;
    bool folder;
    char *gpus;
};

/* The same open file, with a number that no dup2 of the spawn will hit. */
static int lift(int fd)
{
    if (fd < 0 || fd >= FREE_FD)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FREE_FD);
    close(fd);
    return high;
}

static bool has(const char *dir, const char *file)
{
    gs_auto_free char *path = gs_format("%s/%s", dir, file);
    return gs_path_exists(path);
}

static int make_folder(struct making *m, struct gs_error *err)
{
    const char *dir = m->a->dir;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot make %s", dir);
    m->folder = true;
    gs_auto_free char *path = gs_format("%s/" GS_FILE_LOCK, dir);
    m->lock = lift(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (m->lock < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot make %s", path);
    if (flock(m->lock, LOCK_EX | LOCK_NB) < 0) {
        m->folder = false; /* not ours to remove */
        return gs_fail(err, GS_ERR_BACKEND,
                       "attempt %d of task %s runs already (%s is held)",
                       m->a->n, m->a->task, path);
    }
    if (has(dir, GS_FILE_BEGUN) || has(dir, GS_FILE_RECORD)) {
        m->folder = false;
        return gs_fail(err, GS_ERR_BACKEND,
                       "attempt %d of task %s was started before (see %s)",
                       m->a->n, m->a->task, dir);
    }
    /* Of a start that was cut off before it reached a shim. */
    gs_auto_free char *cancel = gs_format("%s/" GS_FILE_CANCEL, dir);
    unlink(cancel);
    if (ftruncate(m->lock, 0) < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot write %s", path);
    return 0;
}

static int pick_gpus(struct making *m, const struct gs_reserved *sum,
                     struct gs_reservation *r, struct gs_error *err)
{
    const struct gs_machine *machine = &m->a->local->machine;
    int want = m->launch->grant.gpus;
    char text[GS_MAX_GPUS * (GS_GPU_NAME + 1)] = "";
    size_t used = 0;
    for (int i = 0; i < machine->gpus && r->n_gpus < want; i++)
        if (!sum->gpu_taken[i])
            r->gpu[r->n_gpus++] = i;
    if (r->n_gpus < want)
        return gs_fail(err, GS_ERR_BUSY,
                       "task %s needs %d GPUs and %d are free now", m->a->task,
                       want, r->n_gpus);
    for (int i = 0; i < r->n_gpus; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                 i ? "," : "", machine->gpu[r->gpu[i]]);
    /* A task that asked for none must not find any. */
    if (want > 0 || machine->gpus > 0)
        m->gpus = gs_strdup(text);
    return 0;
}

/* This run knows best how to share its own part; what others have reserved
 * it could not know. */
static int check_room(const struct gs_local *local,
                      const struct gs_reserved *sum,
                      const struct gs_resources *grant, struct gs_error *err)
{
    int64_t memory =
        sum->own_memory_bytes + sum->other_memory_bytes + grant->memory_bytes;
    double cpus = sum->own_cpus + sum->other_cpus + grant->cpus;
    if (sum->other_attempts == 0)
        return 0;
    if (memory > local->budget.memory_bytes)
        return gs_fail(err, GS_ERR_BUSY,
                       "other runs on this machine have reserved %" PRId64
                       " MiB of memory",
                       sum->other_memory_bytes >> 20);
    if (cpus > local->budget.cpus + 1e-6)
        return gs_fail(err, GS_ERR_BUSY,
                       "other runs on this machine have reserved %g CPUs",
                       sum->other_cpus);
    return 0;
}

static int reserve(struct making *m, struct gs_error *err)
{
    struct gs_local *local = m->a->local;
    const struct gs_resources *grant = &m->launch->grant;
    struct gs_reserved sum;
    struct gs_reservation r = {.memory_bytes = grant->memory_bytes,
                               .disk_bytes = grant->disk_bytes,
                               .cpus = grant->cpus};
    gs_auto_close int held = gs_ledger_lock(local->ledger, err);
    if (held < 0 ||
        gs_ledger_read(local->ledger, &local->machine, &sum, err) < 0 ||
        check_room(local, &sum, grant, err) < 0 ||
        pick_gpus(m, &sum, &r, err) < 0)
        return -1;
    const char *name = strrchr(m->a->dir, '/') + 1;
    m->ledger = lift(gs_ledger_add(local->ledger, &local->machine, name, &r,
                                   &m->a->ledger, err));
    return m->ledger < 0 ? -1 : 0;
}

static int make_cgroup(struct making *m, struct gs_error *err)
{
    struct gs_local *local = m->a->local;
    if (local->enforce != GS_ENFORCE_CGROUP)
        return 0;
    const char *name = strrchr(m->a->dir, '/') + 1;
    m->a->cgroup = local->cgroup->version;
    return gs_cgroup_add(local->cgroup, name,
                         m->launch->pooled ? 0 : m->launch->grant.memory_bytes,
                         &m->a->memory, &m->a->cpuacct, err);
}

static int write_plan(const struct making *m, struct gs_error *err)
{
    const struct gs_local_attempt *a = m->a;
    gs_auto_free char *text = gs_format(
        "task=%s\nn=%d\ngrant=%" PRId64 "\npooled=%d\ncgroup=%d\n%s%s%s%s%s%s"
        "ledger=%s\n",
        strchr(a->task, '\n') ? "" : a->task, a->n, a->grant_bytes, a->pooled,
        a->cgroup, a->memory ? "memory=" : "", a->memory ? a->memory : "",
        a->memory ? "\n" : "", a->cpuacct ? "cpuacct=" : "",
        a->cpuacct ? a->cpuacct : "", a->cpuacct ? "\n" : "", a->ledger);
    ssize_t n = write(m->lock, text, strlen(text));
    if (n != (ssize_t)strlen(text))
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot write %s/%s", a->dir,
                             GS_FILE_LOCK);
    return 0;
}

static void plan_spawn(posix_spawn_file_actions_t *files,
                       posix_spawnattr_t *attr, const struct making *m)
{
    posix_spawn_file_actions_init(files);
    posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(files, m->spec, GS_SPEC_FD);
    posix_spawn_file_actions_adddup2(files, m->lock, GS_LOCK_FD);
    posix_spawn_file_actions_adddup2(files, m->ledger, GS_LEDGER_FD);
    sigset_t held, all;
    /* Born deaf: a cancel that comes before the shim can hear it waits. */
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigfillset(&all);
    posix_spawnattr_init(attr);
    posix_spawnattr_setsigmask(attr, &held);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                       POSIX_SPAWN_SETSIGDEF);
}

static int spawn(struct making *m, struct gs_error *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char program[] = "genosched-shim", option[] = "--spec-fd", fd[] = "3";
    /* For people who look at the process list. */
    gs_auto_free char *title = gs_format("%s/%d", m->a->task, m->a->n);
    char *argv[] = {program, option, fd, title, NULL}, *envp[] = {NULL};
    const char *shim = m->a->local->shim;
    plan_spawn(&files, &attr, m);
    int rc = posix_spawn(&m->a->pid, shim, &files, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (rc == 0)
        return 0;
    errno = rc;
    return gs_fail_errno(err, rc == EAGAIN ? GS_ERR_BUSY : GS_ERR_SYSTEM,
                         "cannot start the supervisor %s of task %s", shim,
                         m->a->task);
}

static void undo(struct making *m)
{
    struct gs_local_attempt *a = m->a;
    gs_cgroup_remove(a->memory, a->cpuacct);
    if (m->ledger >= 0)
        unlink(a->ledger);
    if (m->folder)
        gs_dir_remove(a->dir, NULL);
    gs_local_attempt_destroy(a);
}

static void release(struct making *m)
{
    int *fds[] = {&m->lock, &m->ledger, &m->spec};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
    free(m->gpus);
}

int gs_local_start(void *self, const struct gs_launch *launch, int bin,
                   char *backend_id, size_t room, struct gs_error *err)
{
    struct gs_local *local = self;
    struct making m = {.launch = launch, .lock = -1, .ledger = -1, .spec = -1};
    if (bin != 0 || launch->workdir[0] != '/')
        return gs_fail(err, GS_ERR_INTERNAL, "start: bad bin or workdir");
    if (gs_local_running(local, &launch->key))
        return gs_fail(err, GS_ERR_BACKEND,
                       "attempt %d of task %s runs already",
                       launch->key.attempt, launch->key.task);
    m.a = gs_local_attempt_create(local, launch->key.task, launch->key.attempt);
    m.a->pooled = launch->pooled;
    m.a->first_to_go = launch->pooled; /* so the shim is told */
    m.a->grant_bytes = launch->grant.memory_bytes;
    int rc = make_folder(&m, err) < 0 || reserve(&m, err) < 0 ||
                     make_cgroup(&m, err) < 0 || write_plan(&m, err) < 0
                 ? -1
                 : 0;
    if (rc == 0)
        rc = m.spec = lift(gs_spec_write(m.a, launch, m.gpus, err));
    rc = rc < 0 ? -1 : spawn(&m, err);
    if (rc < 0) {
        undo(&m);
    } else {
        snprintf(backend_id, room, "%ld@%s", (long)m.a->pid,
                 strrchr(m.a->dir, '/') + 1);
        m.a->child = true;
        m.a->started = gs_wall_now();
        gs_local_follow(m.a);
    }
    release(&m);
    return rc;
}
