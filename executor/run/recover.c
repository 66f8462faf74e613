/*
 * recover: replays the log, then finds out from the backend what became of
 * every attempt that was under way. An attempt that the backend never heard
 * of was intended and not started: its task is pending again.
 */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/run_private.h"
#include "run/submit.h"

static int replay_accepted(struct gs_run *run,
                           const struct gs_store_event *event,
                           const cJSON *body, struct gs_error *err)
{
    gs_auto_free char *text = NULL;
    struct gs_task_spec spec;
    const char *adopted = NULL;
    if (gs_store_get_spec(run->store, event->task, &text, NULL, err) < 0)
        return -1;
    gs_auto_json cJSON *json = gs_json_parse(text, strlen(text), err);
    if (!json || gs_task_spec_parse(json, &spec, err) < 0)
        return -1;
    if (gs_table_find(run->table, spec.id) || strcmp(spec.id, event->task) != 0)
        return gs_fail(err, GS_ERR_STATE, "task %s is there twice",
                       event->task);
    struct gs_task *t = gs_task_create(&spec);
    gs_task_accept(t, body, event->time, event->seq);
    t->ready_since_ms = gs_mono_now().ms;
    gs_table_add(run->table, t);
    gs_json_string(body, "adopted", 128, &adopted, NULL);
    if (!adopted)
        return 0;
    struct gs_task *target = gs_table_find(run->table, adopted);
    if (!target || target == t)
        return gs_fail(err, GS_ERR_STATE,
                       "task %s is answered with task %s, which is not there",
                       t->id, adopted);
    gs_table_adopt(run->table, t, target);
    return 0;
}

static int replay(void *arg, const struct gs_store_event *event,
                  struct gs_error *err)
{
    struct gs_run *run = arg;
    run->seq = event->seq;
    if (!event->task)
        return 0;
    gs_auto_json cJSON *body =
        gs_json_parse(event->body, strlen(event->body), err);
    if (!body)
        return -1;
    if (strcmp(event->kind, "accepted") == 0)
        return replay_accepted(run, event, body, err);
    struct gs_task *t = gs_table_find(run->table, event->task);
    if (!t)
        return gs_fail(err, GS_ERR_STATE, "event of task %s before it",
                       event->task);
    enum gs_task_state before = t->state;
    if (gs_task_apply(t, event->kind, body, event->time, event->seq, err) < 0)
        return -1;
    gs_table_touch(run->table, t, before);
    return 0;
}

/* What happened to an attempt that was under way. */
static int settle_one(struct gs_run *run, struct gs_task *t,
                      struct gs_error *err)
{
    struct gs_attempt_key key = gs_run_key(run, t);
    struct gs_found found = {.outcome = GS_OUTCOME_UNKNOWN};
    const struct gs_attempt *a = gs_task_attempt(t);
    if (a->state != GS_TASK_DISPATCHED && a->state != GS_TASK_RUNNING)
        /* It ended and the verdict was not written any more. */
        return gs_run_judge(run, t);
    if (run->backend->find(run->backend_self, &key, &found, err) < 0)
        return -1;
    switch (found.state) {
    case GS_ATTEMPT_RUNNING:
        if (t->state == GS_TASK_DISPATCHED)
            return gs_run_started(run, t, found.backend_id,
                                  found.outcome.started);
        if (t->kill_asked)
            gs_run_stop(run, t);
        return 0;
    case GS_ATTEMPT_ABSENT:
        if (t->state == GS_TASK_DISPATCHED) {
            if (gs_run_event(run, t, "withdrawn", cJSON_CreateObject()) < 0)
                return -1;
            return t->kill_asked ? gs_run_cancel_pending(run, t) : 0;
        }
        /* It ran, and no trace of it is left. */
        found.outcome = GS_OUTCOME_UNKNOWN;
        found.outcome.ended = gs_wall_now();
        return gs_run_conclude(run, t, &found.outcome);
    case GS_ATTEMPT_LOST:
        found.outcome.reason = GS_REASON_NONE;
        return gs_run_conclude(run, t, &found.outcome);
    default:
        return gs_run_conclude(run, t, &found.outcome);
    }
}

/* The pool may be smaller than it was: what can never run any more is said
 * so, or it would wait for ever. */
static int settle_pending(struct gs_run *run)
{
    size_t n = gs_table_n_pending(run->table);
    gs_auto_free struct gs_task **todo = gs_calloc(n, sizeof *todo);
    gs_table_pending(run->table, todo, n);
    for (size_t i = 0; i < n; i++) {
        struct gs_verdict v = {.state = GS_TASK_FAILED,
                               .reason = GS_REASON_INFRASTRUCTURE,
                               .exit_code = -1,
                               .message = v.text,
                               .retry_bytes = -1,
                               .floor_bytes = todo[i]->floor_bytes};
        gs_run_teach(run, todo[i]->process);
        if (gs_run_never_fits(run, todo[i], v.text, sizeof v.text) &&
            gs_run_finish(run, todo[i], &v) < 0)
            return -1;
    }
    return 0;
}

int gs_run_recover(struct gs_run *run, struct gs_error *err)
{
    if (gs_store_replay(run->store, replay, run, err) < 0)
        return gs_wrap(err, "cannot resume run %s from %s", run->id, run->dir);
    run->recovered = gs_table_size(run->table);
    size_t n;
    struct gs_task *const *active = gs_table_active(run->table, &n);
    gs_auto_free struct gs_task **todo = gs_calloc(n, sizeof *todo);
    if (n)
        memcpy(todo, active, n * sizeof *todo);
    for (size_t i = 0; i < n; i++)
        if (settle_one(run, todo[i], err) < 0) {
            if (run->failed && err)
                *err = run->failure;
            return gs_wrap(err, "cannot find out about task %s", todo[i]->id);
        }
    if (settle_pending(run) < 0) {
        if (err)
            *err = run->failure;
        return -1;
    }
    return 0;
}
