/*
 * A run under random events and crashes: no accepted task is lost, none has
 * two live attempts (fake_backend.h looks), a told final state stays, and
 * the state that a replay gives is the state that was committed.
 */
#include "fake_backend.h"

#include "random.h"

enum { TASKS = 60, STEPS = 700 };

struct told {
    bool accepted;
    enum gs_task_state final; /* PENDING: none told */
};

struct play {
    struct rig rig;
    struct told told[TASKS];
    int n;
    int64_t sequence;
};

static void disturb(struct world *w)
{
    static const enum fake_start starts[] = {
        START_GOOD,         START_GOOD,        START_GOOD, START_GOOD,
        START_GOOD,         START_BUSY,        START_FULL, START_DOUBT_LIVES,
        START_DOUBT_ABSENT, START_DOUBT_ABSENT};
    w->next_start = starts[random_below(10)];
    w->find_fails = random_below(5) == 0;
    w->cancel_fails = random_below(3) == 0;
    w->cancel_is_slow = random_below(3) == 0;
}

static void end_some(struct world *w)
{
    static const enum gs_reason reasons[] = {
        GS_REASON_EXIT, GS_REASON_EXIT,      GS_REASON_EXIT,  GS_REASON_OOM,
        GS_REASON_NONE, GS_REASON_PREEMPTED, GS_REASON_SIGNAL};
    for (int i = 0; i < w->n; i++) {
        struct fake_attempt *a = &w->attempts[i];
        if (a->state != GS_ATTEMPT_RUNNING || random_below(3))
            continue;
        a->reason = reasons[random_below(7)];
        a->state =
            a->reason == GS_REASON_NONE ? GS_ATTEMPT_LOST : GS_ATTEMPT_ENDED;
        a->exit_code = a->reason == GS_REASON_EXIT ? random_below(2) : -1;
    }
}

/* What the engine hears after the commit, and must stay true. */
static void listen(struct play *p)
{
    assert_true(gs_run_sequence(p->rig.run) >= p->sequence);
    p->sequence = gs_run_sequence(p->rig.run);
    for (int i = 0; i < p->n; i++) {
        gs_auto_free char *id = gs_format("t%d", i);
        struct gs_task *t = gs_table_find(gs_run_table(p->rig.run), id);
        if (!t) {
            if (p->told[i].accepted)
                fail_msg("%s is lost", id);
            continue;
        }
        p->told[i].accepted = true;
        if (p->told[i].final != GS_TASK_PENDING)
            assert_int_equal(t->state, p->told[i].final);
        if (gs_task_state_is_final(t->state))
            p->told[i].final = t->state;
    }
}

static void submit_one(struct play *p, int i)
{
    static const char *const more[] = {
        ",\"restore\":\"none\"",
        ",\"restore\":\"none\",\"memory_bytes\":52428800",
        ",\"retry\":\"engine\"", ",\"restore\":\"none\",\"priority\":2"};
    gs_auto_free char *id = gs_format("t%d", i);
    assert_int_equal(rig_submit(&p->rig, id, more[i % 4]), 1);
}

static void submit_some(struct play *p)
{
    for (int k = random_below(6); k > 0 && p->n < TASKS; k--)
        submit_one(p, p->n++);
    /* The engine got no reply, and submits again what it is not sure of. */
    for (int i = 0; i < p->n && random_below(4) == 0; i++)
        submit_one(p, i);
}

static char *describe(const struct gs_run *run)
{
    char *text = gs_format("%lld:", (long long)gs_run_sequence(run));
    const struct gs_task *t = gs_table_oldest(gs_run_table(run));
    for (; t; t = t->seq_next) {
        char *longer =
            gs_format("%s %s=%d,%d,%lld,%d,%d,%lld,%d", text, t->id, t->state,
                      t->n_attempts, (long long)t->seq, t->n_oom, t->n_lost,
                      (long long)t->floor_bytes, t->kill_asked);
        free(text);
        text = longer;
    }
    return text;
}

