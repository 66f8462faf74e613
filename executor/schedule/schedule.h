/*
 * schedule: which ready tasks go now, where, and with which limit.
 *
 * PURE: a function of its arguments. The simulator and `serve` call the same
 * gs_decide. Today's policy: by priority, then order of arrival, first bin
 * with room for memory, CPUs, GPUs and disk; a task that waits longer than
 * the policy's patience holds the others back until it fits.
 */
#ifndef GS_SCHEDULE_SCHEDULE_H
#define GS_SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "predict/predict.h"

/* A task that could start. */
struct gs_ready {
    void *handle; /* the caller's; not looked at */
    double priority;
    int64_t order;               /* of arrival */
    int64_t since_ms;            /* monotonic: ready since */
    struct gs_resources request; /* memory_bytes is not used: see estimate */
    struct gs_estimate estimate;
};

/* A task that runs. */
struct gs_running {
    int bin;
    struct gs_resources grant;
    struct gs_estimate estimate;
    int64_t live_bytes; /* -1: not known */
    int64_t elapsed_ms;
};

struct gs_schedule_state {
    int64_t now_ms; /* monotonic */
    const struct gs_running *running;
    size_t n_running;
    uint64_t seed;
};

struct gs_schedule_policy {
    bool pooled;         /* memory limited by the sum, not for each task */
    int64_t patience_ms; /* 0: never hold others back */
};

enum gs_wait {
    GS_WAIT_NONE,
    GS_WAIT_MEMORY,
    GS_WAIT_CPUS,
    GS_WAIT_GPUS,
    GS_WAIT_DISK,
    GS_WAIT_TURN, /* an earlier task is being made room for */
};

struct gs_placement {
    size_t ready; /* index */
    int bin;      /* index */
    int64_t limit_bytes;
    bool pooled;
};

/* Decides for all of `ready` (sorted here through `order`, an array of n
 * indices that the caller provides). Takes what it places off `bins[].free`.
 * Fills at most n placements and, if `waits` is not NULL, for every ready
 * task why it waits. Returns the number of placements. */
size_t gs_decide(const struct gs_schedule_state *state,
                 const struct gs_schedule_policy *policy,
                 const struct gs_ready *ready, size_t n, size_t *order,
                 struct gs_bin *bins, size_t n_bins,
                 struct gs_placement *placements, enum gs_wait *waits);

#endif
