/*
 * Predictions: which points speak for a task, and what bounds the limit.
 */
#include "predict/predict.h"
#include "scratch.h"

#include "random.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static const struct gs_predict_policy plain = {true, 2 * GIB, 64 * GIB};

static void learn(struct gs_model *m, const char *chromosome, int64_t input,
                  int64_t peak, bool oom)
{
    struct gs_observation o = {"P", chromosome, input, peak, 10, oom};
    gs_model_learn(m, &o);
}

static struct gs_question asks(const char *chromosome, int64_t input)
{
    return (struct gs_question){"P", chromosome, input, 4 * GIB, false, 0};
}

static int64_t rule(int64_t peak)
{
    return (int64_t)((double)peak * 1.25) + 32 * MIB;
}

static void nothing_known_is_the_request(void **state)
{
    (void)state;
    struct gs_model *m = gs_model_create();
    struct gs_question q = asks("7", 10);
    struct gs_estimate e = gs_predict(m, &q, &plain);
    assert_int_equal(e.limit_bytes, 4 * GIB);
    assert_int_equal(e.points, 0);
    q.requested_bytes = -1;
    e = gs_predict(m, &q, &plain);
    assert_int_equal(e.limit_bytes, 2 * GIB);
    assert_non_null(strstr(e.why, "default_memory"));
    q.requested_bytes = 100 * GIB;
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, 64 * GIB);
    q.requested_bytes = 1;
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, 16 * MIB);
    assert_int_equal(gs_model_generation(m, "P"), 1);
    gs_model_destroy(m);
}

static void the_same_chromosome_speaks(void **state)
{
    (void)state;
    struct gs_model *m = gs_model_create();
    learn(m, "7", 100, 300 * MIB, false);
    learn(m, "1", 100, 900 * MIB, false);
    struct gs_question q = asks("7", 104);
    struct gs_estimate e = gs_predict(m, &q, &plain);
    assert_int_equal(e.points, 1);
    assert_int_equal(e.limit_bytes, rule(300 * MIB));
    /* Other data under the same name, or another chromosome: too few. */
    q.input_bytes = 106;
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, 4 * GIB);
    q = asks("9", 50);
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, 4 * GIB);
    assert_int_equal(gs_model_generation(m, "P"), 3);
    assert_int_equal(gs_model_generation(m, "Q"), 1);
    gs_model_destroy(m);
}

static void five_points_speak_for_no_larger_input(void **state)
{
    (void)state;
    struct gs_model *m = gs_model_create();
    for (int i = 1; i <= 5; i++)
        learn(m, NULL, i * 10, i * 100 * MIB, false);
    struct gs_question q = asks("9", 50);
    struct gs_estimate e = gs_predict(m, &q, &plain);
    assert_int_equal(e.points, 5);
    assert_int_equal(e.limit_bytes, rule(500 * MIB));
    assert_true(e.memory_mean_bytes == 300.0 * (double)MIB);
    q.input_bytes = 60;
    assert_int_equal(gs_predict(m, &q, &plain).points, 0);
    q.input_bytes = -1;
    assert_int_equal(gs_predict(m, &q, &plain).points, 0);
    gs_model_destroy(m);
}

static void a_killed_attempt_lifts_and_does_not_count(void **state)
{
    (void)state;
    struct gs_model *m = gs_model_create();
    learn(m, "7", 100, 800 * MIB, true);
    struct gs_question q = asks("7", 100);
    assert_int_equal(gs_predict(m, &q, &plain).points, 0);
    learn(m, "7", 100, 300 * MIB, false);
    struct gs_estimate e = gs_predict(m, &q, &plain);
    assert_int_equal(e.points, 1);
    assert_int_equal(e.limit_bytes, rule(800 * MIB));
    learn(m, "7", 100, 0, false); /* nothing was measured */
    learn(m, "7", 100, -1, false);
    assert_int_equal(gs_predict(m, &q, &plain).points, 1);
    gs_model_destroy(m);
}

static void what_bounds_the_limit(void **state)
{
    (void)state;
    struct gs_model *m = gs_model_create();
    learn(m, "7", 100, 300 * MIB, false);
    struct gs_question q = asks("7", 100);
    q.floor_bytes = GIB;
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, GIB);
    q.memory_in_script = true;
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, 4 * GIB);
    q.floor_bytes = 6 * GIB; /* the floor goes above the request */
    assert_int_equal(gs_predict(m, &q, &plain).limit_bytes, 6 * GIB);
    struct gs_predict_policy small = {true, GIB, 5 * GIB};
    assert_int_equal(gs_predict(m, &q, &small).limit_bytes, 5 * GIB);
    struct gs_predict_policy off = {false, GIB, 64 * GIB};
    q = asks("7", 100);
    assert_int_equal(gs_predict(m, &q, &off).limit_bytes, 4 * GIB);
    learn(m, "8", 100, INT64_MAX / 2, false); /* a damaged history */
    q = asks("8", 100);
    struct gs_predict_policy any = {true, GIB, 0};
    assert_true(gs_predict(m, &q, &any).limit_bytes > 0);
    gs_model_destroy(m);
}

/* PURE: the same calls give the same answers, and always a usable one. */
static void the_same_calls_give_the_same(void **state)
{
    (void)state;
    random_begin("predict");
    struct gs_model *a = gs_model_create(), *b = gs_model_create();
    for (int i = 0; i < 3000; i++) {
        gs_auto_free char *process = gs_format("P%d", random_below(4));
        gs_auto_free char *chromosome = gs_format("%d", random_below(5));
        struct gs_observation o = {process,
                                   random_below(3) ? chromosome : NULL,
                                   random_below(1000) - 1,
                                   (int64_t)(random_next() >> 24),
                                   random_below(100) - 1,
                                   random_below(5) == 0};
        gs_model_learn(a, &o);
        gs_model_learn(b, &o);
        struct gs_question q = {process,
                                random_below(3) ? chromosome : NULL,
                                random_below(1000) - 1,
                                random_below(3) ? (int64_t)(random_next() >> 20)
                                                : -1,
                                random_below(2) == 0,
                                random_below(2) * 5 * GIB};
        struct gs_predict_policy p = {random_below(4) != 0, GIB, 64 * GIB};
        struct gs_estimate x = gs_predict(a, &q, &p);
        struct gs_estimate y = gs_predict(b, &q, &p);
        assert_int_equal(x.limit_bytes, y.limit_bytes);
        assert_int_equal(x.points, y.points);
        assert_string_equal(x.why, y.why);
        assert_true(x.limit_bytes >= 16 * MIB && x.limit_bytes <= 64 * GIB);
        assert_true(x.limit_bytes >= q.floor_bytes);
        assert_true(x.memory_mean_bytes >= 0 && x.memory_sd_bytes >= 0);
        assert_true(x.why[0] != '\0');
    }
    gs_model_destroy(a);
    gs_model_destroy(b);
    gs_model_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_the_request),
        cmocka_unit_test(the_same_chromosome_speaks),
        cmocka_unit_test(five_points_speak_for_no_larger_input),
        cmocka_unit_test(a_killed_attempt_lifts_and_does_not_count),
        cmocka_unit_test(what_bounds_the_limit),
        cmocka_unit_test(the_same_calls_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
