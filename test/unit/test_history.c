/*
 * The history of all runs: what is written teaches a model, oldest first.
 */
#include "store/history.h"
#include "scratch.h"

#include <sqlite3.h>
#include <sys/wait.h>

static struct gs_history_row row(const char *task, int64_t time, int64_t peak)
{
    return (struct gs_history_row){.run = "r",
                                   .task = task,
                                   .n = 1,
                                   .engine = "test",
                                   .process = "P",
                                   .reason = "exit",
                                   .time_ms = time,
                                   .input_bytes = 100,
                                   .requested_bytes = -1,
                                   .limit_bytes = -1,
                                   .peak_bytes = peak,
                                   .cpus = 1,
                                   .cpu_ms = -1,
                                   .wall_ms = 5};
}

static struct gs_estimate predict(const struct gs_model *m)
{
    struct gs_question q = {"P", NULL, 100, INT64_C(1) << 30, false, 0};
    struct gs_predict_policy policy = {true, 1 << 30, INT64_C(1) << 40};
    return gs_predict(m, &q, &policy);
}

static void what_was_written_is_taught(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = gs_format("%s/history.db", dir);
    struct gs_history *h = gs_history_open(path, NULL);
    assert_non_null(h);
    for (int i = 0; i < 6; i++) {
        gs_auto_free char *task = gs_format("t%d", i);
        struct gs_history_row r = row(task, i, (i + 1) * 100 << 20);
        assert_int_equal(gs_history_add(h, &r, NULL), 0);
        assert_int_equal(gs_history_add(h, &r, NULL), 0); /* again: the same */
    }
    struct gs_history_row r = row("none", 9, -1); /* no peak: not taught */
    assert_int_equal(gs_history_add(h, &r, NULL), 0);
    gs_history_close(h);
    h = gs_history_open(path, NULL);
    struct gs_model *m = gs_model_create();
    assert_false(gs_model_knows(m, "P"));
    assert_int_equal(gs_history_teach(h, "P", 512, m, NULL), 0);
    assert_true(gs_model_knows(m, "P"));
    struct gs_estimate e = predict(m);
    assert_int_equal(e.points, 6);
    assert_int_equal(e.limit_bytes, (750 << 20) + (32 << 20));
    /* Nothing is known of Q, and that is known from now on. */
    assert_int_equal(gs_history_teach(h, "Q", 512, m, NULL), 0);
    assert_true(gs_model_knows(m, "Q"));
    gs_model_destroy(m);
    gs_history_close(h);
    scratch_drop(dir);
}

/* The newest are taught, and of those the newest stay longest. */
static void the_newest_stay(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = gs_format("%s/history.db", dir);
    struct gs_history *h = gs_history_open(path, NULL);
    for (int i = 0; i < 700; i++) {
        gs_auto_free char *task = gs_format("t%d", i);
        /* The oldest and the newest one are large. */
        struct gs_history_row r =
            row(task, i, i == 0 || i == 699 ? 900 << 20 : 10 << 20);
        assert_int_equal(gs_history_add(h, &r, NULL), 0);
    }
    struct gs_model *m = gs_model_create();
    gs_history_teach(h, "P", 512, m, NULL);
    struct gs_estimate e = predict(m);
    assert_int_equal(e.points, 512);
    assert_int_equal(e.limit_bytes, (900 << 20) / 4 * 5 + (32 << 20));
    struct gs_observation seen = {"P", NULL, 100, 10 << 20, 5, false};
    gs_model_learn(m, &seen); /* pushes out the oldest, not the newest */
    e = predict(m);
    assert_int_equal(e.points, 512);
    assert_int_equal(e.limit_bytes, (900 << 20) / 4 * 5 + (32 << 20));
    gs_model_destroy(m);
    gs_history_close(h);
    scratch_drop(dir);
}

static void two_runs_write_at_once(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = gs_format("%s/history.db", dir);
    gs_history_close(gs_history_open(path, NULL));
    pid_t pids[2];
    for (int p = 0; p < 2; p++) {
        pids[p] = fork();
        if (pids[p] != 0)
            continue;
        struct gs_history *h = gs_history_open(path, NULL);
        for (int i = 0; h && i < 200; i++) {
            gs_auto_free char *task = gs_format("%d-%d", p, i);
            struct gs_history_row r = row(task, i, 1 << 20);
            if (gs_history_add(h, &r, NULL) < 0)
                _exit(1);
        }
        _exit(h ? 0 : 1);
    }
    for (int p = 0; p < 2; p++) {
        int status;
        assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
        assert_int_equal(status, 0);
    }
    struct gs_history *h = gs_history_open(path, NULL);
    struct gs_model *m = gs_model_create();
    gs_history_teach(h, "P", 512, m, NULL);
    assert_int_equal(predict(m).points, 400);
    gs_model_destroy(m);
    gs_history_close(h);
    scratch_drop(dir);
}

static void other_files_are_errors(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    gs_auto_free char *text = scratch_file(dir, "text",
                                           "not a database, but "
                                           "long enough to look like one");
    assert_null(gs_history_open(text, &err));
    assert_int_equal(err.code, GS_ERR_STATE);
    assert_non_null(strstr(err.text, text));
    gs_auto_free char *path = gs_format("%s/newer.db", dir);
    sqlite3 *db;
    sqlite3_open(path, &db);
    sqlite3_exec(db, "PRAGMA user_version=7", NULL, NULL, NULL);
    sqlite3_close(db);
    assert_null(gs_history_open(path, &err));
    assert_non_null(strstr(err.text, "newer genosched"));
    gs_auto_free char *lost = gs_format("%s/no/such/history.db", dir);
    assert_null(gs_history_open(lost, &err));
    gs_history_close(NULL);
    scratch_drop(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_taught),
        cmocka_unit_test(the_newest_stay),
        cmocka_unit_test(two_runs_write_at_once),
        cmocka_unit_test(other_files_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
