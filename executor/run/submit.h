/*
 * submit: what acceptance and recovery share.
 */
#ifndef GS_RUN_SUBMIT_H
#define GS_RUN_SUBMIT_H

#include "run/task.h"

/* Applies an `accepted` event's body to a task fresh from its spec. */
void gs_task_accept(struct gs_task *task, const cJSON *body,
                    struct gs_wall time, int64_t seq);

#endif
