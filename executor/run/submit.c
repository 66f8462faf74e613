/*
 * submit: from a Task's JSON to an accepted task, or a reason why not.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "genome/chromosome.h"
#include "run/run_private.h"
#include "run/submit.h"

enum {
    TEACH_MOST = 512,
    STAMP_MOST = 1000,
    WORK_MOST = 1000, /* tasks of one fingerprint that are looked at */
};

/* Size and time of every input, as one digest; NULL if one is missing. */
static char *stamp_inputs(const struct gs_task_spec *spec)
{
    gs_auto_json cJSON *list = cJSON_CreateArray();
    int n = 0;
    for (const cJSON *c = spec->inputs ? spec->inputs->child : NULL; c;
         c = c->next) {
        const cJSON *path = gs_json_get(c, "path");
        struct stat st;
        char text[96];
        if (++n > STAMP_MOST || stat(path->valuestring, &st) < 0)
            return NULL;
        snprintf(text, sizeof text, "%lld %lld.%09ld", (long long)st.st_size,
                 (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
        cJSON_AddItemToArray(list, cJSON_CreateString(path->valuestring));
        cJSON_AddItemToArray(list, cJSON_CreateString(text));
    }
    char *out = gs_malloc(33);
    gs_json_digest(list, out);
    return out;
}

static void carry_over(const struct gs_run *run, const char *retry_of,
                       struct gs_task *t)
{
    const struct gs_task *old =
        retry_of ? gs_table_find(run->table, retry_of) : NULL;
    if (!old)
        return;
    if (old->target)
        old = old->target;
    t->floor_bytes = old->floor_bytes;
    t->n_oom = old->n_oom;
    t->n_lost = old->n_lost;
}

static void set_chromosome(struct gs_task *t)
{
    char name[256];
    if (!t->chromosome)
        return;
    gs_chromosome_normalise(t->chromosome, name, sizeof name, NULL, 0);
    free(t->chromosome);
    t->chromosome = gs_strdup(name);
}

void gs_run_teach(struct gs_run *run, const char *process)
{
    struct gs_error err = {0};
    if (run->history && !gs_model_knows(run->model, process) &&
        gs_history_teach(run->history, process, TEACH_MOST, run->model, &err) <
            0)
        gs_warn("%s; predictions start afresh", err.text);
}

/* More memory than there is, and no earlier attempt says that less will do. */
static bool memory_never_fits(const struct gs_run *run, const struct gs_task *t,
                              char *why, size_t room)
{
    const struct gs_resources *have = &run->largest, *want = &t->request;
    char a[32], b[32];
    if (want->memory_bytes <= have->memory_bytes)
        return false;
    struct gs_question q = {t->process,          t->chromosome,
                            t->input_bytes,      want->memory_bytes,
                            t->memory_in_script, t->floor_bytes};
    struct gs_predict_policy policy = run->predict;
    policy.max_bytes = 0;
    struct gs_estimate e = gs_predict(run->model, &q, &policy);
    if (e.points > 0 && e.limit_bytes <= have->memory_bytes)
        return false;
    snprintf(why, room,
             "asks for %s of memory, but the largest machine of the pool has "
             "%s; lower the request (resourceLimits, mem_mb) or raise "
             "local.memory",
             gs_print_size(want->memory_bytes, a, sizeof a),
             gs_print_size(have->memory_bytes, b, sizeof b));
    return true;
}

bool gs_run_never_fits(const struct gs_run *run, const struct gs_task *t,
                       char *why, size_t room)
{
    const struct gs_resources *have = &run->largest, *want = &t->request;
    char a[32], b[32];
    if (want->cpus > have->cpus + 1e-6) {
        snprintf(why, room,
                 "asks for %g CPUs, but the largest machine of the pool has "
                 "%g; lower the request or raise local.cpus",
                 want->cpus, have->cpus);
        return true;
    }
    if (want->gpus > have->gpus) {
        snprintf(why, room,
                 "asks for %d GPUs, but the largest machine of the pool has "
                 "%d; lower the request or set local.gpus",
                 want->gpus, have->gpus);
        return true;
    }
    if (have->disk_bytes > 0 && want->disk_bytes > have->disk_bytes) {
        snprintf(why, room,
                 "asks for %s of disk, but the largest machine of the pool "
                 "has %s; lower the request or raise local.disk",
                 gs_print_size(want->disk_bytes, a, sizeof a),
                 gs_print_size(have->disk_bytes, b, sizeof b));
        return true;
    }
    return false;
}

static cJSON *accepted_body(const struct gs_task *t, const char *adopted_from)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "digest", t->digest);
    gs_json_add_string(o, "session", t->session);
    gs_json_add_string(o, "inputs", t->input_stamp);
    gs_json_add_string(o, "adopted", adopted_from);
    if (t->floor_bytes)
        gs_json_add_int(o, "floor_bytes", t->floor_bytes);
    if (t->n_oom)
        gs_json_add_int(o, "n_oom", t->n_oom);
    if (t->n_lost)
        gs_json_add_int(o, "n_lost", t->n_lost);
    return o;
}

