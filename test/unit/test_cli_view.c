/*
 * What readers see of a store: while it is written, after it, of tasks that
 * were adopted, withdrawn or repeated, and of a writer that was killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "report/runs.h"
#include "report/view.h"
#include "scratch.h"
#include "store/store.h"

struct fixture {
    char *dir;
    struct gs_store *store;
    struct gs_error err;
    int rows;
    char ids[512];
    struct gs_row last;
};

static int make(void **state)
{
    struct fixture *f = gs_calloc(1, sizeof *f);
    f->dir = scratch_make();
    f->store = gs_store_open(f->dir, &f->err);
    *state = f;
    return f->store ? 0 : -1;
}

static int drop(void **state)
{
    struct fixture *f = *state;
    gs_store_close(f->store);
    scratch_drop(f->dir);
    free(f);
    return 0;
}

static void put_event(struct fixture *f, const char *task, const char *kind,
                      const char *body)
{
    struct gs_store_event e = {
        .time = {1000}, .task = task, .kind = kind, .body = body};
    if (gs_store_append(f->store, &e, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

static void put_task(struct fixture *f, const char *id, const char *process,
                     const char *state)
{
    static int64_t seq;
    struct gs_store_task row = {.id = id,
                                .process = process,
                                .name = process,
                                .state = state,
                                .seq = ++seq,
                                .submitted_ms = 1000,
                                .started_ms = 2000,
                                .requested_bytes = 100,
                                .cpus = 1};
    if (gs_store_put_task(f->store, &row, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

static void put_attempt(struct fixture *f, const char *task, int n,
                        const char *state, const char *reason)
{
    struct gs_store_attempt row = {.task = task,
                                   .n = n,
                                   .state = state,
                                   .reason = reason,
                                   .exit_code = -1,
                                   .signal = -1,
                                   .requested_bytes = 100,
                                   .predicted_bytes = -1,
                                   .limit_bytes = 200,
                                   .peak_bytes = reason ? 150 + n : -1,
                                   .max_rss_bytes = -1,
                                   .cpus = 2,
                                   .cpu_ms = -1,
                                   .wall_ms = reason ? 4000 : -1,
                                   .read_bytes = -1,
                                   .write_bytes = -1,
                                   .started_ms = 2000,
                                   .ended_ms = -1};
    if (gs_store_put_attempt(f->store, &row, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

static void commit(struct fixture *f)
{
    if (gs_store_commit(f->store, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

static void accept_task(struct fixture *f, const char *id, const char *process,
                        const char *state)
{
    put_event(f, id, "accepted", "{}");
    put_task(f, id, process, state);
}

static void take(void *arg, const struct gs_row *row)
{
    struct fixture *f = arg;
    size_t used = strlen(f->ids);
    f->rows++;
    f->last = *row;
    snprintf(f->ids + used, sizeof f->ids - used, "%s%s:%s", used ? " " : "",
             row->id, row->state);
}

static const char *list(struct fixture *f, struct gs_view *view,
                        const struct gs_filter *filter)
{
    f->rows = 0;
    f->ids[0] = '\0';
    if (gs_view_tasks(view, filter, take, f, &f->err) < 0)
        fail_msg("%s", f->err.text);
    return f->ids;
}

static void sees_commits_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    accept_task(f, "a", "P", "pending");
    commit(f);
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    assert_non_null(view);
    struct gs_filter all = {0};
    assert_string_equal(list(f, view, &all), "a:pending");
    accept_task(f, "b", "P", "pending"); /* not committed */
    assert_string_equal(list(f, view, &all), "a:pending");
    assert_int_equal(gs_view_refresh(view, &f->err), 0);
    assert_string_equal(list(f, view, &all), "a:pending");
    commit(f);
    assert_string_equal(list(f, view, &all), "a:pending"); /* one snapshot */
    assert_int_equal(gs_view_refresh(view, &f->err), 1);
    assert_string_equal(list(f, view, &all), "a:pending b:pending");
    gs_view_rest(view);
    gs_view_rest(view);
    assert_int_equal(gs_view_refresh(view, &f->err), 0);
    gs_view_close(view);
    gs_view_close(NULL);
}