static int into_table(void *arg, const struct gs_store_event *e,
                      struct gs_error *err)
{
    struct gs_table *table = arg;
    struct gs_task_spec spec = {
        .process = "P", .id = e->task, .retry = GS_RETRY_BY_GENOSCHED};
    gs_auto_json cJSON *body = gs_json_parse(e->body, strlen(e->body), err);
    if (!e->task)
        return 0;
    if (strcmp(e->kind, "accepted") == 0) {
        struct gs_task *t = gs_task_create(&spec);
        t->seq = e->seq;
        gs_table_add(table, t);
        return 0;
    }
    struct gs_task *t = gs_table_find(table, e->task);
    assert_non_null(t);
    enum gs_task_state was = t->state;
    if (gs_task_apply(t, e->kind, body, e->time, e->seq, err) < 0)
        return -1;
    gs_table_touch(table, t, was);
    return 0;
}

/* The log alone gives the state that is. */
static void replay_is_the_state(const struct gs_run *run)
{
    struct gs_error err = {0};
    struct gs_run shadow = {.table = gs_table_create(), .seq = run->seq};
    if (gs_store_replay(run->store, into_table, shadow.table, &err) < 0)
        fail_msg("%s", err.text);
    gs_auto_free char *live = describe(run);
    gs_auto_free char *read = describe(&shadow);
    assert_string_equal(live, read);
    gs_table_destroy(shadow.table);
}

static void step(struct play *p)
{
    struct rig *rig = &p->rig;
    disturb(rig->world);
    submit_some(p);
    if (random_below(3) == 0)
        end_some(rig->world);
    if (random_below(2))
        fake_report(rig->world, rig->run);
    if (p->n && random_below(12) == 0) {
        gs_auto_free char *id = gs_format("t%d", random_below(p->n));
        gs_run_kill(rig->run, id, NULL);
    }
    if (random_below(4) == 0)
        rig->run->hold_until.ms = 0;
    rig->run->dirty = true;
    int crash = random_below(10); /* at one of the edges of a round */
    struct gs_error err = {0};
    if (crash != 0) {
        assert_int_equal(gs_run_settle(rig->run, &err), 0);
        listen(p);
    }
    if (crash > 1)
        gs_run_start_intended(rig->run);
    if (crash > 2) {
        assert_int_equal(gs_run_commit(rig->run, &err), 0);
        listen(p);
        if (random_below(20) == 0)
            replay_is_the_state(rig->run);
        return;
    }
    rig->world->find_fails = false;
    rig_reopen(rig);
    listen(p);
}

/* Without trouble everything comes to its end. */
static void finish(struct play *p)
{
    struct rig *rig = &p->rig;
    rig->world->next_start = START_GOOD;
    rig->world->find_fails = rig->world->cancel_fails = false;
    rig->world->cancel_is_slow = false;
    rig_reopen(rig);
    for (int i = 0; i < p->n; i++)
        submit_one(p, i);
    for (int i = 0; i < 600 && gs_table_live(gs_run_table(rig->run)); i++) {
        end_some(rig->world);
        fake_report(rig->world, rig->run);
        rig->run->dirty = true;
        rig_round(rig);
        listen(p);
    }
    assert_int_equal(gs_table_live(gs_run_table(rig->run)), 0);
    assert_int_equal(fake_live(rig->world, NULL), 0);
    for (int i = 0; i < p->n; i++)
        assert_true(p->told[i].accepted && p->told[i].final != GS_TASK_PENDING);
    replay_is_the_state(rig->run);
}

static void random_runs_with_crashes(void **state)
{
    (void)state;
    random_begin("run");
    int starts = 0;
    for (int round = 0; round < 6; round++) {
        struct play p = {.rig = rig_make(4)};
        for (int i = 0; i < STEPS; i++)
            step(&p);
        finish(&p);
        starts += p.rig.world->starts;
        rig_drop(&p.rig);
    }
    printf("%d attempts\n", starts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_runs_with_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
