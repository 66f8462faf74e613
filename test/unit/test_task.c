/*
 * The task's state machine: every kind of event in every state, and replay.
 */
#include "run/task.h"
#include "scratch.h"

#include "base/json.h"
#include "random.h"

static const char spec_text[] =
    "{\"id\":\"t\",\"process\":\"P\",\"command\":[\"true\"],"
    "\"workdir\":\"/w\",\"memory_bytes\":1000000}";

static struct gs_task *fresh(void)
{
    struct gs_error err = {0};
    struct gs_task_spec spec;
    gs_auto_json cJSON *json =
        gs_json_parse(spec_text, strlen(spec_text), &err);
    assert_int_equal(gs_task_spec_parse(json, &spec, &err), 0);
    return gs_task_create(&spec);
}

static cJSON *body_of(const struct gs_task *t, const char *kind, int flavour)
{
    struct gs_attempt a = {.limit_bytes = 64 << 20,
                           .predicted_bytes = flavour ? 5 : -1,
                           .node = (char *)"n",
                           .why = (char *)"because"};
    struct gs_outcome o = GS_OUTCOME_UNKNOWN;
    static const enum gs_reason reasons[] = {
        GS_REASON_EXIT,    GS_REASON_OOM,       GS_REASON_NONE,
        GS_REASON_TIMEOUT, GS_REASON_PREEMPTED, GS_REASON_SIGNAL};
    struct gs_verdict v = {.state =
                               flavour % 2 ? GS_TASK_FAILED : GS_TASK_SUCCEEDED,
                           .reason = GS_REASON_EXIT,
                           .exit_code = flavour,
                           .message = flavour % 2 ? "m" : NULL,
                           .retry_offered = flavour % 2,
                           .retry_reason = GS_REASON_OOM,
                           .retry_bytes = 7,
                           .floor_bytes = flavour};
    if (strcmp(kind, "intent") == 0)
        return gs_task_event_intent(t, &a);
    if (strcmp(kind, "started") == 0)
        return gs_task_event_started("b", (struct gs_wall){flavour});
    o.reason = reasons[flavour % 6];
    o.exit_code = o.reason == GS_REASON_EXIT ? 0 : -1;
    o.peak_bytes = flavour;
    o.ended.ms = 1000 + flavour;
    snprintf(o.message, sizeof o.message, "%s", flavour % 2 ? "said" : "");
    if (strcmp(kind, "ended") == 0)
        return gs_task_event_ended(&o);
    if (strcmp(kind, "again") == 0)
        return gs_task_event_again(o.reason, flavour);
    if (strcmp(kind, "final") == 0)
        return gs_task_event_final(&v);
    return cJSON_CreateObject();
}

static int apply(struct gs_task *t, const char *kind, int flavour, int64_t seq)
{
    gs_auto_json cJSON *body = body_of(t, kind, flavour);
    struct gs_error err = {0};
    int rc =
        gs_task_apply(t, kind, body, (struct gs_wall){seq * 10}, seq, &err);
    assert_int_equal(err.code, rc < 0 ? GS_ERR_STATE : GS_OK);
    return rc;
}

static const char *const kinds[] = {"intent", "withdrawn", "started", "ended",
                                    "again",  "final",     "kill"};

/* Everything of a task that an event can change, as text. */
static char *describe(const struct gs_task *t)
{
    char *text = gs_format(
        "%d %d %d %d '%s' k%d s%lld %lld %lld r%d %d %lld f%lld o%d l%d",
        t->state, t->reason, t->exit_code, t->signal,
        t->message ? t->message : "-", t->kill_asked, (long long)t->seq,
        (long long)t->started.ms, (long long)t->ended.ms, t->retry_offered,
        t->retry_reason, (long long)t->retry_bytes, (long long)t->floor_bytes,
        t->n_oom, t->n_lost);
    for (int i = 0; i < t->n_attempts; i++) {
        const struct gs_attempt *a = &t->attempts[i];
        char *more = gs_format(
            "%s | %d %d %lld %lld %lld %d %s %s %s %d %d '%s' %lld %lld %lld",
            text, a->n, a->state, (long long)a->requested_bytes,
            (long long)a->predicted_bytes, (long long)a->limit_bytes, a->pooled,
            a->backend_id ? a->backend_id : "-", a->node, a->why,
            a->outcome.reason, a->outcome.exit_code, a->outcome.message,
            (long long)a->outcome.peak_bytes, (long long)a->outcome.started.ms,
            (long long)a->outcome.ended.ms);
        free(text);
        text = more;
    }
    return text;
}

/* Brings a fresh task to a row of the table below. */
static const char *const roads[][5] = {
    {NULL},                         /* pending */
    {"intent"},                     /* dispatched */
    {"intent", "started"},          /* running */
    {"intent", "ended"},            /* dispatched, ended */
    {"intent", "started", "ended"}, /* running, ended */
    {"intent", "started", "ended", "final"},
    {"final"},
    {"intent", "started", "ended", "again"}, /* pending once more */
};

