/*
 * store: the durable truth of one run, one SQLite file.
 *
 * Events are appended and never changed; the tables `task` and `attempt` are
 * derived from them in the same transaction and are there for readers
 * (status, tasks, explain). One writer, held by a lock file beside it. A
 * write is durable when gs_store_commit has returned: nothing may leave the
 * process before that. The values of a task's environment are kept apart, in
 * `secret`, and are wiped when the task is final.
 */
#ifndef GS_STORE_STORE_H
#define GS_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct gs_store;
struct sqlite3;

/* One line of the log. Strings are borrowed. */
struct gs_store_event {
    int64_t seq; /* from 1; the protocol's sequence number */
    struct gs_wall time;
    const char *task; /* NULL: of the run */
    int attempt;      /* 0: of the task */
    const char *kind;
    const char *body; /* a JSON object */
};

/* The derived row of a task; strings are borrowed, NULL where unknown. */
struct gs_store_task {
    const char *id, *process, *name, *state, *reason, *message, *chromosome;
    int64_t seq;
    int64_t submitted_ms, started_ms, ended_ms; /* 0: not yet */
    int64_t requested_bytes;                    /* -1: none */
    double cpus;
    const char *waiting;
};

/* The derived row of an attempt; -1 or NULL where unknown. */
struct gs_store_attempt {
    const char *task;
    int n;
    const char *state, *reason, *message, *backend_id, *node, *why;
    int exit_code, signal;
    int64_t requested_bytes, predicted_bytes, limit_bytes, peak_bytes,
        max_rss_bytes;
    double cpus;
    int64_t cpu_ms, wall_ms, read_bytes, write_bytes, started_ms, ended_ms;
};

/* Makes or opens the folder `dir` (run.db, lock, ballast) as the one writer.
 * GS_ERR_LOCKED: another live process has it; GS_ERR_STATE, GS_ERR_FULL. */
struct gs_store *gs_store_open(const char *dir, struct gs_error *err);
void gs_store_close(struct gs_store *store); /* rolls back what is open */

/* A read-only connection for the verbs that look, while the run lives and
 * after; close with sqlite3_close. NULL with GS_ERR_NOTFOUND if `dir` holds
 * no run. */
struct sqlite3 *gs_store_open_readonly(const char *dir, struct gs_error *err);

/* True while some process is the writer of the run in `dir`. */
bool gs_store_is_live(const char *dir);

/* Appends to the open transaction (begun when needed). Returns the sequence
 * number or -1; after a failure nothing of this transaction will be kept
 * and every call fails until gs_store_rollback. */
int64_t gs_store_append(struct gs_store *store,
                        const struct gs_store_event *event,
                        struct gs_error *err);
int gs_store_put_task(struct gs_store *store, const struct gs_store_task *row,
                      struct gs_error *err);
int gs_store_put_attempt(struct gs_store *store,
                         const struct gs_store_attempt *row,
                         struct gs_error *err);
/* The accepted task as JSON without its environment, and the environment
 * (JSON object, may be NULL) apart. */
int gs_store_put_spec(struct gs_store *store, const char *task,
                      const char *spec, const char *secret,
                      struct gs_error *err);
/* The row goes with the next commit, its bytes with the next scrub. */
int gs_store_wipe_secret(struct gs_store *store, const char *task,
                         struct gs_error *err);
/* True while the write-ahead log may still hold bytes of wiped secrets. */
bool gs_store_needs_scrub(const struct gs_store *store);
/* Empties the write-ahead log, outside of a transaction. Does not wait for
 * readers: they may make it impossible for now, which is no error. */
void gs_store_scrub(struct gs_store *store);

/* GS_ERR_FULL when the disk is full: the ballast file is then given up once
 * and the commit is tried again, so that the end can still be written. */
int gs_store_commit(struct gs_store *store, struct gs_error *err);
void gs_store_rollback(struct gs_store *store);
/* True while something is appended and not committed. */
bool gs_store_dirty(const struct gs_store *store);
/* True from the moment the ballast was given up until it could be laid down
 * again: no new task may be accepted. */
bool gs_store_is_full(struct gs_store *store);

/* Reads back; *spec and *secret (NULL if none) are the caller's to free. A
 * NULL `secret` leaves it alone. */
int gs_store_get_spec(struct gs_store *store, const char *task, char **spec,
                      char **secret, struct gs_error *err);

/* Calls for every event in order; a call that returns < 0 ends it with -1. */
int gs_store_replay(struct gs_store *store,
                    int (*call)(void *arg, const struct gs_store_event *event,
                                struct gs_error *err),
                    void *arg, struct gs_error *err);

/* One line of the run's own table (engine, pool, …): readers see it. */
int gs_store_set_meta(struct gs_store *store, const char *key,
                      const char *value, struct gs_error *err);

#endif
