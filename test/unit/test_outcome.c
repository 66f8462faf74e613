/*
 * What follows from how an attempt ended: gs_verdict as a table of cases.
 */
#include "run/outcome.h"
#include "scratch.h"

/* What a case leaves out is 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static const struct gs_retry_policy policy = {3, 2, 2.0, 16 * GIB};

struct given {
    enum gs_reason reason;
    int exit_code, signal;
    bool kill_asked, restorable, by_engine;
    int n_oom, n_lost;
    bool not_begun;
};

struct expected {
    bool again;
    enum gs_task_state state;
    enum gs_reason reason;
    bool offered;
    const char *says; /* part of the message, NULL: none */
};

static const struct {
    const char *what;
    struct given given;
    struct expected expected;
} cases[] = {
    {"exit 0", {GS_REASON_EXIT, 0}, {false, GS_TASK_SUCCEEDED, GS_REASON_EXIT}},
    {"exit 137 is an exit, not memory",
     {GS_REASON_EXIT, 137, .restorable = true},
     {false, GS_TASK_FAILED, GS_REASON_EXIT, false, "exit code 137"}},
    {"signal 9 without evidence is a signal",
     {GS_REASON_SIGNAL, -1, 9, .restorable = true},
     {false, GS_TASK_FAILED, GS_REASON_SIGNAL, false, "signal 9"}},
    {"memory on evidence, although the exit code is 0",
     {GS_REASON_OOM, 0, .restorable = true},
     {true, GS_TASK_FAILED, GS_REASON_OOM, false, "repeated with"}},
    {"memory, although the exit code is 2",
     {GS_REASON_OOM, 2, .restorable = true},
     {true, GS_TASK_FAILED, GS_REASON_OOM, false, "repeated with"}},
    {"memory, the folder cannot be put back",
     {GS_REASON_OOM, 1},
     {false, GS_TASK_FAILED, GS_REASON_OOM, false, "could not be put back"}},
    {"memory, the engine repeats",
     {GS_REASON_OOM, 1, .by_engine = true},
     {false, GS_TASK_FAILED, GS_REASON_OOM, true, "repeated with"}},
    {"memory, the budget is used up",
     {GS_REASON_OOM, 1, .restorable = true, .n_oom = 3},
     {false, GS_TASK_FAILED, GS_REASON_OOM, false, "retry.max_oom"}},
    {"memory, the engine's budget is used up",
     {GS_REASON_OOM, 1, .by_engine = true, .n_oom = 3},
     {false, GS_TASK_FAILED, GS_REASON_OOM, false, "retry.max_oom"}},
    {"memory and a kill",
     {GS_REASON_OOM, 1, .kill_asked = true, .restorable = true},
     {false, GS_TASK_CANCELLED, GS_REASON_CANCELLED, false, "cancelled"}},
    {"lost",
     {GS_REASON_NONE, -1},
     {false, GS_TASK_LOST, GS_REASON_INFRASTRUCTURE, false, "nobody can know"}},
    {"lost, repeated inside",
     {GS_REASON_NONE, -1, .restorable = true},
     {true, GS_TASK_LOST, GS_REASON_INFRASTRUCTURE, false, "nobody can know"}},
    {"lost, budget used up",
     {GS_REASON_NONE, -1, .restorable = true, .n_lost = 2},
     {false, GS_TASK_LOST, GS_REASON_INFRASTRUCTURE, false, "nobody"}},
    {"lost, the engine repeats",
     {GS_REASON_NONE, -1, .by_engine = true},
     {false, GS_TASK_LOST, GS_REASON_INFRASTRUCTURE, true, "nobody"}},
    {"lost after a kill",
     {GS_REASON_NONE, -1, .kill_asked = true, .restorable = true},
     {false, GS_TASK_CANCELLED, GS_REASON_CANCELLED, false, "cancelled"}},
    {"pre-empted",
     {GS_REASON_PREEMPTED, -1, .restorable = true},
     {true, GS_TASK_FAILED, GS_REASON_PREEMPTED, false, NULL}},
    {"pre-empted, budget used up",
     {GS_REASON_PREEMPTED, -1, .restorable = true, .n_lost = 2},
     {false, GS_TASK_FAILED, GS_REASON_PREEMPTED, false, NULL}},
    {"pre-emptions do not use the budget of memory",
     {GS_REASON_OOM, 1, .restorable = true, .n_lost = 2},
     {true, GS_TASK_FAILED, GS_REASON_OOM, false, NULL}},
    {"killed, and gone by the signal",
     {GS_REASON_SIGNAL, -1, 15, .kill_asked = true},
     {false, GS_TASK_CANCELLED, GS_REASON_CANCELLED, false, "cancelled"}},
    {"killed, but it was through before",
     {GS_REASON_EXIT, 0, .kill_asked = true},
     {false, GS_TASK_SUCCEEDED, GS_REASON_EXIT, false, NULL}},
    {"cancelled by somebody else",
     {GS_REASON_CANCELLED, -1, .restorable = true},
     {false, GS_TASK_CANCELLED, GS_REASON_CANCELLED, false, NULL}},
    {"too slow is not repeated",
     {GS_REASON_TIMEOUT, -1, .restorable = true},
     {false, GS_TASK_FAILED, GS_REASON_TIMEOUT, false, NULL}},
    {"never begun, whoever repeats, whatever the folder",
     {GS_REASON_INFRASTRUCTURE, -1, .by_engine = true, .not_begun = true},
     {true, GS_TASK_FAILED, GS_REASON_INFRASTRUCTURE, false, NULL}},
    {"never begun, budget used up",
     {GS_REASON_INFRASTRUCTURE, -1, .n_lost = 2, .not_begun = true},
     {false, GS_TASK_FAILED, GS_REASON_INFRASTRUCTURE, false, NULL}},
    {"could not be run as asked",
     {GS_REASON_INFRASTRUCTURE, -1, .restorable = true},
     {false, GS_TASK_FAILED, GS_REASON_INFRASTRUCTURE, false, NULL}},
};

