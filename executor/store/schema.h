/*
 * schema: the tables of run.db and history.db, and their version.
 * A newer program reads every older version; see gs_schema_apply.
 */
#ifndef GS_STORE_SCHEMA_H
#define GS_STORE_SCHEMA_H

enum {
    GS_RUN_SCHEMA = 1,
    GS_HISTORY_SCHEMA = 1,
};

extern const char gs_run_schema[];
extern const char gs_history_schema[];

#endif
