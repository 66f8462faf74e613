/*
 * db: see the header.
 */
#include "store/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"

enum {
    BUSY_MS = 5000,
};

int gs_db_fail(sqlite3 *db, struct gs_error *err, enum gs_error_code code,
               const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    int rc = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    int sys = db ? sqlite3_system_errno(db) : 0;
    if (rc == SQLITE_FULL || sys == ENOSPC || sys == EDQUOT)
        return gs_fail(err, GS_ERR_FULL,
                       "%s: the disk is full; make room, nothing accepted "
                       "is lost",
                       what);
    return gs_fail(err, code, "%s: %s", what,
                   db ? sqlite3_errmsg(db) : "out of memory");
}

static int apply_schema(sqlite3 *db, const char *schema, int version,
                        struct gs_error *err)
{
    sqlite3_stmt *st = NULL;
    int have = -1;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) ==
            SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        have = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    if (have < 0)
        return gs_db_fail(db, err, GS_ERR_STATE, "not a readable database");
    if (have > version)
        return gs_fail(err, GS_ERR_STATE,
                       "the store was written by a newer genosched (schema "
                       "%d, this one knows %d); use that version",
                       have, version);
    if (have == version)
        return 0;
    gs_auto_free char *sql = gs_format(
        "BEGIN IMMEDIATE; %s PRAGMA user_version=%d; COMMIT;", schema, version);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return gs_db_fail(db, err, GS_ERR_STATE, "cannot make the tables");
    return 0;
}

int gs_db_open(const char *path, const char *schema, int version,
               const char *synchronous, sqlite3 **out, struct gs_error *err)
{
    sqlite3 *db = NULL;
    mode_t old = umask(077);
    int rc = sqlite3_open_v2(path, &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    gs_auto_free char *pragmas =
        gs_format("PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
                  "PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF;"
                  "PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;"
                  "PRAGMA journal_size_limit=16777216;",
                  synchronous);
    int result = 0;
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        rc = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK)
        result = gs_db_fail(db, err, GS_ERR_STATE, "cannot open %s", path);
    else
        result = apply_schema(db, schema, version, err);
    umask(old);
    if (result < 0) {
        gs_wrap(err, "state store %s", path);
        sqlite3_close(db);
        return -1;
    }
    *out = db;
    return 0;
}

void gs_db_bind_text(sqlite3_stmt *st, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, at);
}

void gs_db_bind_known(sqlite3_stmt *st, int at, int64_t value)
{
    if (value < 0)
        sqlite3_bind_null(st, at);
    else
        sqlite3_bind_int64(st, at, value);
}
