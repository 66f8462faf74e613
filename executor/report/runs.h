/*
 * runs: the runs in the state folder, and the one that a person means.
 */
#ifndef GS_REPORT_RUNS_H
#define GS_REPORT_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/error.h"

struct gs_run_ref {
    char *id;
    char *dir;
    int64_t changed_ms; /* wall clock: its store was last written */
};

/* All runs, the one that changed last first. The caller frees with
 * gs_runs_free. No state folder yet: none. */
int gs_runs_list(const struct gs_config *config, struct gs_run_ref **list,
                 size_t *n, struct gs_error *err);
void gs_runs_free(struct gs_run_ref *list, size_t n);

/* By id, by the beginning of an id or by the engine's name of the run; NULL:
 * the one that changed last. GS_ERR_NOTFOUND if there is none or more than
 * one, in words. The caller frees id and dir. */
int gs_runs_find(const struct gs_config *config, const char *which,
                 struct gs_run_ref *out, struct gs_error *err);

#endif
