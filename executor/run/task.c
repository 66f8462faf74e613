/*
 * task: see the header. Every event kind has one apply function; what an
 * event does not say stays as it was.
 */
#include "run/task.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

const char *gs_task_state_name(enum gs_task_state state)
{
    static const char *const names[GS_TASK_N_STATES] = {
        "pending", "dispatched", "running", "succeeded",
        "failed",  "cancelled",  "lost"};
    return names[state];
}

struct gs_task *gs_task_create(const struct gs_task_spec *spec)
{
    struct gs_task *t = gs_calloc(1, sizeof *t);
    t->id = gs_strdup(spec->id);
    t->process = gs_strdup(spec->process);
    t->name = gs_strdup(spec->name);
    t->chromosome = gs_strdup(spec->chromosome);
    t->fingerprint = gs_strdup(spec->fingerprint);
    t->workdir = gs_strdup(spec->workdir);
    t->request = spec->request;
    t->memory_max_bytes = spec->memory_max_bytes;
    t->input_bytes = spec->input_bytes;
    t->time_ms = spec->time_ms;
    t->priority = spec->priority;
    t->memory_in_script = spec->memory_in_script;
    t->retry_by = spec->retry;
    t->restore = spec->restore;
    t->exit_code = -1;
    t->retry_bytes = -1;
    return t;
}

void gs_task_destroy(struct gs_task *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->n_attempts; i++) {
        free(t->attempts[i].backend_id);
        free(t->attempts[i].node);
        free(t->attempts[i].why);
    }
    free(t->attempts);
    free(t->id);
    free(t->process);
    free(t->name);
    free(t->chromosome);
    free(t->fingerprint);
    free(t->workdir);
    free(t->session);
    free(t->message);
    free(t->input_stamp);
    free(t);
}

struct gs_attempt *gs_task_attempt(const struct gs_task *t)
{
    return t->n_attempts ? &t->attempts[t->n_attempts - 1] : NULL;
}

/* Bodies */

static void add_known(cJSON *o, const char *key, int64_t value)
{
    if (value >= 0)
        gs_json_add_int(o, key, value);
}

cJSON *gs_task_event_intent(const struct gs_task *task,
                            const struct gs_attempt *a)
{
    cJSON *o = cJSON_CreateObject();
    add_known(o, "requested_bytes", task->request.memory_bytes);
    add_known(o, "predicted_bytes", a->predicted_bytes);
    gs_json_add_int(o, "limit_bytes", a->limit_bytes);
    cJSON_AddNumberToObject(o, "cpus", task->request.cpus);
    gs_json_add_int(o, "gpus", task->request.gpus);
    gs_json_add_int(o, "disk_bytes", task->request.disk_bytes);
    cJSON_AddBoolToObject(o, "pooled", a->pooled);
    gs_json_add_string(o, "node", a->node);
    gs_json_add_string(o, "why", a->why);
    return o;
}

cJSON *gs_task_event_started(const char *backend_id, struct gs_wall started)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "backend_id", backend_id);
    if (started.ms > 0)
        gs_json_add_int(o, "started", started.ms);
    return o;
}

cJSON *gs_task_event_ended(const struct gs_outcome *r)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "reason", gs_reason_name(r->reason));
    add_known(o, "exit_code", r->exit_code);
    if (r->signal > 0)
        gs_json_add_int(o, "signal", r->signal);
    add_known(o, "peak_bytes", r->peak_bytes);
    add_known(o, "max_rss_bytes", r->max_rss_bytes);
    add_known(o, "cpu_ms", r->cpu_ms);
    add_known(o, "wall_ms", r->wall_ms);
    add_known(o, "read_bytes", r->read_bytes);
    add_known(o, "write_bytes", r->write_bytes);
    if (r->started.ms > 0)
        gs_json_add_int(o, "started", r->started.ms);
    if (r->ended.ms > 0)
        gs_json_add_int(o, "ended", r->ended.ms);
    if (r->not_begun)
        cJSON_AddTrueToObject(o, "not_begun");
    if (r->message[0])
        gs_json_add_string(o, "message", r->message);
    return o;
}

cJSON *gs_task_event_again(enum gs_reason reason, int64_t floor_bytes)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "reason", gs_reason_name(reason));
    gs_json_add_int(o, "floor_bytes", floor_bytes);
    return o;
}

