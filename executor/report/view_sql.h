/*
 * view_sql: shared by the files of view, and by nobody else.
 */
#ifndef GS_REPORT_VIEW_SQL_H
#define GS_REPORT_VIEW_SQL_H

#include <sqlite3.h>

#include "report/view.h"

struct gs_view {
    sqlite3 *db;
    int64_t version; /* of the data, as the connection sees it */
};

/* NULL with the reason. */
sqlite3_stmt *gs_view_prepare(struct gs_view *view, const char *sql,
                              struct gs_error *err);
int gs_view_fail(struct gs_view *view, struct gs_error *err);

/* NULL, or -1, for NULL. */
const char *gs_column_text(sqlite3_stmt *st, int at);
int64_t gs_column_int(sqlite3_stmt *st, int at);
double gs_column_number(sqlite3_stmt *st, int at);

#endif
