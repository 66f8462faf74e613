/*
 * fake_backend: a backend that a test holds in its hand, and a run on it.
 * The world (attempts that live) outlasts the run, as real ones do. It fails
 * the test when an attempt is started twice, or a task has two live ones.
 */
#ifndef GS_TEST_FAKE_BACKEND_H
#define GS_TEST_FAKE_BACKEND_H

#include "scratch.h"

#include "base/json.h"
#include "run/run_private.h"

enum fake_start {
    START_GOOD,
    START_BUSY,
    START_FULL,
    START_REFUSED,      /* certainly not started, and never will be */
    START_DOUBT_LIVES,  /* started, and said not to be known */
    START_DOUBT_ABSENT, /* not started, and said not to be known */
};

struct fake_attempt {
    char *task;
    int n;
    enum gs_attempt_state state;
    enum gs_reason reason;
    int exit_code;
    bool told; /* its end was reported */
};

enum { FAKE_MOST = 4096 };

struct world {
    struct fake_attempt attempts[FAKE_MOST];
    int n, starts, cancels;
    enum fake_start next_start;
    bool find_fails, cancel_fails, cancel_is_slow;
    double cpus;
};

#pragma GCC diagnostic ignored "-Wunused-function"

static struct fake_attempt *fake_find_attempt(struct world *w, const char *task,
                                              int n)
{
    for (int i = 0; i < w->n; i++)
        if (w->attempts[i].n == n && strcmp(w->attempts[i].task, task) == 0)
            return &w->attempts[i];
    return NULL;
}

static int fake_live(const struct world *w, const char *task)
{
    int n = 0;
    for (int i = 0; i < w->n; i++)
        n += w->attempts[i].state == GS_ATTEMPT_RUNNING &&
             (!task || strcmp(w->attempts[i].task, task) == 0);
    return n;
}

static int fake_capacity(void *self, struct gs_bin *bins, int room,
                         struct gs_error *err)
{
    struct world *w = self;
    (void)room;
    (void)err;
    memset(bins, 0, sizeof *bins);
    snprintf(bins->name, sizeof bins->name, "fake");
    bins->total = (struct gs_resources){INT64_C(4) << 40, w->cpus, 0, 0};
    bins->free = bins->total;
    bins->free.cpus -= fake_live(w, NULL);
    return 1;
}

static void fake_born(struct world *w, const struct gs_attempt_key *key)
{
    assert_true(w->n < FAKE_MOST);
    if (fake_find_attempt(w, key->task, key->attempt))
        fail_msg("%s/%d is started twice", key->task, key->attempt);
    if (fake_live(w, key->task))
        fail_msg("%s has two live attempts", key->task);
    w->attempts[w->n++] = (struct fake_attempt){
        gs_strdup(key->task), key->attempt, GS_ATTEMPT_RUNNING,
        GS_REASON_NONE,       -1,           false};
    w->starts++;
}

static int fake_start_one(void *self, const struct gs_launch *l, int bin,
                          char *id, size_t room, struct gs_error *err)
{
    struct world *w = self;
    (void)bin;
    switch (w->next_start) {
    case START_BUSY:
        return gs_fail(err, GS_ERR_BUSY, "others were faster");
    case START_FULL:
        return gs_fail(err, GS_ERR_FULL, "no room");
    case START_REFUSED:
        return gs_fail(err, GS_ERR_SYSTEM, "cannot be");
    case START_DOUBT_ABSENT:
        return gs_fail(err, GS_ERR_BACKEND, "cut off");
    case START_DOUBT_LIVES:
        fake_born(w, &l->key);
        return gs_fail(err, GS_ERR_BACKEND, "cut off");
    default:
        fake_born(w, &l->key);
        snprintf(id, room, "b%d", w->n);
        return 0;
    }
}

static struct gs_outcome fake_outcome(const struct fake_attempt *a)
{
    struct gs_outcome o = GS_OUTCOME_UNKNOWN;
    o.reason = a->reason;
    o.exit_code = a->exit_code;
    o.ended.ms = 1;
    o.peak_bytes = a->reason == GS_REASON_OOM ? 100 << 20 : 1 << 20;
    return o;
}

static int fake_find(void *self, const struct gs_attempt_key *key,
                     struct gs_found *found, struct gs_error *err)
{
    struct world *w = self;
    if (w->find_fails)
        return gs_fail(err, GS_ERR_BACKEND, "cannot look");
    struct fake_attempt *a = fake_find_attempt(w, key->task, key->attempt);
    memset(found, 0, sizeof *found);
    found->outcome = GS_OUTCOME_UNKNOWN;
    found->state = a ? a->state : GS_ATTEMPT_ABSENT;
    if (a && a->state != GS_ATTEMPT_RUNNING) {
        found->outcome = fake_outcome(a);
        a->told = true;
    }
    return 0;
}

static int fake_cancel(void *self, const struct gs_attempt_key *key,
                       enum gs_reason why, struct gs_error *err)
{
    struct world *w = self;
    (void)why;
    w->cancels++;
    if (w->cancel_fails)
        return gs_fail(err, GS_ERR_BACKEND, "cannot cancel");
    struct fake_attempt *a = fake_find_attempt(w, key->task, key->attempt);
    if (a && a->state == GS_ATTEMPT_RUNNING && !w->cancel_is_slow) {
        a->state = GS_ATTEMPT_ENDED;
        a->reason = GS_REASON_CANCELLED;
    }
    return 0;
}

static void fake_close(void *self)
{
    (void)self;
}

