/*
 * view: see the header. Every statement is prepared, used and finalised in
 * one function; a snapshot is one read transaction.
 */
#include "report/view.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/view_sql.h"
#include "store/db.h"
#include "store/store.h"

const char *const gs_view_states[] = {"pending",   "dispatched", "running",
                                      "succeeded", "failed",     "cancelled",
                                      "lost",      NULL};

int gs_view_fail(struct gs_view *view, struct gs_error *err)
{
    return gs_db_fail(view->db, err, GS_ERR_STATE, "cannot read the run");
}

sqlite3_stmt *gs_view_prepare(struct gs_view *view, const char *sql,
                              struct gs_error *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(view->db, sql, -1, &st, NULL) != SQLITE_OK)
        gs_view_fail(view, err);
    return st;
}

const char *gs_column_text(sqlite3_stmt *st, int at)
{
    return (const char *)sqlite3_column_text(st, at);
}

int64_t gs_column_int(sqlite3_stmt *st, int at)
{
    return sqlite3_column_type(st, at) == SQLITE_NULL
               ? -1
               : sqlite3_column_int64(st, at);
}

double gs_column_number(sqlite3_stmt *st, int at)
{
    return sqlite3_column_type(st, at) == SQLITE_NULL
               ? -1
               : sqlite3_column_double(st, at);
}

static int64_t data_version(struct gs_view *view)
{
    sqlite3_stmt *st = gs_view_prepare(view, "PRAGMA data_version", NULL);
    int64_t version = -1;
    if (st && sqlite3_step(st) == SQLITE_ROW)
        version = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return version;
}

