/*
 * run: opening, killing, settling. See the header for the order of things.
 */
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/run_private.h"

enum {
    PATIENCE_MS = 5 * 60 * 1000,
    SCRUB_MS = 2000, /* at most so often */
};

bool gs_run_id_is_valid(const char *id)
{
    size_t n = strlen(id);
    return n >= 1 && n <= 64 && strcmp(id, ".") != 0 && strcmp(id, "..") != 0 &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789._-") == n;
}

char *gs_state_dir(const struct gs_config *config)
{
    const char *set = gs_config_string(config, "state_dir");
    const char *env = getenv("GENOSCHED_STATE");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (set)
        return gs_strdup(set);
    if (env && *env)
        return gs_strdup(env);
    if (xdg && *xdg == '/')
        return gs_format("%s/genosched", xdg);
    return gs_format("%s/.local/state/genosched",
                     home && *home ? home : "/tmp");
}

char *gs_run_dir(const struct gs_config *config, const char *id)
{
    gs_auto_free char *state = gs_state_dir(config);
    return gs_format("%s/runs/%s", state, id);
}

char *gs_run_manifest(const struct gs_run *run, const struct gs_task *t)
{
    char digest[33];
    gs_auto_json cJSON *id = cJSON_CreateString(t->id);
    gs_json_digest(id, digest); /* ids hold any character */
    return gs_format("%s/manifests/%s", run->dir, digest);
}

static void read_policies(struct gs_run *run)
{
    const struct gs_config *c = run->config;
    run->adopt = gs_config_bool(c, "adopt");
    run->predict = (struct gs_predict_policy){
        gs_config_bool(c, "predict.enabled"),
        gs_config_size(c, "predict.default_memory"), run->largest.memory_bytes};
    run->retry = (struct gs_retry_policy){
        (int)gs_config_int(c, "retry.max_oom"),
        (int)gs_config_int(c, "retry.max_lost"),
        gs_config_number(c, "retry.oom_growth"), run->largest.memory_bytes};
    run->schedule = (struct gs_schedule_policy){
        strcmp(gs_config_string(c, "limits"), "pooled") == 0, PATIENCE_MS};
}

static int measure_pool(struct gs_run *run, struct gs_error *err)
{
    gs_auto_free struct gs_bin *bins = gs_calloc(GS_MAX_BINS, sizeof *bins);
    int n = run->backend->capacity(run->backend_self, bins, GS_MAX_BINS, err);
    if (n < 0)
        return -1;
    struct gs_resources *most = &run->largest;
    for (int i = 0; i < n; i++) {
        const struct gs_resources *t = &bins[i].total;
        if (t->memory_bytes > most->memory_bytes)
            most->memory_bytes = t->memory_bytes;
        if (t->cpus > most->cpus)
            most->cpus = t->cpus;
        if (t->gpus > most->gpus)
            most->gpus = t->gpus;
        if (t->disk_bytes > most->disk_bytes)
            most->disk_bytes = t->disk_bytes;
    }
    return 0;
}

static int open_backend(struct gs_run *run, struct gs_error *err)
{
    const char *name = gs_config_string(run->config, "backend");
    run->backend = gs_backend_by_name(name);
    if (!run->backend)
        return gs_fail(err, GS_ERR_CONFIG,
                       "backend '%s' is not part of this program", name);
    struct gs_backend_env env = {run->loop, run->config,       run->id,
                                 run->dir,  gs_run_on_backend, run};
    if (run->backend->open(&env, &run->backend_self, err) < 0)
        return -1;
    return measure_pool(run, err);
}

static void open_history(struct gs_run *run)
{
    struct gs_error err = {0};
    gs_auto_free char *state = gs_state_dir(run->config);
    gs_auto_free char *path = gs_format("%s/history.db", state);
    run->history = gs_history_open(path, &err);
    if (!run->history)
        gs_warn("%s; what is learned lasts for this run only", err.text);
}

