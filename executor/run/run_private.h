/*
 * run_private: shared by the files of the run room, and by nobody else.
 */
#ifndef GS_RUN_RUN_PRIVATE_H
#define GS_RUN_RUN_PRIVATE_H

#include "predict/predict.h"
#include "run/outcome.h"
#include "run/run.h"
#include "schedule/schedule.h"
#include "store/history.h"
#include "store/store.h"

enum {
    GS_MAX_BINS = 1024,
};

struct gs_run {
    struct gs_loop *loop;
    const struct gs_config *config;
    char *id, *dir, *session, *engine;
    struct gs_store *store;
    struct gs_history *history; /* NULL: could not be opened, a warning */
    const struct gs_backend *backend;
    void *backend_self;
    struct gs_model *model;
    struct gs_table *table;
    struct gs_predict_policy predict;
    struct gs_retry_policy retry;
    struct gs_schedule_policy schedule;
    struct gs_resources largest; /* the largest bin, each by itself */
    int64_t seq;
    size_t recovered;
    struct gs_mono opened;
    bool adopt, draining, dirty; /* dirty: a decision may come out otherwise */
    bool no_room;                /* and that has been said */
    bool is_open;                /* recovered, and its opening is durable */
    bool failed;                 /* the store failed */
    struct gs_error failure;
    struct gs_timer *settle_timer; /* waits for more submits before packing */
    struct gs_timer *again_timer;  /* looks again while others hold room */
    struct gs_timer *mend_timer;   /* starts in doubt, failed cancels */
    struct gs_timer *scrub_timer;  /* wiped secrets */
    struct gs_mono hold_until;     /* nothing is placed before */
    struct gs_mono scrub_after;
    struct gs_task **intended; /* durable intents to start */
    int *intended_bin;
    size_t n_intended, intended_room;
};

/* Appends the event, applies it and writes the derived rows. `body` is taken
 * over. On a store failure the run is marked failed and -1 returned. */
int gs_run_event(struct gs_run *run, struct gs_task *task, const char *kind,
                 cJSON *body);

/* The store cannot be trusted any more; returns -1. */
int gs_run_broken(struct gs_run *run, const struct gs_error *err);

/* The attempt runs; what was asked to stop meanwhile is stopped. */
int gs_run_started(struct gs_run *run, struct gs_task *task,
                   const char *backend_id, struct gs_wall started);
/* Asks the backend to end a running task, and again later if that fails. */
void gs_run_stop(struct gs_run *run, struct gs_task *task);

/* The attempt has ended: the event, and the verdict, again or final. */
int gs_run_conclude(struct gs_run *run, struct gs_task *task,
                    const struct gs_outcome *outcome);
/* Only the verdict, for an attempt whose end is in the log. */
int gs_run_judge(struct gs_run *run, struct gs_task *task);
/* A final state without an attempt's end (a pending task is killed). */
int gs_run_finish(struct gs_run *run, struct gs_task *task,
                  const struct gs_verdict *verdict);

/* Ends a task that was not started. */
int gs_run_cancel_pending(struct gs_run *run, struct gs_task *task);

/* The backend's report (gs_report_f). */
void gs_run_on_backend(void *arg, const struct gs_event *event);

/* Decides, writes intents. */
int gs_run_dispatch(struct gs_run *run);

/* False while the disk of the state folder has no room for an attempt. */
bool gs_run_has_room(const struct gs_run *run);
/* Looks later after starts in doubt and cancels that failed. */
void gs_run_mend_later(struct gs_run *run);

/* Reads what the history knows of a process, once. */
void gs_run_teach(struct gs_run *run, const char *process);
/* The figure, memory apart, that no machine of the pool has, if any. */
bool gs_run_never_fits(const struct gs_run *run, const struct gs_task *task,
                       char *why, size_t room);

/* Rebuilds the table from the log and settles what was under way. */
int gs_run_recover(struct gs_run *run, struct gs_error *err);

/* Where the manifest of the task's work directory lies; caller frees. */
char *gs_run_manifest(const struct gs_run *run, const struct gs_task *task);

struct gs_attempt_key gs_run_key(const struct gs_run *run,
                                 const struct gs_task *task);

#endif
