/*
 * view_tasks: rows of tasks, found, filtered and sorted by SQLite. What comes
 * from outside is bound, never put into the SQL.
 */
#include <string.h>

#include "base/mem.h"
#include "report/view_sql.h"
#include "store/db.h"

const char *const gs_view_sorts[] = {"submitted", "started", "ended", "name",
                                     "process",   "state",   "limit", "peak",
                                     "wall",      "cpu",     NULL};

/* The column for each of gs_view_sorts. */
static const char *const sort_columns[] = {
    "t.first_seq", "t.started_ms",  "t.ended_ms",   "t.name",    "t.process",
    "t.state",     "a.limit_bytes", "a.peak_bytes", "a.wall_ms", "a.cpu_ms"};

#define ROW_SQL                                                                \
    "SELECT t.id, t.process, t.name, t.state, t.reason, t.message,"            \
    " t.chromosome, t.waiting, a.node, coalesce(a.n, 0), t.submitted_ms,"      \
    " t.started_ms, t.ended_ms, t.requested_bytes, a.predicted_bytes,"         \
    " a.limit_bytes, a.peak_bytes, a.cpu_ms, a.wall_ms, a.exit_code, t.cpus,"  \
    " t.adopted FROM seen t LEFT JOIN attempt a"                               \
    " ON a.task = coalesce(t.adopted, t.id) AND a.n = (SELECT max(n)"          \
    " FROM attempt WHERE task = coalesce(t.adopted, t.id)"                     \
    " AND NOT (state = 'dispatched' AND t.state = 'pending'))"

static void give_row(sqlite3_stmt *st, gs_row_f call, void *arg)
{
    struct gs_row row = {
        .id = gs_column_text(st, 0),
        .process = gs_column_text(st, 1),
        .name = gs_column_text(st, 2),
        .state = gs_column_text(st, 3),
        .reason = gs_column_text(st, 4),
        .message = gs_column_text(st, 5),
        .chromosome = gs_column_text(st, 6),
        .waiting = gs_column_text(st, 7),
        .node = gs_column_text(st, 8),
        .attempts = gs_column_int(st, 9),
        .submitted_ms = gs_column_int(st, 10),
        .started_ms = gs_column_int(st, 11),
        .ended_ms = gs_column_int(st, 12),
        .requested_bytes = gs_column_int(st, 13),
        .predicted_bytes = gs_column_int(st, 14),
        .limit_bytes = gs_column_int(st, 15),
        .peak_bytes = gs_column_int(st, 16),
        .cpu_ms = gs_column_int(st, 17),
        .wall_ms = gs_column_int(st, 18),
        .exit_code = gs_column_int(st, 19),
        .cpus = gs_column_number(st, 20),
        .adopted = gs_column_text(st, 21),
    };
    call(arg, &row);
}

static const char *sort_column(const char *sort)
{
    for (size_t i = 0; sort && gs_view_sorts[i]; i++)
        if (strcmp(gs_view_sorts[i], sort) == 0)
            return sort_columns[i];
    return sort_columns[0];
}

int gs_view_tasks(struct gs_view *view, const struct gs_filter *filter,
                  gs_row_f call, void *arg, struct gs_error *err)
{
    const char *direction = filter->reverse ? " DESC" : "";
    gs_auto_free char *sql = gs_format(
        ROW_SQL " WHERE (?1 IS NULL OR instr(',' || ?1 || ',', ',' || t.state"
                " || ',') > 0) AND (?2 IS NULL OR t.process GLOB ?2)"
                " ORDER BY %s%s, t.first_seq",
        sort_column(filter->sort), direction);
    sqlite3_stmt *st = gs_view_prepare(view, sql, err);
    if (!st)
        return -1;
    gs_db_bind_text(st, 1, filter->states);
    gs_db_bind_text(st, 2, filter->process);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        give_row(st, call, arg);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : gs_view_fail(view, err);
}

int gs_view_task(struct gs_view *view, const char *id, gs_row_f call, void *arg,
                 struct gs_error *err)
{
    sqlite3_stmt *st = gs_view_prepare(view, ROW_SQL " WHERE t.id = ?", err);
    if (!st)
        return -1;
    gs_db_bind_text(st, 1, id);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        give_row(st, call, arg);
    sqlite3_finalize(st);
    if (rc == SQLITE_DONE)
        return gs_fail(err, GS_ERR_NOTFOUND, "there is no task '%s'", id);
    return rc == SQLITE_ROW ? 0 : gs_view_fail(view, err);
}

char *gs_view_find_task(struct gs_view *view, const char *which,
                        struct gs_error *err)
{
    static const char *const ways[] = {
        "SELECT id FROM task WHERE id = ?1",
        "SELECT id FROM seen WHERE name = ?1 ORDER BY first_seq DESC LIMIT 1",
        "SELECT id FROM task WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *id = NULL;
        sqlite3_stmt *st = gs_view_prepare(view, ways[i], err);
        if (!st)
            return NULL;
        gs_db_bind_text(st, 1, which);
        if (sqlite3_step(st) == SQLITE_ROW)
            id = gs_strdup(gs_column_text(st, 0));
        bool several = id && i > 0 && sqlite3_step(st) == SQLITE_ROW;
        sqlite3_finalize(st);
        if (several) {
            gs_cleanup_free(&id);
            gs_fail(err, GS_ERR_NOTFOUND,
                    "the ids of several tasks begin with '%s'; write more of "
                    "it, 'genosched tasks' lists them",
                    which);
            return NULL;
        }
        if (id)
            return id;
    }
    gs_fail(err, GS_ERR_NOTFOUND,
            "there is no task '%s' in this run; 'genosched tasks' lists them",
            which);
    return NULL;
}
