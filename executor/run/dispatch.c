/*
 * dispatch: from pending tasks to durable intents, and from durable intents
 * to started attempts. The decision itself is schedule/'s.
 */
#include <htslib/hts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "protocol/task_spec.h"
#include "run/run_private.h"
#include "run/workdir.h"

enum {
    LOOK_AGAIN_MS = 500,
    NO_ROOM_MS = 5000,       /* the disk of the state folder is full */
    LEAST_ROOM = 512 * 1024, /* there, for anything to be started */
    MEND_MS = 1000,
    WINDOW = 512, /* how many pending tasks one decision looks at */
};

static const struct gs_estimate *estimate(struct gs_run *run, struct gs_task *t)
{
    uint64_t generation = gs_model_generation(run->model, t->process);
    if (t->estimate_generation != generation) {
        struct gs_question q = {
            t->process,          t->chromosome,
            t->input_bytes,      t->request.memory_bytes,
            t->memory_in_script, t->floor_bytes,
        };
        struct gs_predict_policy policy = run->predict;
        if (t->memory_max_bytes > 0 && t->memory_max_bytes < policy.max_bytes)
            policy.max_bytes = t->memory_max_bytes;
        t->estimate = gs_predict(run->model, &q, &policy);
        t->estimate_generation = generation;
    }
    return &t->estimate;
}

static struct gs_ready *gather_ready(struct gs_run *run, size_t *n)
{
    struct gs_task *pending[WINDOW];
    *n = gs_table_pending(run->table, pending, WINDOW);
    struct gs_ready *ready = gs_calloc(*n, sizeof *ready);
    for (size_t i = 0; i < *n; i++) {
        struct gs_task *t = pending[i];
        ready[i] = (struct gs_ready){t,          t->priority,
                                     t->order,   t->ready_since_ms,
                                     t->request, *estimate(run, t)};
    }
    return ready;
}

static struct gs_running *gather_running(struct gs_run *run, size_t *n)
{
    struct gs_task *const *active = gs_table_active(run->table, n);
    struct gs_running *running = gs_calloc(*n, sizeof *running);
    int64_t now = gs_wall_now().ms;
    for (size_t i = 0; i < *n; i++) {
        const struct gs_attempt *a = gs_task_attempt(active[i]);
        int64_t started = a->outcome.started.ms;
        running[i] = (struct gs_running){
            .grant = a->grant,
            .estimate = active[i]->estimate,
            .live_bytes = -1,
            .elapsed_ms = started > 0 && started < now ? now - started : 0,
        };
    }
    return running;
}

static int intend(struct gs_run *run, struct gs_task *t,
                  const struct gs_placement *p, const struct gs_bin *bin)
{
    struct gs_attempt a = {
        .limit_bytes = p->limit_bytes,
        .predicted_bytes = t->estimate.points > 0
                               ? (int64_t)t->estimate.memory_mean_bytes
                               : -1,
        .pooled = p->pooled,
        .node = (char *)bin->name,
        .why = t->estimate.why,
    };
    if (gs_run_event(run, t, "intent", gs_task_event_intent(t, &a)) < 0)
        return -1;
    if (run->n_intended == run->intended_room) {
        run->intended_room = run->intended_room ? run->intended_room * 2 : 16;
        run->intended = gs_realloc(run->intended, run->intended_room *
                                                      sizeof(struct gs_task *));
        run->intended_bin = gs_realloc(
            run->intended_bin, run->intended_room * sizeof *run->intended_bin);
    }
    run->intended[run->n_intended] = t;
    run->intended_bin[run->n_intended++] = p->bin;
    return 0;
}

static void look_again(void *arg)
{
    struct gs_run *run = arg;
    run->again_timer = NULL;
    run->dirty = true;
}

/* Room may come from outside: another run of this machine, a new node. */
static void watch_for_room(struct gs_run *run)
{
    if (gs_table_n_pending(run->table) && !run->again_timer && !run->draining)
        run->again_timer =
            gs_loop_timer(run->loop, LOOK_AGAIN_MS, look_again, run);
}

/* One decision. Returns how many intents came of it, -1 if the store failed;
 * what they take is taken off `bins`. */
static int place(struct gs_run *run, struct gs_bin *bins, size_t n_bins)
{
    size_t n, n_running;
    gs_auto_free struct gs_ready *ready = gather_ready(run, &n);
    gs_auto_free struct gs_running *running = gather_running(run, &n_running);
    gs_auto_free size_t *order = gs_calloc(n, sizeof *order);
    gs_auto_free struct gs_placement *out = gs_calloc(n, sizeof *out);
    gs_auto_free enum gs_wait *waits = gs_calloc(n, sizeof *waits);
    struct gs_schedule_state state = {gs_mono_now().ms, running, n_running, 1};
    size_t placed = gs_decide(&state, &run->schedule, ready, n, order, bins,
                              n_bins, out, waits);
    for (size_t i = 0; i < n; i++)
        ((struct gs_task *)ready[i].handle)->wait = waits[i];
    for (size_t i = 0; i < placed; i++)
        if (intend(run, ready[out[i].ready].handle, &out[i],
                   &bins[out[i].bin]) < 0)
            return -1;
    return (int)placed;
}