static struct gs_task task_of(const struct given *g, struct gs_attempt *a)
{
    *a = (struct gs_attempt){.n = 1, .limit_bytes = GIB};
    a->outcome = GS_OUTCOME_UNKNOWN;
    a->outcome.reason = g->reason;
    a->outcome.exit_code = g->exit_code;
    a->outcome.signal = g->signal;
    a->outcome.not_begun = g->not_begun;
    a->state = g->reason == GS_REASON_NONE ? GS_TASK_LOST : GS_TASK_FAILED;
    return (struct gs_task){.id = (char *)"t",
                            .workdir = (char *)"/w",
                            .request.memory_bytes = GIB,
                            .memory_max_bytes = -1,
                            .state = GS_TASK_RUNNING,
                            .kill_asked = g->kill_asked,
                            .retry_by = g->by_engine ? GS_RETRY_BY_ENGINE
                                                     : GS_RETRY_BY_GENOSCHED,
                            .n_oom = g->n_oom,
                            .n_lost = g->n_lost,
                            .attempts = a,
                            .n_attempts = 1};
}

static void every_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct expected *e = &cases[i].expected;
        struct gs_attempt a;
        struct gs_task t = task_of(&cases[i].given, &a);
        struct gs_verdict v;
        gs_verdict(&t, &policy, cases[i].given.restorable, &v);
        if (v.again != e->again || (!e->again && v.state != e->state) ||
            v.reason != e->reason || v.retry_offered != e->offered ||
            (e->says && (!v.message || !strstr(v.message, e->says))))
            fail_msg("%s: again %d state %d reason %d offered %d '%s'",
                     cases[i].what, v.again, v.state, v.reason, v.retry_offered,
                     v.message ? v.message : "");
        assert_int_equal(v.exit_code, cases[i].given.exit_code);
    }
}

static int64_t grown(int64_t limit, int64_t peak, int64_t asked, int64_t cap)
{
    struct given g = {GS_REASON_OOM, 1};
    struct gs_attempt a;
    struct gs_task t = task_of(&g, &a);
    a.limit_bytes = limit;
    a.outcome.peak_bytes = peak;
    t.request.memory_bytes = asked;
    t.memory_max_bytes = cap;
    return gs_grown_memory(&t, &policy);
}

static void growth(void **state)
{
    (void)state;
    assert_int_equal(grown(GIB, -1, GIB, -1), 2 * GIB);
    assert_int_equal(grown(GIB, 3 * GIB / 2, GIB, -1), 3 * GIB);
    /* A limit that was predicted below the request: the request at least. */
    assert_int_equal(grown(100 * MIB, 100 * MIB, GIB, -1), GIB);
    assert_int_equal(grown(10 * GIB, -1, 10 * GIB, -1), 16 * GIB);
    assert_int_equal(grown(GIB, -1, GIB, 3 * GIB / 2), 3 * GIB / 2);
    /* The cap is reached, or is not worth another attempt. */
    assert_int_equal(grown(GIB, -1, GIB, GIB), -1);
    assert_int_equal(grown(16 * GIB, -1, GIB, -1), -1);
    assert_int_equal(grown(100 * MIB, -1, 100 * MIB, 104 * MIB), -1);
    assert_int_equal(grown(100 * MIB, -1, 100 * MIB, 105 * MIB), 105 * MIB);
    assert_int_equal(grown(GIB, -1, -1, -1), 2 * GIB); /* nothing asked */
}

static void at_the_cap_it_says_so(void **state)
{
    (void)state;
    struct given g = {GS_REASON_OOM, 1, .restorable = true};
    struct gs_attempt a;
    struct gs_task t = task_of(&g, &a);
    struct gs_verdict v;
    t.memory_max_bytes = GIB;
    gs_verdict(&t, &policy, true, &v);
    assert_false(v.again);
    assert_non_null(strstr(v.message, "there is no more to give"));
    t.memory_max_bytes = -1;
    t.retry_by = GS_RETRY_BY_ENGINE;
    gs_verdict(&t, &policy, true, &v);
    assert_int_equal(v.retry_bytes, 2 * GIB);
    assert_int_equal(v.floor_bytes, 2 * GIB);
}

static void a_long_workdir_fits(void **state)
{
    (void)state;
    struct given g = {GS_REASON_EXIT, 1};
    struct gs_attempt a;
    struct gs_task t = task_of(&g, &a);
    struct gs_verdict v;
    char dir[4096];
    memset(dir, 'd', sizeof dir - 1);
    dir[0] = '/';
    dir[sizeof dir - 1] = '\0';
    t.workdir = dir;
    gs_verdict(&t, &policy, true, &v);
    assert_true(strlen(v.message) < sizeof v.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),
        cmocka_unit_test(growth),
        cmocka_unit_test(at_the_cap_it_says_so),
        cmocka_unit_test(a_long_workdir_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
