/*
 * event: the one door through which a task changes: append, apply, derive.
 */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/run_private.h"
#include "run/workdir.h"

int gs_run_broken(struct gs_run *run, const struct gs_error *err)
{
    if (!run->failed)
        run->failure = *err;
    run->failed = true;
    return -1;
}

static struct gs_store_task task_row(const struct gs_task *t)
{
    return (struct gs_store_task){
        .id = t->id,
        .process = t->process,
        .name = t->name,
        .state = gs_task_state_name(t->state),
        .reason = t->reason ? gs_reason_name(t->reason) : NULL,
        .message = t->message,
        .chromosome = t->chromosome,
        .seq = t->seq,
        .submitted_ms = t->submitted.ms,
        .started_ms = t->started.ms,
        .ended_ms = t->ended.ms,
        .requested_bytes = t->request.memory_bytes,
        .cpus = t->request.cpus,
    };
}

static struct gs_store_attempt attempt_row(const struct gs_task *t,
                                           const struct gs_attempt *a)
{
    const struct gs_outcome *r = &a->outcome;
    return (struct gs_store_attempt){
        .task = t->id,
        .n = a->n,
        .state = gs_task_state_name(a->state),
        .reason = r->reason ? gs_reason_name(r->reason) : NULL,
        .message = r->message[0] ? r->message : NULL,
        .backend_id = a->backend_id,
        .node = a->node,
        .why = a->why,
        .exit_code = r->exit_code,
        .signal = r->signal > 0 ? r->signal : -1,
        .requested_bytes = a->requested_bytes,
        .predicted_bytes = a->predicted_bytes,
        .limit_bytes = a->limit_bytes,
        .peak_bytes = r->peak_bytes,
        .max_rss_bytes = r->max_rss_bytes,
        .cpus = a->grant.cpus,
        .cpu_ms = r->cpu_ms,
        .wall_ms = r->wall_ms,
        .read_bytes = r->read_bytes,
        .write_bytes = r->write_bytes,
        .started_ms = r->started.ms > 0 ? r->started.ms : -1,
        .ended_ms = r->ended.ms > 0 ? r->ended.ms : -1,
    };
}

static int derive(struct gs_run *run, const struct gs_task *t,
                  struct gs_error *err)
{
    struct gs_store_task row = task_row(t);
    if (gs_store_put_task(run->store, &row, err) < 0)
        return -1;
    const struct gs_attempt *a = gs_task_attempt(t);
    if (a) {
        struct gs_store_attempt arow = attempt_row(t, a);
        if (gs_store_put_attempt(run->store, &arow, err) < 0)
            return -1;
    }
    return gs_task_state_is_final(t->state)
               ? gs_store_wipe_secret(run->store, t->id, err)
               : 0;
}

int gs_run_event(struct gs_run *run, struct gs_task *t, const char *kind,
                 cJSON *body)
{
    struct gs_error err = {0};
    gs_auto_json cJSON *owned = body;
    gs_auto_free char *text = gs_json_print(body);
    const struct gs_attempt *a = gs_task_attempt(t);
    enum gs_task_state before = t->state;
    int n = a ? a->n : 0;
    if (strcmp(kind, "intent") == 0)
        n++;
    struct gs_store_event e = {.time = gs_wall_now(),
                               .task = t->id,
                               .attempt = n,
                               .kind = kind,
                               .body = text};
    if (run->failed)
        return -1;
    int64_t seq = gs_store_append(run->store, &e, &err);
    if (seq < 0)
        return gs_run_broken(run, &err);
    run->seq = seq;
    if (gs_task_apply(t, kind, owned, e.time, seq, &err) < 0 ||
        derive(run, t, &err) < 0)
        return gs_run_broken(run, &err);
    gs_table_touch(run->table, t, before);
    if (t->state != before &&
        (t->state == GS_TASK_PENDING || gs_task_state_is_final(t->state)))
        run->dirty = true; /* room, or work, that was not there before */
    if (t->state == GS_TASK_PENDING && before != GS_TASK_PENDING) {
        t->ready_since_ms = gs_mono_now().ms;
        t->estimate_generation = 0; /* its floor may be another */
    }
    return 0;
}

struct gs_attempt_key gs_run_key(const struct gs_run *run,
                                 const struct gs_task *t)
{
    const struct gs_attempt *a = gs_task_attempt(t);
    return (struct gs_attempt_key){run->id, t->id, a ? a->n : 1};
}

static void learn(struct gs_run *run, const struct gs_task *t)
{
    const struct gs_attempt *a = gs_task_attempt(t);
    const struct gs_outcome *r = &a->outcome;
    bool oom = r->reason == GS_REASON_OOM;
    bool good = r->reason == GS_REASON_EXIT && r->exit_code == 0;
    if ((!oom && !good) || r->peak_bytes <= 0)
        return;
    struct gs_observation seen = {t->process,    t->chromosome, t->input_bytes,
                                  r->peak_bytes, r->wall_ms,    oom};
    gs_model_learn(run->model, &seen);
    struct gs_history_row row = {
        .run = run->id,
        .task = t->id,
        .engine = run->engine,
        .process = t->process,
        .chromosome = t->chromosome,
        .reason = gs_reason_name(r->reason),
        .n = a->n,
        .time_ms = r->ended.ms,
        .input_bytes = t->input_bytes,
        .requested_bytes = a->requested_bytes,
        .limit_bytes = a->limit_bytes,
        .peak_bytes = r->peak_bytes,
        .cpus = a->grant.cpus,
        .cpu_ms = r->cpu_ms,
        .wall_ms = r->wall_ms,
    };
    struct gs_error err = {0};
    if (run->history && gs_history_add(run->history, &row, &err) < 0)
        gs_warn("%s; what this task used is not remembered", err.text);
}