static int begin(struct gs_view *view, struct gs_error *err)
{
    view->version = data_version(view);
    if (sqlite3_exec(view->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return gs_view_fail(view, err);
    /* The snapshot is taken by the first read. */
    sqlite3_stmt *st = gs_view_prepare(view, "SELECT count(*) FROM meta", err);
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : gs_view_fail(view, err);
}

/* `seen` is `task` with the fate of an adopted task where it belongs: the
 * store keeps it with the task that was adopted. */
static int make_seen(struct gs_view *view, struct gs_error *err)
{
    static const char sql[] =
        "CREATE TEMP VIEW seen AS SELECT t.id, t.process, t.name,"
        " coalesce(g.state, t.state) AS state,"
        " coalesce(g.reason, t.reason) AS reason,"
        " coalesce(g.message, t.message) AS message, t.chromosome, t.seq,"
        " t.submitted_ms, coalesce(g.started_ms, t.started_ms) AS started_ms,"
        " coalesce(g.ended_ms, t.ended_ms) AS ended_ms, t.requested_bytes,"
        " t.cpus, t.waiting, e.seq AS first_seq, g.id AS adopted"
        " FROM main.task t LEFT JOIN main.event e ON e.task = t.id"
        " AND e.kind = 'accepted' LEFT JOIN main.task g"
        " ON g.id = json_extract(e.body, '$.adopted')";
    if (sqlite3_exec(view->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return gs_view_fail(view, err);
    return 0;
}

struct gs_view *gs_view_open(const char *dir, struct gs_error *err)
{
    struct gs_view *view = gs_calloc(1, sizeof *view);
    view->db = gs_store_open_readonly(dir, err);
    if (!view->db || make_seen(view, err) < 0 || begin(view, err) < 0) {
        gs_view_close(view);
        return NULL;
    }
    return view;
}

void gs_view_close(struct gs_view *view)
{
    if (!view)
        return;
    sqlite3_close(view->db);
    free(view);
}

void gs_view_rest(struct gs_view *view)
{
    if (!sqlite3_get_autocommit(view->db))
        sqlite3_exec(view->db, "COMMIT", NULL, NULL, NULL);
}

int gs_view_refresh(struct gs_view *view, struct gs_error *err)
{
    int64_t before = view->version;
    gs_view_rest(view);
    if (begin(view, err) < 0)
        return -1;
    return view->version != before;
}

char *gs_view_meta(struct gs_view *view, const char *key)
{
    char *value = NULL;
    sqlite3_stmt *st =
        gs_view_prepare(view, "SELECT value FROM meta WHERE key = ?", NULL);
    gs_db_bind_text(st, 1, key);
    if (st && sqlite3_step(st) == SQLITE_ROW)
        value = gs_strdup(gs_column_text(st, 0));
    sqlite3_finalize(st);
    return value;
}

int64_t gs_view_meta_int(struct gs_view *view, const char *key,
                         int64_t fallback)
{
    gs_auto_free char *text = gs_view_meta(view, key);
    char *end;
    if (!text || !*text)
        return fallback;
    long long value = strtoll(text, &end, 10);
    return *end ? fallback : value;
}

/* Events and attempts of one task */

int gs_view_attempts(struct gs_view *view, const char *id, gs_attempt_f call,
                     void *arg, struct gs_error *err)
{
    /* An attempt that was withdrawn before it started is none. */
    sqlite3_stmt *st = gs_view_prepare(
        view,
        "SELECT a.n, a.state, a.reason, a.message, a.backend_id, a.node, a.why,"
        " a.exit_code, a.signal, a.requested_bytes, a.predicted_bytes,"
        " a.limit_bytes, a.peak_bytes, a.max_rss_bytes, a.cpu_ms, a.wall_ms,"
        " a.read_bytes, a.write_bytes, a.started_ms, a.ended_ms, a.cpus"
        " FROM attempt a JOIN main.task t ON t.id = a.task WHERE a.task = ?"
        " AND NOT (a.state = 'dispatched' AND t.state = 'pending')"
        " ORDER BY a.n",
        err);
    if (!st)
        return -1;
    gs_db_bind_text(st, 1, id);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct gs_attempt_row row = {
            .n = sqlite3_column_int(st, 0),
            .state = gs_column_text(st, 1),
            .reason = gs_column_text(st, 2),
            .message = gs_column_text(st, 3),
            .backend_id = gs_column_text(st, 4),
            .node = gs_column_text(st, 5),
            .why = gs_column_text(st, 6),
            .exit_code = gs_column_int(st, 7),
            .signal = gs_column_int(st, 8),
            .requested_bytes = gs_column_int(st, 9),
            .predicted_bytes = gs_column_int(st, 10),
            .limit_bytes = gs_column_int(st, 11),
            .peak_bytes = gs_column_int(st, 12),
            .max_rss_bytes = gs_column_int(st, 13),
            .cpu_ms = gs_column_int(st, 14),
            .wall_ms = gs_column_int(st, 15),
            .read_bytes = gs_column_int(st, 16),
            .write_bytes = gs_column_int(st, 17),
            .started_ms = gs_column_int(st, 18),
            .ended_ms = gs_column_int(st, 19),
            .cpus = gs_column_number(st, 20),
        };
        call(arg, &row);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : gs_view_fail(view, err);
}

int gs_view_events(struct gs_view *view, const char *id, gs_event_f call,
                   void *arg, struct gs_error *err)
{
    sqlite3_stmt *st = gs_view_prepare(
        view,
        "SELECT seq, time_ms, attempt, kind, body FROM event WHERE task = ?"
        " ORDER BY seq",
        err);
    if (!st)
        return -1;
    gs_db_bind_text(st, 1, id);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct gs_event_row row = {
            .seq = sqlite3_column_int64(st, 0),
            .time_ms = sqlite3_column_int64(st, 1),
            .attempt = sqlite3_column_int(st, 2),
            .kind = gs_column_text(st, 3),
            .body = gs_column_text(st, 4),
        };
        call(arg, &row);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : gs_view_fail(view, err);
}

char *gs_view_spec(struct gs_view *view, const char *id)
{
    char *body = NULL;
    sqlite3_stmt *st =
        gs_view_prepare(view, "SELECT body FROM spec WHERE task = ?", NULL);
    gs_db_bind_text(st, 1, id);
    if (st && sqlite3_step(st) == SQLITE_ROW)
        body = gs_strdup(gs_column_text(st, 0));
    sqlite3_finalize(st);
    return body;
}

int64_t gs_view_ahead(struct gs_view *view, const char *id)
{
    sqlite3_stmt *st = gs_view_prepare(
        view,
        "SELECT count(*) FROM seen a, seen b WHERE b.id = ?"
        " AND a.state = 'pending' AND a.first_seq < b.first_seq",
        NULL);
    int64_t n = -1;
    gs_db_bind_text(st, 1, id);
    if (st && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}
