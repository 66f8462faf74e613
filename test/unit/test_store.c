/*
 * The store: events, derived rows, secrets, the lock, and files that a crash
 * or a bad disk has left.
 */
#include "store/store.h"
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "random.h"

static struct gs_store *must_open(const char *dir)
{
    struct gs_error err = {0};
    struct gs_store *s = gs_store_open(dir, &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static int64_t append(struct gs_store *s, const char *task, const char *body)
{
    struct gs_store_event e = {
        .time = {5}, .task = task, .kind = "k", .body = body};
    return gs_store_append(s, &e, NULL);
}

struct seen {
    int n;
    int64_t last;
    char text[4096];
};

static int note(void *arg, const struct gs_store_event *e, struct gs_error *err)
{
    struct seen *seen = arg;
    (void)err;
    assert_true(e->seq > seen->last);
    seen->last = e->seq;
    seen->n++;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "%s:%s ",
             e->task ? e->task : "-", e->body);
    return 0;
}

static struct seen replayed(struct gs_store *s)
{
    struct seen seen = {0};
    assert_int_equal(gs_store_replay(s, note, &seen, NULL), 0);
    return seen;
}

static void events_come_back_in_order(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_store *s = must_open(dir);
    assert_int_equal(append(s, NULL, NULL), 1);
    assert_int_equal(append(s, "a", "{\"x\":1}"), 2);
    assert_true(gs_store_dirty(s));
    assert_int_equal(gs_store_commit(s, NULL), 0);
    assert_false(gs_store_dirty(s));
    assert_int_equal(append(s, "b", "{}"), 3);
    gs_store_close(s); /* not committed: rolled back */
    s = must_open(dir);
    struct seen seen = replayed(s);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.text, "-:{} a:{\"x\":1} ");
    /* A number that was never committed was never told: it comes again. */
    assert_int_equal(append(s, "c", "{}"), 3);
    gs_store_rollback(s);
    assert_int_equal(gs_store_commit(s, NULL), 0);
    assert_int_equal(replayed(s).n, 2);
    gs_store_close(s);
    scratch_drop(dir);
}

static int stop_early(void *arg, const struct gs_store_event *e,
                      struct gs_error *err)
{
    (void)e;
    ++*(int *)arg;
    return gs_fail(err, GS_ERR_STATE, "enough");
}

static void replay_ends_when_told(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_store *s = must_open(dir);
    struct gs_error err = {0};
    int n = 0;
    append(s, "a", "{}");
    append(s, "b", "{}");
    gs_store_commit(s, NULL);
    assert_int_equal(gs_store_replay(s, stop_early, &n, &err), -1);
    assert_int_equal(n, 1);
    assert_string_equal(err.text, "enough");
    gs_store_close(s);
    scratch_drop(dir);
}