void gs_task_accept(struct gs_task *t, const cJSON *body, struct gs_wall time,
                    int64_t seq)
{
    const char *digest = "", *session = NULL, *stamp = NULL;
    int64_t floor = 0, n_oom = 0, n_lost = 0;
    gs_json_string(body, "digest", 32, &digest, NULL);
    gs_json_string(body, "session", 256, &session, NULL);
    gs_json_string(body, "inputs", 32, &stamp, NULL);
    gs_json_int(body, "floor_bytes", 0, GS_JSON_MAX_INT, &floor, NULL);
    gs_json_int(body, "n_oom", 0, INT_MAX, &n_oom, NULL);
    gs_json_int(body, "n_lost", 0, INT_MAX, &n_lost, NULL);
    snprintf(t->digest, sizeof t->digest, "%s", digest);
    free(t->session);
    t->session = gs_strdup(session);
    free(t->input_stamp);
    t->input_stamp = gs_strdup(stamp);
    t->floor_bytes = floor;
    t->n_oom = (int)n_oom;
    t->n_lost = (int)n_lost;
    t->submitted = time;
    t->seq = seq;
    set_chromosome(t);
}

static bool worth_adopting(const struct gs_run *run, const struct gs_task *old,
                           const struct gs_task *t)
{
    return old->input_stamp && strcmp(old->input_stamp, t->input_stamp) == 0 &&
           (!old->session || strcmp(old->session, run->session) != 0) &&
           !old->kill_asked &&
           (old->state == GS_TASK_SUCCEEDED ||
            !gs_task_state_is_final(old->state)) &&
           access(old->workdir, F_OK) == 0;
}

/* The newest task of an earlier session of the engine that is this work. */
static struct gs_task *adoptable(const struct gs_run *run,
                                 const struct gs_task *t)
{
    if (!run->adopt || !t->fingerprint || !t->input_stamp || !run->recovered)
        return NULL;
    struct gs_task *k = gs_table_same_work(run->table, t->fingerprint);
    for (int i = 0; k && i < WORK_MOST; i++, k = k->same_work)
        if (worth_adopting(run, k, t))
            return k;
    return NULL;
}

