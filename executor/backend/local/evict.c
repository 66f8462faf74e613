/*
 * evict: attempts that share the run's budget are kept below it by stopping
 * the youngest, before the kernel takes the largest. What counts is what
 * cannot be dropped; page cache gives way by itself. One at a time: the next
 * look waits until the one that was told to go is gone. A single attempt is
 * left to the kernel, since nothing is gained by stopping it early.
 *
 * Memory can grow faster than anybody looks. On cgroup v2 growth is slowed
 * down near the budget (memory.high). Otherwise the kernel takes the
 * process with the largest sum of memory and oom_score_adj (in thousandths
 * of the limit), so the youngest attempt carries one that is higher by half
 * of the limit.
 */
#include "backend/local/local.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    LOOK_MS = 200,
    OOM_SCORE = 500,
    OOM_SCORE_YOUNGEST = 1000,
    PROCS_ROOM = 1 << 20,
};

/* Part of the budget at which the youngest goes. */
static const double full = 0.95;
/* Part of it above which growth is slowed down by the kernel, where it can:
 * the youngest is stopped meanwhile. */
static const double slow = 0.97;
/* Percent of the time in which nobody got on for want of memory: then it is
 * page cache that is missing, and the youngest goes too. */
static const double stalled_percent = 50;

static int64_t pool_bytes(const struct gs_local *local)
{
    int64_t sum = 0;
    if (local->cgroup)
        return gs_cgroup_live_bytes(local->cgroup->version,
                                    local->cgroup->memory);
    for (const struct gs_local_attempt *a = local->running; a; a = a->next) {
        int64_t bytes = gs_local_attempt_bytes(a);
        sum += bytes > 0 ? bytes : 0;
    }
    return sum;
}

static struct gs_local_attempt *find_youngest(const struct gs_local *local)
{
    struct gs_local_attempt *youngest = NULL;
    /* The list has the latest in front: of two in one millisecond that one
     * is the younger. */
    for (struct gs_local_attempt *a = local->running; a; a = a->next)
        if (a->pooled && (!youngest || a->started.ms > youngest->started.ms))
            youngest = a;
    return youngest;
}

int gs_local_oom_score(const struct gs_local_attempt *a, bool youngest)
{
    return a->pooled && youngest ? OOM_SCORE_YOUNGEST : OOM_SCORE;
}

/* Returns the number of processes that were told. */
static int set_score(const struct gs_local_attempt *a, int score)
{
    int n = 0;
    gs_auto_free char *path = gs_format("%s/cgroup.procs", a->memory);
    gs_auto_free char *text = gs_file_read(path, PROCS_ROOM, NULL, NULL);
    for (char *p = text, *end; p; p = end) {
        long pid = strtol(p, &end, 10);
        if (end == p)
            break;
        gs_auto_free char *file = gs_format("/proc/%ld/oom_score_adj", pid);
        gs_auto_file FILE *f = fopen(file, "we");
        if (f)
            n += fprintf(f, "%d", score) > 0;
    }
    return n;
}

void gs_local_rank_pool(struct gs_local *local)
{
    struct gs_local_attempt *youngest = find_youngest(local);
    for (struct gs_local_attempt *a = local->running; a; a = a->next) {
        bool first = a == youngest;
        if (!a->pooled || !a->memory || a->first_to_go == first)
            continue;
        /* Nobody inside yet: at the next look. */
        if (set_score(a, gs_local_oom_score(a, first)) > 0)
            a->first_to_go = first;
    }
}

/* Not for one alone: it may have the whole budget at full speed. */
static void throttle(struct gs_local *local)
{
    double most = slow * (double)local->budget.memory_bytes;
    bool several = local->running && local->running->next;
    if (local->cgroup)
        gs_cgroup_throttle(local->cgroup, several ? (int64_t)most : 0);
}

static void look(struct gs_local *local)
{
    struct gs_local_attempt *youngest = find_youngest(local);
    int n = 0;
    for (const struct gs_local_attempt *a = local->running; a; a = a->next, n++)
        if (a->stopping)
            return;
    if (!youngest || n < 2)
        return;
    int64_t used = pool_bytes(local);
    double stalled = local->cgroup ? gs_cgroup_stalled(local->cgroup) : -1;
    if ((double)used < full * (double)local->budget.memory_bytes &&
        stalled < stalled_percent)
        return;
    gs_info("task %s is stopped: the run's tasks use %" PRId64 " of %" PRId64
            " MiB and it is the youngest",
            youngest->task, used >> 20, local->budget.memory_bytes >> 20);
    gs_local_stop(youngest, GS_REASON_OOM, NULL);
}

static void on_look(void *arg)
{
    struct gs_local *local = arg;
    local->evict_timer = NULL;
    gs_local_rank_pool(local);
    throttle(local);
    look(local);
    for (struct gs_local_attempt *a = local->running; a; a = a->next)
        if (a->pooled) {
            gs_local_watch_pool(local);
            return;
        }
}

void gs_local_watch_pool(struct gs_local *local)
{
    throttle(local);
    if (!local->evict_timer && local->enforce != GS_ENFORCE_NONE)
        local->evict_timer =
            gs_loop_timer(local->env.loop, LOOK_MS, on_look, local);
}
