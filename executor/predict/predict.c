/*
 * predict: the points of each process in a ring of the newest; the limit is
 * the largest peak that speaks for the task, a quarter more, and 32 MiB.
 */
#include "predict/predict.h"

#include <htslib/khash.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    MAX_POINTS = 512,
    ENOUGH_POINTS = 5, /* without the same chromosome among them */
};
#define HEADROOM 1.25
#define MOST_BYTES 9007199254740992.0 /* 2^53 */
#define SLACK_BYTES (INT64_C(32) << 20)
#define LEAST_BYTES (INT64_C(16) << 20)

struct point {
    char *chromosome;
    int64_t input_bytes, peak_bytes, wall_ms;
    bool censored;
};

struct process {
    struct point *points;
    int n, room;
    int next; /* ring, once MAX_POINTS are there */
    uint64_t generation;
};

KHASH_MAP_INIT_STR(process, struct process *)

struct gs_model {
    khash_t(process) * processes;
};

struct gs_model *gs_model_create(void)
{
    struct gs_model *m = gs_calloc(1, sizeof *m);
    m->processes = kh_init(process);
    return m;
}

void gs_model_destroy(struct gs_model *m)
{
    if (!m)
        return;
    for (khint_t k = 0; k < kh_end(m->processes); k++) {
        if (!kh_exist(m->processes, k))
            continue;
        struct process *p = kh_value(m->processes, k);
        for (int i = 0; i < p->n; i++)
            free(p->points[i].chromosome);
        free(p->points);
        free(p);
        free((char *)kh_key(m->processes, k));
    }
    kh_destroy(process, m->processes);
    free(m);
}

static struct process *lookup(const struct gs_model *m, const char *name)
{
    khint_t k = kh_get(process, m->processes, name);
    return k == kh_end(m->processes) ? NULL : kh_value(m->processes, k);
}

bool gs_model_knows(const struct gs_model *m, const char *process)
{
    return lookup(m, process) != NULL;
}

uint64_t gs_model_generation(const struct gs_model *m, const char *process)
{
    const struct process *p = lookup(m, process);
    return p ? p->generation : 1;
}

static struct process *ensure(struct gs_model *m, const char *name)
{
    struct process *p = lookup(m, name);
    if (p)
        return p;
    int absent;
    p = gs_calloc(1, sizeof *p);
    p->generation = 1;
    khint_t k = kh_put(process, m->processes, gs_strdup(name), &absent);
    kh_value(m->processes, k) = p;
    return p;
}

void gs_model_note(struct gs_model *m, const char *process)
{
    ensure(m, process);
}

/* The slot for one point more: a new one, or that of the oldest. */
static struct point *next_slot(struct process *p)
{
    if (p->n == MAX_POINTS) {
        struct point *oldest = &p->points[p->next];
        p->next = (p->next + 1) % MAX_POINTS;
        free(oldest->chromosome);
        return oldest;
    }
    if (p->n == p->room) {
        p->room = p->room ? p->room * 2 : 8;
        p->points = gs_realloc(p->points, (size_t)p->room * sizeof *p->points);
    }
    return &p->points[p->n++];
}

void gs_model_learn(struct gs_model *m, const struct gs_observation *seen)
{
    if (seen->peak_bytes <= 0)
        return;
    struct process *p = ensure(m, seen->process);
    *next_slot(p) =
        (struct point){gs_strdup(seen->chromosome), seen->input_bytes,
                       seen->peak_bytes, seen->wall_ms, seen->censored};
    p->generation++;
}

struct moments {
    double sum, squares;
    int n;
};

static void moments_add(struct moments *m, double x)
{
    m->sum += x;
    m->squares += x * x;
    m->n++;
}

static double mean(const struct moments *m)
{
    return m->n ? m->sum / m->n : -1;
}

static double deviation(const struct moments *m)
{
    if (m->n < 2)
        return m->n ? 0.3 * mean(m) : -1;
    double var = (m->squares - m->sum * m->sum / m->n) / (m->n - 1);
    return var > 0 ? sqrt(var) : 0;
}

struct evidence {
    struct moments memory, time;
    int64_t largest_peak, largest_input;
};