static void filters_and_sorts(void **state)
{
    struct fixture *f = *state;
    accept_task(f, "z", "ALIGN", "failed");
    accept_task(f, "y", "CALL", "running");
    accept_task(f, "x", "CALL_ALL", "pending");
    put_attempt(f, "z", 1, "failed", "oom");
    put_attempt(f, "z", 2, "failed", "exit");
    put_attempt(f, "y", 1, "running", NULL);
    commit(f);
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    struct gs_filter filter = {0};
    assert_string_equal(list(f, view, &filter), "z:failed y:running x:pending");
    filter.reverse = true;
    assert_string_equal(list(f, view, &filter), "x:pending y:running z:failed");
    filter = (struct gs_filter){.states = "failed,pending"};
    assert_string_equal(list(f, view, &filter), "z:failed x:pending");
    filter = (struct gs_filter){.states = "fail"}; /* no part of a word */
    assert_string_equal(list(f, view, &filter), "");
    filter = (struct gs_filter){.process = "CALL*"};
    assert_string_equal(list(f, view, &filter), "y:running x:pending");
    filter = (struct gs_filter){.process = "CALL"};
    assert_string_equal(list(f, view, &filter), "y:running");
    for (size_t i = 0; gs_view_sorts[i]; i++) {
        filter = (struct gs_filter){.sort = gs_view_sorts[i]};
        list(f, view, &filter);
        assert_int_equal(f->rows, 3);
    }
    filter = (struct gs_filter){.sort = "peak", .reverse = true};
    assert_string_equal(list(f, view, &filter), "z:failed y:running x:pending");
    gs_view_close(view);
}

static void the_last_attempt_counts(void **state)
{
    struct fixture *f = *state;
    accept_task(f, "t", "P", "failed");
    put_attempt(f, "t", 1, "failed", "oom");
    put_attempt(f, "t", 2, "failed", "exit");
    accept_task(f, "w", "P", "pending"); /* its start was withdrawn */
    put_attempt(f, "w", 1, "dispatched", NULL);
    commit(f);
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    assert_int_equal(gs_view_task(view, "t", take, f, &f->err), 0);
    assert_int_equal(f->last.attempts, 2);
    assert_int_equal(f->last.peak_bytes, 152);
    assert_int_equal(f->last.predicted_bytes, -1);
    assert_int_equal(f->last.exit_code, -1);
    assert_int_equal(gs_view_task(view, "w", take, f, &f->err), 0);
    assert_int_equal(f->last.attempts, 0);
    assert_int_equal(f->last.limit_bytes, -1);
    assert_int_equal(gs_view_task(view, "none", take, f, &f->err), -1);
    assert_int_equal(f->err.code, GS_ERR_NOTFOUND);
    struct gs_summary sum;
    assert_int_equal(gs_view_summary(view, 0, &sum, &f->err), 0);
    assert_int_equal(sum.reserved_bytes, 0);
    assert_int_equal(sum.oom, 1);
    assert_int_equal(sum.peak_bytes, 152);
    gs_view_close(view);
}

/* The fate of an adopted task is that of the one it adopted. */
static void adopted_tasks(void **state)
{
    struct fixture *f = *state;
    accept_task(f, "old", "P", "succeeded");
    put_attempt(f, "old", 1, "succeeded", "exit");
    put_event(f, "new", "accepted", "{\"adopted\":\"old\"}");
    put_task(f, "new", "P", "pending");
    commit(f);
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    struct gs_filter all = {0};
    assert_string_equal(list(f, view, &all), "old:succeeded new:succeeded");
    assert_int_equal(f->last.peak_bytes, 151);
    struct gs_summary sum;
    assert_int_equal(gs_view_summary(view, 0, &sum, &f->err), 0);
    assert_int_equal(sum.count[GS_VIEW_PENDING], 0);
    assert_int_equal(sum.count[GS_VIEW_SUCCEEDED], 2);
    gs_view_close(view);
}

static void put_spec(struct fixture *f, const char *id, const char *body)
{
    assert_int_equal(gs_store_put_spec(f->store, id, body, NULL, &f->err), 0);
}