/* Another task has run in this folder or below it: what is new there may be
 * its work, and nobody may remove that. */
static bool is_shared(const struct gs_run *run, const struct gs_task *t)
{
    size_t n = strlen(t->workdir);
    while (n > 1 && t->workdir[n - 1] == '/')
        n--;
    for (const struct gs_task *k = gs_table_oldest(run->table); k;
         k = k->seq_next)
        if (k != t && k->n_attempts &&
            strncmp(k->workdir, t->workdir, n) == 0 &&
            (k->workdir[n] == '\0' || k->workdir[n] == '/'))
            return true;
    return false;
}

/* Puts the work directory back if an inside repeat wants that. */
static bool restored(struct gs_run *run, const struct gs_task *t)
{
    struct gs_error err = {0};
    if (t->restore == GS_RESTORE_NONE)
        return true;
    if (is_shared(run, t)) {
        gs_warn("task %s is not repeated in %s: other tasks have run there, "
                "and what is new cannot be told apart",
                t->id, t->workdir);
        return false;
    }
    gs_auto_free char *manifest = gs_run_manifest(run, t);
    if (gs_workdir_restore(t->workdir, manifest, &err) == 0)
        return true;
    gs_warn("task %s is not repeated in %s: %s", t->id, t->workdir, err.text);
    return false;
}

int gs_run_finish(struct gs_run *run, struct gs_task *t,
                  const struct gs_verdict *v)
{
    if (gs_run_event(run, t, "final", gs_task_event_final(v)) < 0)
        return -1;
    if (t->restore == GS_RESTORE_WORKDIR &&
        t->retry_by == GS_RETRY_BY_GENOSCHED && t->n_attempts) {
        gs_auto_free char *manifest = gs_run_manifest(run, t);
        unlink(manifest);
    }
    gs_info("task %s (%s): %s%s%s", t->id, t->name ? t->name : t->process,
            gs_task_state_name(t->state), t->message ? ": " : "",
            t->message ? t->message : "");
    return 0;
}

int gs_run_started(struct gs_run *run, struct gs_task *t,
                   const char *backend_id, struct gs_wall started)
{
    if (gs_run_event(run, t, "started",
                     gs_task_event_started(backend_id, started)) < 0)
        return -1;
    if (t->kill_asked)
        gs_run_stop(run, t);
    return 0;
}

void gs_run_stop(struct gs_run *run, struct gs_task *t)
{
    struct gs_error err = {0};
    struct gs_attempt_key key = gs_run_key(run, t);
    if (run->backend->cancel(run->backend_self, &key, GS_REASON_CANCELLED,
                             &err) == 0)
        return;
    gs_warn("cannot stop task %s yet: %s; trying again", t->id, err.text);
    gs_run_mend_later(run);
}

int gs_run_conclude(struct gs_run *run, struct gs_task *t,
                    const struct gs_outcome *outcome)
{
    if (gs_run_event(run, t, "ended", gs_task_event_ended(outcome)) < 0)
        return -1;
    learn(run, t);
    return gs_run_judge(run, t);
}

/* The command was never run, and no wonder. */
static bool not_run_for_room(const struct gs_run *run, const struct gs_task *t)
{
    return gs_task_attempt(t)->outcome.not_begun && !t->kill_asked &&
           !gs_run_has_room(run);
}

int gs_run_judge(struct gs_run *run, struct gs_task *t)
{
    struct gs_verdict v;
    if (not_run_for_room(run, t)) {
        gs_warn("task %s was not run, because the state folder has no room; "
                "it is started when there is some",
                t->id);
        return gs_run_event(
            run, t, "again",
            gs_task_event_again(GS_REASON_INFRASTRUCTURE, t->floor_bytes));
    }
    gs_verdict(t, &run->retry, true, &v);
    if (v.again && !gs_task_attempt(t)->outcome.not_begun && !restored(run, t))
        gs_verdict(t, &run->retry, false, &v);
    if (!v.again)
        return gs_run_finish(run, t, &v);
    gs_info("task %s: %s", t->id, v.message);
    return gs_run_event(run, t, "again",
                        gs_task_event_again(v.reason, v.floor_bytes));
}

void gs_run_on_backend(void *arg, const struct gs_event *event)
{
    struct gs_run *run = arg;
    struct gs_task *t = gs_table_find(run->table, event->task);
    const struct gs_attempt *a = t ? gs_task_attempt(t) : NULL;
    if (!a || a->n != event->attempt || gs_task_state_is_final(t->state) ||
        t->state == GS_TASK_PENDING) {
        gs_debug("report of %s attempt %d, which is not under way", event->task,
                 event->attempt);
        return;
    }
    if (event->state == GS_ATTEMPT_RUNNING) {
        if (t->state == GS_TASK_DISPATCHED)
            gs_run_started(run, t, a->backend_id, event->outcome.started);
        return;
    }
    struct gs_outcome outcome = event->outcome;
    if (event->state == GS_ATTEMPT_LOST)
        outcome.reason = GS_REASON_NONE;
    gs_run_conclude(run, t, &outcome);
}
