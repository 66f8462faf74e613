/*
 * history: what attempts of all runs have used, one SQLite file for both
 * engines. Learned data: it can be lost without harm and rebuilt from the
 * runs, so its writes are not synchronous.
 */
#ifndef GS_STORE_HISTORY_H
#define GS_STORE_HISTORY_H

#include <stdint.h>

#include "base/error.h"
#include "predict/predict.h"

struct gs_history;

struct gs_history_row {
    const char *run, *task, *engine, *process, *chromosome, *reason;
    int n;
    int64_t time_ms, input_bytes, requested_bytes, limit_bytes, peak_bytes;
    double cpus;
    int64_t cpu_ms, wall_ms;
};

struct gs_history *gs_history_open(const char *path, struct gs_error *err);
void gs_history_close(struct gs_history *history);

int gs_history_add(struct gs_history *history, const struct gs_history_row *row,
                   struct gs_error *err);

/* Teaches the model the newest `most` observations of a process. */
int gs_history_teach(struct gs_history *history, const char *process, int most,
                     struct gs_model *model, struct gs_error *err);

#endif
