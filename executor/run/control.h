/*
 * control: requests of the verb `cancel`, which reach the serving process as
 * files in <run folder>/control (there is no socket): {"kill":["id",…]} or
 * {"kill_all":true}, moved into place by rename.
 */
#ifndef GS_RUN_CONTROL_H
#define GS_RUN_CONTROL_H

#include "base/loop.h"
#include "run/run.h"

struct gs_control;

/* Watches from now on and serves what lies there. A failure is a warning:
 * everything but `cancel` from outside works without it. */
struct gs_control *gs_control_open(struct gs_loop *loop, struct gs_run *run,
                                   const char *run_dir);
void gs_control_close(struct gs_control *control);

/* What was obeyed so far is durable: the requests may go. NULL is fine. */
void gs_control_committed(struct gs_control *control);

#endif
