/*
 * db: what run.db and history.db share: opening, schema, errors, binding.
 */
#ifndef GS_STORE_DB_H
#define GS_STORE_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/error.h"

/* Opens or makes a database in WAL mode with the given `synchronous` level
 * and schema (user_version). A newer schema than ours is an error that says
 * so. The caller closes *db with sqlite3_close. */
int gs_db_open(const char *path, const char *schema, int version,
               const char *synchronous, sqlite3 **db, struct gs_error *err);

/* Fills *err with the words of SQLite; SQLITE_FULL and ENOSPC become
 * GS_ERR_FULL. Returns -1. */
int gs_db_fail(sqlite3 *db, struct gs_error *err, enum gs_error_code code,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* NULL binds NULL; the text must live until the statement is reset. */
void gs_db_bind_text(sqlite3_stmt *st, int at, const char *text);
/* A negative number binds NULL. */
void gs_db_bind_known(sqlite3_stmt *st, int at, int64_t value);

#endif
