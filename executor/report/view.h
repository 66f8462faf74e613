/*
 * view: what the store of a run says, read while the run lives and after.
 *
 * A read-only connection; one snapshot at a time (gs_view_refresh takes the
 * next). Never writes, never waits for the writer.
 */
#ifndef GS_REPORT_VIEW_H
#define GS_REPORT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct gs_view;

struct gs_view *gs_view_open(const char *dir, struct gs_error *err);
void gs_view_close(struct gs_view *view);
/* The next snapshot. 1: something changed, 0: nothing did, -1: failed. */
int gs_view_refresh(struct gs_view *view, struct gs_error *err);
/* Gives up the snapshot until the next gs_view_refresh, so that the writer's
 * log can be folded meanwhile. */
void gs_view_rest(struct gs_view *view);

/* A line of the run's own table, NULL if there is none. The caller frees. */
char *gs_view_meta(struct gs_view *view, const char *key);
int64_t gs_view_meta_int(struct gs_view *view, const char *key,
                         int64_t fallback);

enum gs_view_state {
    GS_VIEW_PENDING,
    GS_VIEW_DISPATCHED,
    GS_VIEW_RUNNING,
    GS_VIEW_SUCCEEDED,
    GS_VIEW_FAILED,
    GS_VIEW_CANCELLED,
    GS_VIEW_LOST,
    GS_VIEW_N_STATES,
};
/* Names of the states in this order, NULL behind the last. */
extern const char *const gs_view_states[];

struct gs_summary {
    int64_t count[GS_VIEW_N_STATES];
    int64_t tasks;
    int64_t broken;         /* failed or lost, and not repeated by the engine */
    int64_t repeats;        /* attempts beyond the first */
    int64_t oom;            /* attempts that ran out of memory */
    int64_t reserved_bytes; /* limits of what runs now */
    double reserved_cpus;
    int64_t peak_bytes;        /* the largest of any attempt, -1: none known */
    int64_t first_ms, last_ms; /* submitted first, ended last; 0: none */
    int64_t left_ms;           /* guess for the tasks known so far, -1: none */
};
int gs_view_summary(struct gs_view *view, int64_t now_ms,
                    struct gs_summary *out, struct gs_error *err);

/* A task with its last attempt. Strings are borrowed for the call, NULL where
 * unknown; numbers are -1 where unknown. */
struct gs_row {
    const char *id, *process, *name, *state, *reason, *message, *chromosome,
        *waiting, *node,
        *adopted; /* the task of an earlier session whose fate this is */
    int64_t attempts;
    int64_t submitted_ms, started_ms, ended_ms;
    int64_t requested_bytes, predicted_bytes, limit_bytes, peak_bytes;
    int64_t cpu_ms, wall_ms;
    int64_t exit_code;
    double cpus;
};

struct gs_filter {
    const char *states;  /* "failed,lost", NULL: all */
    const char *process; /* a name with * and ?, NULL: all */
    const char *sort;    /* one of gs_view_sorts, NULL: as submitted */
    bool reverse;
};
extern const char *const gs_view_sorts[];

typedef void (*gs_row_f)(void *arg, const struct gs_row *row);
int gs_view_tasks(struct gs_view *view, const struct gs_filter *filter,
                  gs_row_f call, void *arg, struct gs_error *err);

/* The id of the task that a person means: an id, a name ("IMPUTE (chr7)"; the
 * newest of that name) or the beginning of an id. NULL if there is none, or
 * more than one. */
char *gs_view_find_task(struct gs_view *view, const char *which,
                        struct gs_error *err);
int gs_view_task(struct gs_view *view, const char *id, gs_row_f call, void *arg,
                 struct gs_error *err);
/* The task as it was accepted (JSON), without its environment, NULL: none.
 * The caller frees. */
char *gs_view_spec(struct gs_view *view, const char *id);

struct gs_attempt_row {
    int n;
    const char *state, *reason, *message, *backend_id, *node, *why;
    int64_t exit_code, signal;
    int64_t requested_bytes, predicted_bytes, limit_bytes, peak_bytes,
        max_rss_bytes, cpu_ms, wall_ms, read_bytes, write_bytes, started_ms,
        ended_ms;
    double cpus;
};
typedef void (*gs_attempt_f)(void *arg, const struct gs_attempt_row *row);
int gs_view_attempts(struct gs_view *view, const char *id, gs_attempt_f call,
                     void *arg, struct gs_error *err);

struct gs_event_row {
    int64_t seq, time_ms;
    int attempt;
    const char *kind, *body;
};
typedef void (*gs_event_f)(void *arg, const struct gs_event_row *row);
int gs_view_events(struct gs_view *view, const char *id, gs_event_f call,
                   void *arg, struct gs_error *err);

/* Tasks before this one in the queue. */
int64_t gs_view_ahead(struct gs_view *view, const char *id);

#endif
