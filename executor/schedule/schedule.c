/*
 * schedule: first fit. See the header.
 */
#include "schedule/schedule.h"

#include <stdlib.h>

#define CPU_GRAIN 1e-6

static int by_turn(const void *a, const void *b, void *arg)
{
    const struct gs_ready *ready = arg;
    const struct gs_ready *x = &ready[*(const size_t *)a];
    const struct gs_ready *y = &ready[*(const size_t *)b];
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static enum gs_wait fits(const struct gs_ready *r, const struct gs_bin *bin)
{
    const struct gs_resources *free = &bin->free;
    if (r->estimate.limit_bytes > free->memory_bytes)
        return GS_WAIT_MEMORY;
    if (r->request.cpus > free->cpus + CPU_GRAIN)
        return GS_WAIT_CPUS;
    if (r->request.gpus > free->gpus)
        return GS_WAIT_GPUS;
    if (bin->total.disk_bytes > 0 && r->request.disk_bytes > free->disk_bytes)
        return GS_WAIT_DISK;
    return GS_WAIT_NONE;
}

static void take(struct gs_bin *bin, const struct gs_ready *r)
{
    bin->free.memory_bytes -= r->estimate.limit_bytes;
    bin->free.cpus -= r->request.cpus;
    bin->free.gpus -= r->request.gpus;
    bin->free.disk_bytes -= r->request.disk_bytes;
}

static enum gs_wait first_fit(const struct gs_ready *r,
                              const struct gs_bin *bins, size_t n_bins,
                              int *bin)
{
    enum gs_wait why = GS_WAIT_MEMORY;
    for (size_t b = 0; b < n_bins; b++) {
        why = fits(r, &bins[b]);
        if (why == GS_WAIT_NONE) {
            *bin = (int)b;
            return why;
        }
    }
    return why;
}

size_t gs_decide(const struct gs_schedule_state *state,
                 const struct gs_schedule_policy *policy,
                 const struct gs_ready *ready, size_t n, size_t *order,
                 struct gs_bin *bins, size_t n_bins,
                 struct gs_placement *placements, enum gs_wait *waits)
{
    size_t placed = 0;
    bool hold = false;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, by_turn, (void *)ready);
    for (size_t i = 0; i < n; i++) {
        const struct gs_ready *r = &ready[order[i]];
        int bin = 0;
        enum gs_wait why = GS_WAIT_TURN;
        if (!hold)
            why = first_fit(r, bins, n_bins, &bin);
        if (waits)
            waits[order[i]] = why;
        if (why != GS_WAIT_NONE) {
            hold = hold || (policy->patience_ms > 0 &&
                            state->now_ms - r->since_ms > policy->patience_ms);
            continue;
        }
        take(&bins[bin], r);
        placements[placed++] = (struct gs_placement){
            order[i], bin, r->estimate.limit_bytes, policy->pooled};
    }
    return placed;
}
