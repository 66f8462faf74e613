/*
 * view_summary: the figures of a run, and an honest guess of what is left.
 *
 * The guess: the mean wall time of each process's finished tasks, over the
 * tasks that wait or run, divided by how many run at once. It is made only if
 * every process that still has tasks has finished at least one.
 */
#include <string.h>

#include "report/view_sql.h"
#include "store/db.h"

static int count_states(struct gs_view *view, struct gs_summary *out,
                        struct gs_error *err)
{
    sqlite3_stmt *st = gs_view_prepare(
        view, "SELECT state, count(*) FROM seen GROUP BY state", err);
    if (!st)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *state = gs_column_text(st, 0);
        int64_t n = sqlite3_column_int64(st, 1);
        out->tasks += n;
        for (int i = 0; i < GS_VIEW_N_STATES; i++)
            if (strcmp(state, gs_view_states[i]) == 0)
                out->count[i] = n;
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : gs_view_fail(view, err);
}

static int one_row(struct gs_view *view, const char *sql, int64_t *values,
                   int n, struct gs_error *err)
{
    sqlite3_stmt *st = gs_view_prepare(view, sql, err);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    for (int i = 0; rc == SQLITE_ROW && i < n; i++)
        values[i] = gs_column_int(st, i);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : gs_view_fail(view, err);
}

static int reserved(struct gs_view *view, struct gs_summary *out,
                    struct gs_error *err)
{
    sqlite3_stmt *st = gs_view_prepare(
        view,
        "SELECT coalesce(sum(a.limit_bytes), 0), coalesce(sum(a.cpus), 0)"
        " FROM attempt a JOIN task t ON t.id = a.task"
        " WHERE t.state IN ('dispatched', 'running')"
        " AND a.state IN ('dispatched', 'running')",
        err);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        out->reserved_bytes = sqlite3_column_int64(st, 0);
        out->reserved_cpus = sqlite3_column_double(st, 1);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : gs_view_fail(view, err);
}

/* Work left in ms of task time, -1 if some process has no finished task. */
static int work_left(struct gs_view *view, int64_t now_ms, int64_t *work,
                     int64_t *longest, struct gs_error *err)
{
    sqlite3_stmt *st = gs_view_prepare(
        view,
        "WITH done AS (SELECT t.process AS p, avg(a.wall_ms) AS mean"
        " FROM seen t JOIN attempt a ON a.task = t.id AND a.state = "
        "'succeeded' WHERE a.wall_ms IS NOT NULL GROUP BY t.process)"
        " SELECT d.mean, CASE WHEN t.state = 'running' THEN"
        " max(0, d.mean - (?1 - t.started_ms)) ELSE d.mean END"
        " FROM seen t LEFT JOIN done d ON d.p = t.process"
        " WHERE t.state IN ('pending', 'dispatched', 'running')",
        err);
    if (!st)
        return -1;
    int rc;
    bool known = true;
    sqlite3_bind_int64(st, 1, now_ms);
    *work = *longest = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t left = gs_column_int(st, 1);
        known = known && sqlite3_column_type(st, 0) != SQLITE_NULL;
        *work += left;
        *longest = left > *longest ? left : *longest;
    }
    sqlite3_finalize(st);
    if (!known)
        *work = -1;
    return rc == SQLITE_DONE ? 0 : gs_view_fail(view, err);
}

int gs_view_summary(struct gs_view *view, int64_t now_ms,
                    struct gs_summary *out, struct gs_error *err)
{
    int64_t attempts[4] = {0}, times[2] = {0}, broken[1] = {0};
    int64_t work, longest;
    *out = (struct gs_summary){.left_ms = -1};
    if (count_states(view, out, err) < 0 || reserved(view, out, err) < 0 ||
        one_row(view,
                "SELECT count(*), coalesce(sum(n > 1), 0),"
                " coalesce(sum(reason = 'oom'), 0), max(peak_bytes)"
                " FROM attempt",
                attempts, 4, err) < 0 ||
        one_row(view,
                "SELECT coalesce(min(submitted_ms), 0),"
                " coalesce(max(ended_ms), 0) FROM seen",
                times, 2, err) < 0 ||
        one_row(view,
                "SELECT count(*) FROM seen WHERE state IN ('failed', 'lost')"
                " AND id NOT IN (SELECT json_extract(body, '$.retry_of')"
                " FROM spec WHERE json_extract(body, '$.retry_of') NOTNULL)",
                broken, 1, err) < 0 ||
        work_left(view, now_ms, &work, &longest, err) < 0)
        return -1;
    out->repeats = attempts[1];
    out->oom = attempts[2];
    out->peak_bytes = attempts[3];
    out->first_ms = times[0];
    out->last_ms = times[1];
    out->broken = broken[0];
    int64_t at_once =
        out->count[GS_VIEW_RUNNING] + out->count[GS_VIEW_DISPATCHED];
    if (work >= 0 && at_once > 0) {
        int64_t even = work / at_once;
        out->left_ms = even > longest ? even : longest;
    }
    return 0;
}