static char *ask(const char *dir, const char *sql)
{
    sqlite3 *db = gs_store_open_readonly(dir, NULL);
    sqlite3_stmt *st = NULL;
    char *out = NULL;
    assert_non_null(db);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    if (sqlite3_step(st) == SQLITE_ROW)
        out = gs_strdup((const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return out;
}

static void derived_rows_are_there_for_readers(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_store *s = must_open(dir);
    struct gs_store_task t = {.id = "a",
                              .process = "P",
                              .state = "pending",
                              .seq = 1,
                              .requested_bytes = -1,
                              .cpus = 2};
    struct gs_store_attempt a = {.task = "a",
                                 .n = 1,
                                 .state = "running",
                                 .exit_code = -1,
                                 .signal = -1,
                                 .limit_bytes = 77,
                                 .peak_bytes = -1,
                                 .requested_bytes = -1,
                                 .predicted_bytes = -1,
                                 .max_rss_bytes = -1,
                                 .cpus = 2,
                                 .cpu_ms = -1,
                                 .wall_ms = 9,
                                 .read_bytes = -1,
                                 .write_bytes = -1,
                                 .started_ms = 3,
                                 .ended_ms = -1};
    assert_int_equal(gs_store_put_task(s, &t, NULL), 0);
    assert_int_equal(gs_store_put_attempt(s, &a, NULL), 0);
    assert_int_equal(gs_store_set_meta(s, "engine", "test", NULL), 0);
    gs_auto_free char *before = ask(dir, "SELECT state FROM task");
    assert_null(before); /* not before the commit */
    assert_int_equal(gs_store_commit(s, NULL), 0);
    t.state = "failed";
    t.reason = "exit";
    assert_int_equal(gs_store_put_task(s, &t, NULL), 0);
    assert_int_equal(gs_store_commit(s, NULL), 0);
    gs_auto_free char *row = ask(
        dir, "SELECT id||state||reason||ifnull(requested_bytes,'?') FROM task");
    gs_auto_free char *arow =
        ask(dir, "SELECT task||n||state||limit_bytes||ifnull(peak_bytes,'?')||"
                 "ifnull(exit_code,'?')||wall_ms||started_ms FROM attempt");
    gs_auto_free char *meta = ask(dir, "SELECT value FROM meta");
    assert_string_equal(row, "afailedexit?");
    assert_string_equal(arow, "a1running77??93");
    assert_string_equal(meta, "test");
    gs_store_close(s);
    scratch_drop(dir);
}

/* The bytes of one file, or of none. */
static bool file_holds(const char *dir, const char *name, const char *needle)
{
    size_t len = 0;
    gs_auto_free char *path = gs_format("%s/%s", dir, name);
    gs_auto_free char *text = gs_file_read(path, 64 << 20, &len, NULL);
    return text && memmem(text, len, needle, strlen(needle)) != NULL;
}

static bool holds(const char *dir, const char *needle)
{
    return file_holds(dir, "run.db", needle) ||
           file_holds(dir, "run.db-wal", needle);
}

static void secrets_go_with_their_bytes(void **state)
{
    (void)state;
    enum { N = 300 };
    random_begin("secrets");
    char *dir = scratch_make();
    struct gs_store *s = must_open(dir);
    char filler[3000];
    memset(filler, 'f', sizeof filler);
    for (int i = 0; i < N; i++) {
        gs_auto_free char *id = gs_format("t%d", random_below(1 << 30));
        gs_auto_free char *body =
            gs_format("{\"A\":\"%.*s\",\"B\":\"canary-value\"}",
                      random_below((int)sizeof filler), filler);
        append(s, id, "{}");
        assert_int_equal(gs_store_put_spec(s, id, "{}", body, NULL), 0);
        if (random_below(10) == 0)
            assert_int_equal(gs_store_commit(s, NULL), 0);
    }
    assert_int_equal(gs_store_commit(s, NULL), 0);
    assert_true(holds(dir, "canary-value"));
    gs_auto_free char *left = NULL;
    while ((left = ask(dir, "SELECT task FROM secret ORDER BY random()"))) {
        char *spec, *secret;
        assert_int_equal(gs_store_get_spec(s, left, &spec, &secret, NULL), 0);
        assert_non_null(strstr(secret, "canary-value"));
        free(spec);
        free(secret);
        assert_int_equal(gs_store_wipe_secret(s, left, NULL), 0);
        assert_int_equal(gs_store_commit(s, NULL), 0);
        assert_int_equal(gs_store_get_spec(s, left, &spec, &secret, NULL), 0);
        assert_null(secret);
        free(spec);
        free(left);
    }
    assert_true(gs_store_needs_scrub(s));
    gs_store_scrub(s);
    assert_false(gs_store_needs_scrub(s));
    assert_false(holds(dir, "canary-value"));
    gs_store_close(s);
    assert_false(holds(dir, "canary-value"));
    scratch_drop(dir);
}

static void wiping_nothing_needs_no_scrub(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_store *s = must_open(dir);
    assert_false(gs_store_needs_scrub(s));
    assert_int_equal(gs_store_wipe_secret(s, "nobody", NULL), 0);
    gs_store_commit(s, NULL);
    assert_false(gs_store_needs_scrub(s));
    gs_store_close(s);
    scratch_drop(dir);
}

static void one_writer(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    assert_false(gs_store_is_live(dir));
    struct gs_store *s = must_open(dir);
    assert_true(gs_store_is_live(dir));
    gs_auto_free char *mine = gs_format("process %ld", (long)getpid());
    assert_null(gs_store_open(dir, &err));
    assert_int_equal(err.code, GS_ERR_LOCKED);
    assert_non_null(strstr(err.text, mine));
    gs_auto_free char *ballast = gs_format("%s/ballast", dir);
    assert_true(gs_path_exists(ballast)); /* the second one took nothing */
    gs_store_close(s);
    assert_false(gs_store_is_live(dir));
    scratch_drop(dir);
}

static void files_are_private(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *run = gs_format("%s/a/b", dir);
    struct gs_store *s = must_open(run);
    append(s, "a", "{}");
    gs_store_commit(s, NULL);
    static const char *const names[] = {"", "/run.db", "/run.db-wal", "/lock",
                                        "/ballast"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat st;
        gs_auto_free char *path = gs_format("%s%s", run, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
    gs_store_close(s);
    scratch_drop(dir);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    gs_store_close(must_open(dir));
    gs_auto_free char *path = gs_format("%s/run.db", dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_null(gs_store_open(dir, &err));
    assert_int_equal(err.code, GS_ERR_STATE);
    assert_non_null(strstr(err.text, "newer genosched"));
    assert_non_null(strstr(err.text, "99"));
    gs_auto_free char *version = ask(dir, "PRAGMA user_version");
    assert_string_equal(version, "99");
    assert_false(gs_store_is_live(dir));
    scratch_drop(dir);
}

static void no_run_is_said_so(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    assert_null(gs_store_open_readonly(dir, &err));
    assert_int_equal(err.code, GS_ERR_NOTFOUND);
    assert_false(gs_store_is_live(dir));
    scratch_drop(dir);
}

/* Makes a run in a child that dies without closing: its write-ahead log is
 * left. `n` events are committed one by one, one is not. */
static void crash_with(const char *dir, int n)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct gs_store *s = gs_store_open(dir, NULL);
        for (int i = 0; s && i < n; i++)
            if (append(s, "a", "{\"i\":1}") < 0 || gs_store_commit(s, NULL) < 0)
                _exit(1);
        append(s, "a", "{}");
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void a_killed_writer_loses_what_it_did_not_commit(void **state)
{
    (void)state;
    char *dir = scratch_make();
    crash_with(dir, 20);
    struct gs_store *s = must_open(dir);
    assert_int_equal(replayed(s).n, 20);
    gs_store_close(s);
    scratch_drop(dir);
}

static void copy(const char *from, const char *to, size_t most)
{
    size_t len;
    gs_auto_free char *text = gs_file_read(from, 64 << 20, &len, NULL);
    assert_non_null(text);
    assert_int_equal(gs_file_write(to, text, len < most ? len : most, NULL), 0);
}

/* Every prefix of the write-ahead log, as a power cut leaves them, gives a
 * prefix of the events. */
static void every_prefix_of_the_log_opens(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *first = gs_format("%s/first", dir);
    gs_auto_free char *second = gs_format("%s/second", dir);
    crash_with(first, 12);
    gs_auto_free char *db = gs_format("%s/run.db", first);
    gs_auto_free char *wal = gs_format("%s/run.db-wal", first);
    gs_auto_free char *db2 = gs_format("%s/run.db", second);
    gs_auto_free char *wal2 = gs_format("%s/run.db-wal", second);
    struct stat st;
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size > 0);
    int last = 0;
    for (off_t size = 0; size <= st.st_size; size += 997) {
        assert_int_equal(gs_dir_make(second, NULL), 0);
        copy(db, db2, SIZE_MAX);
        copy(wal, wal2, (size_t)size);
        struct gs_store *s = must_open(second);
        int n = replayed(s).n;
        assert_true(n >= last && n <= 12);
        last = n;
        assert_int_equal(append(s, "z", "{}"), n + 1);
        assert_int_equal(gs_store_commit(s, NULL), 0);
        gs_store_close(s);
        assert_int_equal(gs_dir_remove(second, NULL), 0);
    }
    assert_true(last >= 11);
    scratch_drop(dir);
}

static int look(void *arg, const struct gs_store_event *e, struct gs_error *err)
{
    (void)err;
    *(size_t *)arg +=
        strlen(e->kind) + strlen(e->body) + (e->task ? strlen(e->task) : 0);
    return 0;
}

/* Bytes flipped anywhere: an error or a run, never a crash. */
static void garbled_files_are_errors(void **state)
{
    (void)state;
    random_begin("garbled");
    char *dir = scratch_make();
    gs_auto_free char *first = gs_format("%s/first", dir);
    gs_auto_free char *second = gs_format("%s/second", dir);
    crash_with(first, 6);
    gs_auto_free char *db = gs_format("%s/run.db", first);
    gs_auto_free char *wal = gs_format("%s/run.db-wal", first);
    int opened = 0, refused = 0;
    for (int round = 0; round < 150; round++) {
        static const char *const names[] = {"run.db", "run.db-wal"};
        gs_auto_free char *db2 = gs_format("%s/run.db", second);
        gs_auto_free char *wal2 = gs_format("%s/run.db-wal", second);
        assert_int_equal(gs_dir_make(second, NULL), 0);
        copy(db, db2, SIZE_MAX);
        copy(wal, wal2, SIZE_MAX);
        gs_auto_free char *path =
            gs_format("%s/%s", second, names[random_below(2)]);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        gs_auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
        for (int i = 0; i < 1 + round / 5; i++) {
            char byte = (char)random_next();
            off_t at = random_below((int)(round % 3 ? st.st_size : 200));
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        if (round % 7 == 0)
            assert_int_equal(ftruncate(fd, random_below((int)st.st_size)), 0);
        struct gs_error err = {0};
        size_t seen = 0;
        struct gs_store *s = gs_store_open(second, &err);
        if (s && gs_store_replay(s, look, &seen, &err) == 0) {
            opened++;
        } else {
            refused++;
            assert_true(err.code == GS_ERR_STATE || err.code == GS_ERR_FULL);
            assert_true(err.text[0] != '\0');
        }
        gs_store_close(s);
        assert_int_equal(gs_dir_remove(second, NULL), 0);
    }
    printf("%d opened, %d refused\n", opened, refused);
    assert_true(opened > 0 && refused > 0);
    scratch_drop(dir);
}

static void a_folder_that_cannot_be_is_explained(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_error err = {0};
    gs_auto_free char *file = scratch_file(dir, "file", "x");
    gs_auto_free char *below = gs_format("%s/runs/r", file);
    assert_null(gs_store_open(below, &err));
    assert_int_equal(err.code, GS_ERR_STATE);
    assert_non_null(strstr(err.text, "state_dir"));
    scratch_drop(dir);
}

/* A failure is told again, with its reason, until it is rolled back. */
static void a_broken_transaction_keeps_its_reason(void **state)
{
    (void)state;
    char *dir = scratch_make();
    struct gs_store *s = must_open(dir);
    struct gs_error err = {0}, again = {0};
    /* `state` may not be NULL in the table. */
    struct gs_store_task bad = {.id = "a", .process = "P"};
    append(s, "a", "{}");
    assert_int_equal(gs_store_put_task(s, &bad, &err), -1);
    assert_non_null(strstr(err.text, "NOT NULL"));
    assert_int_equal(append(s, "b", "{}"), -1);
    assert_int_equal(gs_store_commit(s, &again), -1);
    assert_string_equal(err.text, again.text);
    gs_store_rollback(s);
    assert_int_equal(append(s, "c", "{}"), 1);
    assert_int_equal(gs_store_commit(s, NULL), 0);
    assert_string_equal(replayed(s).text, "c:{} ");
    gs_store_close(s);
    scratch_drop(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back_in_order),
        cmocka_unit_test(replay_ends_when_told),
        cmocka_unit_test(derived_rows_are_there_for_readers),
        cmocka_unit_test(secrets_go_with_their_bytes),
        cmocka_unit_test(wiping_nothing_needs_no_scrub),
        cmocka_unit_test(one_writer),
        cmocka_unit_test(files_are_private),
        cmocka_unit_test(a_newer_schema_is_refused_and_left_alone),
        cmocka_unit_test(no_run_is_said_so),
        cmocka_unit_test(a_killed_writer_loses_what_it_did_not_commit),
        cmocka_unit_test(every_prefix_of_the_log_opens),
        cmocka_unit_test(garbled_files_are_errors),
        cmocka_unit_test(a_folder_that_cannot_be_is_explained),
        cmocka_unit_test(a_broken_transaction_keeps_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