static void note_meta(struct gs_run *run, const struct gs_run_options *o)
{
    char text[32];
    gs_store_set_meta(run->store, "run", run->id, NULL);
    gs_store_set_meta(run->store, "name", o->name ? o->name : run->id, NULL);
    gs_store_set_meta(run->store, "engine", o->engine ? o->engine : "", NULL);
    gs_store_set_meta(run->store, "engine_version",
                      o->engine_version ? o->engine_version : "", NULL);
    gs_store_set_meta(run->store, "workdir", o->workdir ? o->workdir : "",
                      NULL);
    gs_store_set_meta(run->store, "backend", run->backend->name, NULL);
    snprintf(text, sizeof text, "%lld", (long long)run->largest.memory_bytes);
    gs_store_set_meta(run->store, "pool_memory_bytes", text, NULL);
    snprintf(text, sizeof text, "%g", run->largest.cpus);
    gs_store_set_meta(run->store, "pool_cpus", text, NULL);
    snprintf(text, sizeof text, "%lld", (long long)gs_wall_now().ms);
    gs_store_set_meta(run->store, "opened_ms", text, NULL);
    gs_store_set_meta(run->store, "limits",
                      gs_config_string(run->config, "limits"), NULL);
}

static int append_run_event(struct gs_run *run, const char *kind,
                            struct gs_error *err)
{
    struct gs_store_event e = {.time = gs_wall_now(), .kind = kind};
    int64_t seq = gs_store_append(run->store, &e, err);
    if (seq < 0)
        return -1;
    run->seq = seq;
    return 0;
}

static void open_log(const struct gs_run *run)
{
    const char *set = gs_config_string(run->config, "log.file");
    gs_auto_free char *path =
        set ? gs_strdup(set) : gs_format("%s/genosched.log", run->dir);
    if (gs_log_open(path) < 0)
        gs_warn("cannot write the log %s: %s; it goes to stderr only", path,
                strerror(errno));
}

struct gs_run *gs_run_open(struct gs_loop *loop, const struct gs_config *config,
                           const struct gs_run_options *o, struct gs_error *err)
{
    struct gs_run *run = gs_calloc(1, sizeof *run);
    run->loop = loop;
    run->config = config;
    run->id = gs_strdup(o->id);
    run->dir = gs_run_dir(config, o->id);
    run->engine = gs_strdup(o->engine);
    run->opened = gs_mono_now();
    run->session = o->session ? gs_strdup(o->session)
                              : gs_format("%ld-%lld", (long)getpid(),
                                          (long long)gs_wall_now().ms);
    run->table = gs_table_create();
    run->model = gs_model_create();
    run->dirty = true;
    gs_auto_free char *manifests = gs_format("%s/manifests", run->dir);
    run->store = gs_store_open(run->dir, err);
    if (!run->store || gs_dir_make(manifests, err) < 0)
        goto fail;
    open_log(run);
    if (open_backend(run, err) < 0)
        goto fail;
    read_policies(run);
    open_history(run);
    if (gs_run_recover(run, err) < 0 ||
        append_run_event(run, "opened", err) < 0)
        goto fail;
    note_meta(run, o);
    if (gs_store_commit(run->store, err) < 0)
        goto fail;
    run->is_open = true;
    return run;
fail:
    gs_run_close(run);
    return NULL;
}

void gs_run_close(struct gs_run *run)
{
    if (!run)
        return;
    gs_loop_cancel(run->loop, run->settle_timer);
    gs_loop_cancel(run->loop, run->again_timer);
    gs_loop_cancel(run->loop, run->mend_timer);
    gs_loop_cancel(run->loop, run->scrub_timer);
    if (run->backend_self)
        run->backend->close(run->backend_self);
    if (run->is_open && !run->failed &&
        append_run_event(run, "closed", NULL) == 0)
        gs_store_commit(run->store, NULL);
    gs_store_close(run->store);
    gs_history_close(run->history);
    gs_model_destroy(run->model);
    gs_table_destroy(run->table);
    gs_log_open(NULL);
    free(run->intended);
    free(run->intended_bin);
    free(run->session);
    free(run->engine);
    free(run->dir);
    free(run->id);
    free(run);
}

/* Killing */

int gs_run_cancel_pending(struct gs_run *run, struct gs_task *t)
{
    struct gs_verdict v = {.state = GS_TASK_CANCELLED,
                           .reason = GS_REASON_CANCELLED,
                           .exit_code = -1,
                           .message = t->n_attempts
                                          ? "cancelled before it was repeated"
                                          : "cancelled before it was started",
                           .retry_bytes = -1,
                           .floor_bytes = t->floor_bytes};
    return gs_run_finish(run, t, &v);
}

static int kill_task(struct gs_run *run, struct gs_task *t,
                     struct gs_error *err)
{
    if (t->kill_asked) {
        if (t->state == GS_TASK_RUNNING)
            gs_run_stop(run, t);
        return GS_KILL_STOPPING;
    }
    if (gs_run_event(run, t, "kill", cJSON_CreateObject()) < 0)
        goto broken;
    if (t->state == GS_TASK_PENDING) {
        if (gs_run_cancel_pending(run, t) < 0)
            goto broken;
        return GS_KILL_STOPPING;
    }
    if (t->state == GS_TASK_RUNNING)
        gs_run_stop(run, t);
    return GS_KILL_STOPPING;
broken:
    if (err)
        *err = run->failure;
    return -1;
}

