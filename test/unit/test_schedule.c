/*
 * Decisions: never over capacity, in turn, patient for a time.
 */
#include "schedule/schedule.h"
#include "scratch.h"

#include "random.h"

enum { MOST = 64, BINS = 4 };

static struct gs_ready wants(int64_t memory, double cpus)
{
    return (struct gs_ready){.request = {-1, cpus, 0, 0},
                             .estimate = {.limit_bytes = memory}};
}

static struct gs_bin bin(int64_t memory, double cpus)
{
    return (struct gs_bin){.total = {memory, cpus, 0, 0},
                           .free = {memory, cpus, 0, 0}};
}

static void never_over_capacity(void **state)
{
    (void)state;
    random_begin("schedule");
    for (int round = 0; round < 3000; round++) {
        size_t n = (size_t)random_below(MOST), n_bins = 1 + random_below(BINS);
        struct gs_ready ready[MOST];
        struct gs_bin bins[BINS], before[BINS];
        struct gs_placement out[MOST];
        enum gs_wait waits[MOST];
        size_t order[MOST];
        bool placed[MOST] = {false};
        for (size_t i = 0; i < n_bins; i++) {
            bins[i] = bin(random_below(1000), random_below(16));
            bins[i].free.gpus = bins[i].total.gpus = random_below(3);
            bins[i].total.disk_bytes = random_below(2) * 500;
            bins[i].free.disk_bytes = bins[i].total.disk_bytes;
            before[i] = bins[i];
        }
        for (size_t i = 0; i < n; i++) {
            ready[i] = wants(1 + random_below(400), 0.5 * random_below(9));
            ready[i].request.gpus = random_below(5) == 0;
            ready[i].request.disk_bytes = random_below(200);
            ready[i].priority = random_below(3);
            ready[i].order = (int64_t)i;
            ready[i].since_ms = random_below(1000);
        }
        struct gs_schedule_state now = {.now_ms = 1000};
        struct gs_schedule_policy policy = {false, random_below(2) * 900};
        size_t k =
            gs_decide(&now, &policy, ready, n, order, bins, n_bins, out, waits);
        assert_true(k <= n);
        for (size_t i = 0; i < k; i++) {
            const struct gs_ready *r = &ready[out[i].ready];
            struct gs_resources *f = &before[out[i].bin].free;
            assert_false(placed[out[i].ready]);
            placed[out[i].ready] = true;
            assert_true(out[i].bin >= 0 && (size_t)out[i].bin < n_bins);
            assert_int_equal(out[i].limit_bytes, r->estimate.limit_bytes);
            f->memory_bytes -= r->estimate.limit_bytes;
            f->cpus -= r->request.cpus;
            f->gpus -= r->request.gpus;
            f->disk_bytes -= r->request.disk_bytes;
            assert_true(f->memory_bytes >= 0 && f->cpus > -1e-4 &&
                        f->gpus >= 0);
            assert_true(f->disk_bytes >= 0 ||
                        before[out[i].bin].total.disk_bytes == 0);
        }
        for (size_t i = 0; i < n; i++)
            assert_int_equal(placed[i], waits[i] == GS_WAIT_NONE);
    }
}

static size_t decide(const struct gs_ready *ready, size_t n,
                     struct gs_bin *bins, size_t n_bins, int64_t patience_ms,
                     struct gs_placement *out, enum gs_wait *waits)
{
    size_t order[MOST];
    struct gs_schedule_state now = {.now_ms = 100000};
    struct gs_schedule_policy policy = {true, patience_ms};
    return gs_decide(&now, &policy, ready, n, order, bins, n_bins, out, waits);
}

static void in_turn(void **state)
{
    (void)state;
    struct gs_ready ready[4] = {wants(10, 1), wants(10, 1), wants(10, 1),
                                wants(10, 1)};
    struct gs_bin bins[1] = {bin(1000, 2)};
    struct gs_placement out[4];
    enum gs_wait waits[4];
    for (int i = 0; i < 4; i++)
        ready[i].order = 10 - i; /* the last came first */
    ready[1].priority = 5;
    assert_int_equal(decide(ready, 4, bins, 1, 0, out, waits), 2);
    assert_int_equal(out[0].ready, 1);
    assert_int_equal(out[1].ready, 3);
    assert_true(out[0].pooled);
    assert_int_equal(waits[0], GS_WAIT_CPUS);
}

static void small_ones_pass_until_patience_ends(void **state)
{
    (void)state;
    struct gs_ready ready[2] = {wants(900, 1), wants(10, 1)};
    struct gs_placement out[2];
    enum gs_wait waits[2];
    ready[0].since_ms = 99000;
    ready[1].order = 1;
    struct gs_bin some[1] = {bin(500, 4)};
    assert_int_equal(decide(ready, 2, some, 1, 5000, out, waits), 1);
    assert_int_equal(out[0].ready, 1);
    assert_int_equal(waits[0], GS_WAIT_MEMORY);
    ready[0].since_ms = 90000; /* has waited for 10 s */
    struct gs_bin again[1] = {bin(500, 4)};
    assert_int_equal(decide(ready, 2, again, 1, 5000, out, waits), 0);
    assert_int_equal(waits[1], GS_WAIT_TURN);
    struct gs_bin never[1] = {bin(500, 4)};
    assert_int_equal(decide(ready, 2, never, 1, 0, out, waits), 1);
}

static void why_it_waits(void **state)
{
    (void)state;
    struct gs_ready r = wants(10, 1);
    struct gs_placement out[1];
    enum gs_wait why;
    struct gs_bin b = bin(5, 4);
    decide(&r, 1, &b, 1, 0, out, &why);
    assert_int_equal(why, GS_WAIT_MEMORY);
    b = bin(50, 0.5);
    decide(&r, 1, &b, 1, 0, out, &why);
    assert_int_equal(why, GS_WAIT_CPUS);
    r.request.gpus = 1;
    b = bin(50, 4);
    decide(&r, 1, &b, 1, 0, out, &why);
    assert_int_equal(why, GS_WAIT_GPUS);
    r.request = (struct gs_resources){-1, 1, 0, 100};
    b = bin(50, 4);
    b.total.disk_bytes = b.free.disk_bytes = 99;
    decide(&r, 1, &b, 1, 0, out, &why);
    assert_int_equal(why, GS_WAIT_DISK);
    b = bin(50, 4); /* disk is not counted there */
    assert_int_equal(decide(&r, 1, &b, 1, 0, out, NULL), 1);
    assert_int_equal(decide(&r, 1, &b, 0, 0, out, &why), 0); /* no machine */
    assert_int_equal(decide(NULL, 0, &b, 1, 0, NULL, NULL), 0);
}

/* CPUs that are thirds add up to the machine. */
static void fractions_fill_a_machine(void **state)
{
    (void)state;
    struct gs_ready ready[6];
    struct gs_placement out[6];
    enum gs_wait waits[6];
    struct gs_bin b = bin(1000, 2);
    for (int i = 0; i < 6; i++)
        ready[i] = wants(1, 1.0 / 3.0);
    assert_int_equal(decide(ready, 6, &b, 1, 0, out, waits), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_over_capacity),
        cmocka_unit_test(in_turn),
        cmocka_unit_test(small_ones_pass_until_patience_ends),
        cmocka_unit_test(why_it_waits),
        cmocka_unit_test(fractions_fill_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