/* As long as something was placed, those behind the window have come up. */
static int place_all(struct gs_run *run, struct gs_bin *bins, size_t n_bins)
{
    bool more;
    int placed;
    do {
        more = gs_table_n_pending(run->table) > WINDOW;
        placed = place(run, bins, n_bins);
    } while (placed > 0 && more);
    return placed < 0 ? -1 : 0;
}

bool gs_run_has_room(const struct gs_run *run)
{
    struct statvfs fs;
    return statvfs(run->dir, &fs) < 0 || fs.f_blocks == 0 ||
           (uint64_t)fs.f_bavail * fs.f_frsize >= LEAST_ROOM;
}

static bool on_hold(struct gs_run *run)
{
    bool room = gs_run_has_room(run) && !gs_store_is_full(run->store);
    if (!room && !run->no_room)
        gs_warn("nothing more is started: the disk of %s is full; make room, "
                "and it goes on by itself",
                run->dir);
    run->no_room = !room;
    return !room || gs_mono_now().ms < run->hold_until.ms;
}

/* Would a decision now be another one than the last? While more submits are
 * waited for, the settle timer decides when to look. */
static bool worth_deciding(const struct gs_run *run)
{
    return run->dirty && !run->settle_timer && !run->draining &&
           gs_table_n_pending(run->table) > 0;
}

int gs_run_dispatch(struct gs_run *run)
{
    struct gs_error err = {0};
    if (!worth_deciding(run))
        return 0;
    if (on_hold(run)) { /* an intent now would only be withdrawn */
        watch_for_room(run);
        return 0;
    }
    run->dirty = false;
    gs_auto_free struct gs_bin *bins = gs_calloc(GS_MAX_BINS, sizeof *bins);
    int n_bins =
        run->backend->capacity(run->backend_self, bins, GS_MAX_BINS, &err);
    if (n_bins < 0)
        gs_warn("cannot learn what is free: %s; looking again soon", err.text);
    else if (place_all(run, bins, (size_t)n_bins) < 0)
        return -1;
    watch_for_room(run);
    return 0;
}

/* Starting */

static struct gs_pair *env_pairs(const cJSON *env, size_t *n)
{
    size_t i = 0;
    *n = env ? (size_t)cJSON_GetArraySize(env) : 0;
    struct gs_pair *pairs = gs_calloc(*n, sizeof *pairs);
    for (const cJSON *c = env ? env->child : NULL; c; c = c->next)
        pairs[i++] = (struct gs_pair){c->string, c->valuestring};
    return pairs;
}

static int launch(struct gs_run *run, struct gs_task *t, int bin,
                  const struct gs_task_spec *spec, const cJSON *env,
                  char *backend_id, size_t room, struct gs_error *err)
{
    const struct gs_attempt *a = gs_task_attempt(t);
    size_t n_env;
    gs_auto_free char **argv = gs_task_spec_argv(spec);
    gs_auto_free struct gs_pair *pairs = env_pairs(env, &n_env);
    struct gs_launch l = {
        .key = gs_run_key(run, t),
        .argv = argv,
        .env = pairs,
        .n_env = n_env,
        .workdir = spec->workdir,
        .stdout_path = spec->stdout_path,
        .stderr_path = spec->stderr_path,
        .grant = a->grant,
        .pooled = a->pooled,
        .time_ms = t->time_ms,
        .java_heap = gs_config_number(run->config, "predict.java_heap"),
        .sample_ms = gs_config_duration(run->config, "sample_ms"),
    };
    return run->backend->start(run->backend_self, &l, bin, backend_id, room,
                               err);
}

/* Notes the work directory where a repeat inside may want it back. */
static void note_workdir(struct gs_run *run, const struct gs_task *t)
{
    struct gs_error err = {0};
    if (t->restore == GS_RESTORE_NONE || t->retry_by == GS_RETRY_BY_ENGINE)
        return;
    gs_auto_free char *manifest = gs_run_manifest(run, t);
    if (gs_workdir_note(t->workdir, manifest, &err) < 0)
        gs_info("task %s will not be repeated in place: %s", t->id, err.text);
}

/* A store that cannot be read is broken: the run is opened anew. */
static int read_spec(struct gs_run *run, const struct gs_task *t, char **text,
                     char **secret, struct gs_error *err)
{
    if (gs_store_get_spec(run->store, t->id, text, secret, err) == 0)
        return 0;
    return err->code == GS_ERR_NOTFOUND ? -1 : gs_run_broken(run, err);
}

