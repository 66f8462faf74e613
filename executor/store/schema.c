/*
 * schema: see the header. Times are ms since the Unix epoch, sizes bytes;
 * NULL is "not known".
 */
#include "store/schema.h"

const char gs_run_schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    /* engine, engine_version, run_name, backend, pool_* , opened_ms, … */
    "CREATE TABLE event("
    " seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
    " task TEXT, attempt INTEGER NOT NULL, kind TEXT NOT NULL,"
    " body TEXT NOT NULL) STRICT;"
    "CREATE INDEX event_task ON event(task) WHERE task IS NOT NULL;"
    "CREATE TABLE task("
    " id TEXT PRIMARY KEY, process TEXT NOT NULL, name TEXT,"
    " state TEXT NOT NULL, reason TEXT, message TEXT, chromosome TEXT,"
    " seq INTEGER NOT NULL, submitted_ms INTEGER NOT NULL,"
    " started_ms INTEGER, ended_ms INTEGER, requested_bytes INTEGER,"
    " cpus REAL NOT NULL, waiting TEXT) STRICT, WITHOUT ROWID;"
    "CREATE TABLE attempt("
    " task TEXT NOT NULL, n INTEGER NOT NULL, state TEXT NOT NULL,"
    " reason TEXT, message TEXT, backend_id TEXT, node TEXT, why TEXT,"
    " exit_code INTEGER, signal INTEGER, requested_bytes INTEGER,"
    " predicted_bytes INTEGER, limit_bytes INTEGER, peak_bytes INTEGER,"
    " max_rss_bytes INTEGER, cpus REAL, cpu_ms INTEGER, wall_ms INTEGER,"
    " read_bytes INTEGER, write_bytes INTEGER, started_ms INTEGER,"
    " ended_ms INTEGER, PRIMARY KEY(task, n)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE spec(task TEXT PRIMARY KEY, body TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE secret(task TEXT PRIMARY KEY, body TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;";

const char gs_history_schema[] =
    "CREATE TABLE observation("
    " run TEXT NOT NULL, task TEXT NOT NULL, n INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, engine TEXT, process TEXT NOT NULL,"
    " chromosome TEXT, input_bytes INTEGER, requested_bytes INTEGER,"
    " limit_bytes INTEGER, peak_bytes INTEGER, cpus REAL, cpu_ms INTEGER,"
    " wall_ms INTEGER, reason TEXT NOT NULL, java_heap REAL,"
    " features TEXT, PRIMARY KEY(run, task, n)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX observation_process ON observation(process, time_ms);";