static const struct gs_backend fake_backend = {.name = "fake",
                                               .capacity = fake_capacity,
                                               .start = fake_start_one,
                                               .cancel = fake_cancel,
                                               .find = fake_find,
                                               .close = fake_close};

/* Reports every end that the run has not heard of. */
static void fake_report(struct world *w, struct gs_run *run)
{
    for (int i = 0; i < w->n; i++) {
        struct fake_attempt *a = &w->attempts[i];
        if (a->told || a->state == GS_ATTEMPT_RUNNING)
            continue;
        struct gs_event e = {a->task, a->n, a->state, fake_outcome(a)};
        a->told = true;
        gs_run_on_backend(run, &e);
    }
}

static void world_drop(struct world *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->attempts[i].task);
    free(w);
}

struct rig {
    char *dir;
    struct world *world;
    struct gs_loop *loop;
    struct gs_config *config;
    struct gs_run *run;
    const char *session;
};

/* As gs_run_open, on the fake backend. NULL if the recovery fails. */
static void rig_open(struct rig *rig)
{
    struct gs_error err = {0};
    struct gs_run *run = gs_calloc(1, sizeof *run);
    run->loop = rig->loop;
    run->config = rig->config;
    run->id = gs_strdup("r");
    run->dir = gs_strdup(rig->dir);
    run->session = gs_strdup(rig->session);
    run->backend = &fake_backend;
    run->backend_self = rig->world;
    run->table = gs_table_create();
    run->model = gs_model_create();
    run->dirty = run->adopt = run->is_open = true;
    run->largest =
        (struct gs_resources){INT64_C(4) << 40, rig->world->cpus, 0, 0};
    run->predict =
        (struct gs_predict_policy){true, 1 << 30, run->largest.memory_bytes};
    run->retry = (struct gs_retry_policy){3, 3, 2.0, run->largest.memory_bytes};
    run->store = gs_store_open(rig->dir, &err);
    if (!run->store)
        fail_msg("%s", err.text);
    if (gs_run_recover(run, &err) < 0 || gs_run_commit(run, &err) < 0)
        fail_msg("%s", err.text);
    rig->run = run;
}

/* As a kill -9 would. */
static void rig_crash(struct rig *rig)
{
    if (!rig->run)
        return;
    rig->run->failed = true;
    gs_run_close(rig->run);
    rig->run = NULL;
}

static void rig_reopen(struct rig *rig)
{
    rig_crash(rig);
    rig_open(rig);
}

static struct rig rig_make(double cpus)
{
    /* Memory, where there is some: thousands of commits are synced. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    struct rig rig = {.dir = scratch_make(), .session = "one"};
    static const char text[] = "{\"settle_ms\":0}";
    struct gs_error err = {0};
    rig.world = gs_calloc(1, sizeof *rig.world);
    rig.world->cpus = cpus;
    rig.loop = gs_loop_create(&err);
    rig.config = gs_config_create();
    gs_auto_json cJSON *set = gs_json_parse(text, strlen(text), &err);
    assert_int_equal(gs_config_merge(rig.config, set, "test", &err), 0);
    rig_open(&rig);
    return rig;
}

static void rig_drop(struct rig *rig)
{
    rig_crash(rig);
    gs_loop_destroy(rig->loop);
    gs_config_destroy(rig->config);
    world_drop(rig->world);
    scratch_drop(rig->dir);
}

/* 1 accepted, 0 rejected. `more` goes into the task's JSON. */
static int rig_submit(struct rig *rig, const char *id, const char *more)
{
    struct gs_error err = {0};
    char got[129], why[1200];
    gs_auto_free char *text =
        gs_format("{\"id\":\"%s\",\"process\":\"P\",\"command\":[\"true\"],"
                  "\"workdir\":\"%s\"%s}",
                  id, rig->dir, more);
    gs_auto_json cJSON *json = gs_json_parse(text, strlen(text), &err);
    if (!json)
        fail_msg("%s: %s", text, err.text);
    int rc = gs_run_submit(rig->run, json, got, why, sizeof why, &err);
    if (rc < 0)
        fail_msg("%s", err.text);
    return rc;
}

/* One round of the server. */
static void rig_round(struct rig *rig)
{
    struct gs_error err = {0};
    if (gs_run_settle(rig->run, &err) < 0)
        fail_msg("%s", err.text);
    gs_run_start_intended(rig->run);
    if (gs_run_commit(rig->run, &err) < 0)
        fail_msg("%s", err.text);
}

static struct gs_task *rig_task(const struct rig *rig, const char *id)
{
    struct gs_task *t = gs_table_find(gs_run_table(rig->run), id);
    assert_non_null(t);
    return t;
}

static void rig_end(struct rig *rig, const char *id, enum gs_reason reason,
                    int exit_code)
{
    struct gs_task *t = rig_task(rig, id);
    struct fake_attempt *a =
        fake_find_attempt(rig->world, id, gs_task_attempt(t)->n);
    assert_non_null(a);
    a->state = reason == GS_REASON_NONE ? GS_ATTEMPT_LOST : GS_ATTEMPT_ENDED;
    a->reason = reason;
    a->exit_code = exit_code;
    fake_report(rig->world, rig->run);
}

static void fake_tick(void *arg)
{
    (void)arg;
}

/* Rounds of the loop until the timers of `ms` have passed. */
static void rig_wait(struct rig *rig, int64_t ms)
{
    int64_t until = gs_mono_now().ms + ms;
    while (gs_mono_now().ms < until) {
        gs_loop_timer(rig->loop, 20, fake_tick, NULL);
        assert_int_equal(gs_loop_round(rig->loop, NULL), 0);
        rig_round(rig);
    }
}

#endif