static const char allowed[][8] = {
    /*             i    w    s    e    a    f    k   */
    [0] = {'+', '-', '-', '-', '-', '+', '+'},
    [1] = {'-', '+', '+', '+', '-', '-', '+'},
    [2] = {'-', '-', '-', '+', '-', '-', '+'},
    [3] = {'-', '-', '-', '-', '+', '+', '+'},
    [4] = {'-', '-', '-', '-', '+', '+', '+'},
    [5] = {'-', '-', '-', '-', '-', '-', '-'},
    [6] = {'-', '-', '-', '-', '-', '-', '-'},
    [7] = {'+', '-', '-', '-', '-', '+', '+'},
};

static void every_kind_in_every_state(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof roads / sizeof *roads; r++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            struct gs_task *t = fresh();
            int64_t seq = 1;
            for (int i = 0; i < 5 && roads[r][i]; i++)
                assert_int_equal(apply(t, roads[r][i], 1, seq++), 0);
            gs_auto_free char *before = describe(t);
            int rc = apply(t, kinds[k], 2, seq);
            gs_auto_free char *after = describe(t);
            if (rc != (allowed[r][k] == '+' ? 0 : -1))
                fail_msg("road %zu, %s: %d", r, kinds[k], rc);
            if (rc < 0)
                assert_string_equal(before, after); /* nothing changed */
            else
                assert_int_equal(t->seq, seq);
            gs_task_destroy(t);
        }
}

static void damaged_events_change_nothing(void **state)
{
    (void)state;
    struct gs_error err = {0};
    struct gs_task *t = fresh();
    gs_auto_json cJSON *empty = cJSON_CreateObject();
    gs_auto_free char *before = describe(t);
    assert_int_equal(
        gs_task_apply(t, "final", empty, (struct gs_wall){1}, 9, &err), -1);
    assert_int_equal(
        gs_task_apply(t, "nonsense", empty, (struct gs_wall){1}, 9, &err), -1);
    gs_auto_free char *after = describe(t);
    assert_string_equal(before, after);
    /* Wrong types and absurd numbers read as absent. */
    static const char odd[] = "{\"limit_bytes\":1e300,\"cpus\":\"x\","
                              "\"gpus\":1e12,\"node\":7,\"why\":[]}";
    gs_auto_json cJSON *body = gs_json_parse(odd, strlen(odd), &err);
    assert_int_equal(
        gs_task_apply(t, "intent", body, (struct gs_wall){1}, 1, &err), 0);
    assert_int_equal(t->attempts[0].limit_bytes, -1);
    assert_int_equal(t->attempts[0].grant.gpus, 0);
    gs_task_destroy(t);
}

static void preemptions_and_losses_are_counted_once(void **state)
{
    (void)state;
    struct gs_task *t = fresh();
    int64_t seq = 1;
    for (int i = 0; i < 3; i++) {
        apply(t, "intent", 0, seq++);
        apply(t, "started", 0, seq++);
        apply(t, "ended", i == 0 ? 2 : 4, seq++); /* lost, then pre-empted */
        apply(t, "again", 0, seq++);
    }
    assert_int_equal(t->n_lost, 3);
    apply(t, "intent", 0, seq++);
    apply(t, "ended", 1, seq++); /* out of memory */
    apply(t, "again", 1, seq++);
    assert_int_equal(t->n_oom, 1);
    /* Cancelled while it waits: its last attempt has been counted. */
    apply(t, "kill", 0, seq++);
    apply(t, "final", 0, seq);
    assert_int_equal(t->n_oom, 1);
    assert_int_equal(t->n_lost, 3);
    assert_int_equal(t->ended.ms, seq * 10); /* not that of the attempt */
    gs_task_destroy(t);
}

static void a_withdrawn_attempt_leaves_no_trace(void **state)
{
    (void)state;
    struct gs_task *t = fresh();
    apply(t, "intent", 0, 1);
    apply(t, "withdrawn", 0, 2);
    assert_int_equal(t->n_attempts, 0);
    assert_null(gs_task_attempt(t));
    apply(t, "intent", 0, 3);
    assert_int_equal(gs_task_attempt(t)->n, 1);
    gs_task_destroy(t);
}

/* The bodies go through text, as they do through the store. */
static void replay_gives_the_live_state(void **state)
{
    (void)state;
    random_begin("replay");
    for (int round = 0; round < 2000; round++) {
        struct gs_task *live = fresh(), *again = fresh();
        for (int64_t seq = 1; seq <= 40; seq++) {
            const char *kind = kinds[random_below(7)];
            if (strcmp(kind, "final") == 0 && random_below(4))
                continue;
            struct gs_error err = {0};
            gs_auto_json cJSON *body = body_of(live, kind, random_below(12));
            gs_auto_free char *text = gs_json_print(body);
            gs_auto_json cJSON *read = gs_json_parse(text, strlen(text), &err);
            struct gs_wall time = {1000000 + random_below(1000)};
            int a = gs_task_apply(live, kind, body, time, seq, &err);
            int b = gs_task_apply(again, kind, read, time, seq, &err);
            assert_int_equal(a, b);
        }
        gs_auto_free char *x = describe(live);
        gs_auto_free char *y = describe(again);
        assert_string_equal(x, y);
        gs_task_destroy(live);
        gs_task_destroy(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_in_every_state),
        cmocka_unit_test(damaged_events_change_nothing),
        cmocka_unit_test(preemptions_and_losses_are_counted_once),
        cmocka_unit_test(a_withdrawn_attempt_leaves_no_trace),
        cmocka_unit_test(replay_gives_the_live_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