/* The points that speak: of the same chromosome if `chromosome`, else all. */
static struct evidence weigh(const struct process *p, const char *chromosome)
{
    struct evidence e = {.largest_peak = 0, .largest_input = -1};
    for (int i = 0; p && i < p->n; i++) {
        const struct point *x = &p->points[i];
        if (chromosome &&
            (!x->chromosome || strcmp(chromosome, x->chromosome) != 0))
            continue;
        if (x->peak_bytes > e.largest_peak)
            e.largest_peak = x->peak_bytes;
        if (x->censored)
            continue;
        if (x->input_bytes > e.largest_input)
            e.largest_input = x->input_bytes;
        moments_add(&e.memory, (double)x->peak_bytes);
        if (x->wall_ms >= 0)
            moments_add(&e.time, (double)x->wall_ms);
    }
    return e;
}

static bool same_size(const struct gs_question *q, const struct evidence *e)
{
    return q->input_bytes >= 0 && e->largest_input >= 0 &&
           (double)q->input_bytes <= 1.05 * (double)e->largest_input;
}

static void answer(struct gs_estimate *out, const struct evidence *e)
{
    out->points = e->memory.n;
    out->memory_mean_bytes = mean(&e->memory);
    out->memory_sd_bytes = deviation(&e->memory);
    out->time_mean_ms = mean(&e->time);
    out->time_sd_ms = deviation(&e->time);
}

/* Fills *out from the points if they speak for this task. */
static bool from_points(const struct gs_model *m, const struct gs_question *q,
                        struct gs_estimate *out)
{
    const struct process *p = lookup(m, q->process);
    struct evidence e = {.largest_input = -1};
    const char *which = "";
    if (q->chromosome) {
        e = weigh(p, q->chromosome);
        which = " of the same chromosome";
        if (e.memory.n && q->input_bytes >= 0 && e.largest_input >= 0 &&
            !same_size(q, &e))
            e.memory.n = 0; /* other data under the same name */
    }
    if (!e.memory.n) {
        e = weigh(p, NULL);
        which = "";
        if (e.memory.n < ENOUGH_POINTS || !same_size(q, &e))
            return false;
    }
    answer(out, &e);
    double limit = (double)e.largest_peak * HEADROOM + (double)SLACK_BYTES;
    out->limit_bytes =
        limit < MOST_BYTES ? (int64_t)limit : (int64_t)MOST_BYTES;
    snprintf(out->why, sizeof out->why,
             "largest of %d peaks%s, %.0f MiB, and a quarter and 32 MiB more",
             e.memory.n, which, (double)e.largest_peak / 1048576.0);
    return true;
}

static void from_request(const struct gs_question *q,
                         const struct gs_predict_policy *policy,
                         struct gs_estimate *out)
{
    bool asked = q->requested_bytes >= 0;
    out->limit_bytes = asked ? q->requested_bytes : policy->default_bytes;
    out->memory_mean_bytes = 0.5 * (double)out->limit_bytes;
    out->memory_sd_bytes = 0.25 * (double)out->limit_bytes;
    snprintf(out->why, sizeof out->why, "%s",
             asked
                 ? "the request; no earlier attempt speaks for this task"
                 : "predict.default_memory; nothing requested, nothing known");
}

static void clamp(const struct gs_question *q,
                  const struct gs_predict_policy *policy,
                  struct gs_estimate *out)
{
    size_t used = strlen(out->why);
    if (q->memory_in_script && out->limit_bytes < q->requested_bytes) {
        out->limit_bytes = q->requested_bytes;
        snprintf(out->why + used, sizeof out->why - used,
                 "; raised to the request, which the script itself names");
    }
    if (out->limit_bytes < q->floor_bytes) {
        out->limit_bytes = q->floor_bytes;
        snprintf(out->why, sizeof out->why,
                 "grown after an attempt that ran out of memory");
    }
    if (policy->max_bytes > 0 && out->limit_bytes > policy->max_bytes)
        out->limit_bytes = policy->max_bytes;
    if (out->limit_bytes < LEAST_BYTES)
        out->limit_bytes = LEAST_BYTES;
}

struct gs_estimate gs_predict(const struct gs_model *m,
                              const struct gs_question *q,
                              const struct gs_predict_policy *policy)
{
    struct gs_estimate out = {.time_mean_ms = -1, .time_sd_ms = -1};
    if (!policy->enabled || !from_points(m, q, &out))
        from_request(q, policy, &out);
    clamp(q, policy, &out);
    return out;
}