static int store_task(struct gs_run *run, struct gs_task *t, const cJSON *json,
                      const struct gs_task_spec *spec,
                      const struct gs_task *target, struct gs_error *err)
{
    gs_auto_json cJSON *body = accepted_body(t, target ? target->id : NULL);
    gs_auto_free char *body_text = gs_json_print(body);
    /* One that is answered with another is never started. */
    gs_auto_free char *secret =
        spec->env && !target ? gs_json_print(spec->env) : NULL;
    gs_auto_json cJSON *open = cJSON_Duplicate(json, true);
    cJSON_DeleteItemFromObjectCaseSensitive(open, "env");
    gs_auto_free char *text = gs_json_print(open);
    struct gs_store_event e = {.time = gs_wall_now(),
                               .task = t->id,
                               .kind = "accepted",
                               .body = body_text};
    int64_t seq = gs_store_append(run->store, &e, err);
    if (seq < 0)
        return -1;
    gs_task_accept(t, body, e.time, seq);
    run->seq = seq;
    struct gs_store_task row = {.id = t->id,
                                .process = t->process,
                                .name = t->name,
                                .state = gs_task_state_name(t->state),
                                .chromosome = t->chromosome,
                                .seq = seq,
                                .submitted_ms = t->submitted.ms,
                                .requested_bytes = t->request.memory_bytes,
                                .cpus = t->request.cpus};
    if (gs_store_put_task(run->store, &row, err) < 0)
        return -1;
    return gs_store_put_spec(run->store, t->id, text, secret, err);
}

static void settled(void *arg)
{
    struct gs_run *run = arg;
    run->settle_timer = NULL;
    run->dirty = true;
}

static int known_already(const struct gs_run *run,
                         const struct gs_task_spec *spec, const char *digest,
                         char *why, size_t room)
{
    const struct gs_task *old = gs_table_find(run->table, spec->id);
    if (!old)
        return -1;
    if (strcmp(old->digest, digest) == 0)
        return 1;
    snprintf(why, room,
             "the id is taken by another task of this run (%.200s); give "
             "every task an id of its own",
             old->name ? old->name : old->process);
    return 0;
}

static int accept(struct gs_run *run, const cJSON *json,
                  const struct gs_task_spec *spec, const char *digest,
                  char *why, size_t room, struct gs_error *err)
{
    struct gs_task *t = gs_task_create(spec);
    memcpy(t->digest, digest, sizeof t->digest);
    t->session = gs_strdup(run->session);
    t->ready_since_ms = gs_mono_now().ms;
    carry_over(run, spec->retry_of, t);
    set_chromosome(t);
    gs_run_teach(run, t->process);
    if (t->fingerprint)
        t->input_stamp = stamp_inputs(spec);
    struct gs_task *target = adoptable(run, t);
    if (!target && (memory_never_fits(run, t, why, room) ||
                    gs_run_never_fits(run, t, why, room))) {
        gs_task_destroy(t);
        return 0;
    }
    if (store_task(run, t, json, spec, target, err) < 0) {
        gs_task_destroy(t);
        return gs_run_broken(run, err);
    }
    gs_table_add(run->table, t);
    if (target) {
        gs_table_adopt(run->table, t, target);
        gs_info("task %s is task %s of an earlier session of the engine", t->id,
                target->id);
    }
    run->dirty = true;
    int64_t settle = gs_config_duration(run->config, "settle_ms");
    if (!run->settle_timer && settle > 0)
        run->settle_timer = gs_loop_timer(run->loop, settle, settled, run);
    return 1;
}

int gs_run_submit(struct gs_run *run, const cJSON *json, char id[129],
                  char *why, size_t room, struct gs_error *err)
{
    struct gs_task_spec spec;
    struct gs_error bad = {0};
    const char *given = NULL;
    char digest[33];
    id[0] = '\0';
    if (cJSON_IsObject(json) &&
        gs_json_string(json, "id", 128, &given, NULL) == 1)
        snprintf(id, 129, "%s", given);
    if (gs_task_spec_parse(json, &spec, &bad) < 0) {
        snprintf(why, room, "%s: %s", bad.path, bad.text);
        return 0;
    }
    gs_json_digest(json, digest);
    int known = known_already(run, &spec, digest, why, room);
    if (known >= 0)
        return known;
    if (run->draining) {
        snprintf(why, room, "the run is being shut down");
        return 0;
    }
    if (gs_store_is_full(run->store)) {
        snprintf(why, room,
                 "the disk of the state folder %.300s is full; make room and "
                 "submit again, nothing accepted is lost",
                 run->dir);
        return 0;
    }
    return accept(run, json, &spec, digest, why, room, err);
}