static int start_one(struct gs_run *run, struct gs_task *t, int bin,
                     char *backend_id, size_t room, struct gs_error *err)
{
    gs_auto_free char *text = NULL;
    gs_auto_free char *secret = NULL;
    struct gs_task_spec spec;
    if (read_spec(run, t, &text, &secret, err) < 0)
        return -1;
    gs_auto_json cJSON *json = gs_json_parse(text, strlen(text), err);
    gs_auto_json cJSON *env =
        secret ? gs_json_parse(secret, strlen(secret), err) : NULL;
    if (!json || (secret && !env) || gs_task_spec_parse(json, &spec, err) < 0)
        return gs_wrap(err, "the stored task cannot be read");
    note_workdir(run, t);
    return launch(run, t, bin, &spec, env, backend_id, room, err);
}

/* Certainly not started, and worth trying again in a while. */
static void withdraw(struct gs_run *run, struct gs_task *t, int64_t wait_ms)
{
    int64_t until = gs_mono_now().ms + wait_ms;
    if (run->hold_until.ms < until)
        run->hold_until.ms = until;
    if (gs_run_event(run, t, "withdrawn", cJSON_CreateObject()) == 0 &&
        t->kill_asked)
        gs_run_cancel_pending(run, t);
}

/* The start failed for certain. */
static void not_started(struct gs_run *run, struct gs_task *t,
                        const struct gs_error *err)
{
    struct gs_outcome outcome = GS_OUTCOME_UNKNOWN;
    if (err->code == GS_ERR_BUSY) {
        withdraw(run, t, LOOK_AGAIN_MS);
        return;
    }
    if (err->code == GS_ERR_FULL) {
        gs_warn("task %s waits for room in the state folder: %s", t->id,
                err->text);
        withdraw(run, t, NO_ROOM_MS);
        return;
    }
    outcome.reason = GS_REASON_INFRASTRUCTURE;
    outcome.ended = gs_wall_now();
    snprintf(outcome.message, sizeof outcome.message,
             "could not be started: %.480s", err->text);
    gs_run_conclude(run, t, &outcome);
}

/* Nobody knows whether the start has happened: the backend is asked. */
static void doubt(struct gs_run *run, struct gs_task *t, const char *why)
{
    struct gs_attempt_key key = gs_run_key(run, t);
    struct gs_error err = {0};
    struct gs_found found = {.outcome = GS_OUTCOME_UNKNOWN};
    if (run->backend->find(run->backend_self, &key, &found, &err) < 0) {
        gs_warn("task %s: start in doubt (%s), and it cannot be looked for "
                "(%s); looking again",
                t->id, why, err.text);
        gs_run_mend_later(run);
        return;
    }
    switch (found.state) {
    case GS_ATTEMPT_RUNNING:
        gs_run_started(run, t, found.backend_id, found.outcome.started);
        break;
    case GS_ATTEMPT_ABSENT:
        gs_warn("task %s: was not started (%s); trying again", t->id, why);
        withdraw(run, t, MEND_MS);
        break;
    case GS_ATTEMPT_LOST:
        found.outcome.reason = GS_REASON_NONE;
        gs_run_conclude(run, t, &found.outcome);
        break;
    default:
        gs_run_conclude(run, t, &found.outcome);
    }
}

static void start_intended(struct gs_run *run, struct gs_task *t, int bin)
{
    struct gs_error err = {0};
    char backend_id[192] = "";
    if (t->state != GS_TASK_DISPATCHED)
        return;
    if (t->kill_asked)
        withdraw(run, t, 0);
    else if (start_one(run, t, bin, backend_id, sizeof backend_id, &err) == 0)
        gs_run_started(run, t, backend_id, gs_wall_now());
    else if (run->failed)
        return;
    else if (err.code == GS_ERR_BACKEND)
        doubt(run, t, err.text);
    else
        not_started(run, t, &err);
}

void gs_run_start_intended(struct gs_run *run)
{
    for (size_t i = 0; i < run->n_intended && !run->failed; i++)
        start_intended(run, run->intended[i], run->intended_bin[i]);
    run->n_intended = 0;
    if (run->failed || !worth_deciding(run))
        return;
    if (on_hold(run)) {
        watch_for_room(run);
        return;
    }
    gs_loop_cancel(run->loop, run->again_timer);
    run->again_timer = gs_loop_timer(run->loop, 0, look_again, run);
}

/* What could not be done at once. All that is dispatched now is in doubt: a
 * start is tried in the very round of its intent. */
static void mend(void *arg)
{
    struct gs_run *run = arg;
    size_t n;
    run->mend_timer = NULL;
    struct gs_task *const *active = gs_table_active(run->table, &n);
    gs_auto_free struct gs_task **todo = gs_calloc(n, sizeof *todo);
    if (n)
        memcpy(todo, active, n * sizeof *todo);
    for (size_t i = 0; i < n && !run->failed; i++) {
        if (todo[i]->state == GS_TASK_DISPATCHED)
            doubt(run, todo[i], "it could not be looked for before");
        else if (todo[i]->state == GS_TASK_RUNNING && todo[i]->kill_asked)
            gs_run_stop(run, todo[i]);
    }
}

void gs_run_mend_later(struct gs_run *run)
{
    if (!run->mend_timer)
        run->mend_timer = gs_loop_timer(run->loop, MEND_MS, mend, run);
}