int gs_run_kill(struct gs_run *run, const char *id, struct gs_error *err)
{
    struct gs_task *t = gs_table_find(run->table, id);
    if (!t)
        return GS_KILL_UNKNOWN;
    if (t->target)
        t = t->target;
    if (gs_task_state_is_final(t->state))
        return GS_KILL_FINISHED;
    return kill_task(run, t, err);
}

int gs_run_kill_all(struct gs_run *run, struct gs_error *err)
{
    size_t n_active, n = gs_table_n_pending(run->table);
    struct gs_task *const *active = gs_table_active(run->table, &n_active);
    gs_auto_free struct gs_task **todo = gs_calloc(n + n_active, sizeof *todo);
    gs_table_pending(run->table, todo, n);
    for (size_t i = 0; i < n_active; i++)
        todo[n++] = active[i];
    for (size_t i = 0; i < n; i++)
        if (kill_task(run, todo[i], err) < 0)
            return -1;
    return 0;
}

void gs_run_drain(struct gs_run *run)
{
    run->draining = true;
}

/* Settling */

static void scrub_due(void *arg)
{
    struct gs_run *run = arg;
    run->scrub_timer = NULL; /* the commit of this round scrubs */
}

static void scrub(struct gs_run *run)
{
    int64_t now = gs_mono_now().ms;
    if (!gs_store_needs_scrub(run->store))
        return;
    if (now >= run->scrub_after.ms) {
        gs_store_scrub(run->store);
        run->scrub_after.ms = now + SCRUB_MS;
    }
    if (gs_store_needs_scrub(run->store) && !run->scrub_timer)
        run->scrub_timer = gs_loop_timer(run->loop, SCRUB_MS, scrub_due, run);
}

int gs_run_commit(struct gs_run *run, struct gs_error *err)
{
    struct gs_error why = {0};
    if (!run->failed && gs_store_commit(run->store, &why) < 0)
        gs_run_broken(run, &why);
    if (!run->failed) {
        scrub(run);
        return 0;
    }
    if (err)
        *err = run->failure;
    return -1;
}

int gs_run_settle(struct gs_run *run, struct gs_error *err)
{
    if (!run->failed)
        gs_run_dispatch(run);
    return gs_run_commit(run, err);
}

const struct gs_table *gs_run_table(const struct gs_run *run)
{
    return run->table;
}

int64_t gs_run_sequence(const struct gs_run *run)
{
    return run->seq;
}

const char *gs_run_id(const struct gs_run *run)
{
    return run->id;
}

const char *gs_run_backend(const struct gs_run *run)
{
    return run->backend->name;
}

size_t gs_run_recovered(const struct gs_run *run)
{
    return run->recovered;
}

int64_t gs_run_uptime_ms(const struct gs_run *run)
{
    return gs_mono_now().ms - run->opened.ms;
}

static void add(struct gs_resources *sum, const struct gs_resources *one)
{
    sum->memory_bytes += one->memory_bytes;
    sum->cpus += one->cpus;
    sum->gpus += one->gpus;
    sum->disk_bytes += one->disk_bytes;
}

int gs_run_pool(struct gs_run *run, struct gs_resources *total,
                struct gs_resources *in_use, int64_t *predicted_bytes,
                struct gs_error *err)
{
    gs_auto_free struct gs_bin *bins = gs_calloc(GS_MAX_BINS, sizeof *bins);
    int n = run->backend->capacity(run->backend_self, bins, GS_MAX_BINS, err);
    if (n < 0)
        return -1;
    struct gs_resources all = {0}, used = {0};
    for (int i = 0; i < n; i++)
        add(&all, &bins[i].total);
    size_t n_active;
    int64_t predicted = 0;
    struct gs_task *const *active = gs_table_active(run->table, &n_active);
    for (size_t i = 0; i < n_active; i++) {
        const struct gs_attempt *a = gs_task_attempt(active[i]);
        add(&used, &a->grant);
        predicted +=
            a->predicted_bytes >= 0 ? a->predicted_bytes : a->limit_bytes;
    }
    if (total)
        *total = all;
    if (in_use)
        *in_use = used;
    if (predicted_bytes)
        *predicted_bytes = predicted;
    return 0;
}
