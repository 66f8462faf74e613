/*
 * The table of tasks against a simple model: random operations, then every
 * question is asked of both.
 */
#include "run/table.h"
#include "scratch.h"

#include "base/clock.h"
#include "random.h"

enum { MOST = 1500 };

struct model {
    struct gs_task *tasks[MOST];
    enum gs_task_state states[MOST]; /* of those that are not adopted */
    int target[MOST];                /* -1: not adopted */
    int64_t seq[MOST];
    int n;
};

static struct gs_task *make(int i, int fingerprint)
{
    struct gs_task *t = gs_calloc(1, sizeof *t);
    t->id = gs_format("t%d", i);
    t->fingerprint = fingerprint ? gs_format("f%d", fingerprint) : NULL;
    t->priority = random_below(3);
    return t;
}

static int root(const struct model *m, int i)
{
    while (m->target[i] >= 0)
        i = m->target[i];
    return i;
}

static void set_state(struct gs_table *table, struct model *m, int i,
                      enum gs_task_state state, int64_t seq)
{
    struct gs_task *t = m->tasks[i];
    enum gs_task_state was = t->state;
    t->state = state;
    t->seq = seq;
    gs_table_touch(table, t, was);
    m->states[i] = state;
    for (int k = 0; k < m->n; k++)
        if (root(m, k) == i)
            m->seq[k] = seq;
}

static void check_counts(const struct gs_table *table, const struct model *m)
{
    size_t counts[GS_TASK_N_STATES] = {0}, live = 0;
    for (int i = 0; i < m->n; i++) {
        counts[m->states[root(m, i)]]++;
        live += m->target[i] < 0 && !gs_task_state_is_final(m->states[i]);
    }
    for (int s = 0; s < GS_TASK_N_STATES; s++)
        assert_int_equal(gs_table_count(table, (enum gs_task_state)s),
                         counts[s]);
    assert_int_equal(gs_table_live(table), live);
    assert_int_equal(gs_table_size(table), m->n);
}

static void check_order(const struct gs_table *table, const struct model *m,
                        int64_t after)
{
    int told = 0, due = 0;
    int64_t last = 0;
    for (int i = 0; i < m->n; i++)
        due += m->seq[i] > after;
    for (const struct gs_task *t = gs_table_changed_after(table, after); t;
         t = t->seq_next) {
        assert_true(t->seq > after && t->seq >= last);
        last = t->seq;
        told++;
    }
    assert_int_equal(told, due);
}

static void check_sets(const struct gs_table *table, const struct model *m)
{
    struct gs_task *next[MOST];
    size_t pending = 0, active = 0, n;
    for (int i = 0; i < m->n; i++) {
        if (m->target[i] >= 0)
            continue;
        pending += m->states[i] == GS_TASK_PENDING;
        active += m->states[i] == GS_TASK_DISPATCHED ||
                  m->states[i] == GS_TASK_RUNNING;
    }
    assert_int_equal(gs_table_n_pending(table), pending);
    assert_int_equal(gs_table_pending(table, next, MOST), pending);
    for (size_t i = 0; i < pending; i++) {
        assert_int_equal(next[i]->state, GS_TASK_PENDING);
        assert_null(next[i]->target);
        if (i == 0)
            continue;
        assert_true(next[i - 1]->priority > next[i]->priority ||
                    (next[i - 1]->priority == next[i]->priority &&
                     next[i - 1]->order < next[i]->order));
    }
    struct gs_task *few[3];
    size_t k = gs_table_pending(table, few, 3);
    assert_int_equal(k, pending < 3 ? pending : 3);
    assert_int_equal(k ? memcmp(few, next, k * sizeof *few) : 0, 0);
    gs_table_active(table, &n);
    assert_int_equal(n, active);
}

static void check_work(const struct gs_table *table, const struct model *m)
{
    for (int f = 1; f < 5; f++) {
        gs_auto_free char *name = gs_format("f%d", f);
        struct gs_task *t = gs_table_same_work(table, name);
        for (int i = m->n - 1; i >= 0; i--) {
            const char *has = m->tasks[i]->fingerprint;
            if (m->target[i] >= 0 || !has || strcmp(has, name) != 0)
                continue;
            assert_ptr_equal(t, m->tasks[i]);
            t = t->same_work;
        }
        assert_null(t);
    }
}

static void random_operations(void **state)
{
    (void)state;
    random_begin("table");
    for (int round = 0; round < 12; round++) {
        struct gs_table *table = gs_table_create();
        struct model m = {.n = 0};
        for (int64_t seq = 1; seq < 4000; seq++) {
            int i = m.n ? random_below(m.n) : 0;
            if (m.n < MOST && (!m.n || random_below(3) == 0)) {
                i = m.n++;
                m.tasks[i] = make(i, random_below(5));
                m.tasks[i]->seq = m.seq[i] = seq;
                m.states[i] = GS_TASK_PENDING;
                m.target[i] = -1;
                gs_table_add(table, m.tasks[i]);
                int to = random_below(m.n);
                if (to != i && random_below(3) == 0) {
                    gs_table_adopt(table, m.tasks[i], m.tasks[to]);
                    m.target[i] = to;
                    assert_ptr_equal(m.tasks[i]->target, m.tasks[root(&m, to)]);
                }
            } else if (m.target[i] < 0) {
                set_state(table, &m, i,
                          (enum gs_task_state)random_below(GS_TASK_N_STATES),
                          seq);
            }
            assert_ptr_equal(gs_table_find(table, m.tasks[i]->id), m.tasks[i]);
            if (seq % 100)
                continue;
            check_counts(table, &m);
            check_order(table, &m, random_below((int)seq + 2));
            check_sets(table, &m);
            check_work(table, &m);
        }
        assert_null(gs_table_find(table, "nobody"));
        gs_table_destroy(table);
    }
}

/* Nothing walks over all tasks: a run of 100,000, half of them adopted. */
static void large_tables_are_fast(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct gs_table *table = gs_table_create();
    struct gs_task **tasks = gs_calloc(N, sizeof *tasks);
    struct gs_task *next[64];
    int64_t seq = 0, began = gs_mono_now().ms;
    for (int i = 0; i < N; i++) {
        tasks[i] = make(i, i % 2 ? i : 0);
        tasks[i]->seq = ++seq;
        gs_table_add(table, tasks[i]);
        if (i >= N / 2)
            gs_table_adopt(table, tasks[i], tasks[i - N / 2]);
    }
    for (int step = 1; step < 4; step++)
        for (int i = 0; i < N / 2; i++) {
            enum gs_task_state was = tasks[i]->state;
            tasks[i]->state = (enum gs_task_state)step;
            tasks[i]->seq = ++seq;
            gs_table_touch(table, tasks[i], was);
            gs_table_pending(table, next, 64);
            gs_table_count(table, GS_TASK_RUNNING);
        }
    assert_int_equal(gs_table_count(table, GS_TASK_SUCCEEDED), N);
    int64_t took = gs_mono_now().ms - began;
    printf("%d tasks, %d changes: %lld ms\n", N, 3 * N / 2, (long long)took);
    assert_true(took < 10000); /* a walk over all would take minutes */
    gs_table_destroy(table);
    free(tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(large_tables_are_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
