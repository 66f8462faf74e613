/*
 * evict: attempts that share the run's budget are kept below it by stopping
 * the youngest, before the kernel takes the largest. What counts is what
 * cannot be dropped; page cache gives way by itself. One at a time: the next
 * look waits until the one that was told to go is gone. A single attempt is
 * left to the kernel, since nothing is gained by stopping it early.
 */
#include "backend/local/local.h"

#include <inttypes.h>

#include "base/log.h"

enum {
    LOOK_MS = 200,
};

/* Part of the budget at which the youngest goes. */
static const double full = 0.97;

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

static void look(struct gs_local *local)
{
    struct gs_local_attempt *youngest = NULL;
    int n = 0;
    for (struct gs_local_attempt *a = local->running; a; a = a->next, n++) {
        if (a->stopping)
            return;
        if (a->pooled && (!youngest || a->started.ms > youngest->started.ms))
            youngest = a;
    }
    if (!youngest || n < 2)
        return;
    int64_t used = pool_bytes(local);
    if ((double)used < full * (double)local->budget.memory_bytes)
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
    look(local);
    for (struct gs_local_attempt *a = local->running; a; a = a->next)
        if (a->pooled) {
            gs_local_watch_pool(local);
            return;
        }
}

void gs_local_watch_pool(struct gs_local *local)
{
    if (!local->evict_timer && local->enforce != GS_ENFORCE_NONE)
        local->evict_timer =
            gs_loop_timer(local->env.loop, LOOK_MS, on_look, local);
}