cJSON *gs_task_event_final(const struct gs_verdict *v)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "state", gs_task_state_name(v->state));
    gs_json_add_string(o, "reason", gs_reason_name(v->reason));
    add_known(o, "exit_code", v->exit_code);
    if (v->signal > 0)
        gs_json_add_int(o, "signal", v->signal);
    gs_json_add_string(o, "message", v->message);
    gs_json_add_int(o, "floor_bytes", v->floor_bytes);
    if (v->retry_offered) {
        cJSON *retry = cJSON_AddObjectToObject(o, "retry");
        gs_json_add_string(retry, "reason", gs_reason_name(v->retry_reason));
        add_known(retry, "memory_bytes", v->retry_bytes);
    }
    return o;
}

/* Reading a body: our own JSON, so a wrong type reads as absent. */

static int64_t body_int(const cJSON *body, const char *key, int64_t fallback)
{
    const cJSON *v = gs_json_get(body, key);
    return cJSON_IsNumber(v) && v->valuedouble >= -1 &&
                   v->valuedouble <= (double)GS_JSON_MAX_INT
               ? (int64_t)v->valuedouble
               : fallback;
}

static int body_small(const cJSON *body, const char *key, int fallback)
{
    int64_t v = body_int(body, key, fallback);
    return v <= INT_MAX ? (int)v : fallback;
}

