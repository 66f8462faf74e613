/*
 * status: see the header. An adopted task is told with its target's fate.
 */
#include "run/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "schedule/schedule.h"

enum {
    MOST_BYTES = 10 * 1024 * 1024, /* of a poll, below the longest line */
    TASK_BYTES = 640,              /* names, numbers and times of a task */
    ATTEMPT_BYTES = 1152,          /* and of an attempt, at the most */
};

static void add_known(cJSON *o, const char *key, int64_t value)
{
    if (value >= 0)
        gs_json_add_int(o, key, value);
}

static void add_time(cJSON *o, const char *key, struct gs_wall time)
{
    if (time.ms > 0)
        gs_json_add_int(o, key, time.ms);
}

static cJSON *attempt_json(const struct gs_attempt *a)
{
    const struct gs_outcome *r = &a->outcome;
    cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "n", a->n);
    gs_json_add_string(o, "state", gs_task_state_name(a->state));
    if (r->reason)
        gs_json_add_string(o, "reason", gs_reason_name(r->reason));
    add_known(o, "exit_code", r->exit_code);
    if (r->signal > 0)
        gs_json_add_int(o, "signal", r->signal);
    cJSON *memory = cJSON_AddObjectToObject(o, "memory");
    add_known(memory, "requested_bytes", a->requested_bytes);
    add_known(memory, "predicted_bytes", a->predicted_bytes);
    add_known(memory, "limit_bytes", a->limit_bytes);
    add_known(memory, "peak_bytes", r->peak_bytes);
    add_known(o, "max_rss_bytes", r->max_rss_bytes);
    cJSON_AddNumberToObject(o, "cpus", a->grant.cpus);
    add_known(o, "cpu_ms", r->cpu_ms);
    add_known(o, "wall_ms", r->wall_ms);
    add_known(o, "read_bytes", r->read_bytes);
    add_known(o, "write_bytes", r->write_bytes);
    add_time(o, "started", r->started);
    add_time(o, "ended", r->ended);
    gs_json_add_string(o, "backend_id", a->backend_id ? a->backend_id : "");
    gs_json_add_string(o, "node", a->node);
    return o;
}

static const char *waiting_text(const struct gs_task *t)
{
    switch ((enum gs_wait)t->wait) {
    case GS_WAIT_MEMORY:
        return "waits for free memory";
    case GS_WAIT_CPUS:
        return "waits for free CPUs";
    case GS_WAIT_GPUS:
        return "waits for a free GPU";
    case GS_WAIT_DISK:
        return "waits for free disk space";
    case GS_WAIT_TURN:
        return "waits while room is made for a task that came earlier";
    default:
        return "waits for the next round";
    }
}

static void add_outcome(cJSON *o, const struct gs_task *t)
{
    if (t->reason)
        gs_json_add_string(o, "reason", gs_reason_name(t->reason));
    if (gs_task_state_is_final(t->state)) {
        add_known(o, "exit_code", t->exit_code);
        if (t->signal > 0)
            gs_json_add_int(o, "signal", t->signal);
        gs_json_add_string(o, "message", t->message);
    }
    if (t->state == GS_TASK_PENDING)
        gs_json_add_string(o, "waiting", waiting_text(t));
    if (t->retry_offered) {
        cJSON *retry = cJSON_AddObjectToObject(o, "retry");
        gs_json_add_string(retry, "reason", gs_reason_name(t->retry_reason));
        add_known(retry, "memory_bytes", t->retry_bytes);
    }
}

cJSON *gs_status_task(const struct gs_task *task)
{
    const struct gs_task *t = task->target ? task->target : task;
    cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "id", task->id);
    gs_json_add_int(o, "sequence", task->seq);
    gs_json_add_string(o, "state", gs_task_state_name(t->state));
    add_outcome(o, t);
    if (task->target) {
        gs_json_add_string(o, "workdir", t->workdir);
        cJSON_AddTrueToObject(o, "adopted");
    }
    add_time(o, "submitted", task->submitted);
    add_time(o, "started", t->started);
    if (gs_task_state_is_final(t->state))
        add_time(o, "ended", t->ended);
    cJSON *list = cJSON_AddArrayToObject(o, "attempts");
    for (int i = 0; i < t->n_attempts; i++)
        cJSON_AddItemToArray(list, attempt_json(&t->attempts[i]));
    return o;
}

cJSON *gs_status_counts(const struct gs_table *table)
{
    cJSON *o = cJSON_CreateObject();
    for (int s = 0; s < GS_TASK_N_STATES; s++) {
        size_t n = gs_table_count(table, (enum gs_task_state)s);
        if (n)
            gs_json_add_int(o, gs_task_state_name((enum gs_task_state)s),
                            (int64_t)n);
    }
    return o;
}

