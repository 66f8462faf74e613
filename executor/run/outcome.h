/*
 * outcome: what follows from how an attempt ended. PURE.
 */
#ifndef GS_RUN_OUTCOME_H
#define GS_RUN_OUTCOME_H

#include "run/task.h"

struct gs_retry_policy {
    int max_oom;       /* repeats after out of memory, for each task */
    int max_lost;      /* repeats after loss and pre-emption */
    double oom_growth; /* factor on what was observed */
    int64_t max_bytes; /* the largest machine */
};

/* For a task whose last attempt has just ended (or is lost). `restorable`:
 * the work directory can be put back for a repeat inside. */
void gs_verdict(const struct gs_task *task,
                const struct gs_retry_policy *policy, bool restorable,
                struct gs_verdict *out);

/* The memory that the next attempt should get after one that ran out of it;
 * -1 if there is no more to give. */
int64_t gs_grown_memory(const struct gs_task *task,
                        const struct gs_retry_policy *policy);

#endif