static const char *body_text(const cJSON *body, const char *key)
{
    const cJSON *v = gs_json_get(body, key);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static enum gs_reason body_reason(const cJSON *body)
{
    const char *name = body_text(body, "reason");
    return name ? gs_reason_parse(name) : GS_REASON_NONE;
}

/* Applying */

static int apply_intent(struct gs_task *t, const cJSON *body,
                        struct gs_wall time)
{
    (void)time;
    t->attempts = gs_realloc(t->attempts,
                             (size_t)(t->n_attempts + 1) * sizeof *t->attempts);
    struct gs_attempt *a = &t->attempts[t->n_attempts++];
    const cJSON *cpus = gs_json_get(body, "cpus");
    const char *why = body_text(body, "why"), *node = body_text(body, "node");
    *a = (struct gs_attempt){
        .n = t->n_attempts,
        .state = GS_TASK_DISPATCHED,
        .requested_bytes = body_int(body, "requested_bytes", -1),
        .predicted_bytes = body_int(body, "predicted_bytes", -1),
        .limit_bytes = body_int(body, "limit_bytes", -1),
        .pooled = cJSON_IsTrue(gs_json_get(body, "pooled")),
        .outcome = GS_OUTCOME_UNKNOWN,
        .node = gs_strdup(node),
        .why = gs_strdup(why),
    };
    a->grant = (struct gs_resources){
        a->limit_bytes, cJSON_IsNumber(cpus) ? cpus->valuedouble : 1,
        body_small(body, "gpus", 0), body_int(body, "disk_bytes", 0)};
    t->state = GS_TASK_DISPATCHED;
    return 0;
}

static int apply_withdrawn(struct gs_task *t, const cJSON *body,
                           struct gs_wall time)
{
    (void)body;
    (void)time;
    struct gs_attempt *a = gs_task_attempt(t);
    free(a->backend_id);
    free(a->node);
    free(a->why);
    t->n_attempts--;
    t->state = GS_TASK_PENDING;
    return 0;
}

static int apply_started(struct gs_task *t, const cJSON *body,
                         struct gs_wall time)
{
    struct gs_attempt *a = gs_task_attempt(t);
    const char *id = body_text(body, "backend_id");
    a->state = GS_TASK_RUNNING;
    a->outcome.started.ms = body_int(body, "started", time.ms);
    if (id && id[0]) {
        free(a->backend_id);
        a->backend_id = gs_strdup(id);
    }
    t->state = GS_TASK_RUNNING;
    t->started = a->outcome.started;
    return 0;
}

static int apply_ended(struct gs_task *t, const cJSON *body,
                       struct gs_wall time)
{
    struct gs_attempt *a = gs_task_attempt(t);
    struct gs_outcome *r = &a->outcome;
    const char *message = body_text(body, "message");
    r->reason = body_reason(body);
    r->not_begun = cJSON_IsTrue(gs_json_get(body, "not_begun"));
    r->exit_code = body_small(body, "exit_code", -1);
    r->signal = body_small(body, "signal", 0);
    r->peak_bytes = body_int(body, "peak_bytes", -1);
    r->max_rss_bytes = body_int(body, "max_rss_bytes", -1);
    r->cpu_ms = body_int(body, "cpu_ms", -1);
    r->wall_ms = body_int(body, "wall_ms", -1);
    r->read_bytes = body_int(body, "read_bytes", -1);
    r->write_bytes = body_int(body, "write_bytes", -1);
    r->started.ms = body_int(body, "started", r->started.ms);
    r->ended.ms = body_int(body, "ended", time.ms);
    snprintf(r->message, sizeof r->message, "%s", message ? message : "");
    a->state = r->reason == GS_REASON_NONE        ? GS_TASK_LOST
               : r->reason == GS_REASON_CANCELLED ? GS_TASK_CANCELLED
               : r->reason == GS_REASON_EXIT && r->exit_code == 0
                   ? GS_TASK_SUCCEEDED
                   : GS_TASK_FAILED;
    t->reason = r->reason;
    if (r->started.ms)
        t->started = r->started;
    return 0;
}

/* What the attempt that has just ended adds to the budgets. */
static void count(struct gs_task *t)
{
    const struct gs_attempt *a = gs_task_attempt(t);
    if (a->outcome.reason == GS_REASON_OOM)
        t->n_oom++;
    else if (a->state == GS_TASK_LOST || a->outcome.not_begun ||
             a->outcome.reason == GS_REASON_PREEMPTED)
        t->n_lost++;
}

static int apply_again(struct gs_task *t, const cJSON *body,
                       struct gs_wall time)
{
    (void)time;
    count(t);
    t->floor_bytes = body_int(body, "floor_bytes", t->floor_bytes);
    t->state = GS_TASK_PENDING;
    return 0;
}

static int final_state(const cJSON *body)
{
    const char *state = body_text(body, "state");
    for (int s = GS_TASK_SUCCEEDED; s < GS_TASK_N_STATES; s++)
        if (state && strcmp(state, gs_task_state_name(s)) == 0)
            return s;
    return -1;
}

static int apply_final(struct gs_task *t, const cJSON *body,
                       struct gs_wall time)
{
    const cJSON *retry = gs_json_get(body, "retry");
    const struct gs_attempt *a = gs_task_attempt(t);
    bool waited = t->state == GS_TASK_PENDING;
    int state = final_state(body);
    if (state < 0)
        return -1;
    if (!waited)
        count(t);
    t->state = (enum gs_task_state)state;
    t->reason = body_reason(body);
    t->exit_code = body_small(body, "exit_code", -1);
    t->signal = body_small(body, "signal", 0);
    free(t->message);
    t->message = gs_strdup(body_text(body, "message"));
    t->floor_bytes = body_int(body, "floor_bytes", t->floor_bytes);
    t->retry_offered = retry != NULL;
    if (retry) {
        t->retry_reason = body_reason(retry);
        t->retry_bytes = body_int(retry, "memory_bytes", -1);
    }
    t->ended = !waited && a->outcome.ended.ms ? a->outcome.ended : time;
    return 0;
}

static int apply_kill(struct gs_task *t, const cJSON *body, struct gs_wall time)
{
    (void)body;
    (void)time;
    t->kill_asked = true;
    return 0;
}

/* The states in which an event may come. With OPEN or ENDED, a task that is
 * under way also needs its attempt to be so. */
enum {
    PENDING = 1,
    DISPATCHED = 2,
    RUNNING = 4,
    UNDER_WAY = DISPATCHED | RUNNING,
    LIVE = PENDING | UNDER_WAY,
    OPEN = 8,
    ENDED = 16,
};

static const struct {
    const char *kind;
    int from;
    int (*apply)(struct gs_task *, const cJSON *, struct gs_wall);
} kinds[] = {
    {"intent", PENDING, apply_intent},
    {"withdrawn", DISPATCHED | OPEN, apply_withdrawn},
    {"started", DISPATCHED | OPEN, apply_started},
    {"ended", UNDER_WAY | OPEN, apply_ended},
    {"again", UNDER_WAY | ENDED, apply_again},
    {"final", LIVE | ENDED, apply_final},
    {"kill", LIVE, apply_kill},
};

static bool may_come(const struct gs_task *t, int from)
{
    if (gs_task_state_is_final(t->state) || !(from & (1 << t->state)))
        return false;
    if (t->state == GS_TASK_PENDING)
        return true;
    bool ended = gs_task_state_is_final(gs_task_attempt(t)->state);
    return !(from & (ended ? OPEN : ENDED));
}

int gs_task_apply(struct gs_task *t, const char *kind, const cJSON *body,
                  struct gs_wall time, int64_t seq, struct gs_error *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i].kind) != 0)
            continue;
        if (!may_come(t, kinds[i].from) || kinds[i].apply(t, body, time) < 0)
            return gs_fail(err, GS_ERR_STATE,
                           "event '%s' does not fit task %s, which is %s", kind,
                           t->id, gs_task_state_name(t->state));
        t->seq = seq;
        return 0;
    }
    return gs_fail(err, GS_ERR_STATE, "unknown event '%s' of task %s", kind,
                   t->id);
}
