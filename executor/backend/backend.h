/*
 * backend: one table of functions for every place that tasks run on.
 *
 * The run (executor/run) writes a durable intent before start(); after a
 * doubt (crash, time-out, cut reply) find() decides, never a second start().
 * A backend never blocks the loop for long, never starts an attempt twice and
 * never guesses: what nobody can know is GS_ATTEMPT_LOST.
 */
#ifndef GS_BACKEND_BACKEND_H
#define GS_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/loop.h"

struct gs_config;

enum gs_attempt_state {
    GS_ATTEMPT_ABSENT,  /* the backend never heard of it: safe to start */
    GS_ATTEMPT_RUNNING, /* alive; events will follow */
    GS_ATTEMPT_ENDED,   /* outcome known */
    GS_ATTEMPT_LOST,    /* it may have run, nobody can know how it ended */
};

enum gs_reason {
    GS_REASON_NONE,
    GS_REASON_EXIT,           /* the command ended by itself */
    GS_REASON_SIGNAL,         /* by a signal that is nobody's we know of */
    GS_REASON_OOM,            /* memory, on evidence */
    GS_REASON_TIMEOUT,        /* its time limit */
    GS_REASON_PREEMPTED,      /* the machine was taken away */
    GS_REASON_INFRASTRUCTURE, /* the command could not be run as asked */
    GS_REASON_CANCELLED,      /* by kill or shutdown */
};

/* "exit", "signal", … as in the protocol. */
const char *gs_reason_name(enum gs_reason reason);
/* GS_REASON_NONE for an unknown name. */
enum gs_reason gs_reason_parse(const char *name);

/* run/task/attempt: names the attempt everywhere. Borrowed strings. */
struct gs_attempt_key {
    const char *run;
    const char *task;
    int attempt; /* from 1 */
};

struct gs_resources {
    int64_t memory_bytes;
    double cpus;
    int gpus;
    int64_t disk_bytes; /* 0: nobody counts it */
};

struct gs_pair {
    char *name;
    char *value;
};

/* What is to be started. Everything is borrowed for the call. */
struct gs_launch {
    struct gs_attempt_key key;
    char *const *argv;         /* NULL-terminated */
    const struct gs_pair *env; /* the task's own, secret values */
    size_t n_env;
    const char *workdir;
    const char *stdout_path; /* absolute or relative to workdir */
    const char *stderr_path;
    struct gs_resources grant; /* memory_bytes: the limit told to the task */
    bool pooled; /* true: memory is limited by the run's budget, the grant is
                    what was planned for; false: the grant is enforced */
    int64_t time_ms;   /* 0: none */
    double java_heap;  /* fraction of the grant, 0: leave Java alone */
    int64_t sample_ms; /* how often memory is sampled */
};

/* How an attempt ended and what it used. -1 where it is not known. */
struct gs_outcome {
    enum gs_reason reason;
    int exit_code;
    int signal;
    int64_t peak_bytes;    /* counted by the kernel: cache that could not
                              be dropped included */
    int64_t max_rss_bytes; /* largest sample of anonymous memory or PSS */
    int64_t cpu_ms;
    int64_t wall_ms;
    int64_t read_bytes;
    int64_t write_bytes;
    struct gs_wall started;
    struct gs_wall ended;
    bool not_begun;    /* with INFRASTRUCTURE: the command was certainly not
                          run, and not for a fault of its own */
    char message[512]; /* a sentence for a person; "" for a plain exit 0 */
};

/* An outcome of which nothing is known yet. */
#define GS_OUTCOME_UNKNOWN                                                     \
    ((struct gs_outcome){.exit_code = -1,                                      \
                         .peak_bytes = -1,                                     \
                         .max_rss_bytes = -1,                                  \
                         .cpu_ms = -1,                                         \
                         .wall_ms = -1,                                        \
                         .read_bytes = -1,                                     \
                         .write_bytes = -1})

struct gs_event {
    const char *task; /* borrowed for the call */
    int attempt;
    enum gs_attempt_state state; /* RUNNING, ENDED or LOST */
    struct gs_outcome outcome;   /* ENDED; `started` also for RUNNING */
};

/* Called from inside the loop, never from inside start() or find(). */
typedef void (*gs_report_f)(void *arg, const struct gs_event *event);

struct gs_backend_env {
    struct gs_loop *loop;
    const struct gs_config *config;
    const char *run_id;
    const char *run_dir; /* private folder of the run, exists */
    gs_report_f report;
    void *report_arg;
};

/* One machine, or one shape of machine. */
struct gs_bin {
    char name[128];
    struct gs_resources total; /* what this run may ever use of it */
    struct gs_resources free;  /* now: what this run's attempts and other runs
                                  have reserved is taken off */
};

struct gs_found {
    enum gs_attempt_state state;
    struct gs_outcome outcome;
    char backend_id[192];
};

struct gs_backend {
    const char *name; /* "local" */

    /* *self is the backend's own state. Fails with GS_ERR_BACKEND or
     * GS_ERR_CONFIG. */
    int (*open)(const struct gs_backend_env *env, void **self,
                struct gs_error *err);

    /* Fills at most `room` bins; returns their number or -1. */
    int (*capacity)(void *self, struct gs_bin *bins, int room,
                    struct gs_error *err);

    /* Starts an attempt on bins[bin]; backend_id (room bytes) gets the name
     * the backend knows it by. GS_ERR_BUSY: no room at this moment (another
     * run was faster), nothing was started. GS_ERR_BACKEND: doubt, use find.
     * Other errors: it was certainly not started, and never will be. */
    int (*start)(void *self, const struct gs_launch *launch, int bin,
                 char *backend_id, size_t room, struct gs_error *err);

    /* Looks at everything that is under way now; for tests and for readers
     * that cannot wait for an event. */
    int (*poll)(void *self, struct gs_error *err);

    /* Ends the whole process tree, pod or job; the ENDED event (reason
     * `why`: CANCELLED, or OOM for an eviction) follows when it is gone.
     * Idempotent; unknown attempts are fine. */
    int (*cancel)(void *self, const struct gs_attempt_key *key,
                  enum gs_reason why, struct gs_error *err);

    /* After a restart: what became of an attempt. RUNNING means it was
     * adopted and its events will come. */
    int (*find)(void *self, const struct gs_attempt_key *key,
                struct gs_found *found, struct gs_error *err);

    /* The memory that a running attempt uses now, -1 if unknown. */
    int64_t (*live_bytes)(void *self, const struct gs_attempt_key *key);

    /* The attempt's result is stored durably by the run: what the backend
     * kept for it may go. */
    void (*forget)(void *self, const struct gs_attempt_key *key);

    /* A JSON text about what is in force (enforcement, paths), for doctor;
     * the caller frees. */
    char *(*describe)(void *self);

    /* Running attempts are left alone. */
    void (*close)(void *self);
};

extern const struct gs_backend gs_backend_local;

/* By configuration name; NULL if there is none. */
const struct gs_backend *gs_backend_by_name(const char *name);

#endif
