/*
 * status: what the protocol says of a task and of a run.
 */
#ifndef GS_RUN_STATUS_H
#define GS_RUN_STATUS_H

#include <cjson/cJSON.h>

#include "run/run.h"

/* The Status of PROTOCOL.md; the caller deletes. */
cJSON *gs_status_task(const struct gs_task *task);
/* {state: number}, states that no task is in left out. */
cJSON *gs_status_counts(const struct gs_table *table);
/* The result of the method `status`; NULL on error. */
cJSON *gs_status_run(struct gs_run *run, struct gs_error *err);
/* {memory_bytes, cpus, gpus, disk_bytes} */
cJSON *gs_status_resources(const struct gs_resources *resources);

/* The result of `poll`: tasks changed after `after`, oldest change first;
 * `ids` (array of strings or NULL) picks some. Ends before a line could grow
 * too long: `sequence` is then the last one told. NULL if nothing changed. */
cJSON *gs_status_poll(const struct gs_run *run, int64_t after,
                      const cJSON *ids);

#endif