cJSON *gs_status_resources(const struct gs_resources *r)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "memory_bytes", r->memory_bytes);
    cJSON_AddNumberToObject(o, "cpus", r->cpus);
    gs_json_add_int(o, "gpus", r->gpus);
    gs_json_add_int(o, "disk_bytes", r->disk_bytes);
    return o;
}

cJSON *gs_status_run(struct gs_run *run, struct gs_error *err)
{
    struct gs_resources total, used;
    int64_t predicted;
    if (gs_run_pool(run, &total, &used, &predicted, err) < 0)
        return NULL;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToObject(o, "counts", gs_status_counts(gs_run_table(run)));
    cJSON *pool = cJSON_AddObjectToObject(o, "pool");
    cJSON_AddItemToObject(pool, "total", gs_status_resources(&total));
    cJSON_AddItemToObject(pool, "in_use", gs_status_resources(&used));
    cJSON *p = cJSON_AddObjectToObject(pool, "predicted");
    gs_json_add_int(p, "memory_bytes", predicted);
    gs_json_add_string(o, "run", gs_run_id(run));
    gs_json_add_string(o, "backend", gs_run_backend(run));
    gs_json_add_int(o, "uptime_ms", gs_run_uptime_ms(run));
    return o;
}

/* The length of a text in JSON, at the most. */
static size_t json_bytes(const char *text)
{
    size_t n = 0;
    for (const char *p = text; p && *p; p++)
        n += (unsigned char)*p < 0x20 ? 6 : *p == '"' || *p == '\\' ? 2 : 1;
    return n;
}

static size_t told_bytes(const struct gs_task *task)
{
    const struct gs_task *t = task->target ? task->target : task;
    return TASK_BYTES + json_bytes(task->id) + json_bytes(t->message) +
           (task->target ? json_bytes(t->workdir) : 0) +
           (size_t)t->n_attempts * ATTEMPT_BYTES;
}

/* What one poll tells: tasks by the order of their change. */
struct telling {
    cJSON *list;
    int n;
    size_t bytes;
    int64_t last; /* sequence number of the last one told */
};

/* False when there is no room; tasks that changed by the same event go
 * together, since the next poll begins after it. */
static bool tell(struct telling *w, const struct gs_task *t)
{
    if (w->bytes > MOST_BYTES && t->seq != w->last)
        return false;
    cJSON_AddItemToArray(w->list, gs_status_task(t));
    w->bytes += told_bytes(t);
    w->last = t->seq;
    w->n++;
    return true;
}

static int by_change(const void *a, const void *b)
{
    const struct gs_task *x = *(const struct gs_task *const *)a;
    const struct gs_task *y = *(const struct gs_task *const *)b;
    return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1) : strcmp(x->id, y->id);
}

/* The named ones, found by id and not by walking the whole run. */
static bool tell_named(const struct gs_run *run, int64_t after,
                       const cJSON *ids, struct telling *w)
{
    size_t n = 0;
    gs_auto_free const struct gs_task **found =
        gs_calloc((size_t)cJSON_GetArraySize(ids), sizeof *found);
    for (const cJSON *c = ids->child; c; c = c->next) {
        const struct gs_task *t =
            gs_table_find(gs_run_table(run), c->valuestring);
        if (t && t->seq > after)
            found[n++] = t;
    }
    qsort(found, n, sizeof *found, by_change);
    for (size_t i = 0; i < n; i++)
        if ((i == 0 || found[i] != found[i - 1]) && !tell(w, found[i]))
            return false;
    return true;
}

static bool tell_all(const struct gs_run *run, int64_t after, struct telling *w)
{
    const struct gs_task *t = gs_table_changed_after(gs_run_table(run), after);
    for (; t; t = t->seq_next)
        if (!tell(w, t))
            return false;
    return true;
}

cJSON *gs_status_poll(const struct gs_run *run, int64_t after, const cJSON *ids)
{
    if (gs_run_sequence(run) <= after)
        return NULL;
    struct telling w = {.list = cJSON_CreateArray()};
    bool whole =
        ids ? tell_named(run, after, ids, &w) : tell_all(run, after, &w);
    if (w.n == 0) {
        cJSON_Delete(w.list);
        return NULL;
    }
    cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "sequence", whole ? gs_run_sequence(run) : w.last);
    cJSON_AddItemToObject(o, "tasks", w.list);
    cJSON_AddItemToObject(o, "counts", gs_status_counts(gs_run_table(run)));
    return o;
}