static void summary(void **state)
{
    struct fixture *f = *state;
    struct gs_summary sum;
    commit(f);
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    assert_int_equal(gs_view_summary(view, 0, &sum, &f->err), 0);
    assert_int_equal(sum.tasks, 0);
    assert_int_equal(sum.peak_bytes, -1);
    assert_int_equal(sum.left_ms, -1);
    accept_task(f, "done", "P", "succeeded");
    put_attempt(f, "done", 1, "succeeded", "exit");
    accept_task(f, "bad", "P", "failed"); /* repeated by the engine */
    accept_task(f, "bad2", "P", "failed");
    put_spec(f, "bad2", "{\"retry_of\":\"bad\"}");
    accept_task(f, "run1", "P", "running");
    put_attempt(f, "run1", 1, "running", NULL);
    accept_task(f, "run2", "P", "running");
    put_attempt(f, "run2", 1, "running", NULL);
    accept_task(f, "wait1", "P", "pending");
    commit(f);
    assert_int_equal(gs_view_refresh(view, &f->err), 1);
    /* Both started at 2000 and take 4000 each: at 3000, 3000 are left of
     * each and 4000 of the third, for two at once. */
    assert_int_equal(gs_view_summary(view, 3000, &sum, &f->err), 0);
    assert_int_equal(sum.tasks, 6);
    assert_int_equal(sum.broken, 1);
    assert_int_equal(sum.reserved_bytes, 400);
    assert_true(sum.reserved_cpus == 4);
    assert_int_equal(sum.left_ms, 5000);
    /* A process that has finished nothing: no guess. */
    accept_task(f, "wait2", "OTHER", "pending");
    commit(f);
    assert_int_equal(gs_view_refresh(view, &f->err), 1);
    assert_int_equal(gs_view_summary(view, 3000, &sum, &f->err), 0);
    assert_int_equal(sum.left_ms, -1);
    gs_view_close(view);
}

static void finds_tasks(void **state)
{
    struct fixture *f = *state;
    accept_task(f, "abc1", "ALIGN (1)", "failed");
    accept_task(f, "abd2", "ALIGN (1)", "running"); /* the repeat */
    accept_task(f, "x%", "CALL", "running");
    commit(f);
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    static const struct {
        const char *which, *id;
    } cases[] = {
        {"abc1", "abc1"},      {"abc", "abc1"}, {"ab", NULL},
        {"ALIGN (1)", "abd2"}, {"CALL", "x%"},  {"%", NULL},
        {"zz", NULL},          {"x", "x%"},     {"' OR 1 --", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gs_auto_free char *id =
            gs_view_find_task(view, cases[i].which, &f->err);
        if ((id == NULL) != (cases[i].id == NULL) ||
            (id && strcmp(id, cases[i].id) != 0))
            fail_msg("'%s' is %s", cases[i].which, id ? id : "none");
    }
    gs_view_close(view);
}

/* Nothing is lost for a reader when the writer dies with its log unfolded. */
static void a_killed_writer(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    gs_store_close(f->store);
    f->store = NULL;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        f->store = gs_store_open(f->dir, &f->err);
        accept_task(f, "a", "P", "running");
        commit(f);
        accept_task(f, "b", "P", "running"); /* lost with it */
        if (write(fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char c;
    assert_int_equal(read(fds[0], &c, 1), 1);
    assert_true(gs_store_is_live(f->dir));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(gs_store_is_live(f->dir));
    struct gs_view *view = gs_view_open(f->dir, &f->err);
    struct gs_filter all = {0};
    assert_non_null(view);
    assert_string_equal(list(f, view, &all), "a:running");
    gs_view_close(view);
    close(fds[0]);
    close(fds[1]);
}

static void finds_runs(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err;
    struct gs_run_ref run;
    setenv("GENOSCHED_STATE", dir, 1);
    struct gs_config *config = gs_config_create();
    assert_int_equal(gs_runs_find(config, NULL, &run, &err), -1);
    assert_int_equal(err.code, GS_ERR_NOTFOUND);
    static const char *const ids[] = {"run-a1", "run-a2", "other"};
    for (size_t i = 0; i < 3; i++) {
        gs_auto_free char *folder = gs_format("%s/runs/%s", dir, ids[i]);
        struct gs_store *store = gs_store_open(folder, &err);
        assert_non_null(store);
        gs_store_set_meta(store, "name", i == 2 ? "sad_curie" : "x", &err);
        assert_int_equal(gs_store_commit(store, &err), 0);
        gs_store_close(store);
        usleep(20000); /* the clock of the file system is coarse */
    }
    static const struct {
        const char *which, *id;
    } cases[] = {
        {NULL, "other"},  {"run-a1", "run-a1"},   {"run-a", NULL},
        {"oth", "other"}, {"sad_curie", "other"}, {"none", NULL},
        {"x", "run-a2"}, /* the newest of that name */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = gs_runs_find(config, cases[i].which, &run, &err);
        assert_int_equal(rc, cases[i].id ? 0 : -1);
        if (rc < 0)
            continue;
        assert_string_equal(run.id, cases[i].id);
        free(run.id);
        free(run.dir);
    }
    gs_config_destroy(config);
    unsetenv("GENOSCHED_STATE");
    scratch_drop(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sees_commits_and_nothing_else),
        TEST(filters_and_sorts),
        TEST(the_last_attempt_counts),
        TEST(adopted_tasks),
        TEST(summary),
        TEST(finds_tasks),
        TEST(a_killed_writer),
        cmocka_unit_test(finds_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
