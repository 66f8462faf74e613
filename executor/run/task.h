/*
 * task: one task and its state machine.
 *
 * The state changes only by events (gs_task_apply), so that replaying the
 * log gives the state that was. An event's body is built by the
 * gs_task_event_… functions below and read back by gs_task_apply: the live
 * path and recovery run the same code. PURE: no clock, no files.
 *
 *   pending → dispatched (intent) → running (started) → final
 *   dispatched → pending (withdrawn: certainly not started)
 *   dispatched, running → pending (again: repeated inside)
 *
 * `again`, and `final` of a task under way, follow the `ended` of its attempt
 * in the same transaction.
 */
#ifndef GS_RUN_TASK_H
#define GS_RUN_TASK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "predict/predict.h"
#include "protocol/task_spec.h"

enum gs_task_state {
    GS_TASK_PENDING,
    GS_TASK_DISPATCHED,
    GS_TASK_RUNNING,
    GS_TASK_SUCCEEDED,
    GS_TASK_FAILED,
    GS_TASK_CANCELLED,
    GS_TASK_LOST,
    GS_TASK_N_STATES,
};

const char *gs_task_state_name(enum gs_task_state state);
static inline bool gs_task_state_is_final(enum gs_task_state state)
{
    return state >= GS_TASK_SUCCEEDED;
}

struct gs_attempt {
    int n;
    enum gs_task_state state; /* dispatched, running or final */
    int64_t requested_bytes, predicted_bytes, limit_bytes;
    struct gs_resources grant;
    bool pooled;
    struct gs_outcome outcome; /* when final; .started also before */
    char *backend_id, *node, *why;
};

struct gs_task {
    char *id, *process, *name, *chromosome, *fingerprint, *workdir;
    char *session; /* the engine's, at acceptance */
    char digest[33];
    struct gs_resources request;
    int64_t memory_max_bytes, input_bytes, time_ms;
    double priority;
    bool memory_in_script;
    enum gs_retry_by retry_by;
    enum gs_restore restore;

    enum gs_task_state state;
    enum gs_reason reason; /* of a final state or of the last attempt */
    int exit_code, signal; /* -1, 0: not known */
    char *message;
    bool kill_asked;
    int64_t seq; /* of the last event */
    struct gs_wall submitted, started, ended;

    /* worth repeating by the engine */
    bool retry_offered;
    enum gs_reason retry_reason;
    int64_t retry_bytes;

    /* what earlier attempts (of retry_of too) have shown */
    int64_t floor_bytes; /* the next limit is at least this */
    int n_oom, n_lost;

    struct gs_attempt *attempts;
    int n_attempts;

    struct gs_task *target; /* adopted: this one's fate is the target's */

    /* owned by the table (run/table.h) */
    struct gs_task *seq_prev, *seq_next;
    struct gs_task *aliases, *next_alias; /* those answered with this one */
    size_t n_aliases;
    struct gs_task *same_work; /* older, with the same fingerprint */
    size_t set_index;
    int64_t order;
    int64_t ready_since_ms; /* monotonic */
    struct gs_estimate estimate;
    uint64_t estimate_generation;
    int wait;          /* enum gs_wait */
    char *input_stamp; /* size and time of the inputs at acceptance */
};

/* From an accepted spec; state pending. */
struct gs_task *gs_task_create(const struct gs_task_spec *spec);
void gs_task_destroy(struct gs_task *task);

/* The last attempt, or NULL. */
struct gs_attempt *gs_task_attempt(const struct gs_task *task);

/* Bodies of events; the caller deletes. */
cJSON *gs_task_event_intent(const struct gs_task *task,
                            const struct gs_attempt *attempt);
/* A `started` of 0 is not known: the event's own time is taken. */
cJSON *gs_task_event_started(const char *backend_id, struct gs_wall started);
cJSON *gs_task_event_ended(const struct gs_outcome *outcome);
cJSON *gs_task_event_again(enum gs_reason reason, int64_t floor_bytes);
/* What a final event says, beside the last attempt's outcome. */
struct gs_verdict {
    bool again; /* not final: repeat inside */
    enum gs_task_state state;
    enum gs_reason reason;
    int exit_code, signal;
    const char *message;
    bool retry_offered;
    enum gs_reason retry_reason;
    int64_t retry_bytes; /* -1: no figure */
    int64_t floor_bytes;
    char text[768]; /* room for message */
};
cJSON *gs_task_event_final(const struct gs_verdict *verdict);

/* Changes the task. GS_ERR_STATE for an event that does not fit the state
 * (a damaged store), the task is then unchanged. Kinds: intent, started,
 * withdrawn, ended, again, final, kill. */
int gs_task_apply(struct gs_task *task, const char *kind, const cJSON *body,
                  struct gs_wall time, int64_t seq, struct gs_error *err);

#endif
