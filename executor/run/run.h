/*
 * run: one run of one engine: its tasks, store, backend and predictions.
 *
 * Order of every round: callbacks change tasks by events (appended to the
 * open transaction) → gs_run_settle decides, commits, and only then do
 * replies leave and attempts start. A start is preceded by its durable
 * intent; what happened between an intent and a crash is found out from the
 * backend (find), never guessed and never started twice.
 */
#ifndef GS_RUN_RUN_H
#define GS_RUN_RUN_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/config.h"
#include "base/error.h"
#include "base/loop.h"
#include "run/table.h"

struct gs_run;

struct gs_run_options {
    const char *id, *name, *workdir;
    const char *engine, *engine_version;
    const char *session; /* of the engine; adoption looks at earlier ones */
};

/* Opens or resumes the run: replays its log and finds what its running tasks
 * have become. `config` stays the caller's and must outlive the run. */
struct gs_run *gs_run_open(struct gs_loop *loop, const struct gs_config *config,
                           const struct gs_run_options *options,
                           struct gs_error *err);
/* Leaves running tasks alone. */
void gs_run_close(struct gs_run *run);

/* True if `id` has the form of a run id. */
bool gs_run_id_is_valid(const char *id);
/* <state_dir>/runs/<id>; the caller frees. */
char *gs_run_dir(const struct gs_config *config, const char *id);
/* state_dir of the configuration or its default; the caller frees. */
char *gs_state_dir(const struct gs_config *config);

/* Accepts one task: 1 accepted, 0 rejected (*why, rejected for good), -1 the
 * store failed. Durable after the next gs_run_settle. `id` gets the task's
 * id where it has one ("" otherwise). */
int gs_run_submit(struct gs_run *run, const cJSON *task, char id[129],
                  char *why, size_t room, struct gs_error *err);

enum gs_kill_result {
    GS_KILL_STOPPING,
    GS_KILL_FINISHED,
    GS_KILL_UNKNOWN,
};
/* Idempotent. -1: the store failed. */
int gs_run_kill(struct gs_run *run, const char *id, struct gs_error *err);
int gs_run_kill_all(struct gs_run *run, struct gs_error *err);

/* No new starts from now on. */
void gs_run_drain(struct gs_run *run);

/* Decides and makes everything durable. -1: the store failed; nothing since
 * the last settle may be promised to anybody, the run must be closed. */
int gs_run_settle(struct gs_run *run, struct gs_error *err);
/* Only makes durable; otherwise as gs_run_settle. */
int gs_run_commit(struct gs_run *run, struct gs_error *err);
/* After settle and after the replies have left: starts what was intended. */
void gs_run_start_intended(struct gs_run *run);

const struct gs_table *gs_run_table(const struct gs_run *run);
/* Sequence number of the last event. */
int64_t gs_run_sequence(const struct gs_run *run);
const char *gs_run_id(const struct gs_run *run);
const char *gs_run_backend(const struct gs_run *run);
/* Tasks known from before this opening. */
size_t gs_run_recovered(const struct gs_run *run);
/* Sum over the bins; `in_use` what this run holds, `predicted` what it is
 * expected to need at the peak. Any may be NULL. */
int gs_run_pool(struct gs_run *run, struct gs_resources *total,
                struct gs_resources *in_use, int64_t *predicted_bytes,
                struct gs_error *err);
int64_t gs_run_uptime_ms(const struct gs_run *run);

#endif
