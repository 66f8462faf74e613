/*
 * history: several runs may write at once; SQLite's own locks order them.
 */
#include "store/history.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/db.h"
#include "store/schema.h"

struct gs_history {
    sqlite3 *db;
    sqlite3_stmt *add, *read;
};

struct gs_history *gs_history_open(const char *path, struct gs_error *err)
{
    struct gs_history *h = gs_calloc(1, sizeof *h);
    if (gs_db_open(path, gs_history_schema, GS_HISTORY_SCHEMA, "OFF", &h->db,
                   err) < 0) {
        free(h);
        return NULL;
    }
    if (sqlite3_prepare_v3(h->db,
                           "INSERT OR REPLACE INTO observation VALUES"
                           "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL)",
                           -1, SQLITE_PREPARE_PERSISTENT, &h->add,
                           NULL) != SQLITE_OK ||
        sqlite3_prepare_v3(
            h->db,
            "SELECT chromosome,input_bytes,peak_bytes,wall_ms,reason FROM"
            " (SELECT * FROM observation WHERE process=? AND peak_bytes"
            " IS NOT NULL ORDER BY time_ms DESC LIMIT ?) ORDER BY time_ms",
            -1, SQLITE_PREPARE_PERSISTENT, &h->read, NULL) != SQLITE_OK) {
        gs_db_fail(h->db, err, GS_ERR_STATE, "history %s", path);
        gs_history_close(h);
        return NULL;
    }
    return h;
}

void gs_history_close(struct gs_history *h)
{
    if (!h)
        return;
    sqlite3_finalize(h->add);
    sqlite3_finalize(h->read);
    sqlite3_close(h->db);
    free(h);
}

int gs_history_add(struct gs_history *h, const struct gs_history_row *r,
                   struct gs_error *err)
{
    sqlite3_stmt *st = h->add;
    gs_db_bind_text(st, 1, r->run);
    gs_db_bind_text(st, 2, r->task);
    sqlite3_bind_int(st, 3, r->n);
    sqlite3_bind_int64(st, 4, r->time_ms);
    gs_db_bind_text(st, 5, r->engine);
    gs_db_bind_text(st, 6, r->process);
    gs_db_bind_text(st, 7, r->chromosome);
    gs_db_bind_known(st, 8, r->input_bytes);
    gs_db_bind_known(st, 9, r->requested_bytes);
    gs_db_bind_known(st, 10, r->limit_bytes);
    gs_db_bind_known(st, 11, r->peak_bytes);
    sqlite3_bind_double(st, 12, r->cpus);
    gs_db_bind_known(st, 13, r->cpu_ms);
    gs_db_bind_known(st, 14, r->wall_ms);
    gs_db_bind_text(st, 15, r->reason);
    int rc = sqlite3_step(st);
    int result = rc == SQLITE_DONE ? 0
                                   : gs_db_fail(h->db, err, GS_ERR_STATE,
                                                "cannot write the history");
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return result;
}

static int64_t column_known(sqlite3_stmt *st, int at)
{
    return sqlite3_column_type(st, at) == SQLITE_NULL
               ? -1
               : sqlite3_column_int64(st, at);
}

int gs_history_teach(struct gs_history *h, const char *process, int most,
                     struct gs_model *model, struct gs_error *err)
{
    sqlite3_stmt *st = h->read;
    int rc;
    gs_db_bind_text(st, 1, process);
    sqlite3_bind_int(st, 2, most);
    gs_model_note(model, process);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *reason = (const char *)sqlite3_column_text(st, 4);
        struct gs_observation seen = {
            .process = process,
            .chromosome = (const char *)sqlite3_column_text(st, 0),
            .input_bytes = column_known(st, 1),
            .peak_bytes = column_known(st, 2),
            .wall_ms = column_known(st, 3),
            .censored = reason && strcmp(reason, "oom") == 0,
        };
        gs_model_learn(model, &seen);
    }
    int result = rc == SQLITE_DONE ? 0
                                   : gs_db_fail(h->db, err, GS_ERR_STATE,
                                                "cannot read the history");
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return result;
}
