/*
 * live: the memory that the tasks of a run on this machine use at this
 * moment, read from outside, without disturbing the process that serves it.
 */
#ifndef GS_CLI_LIVE_H
#define GS_CLI_LIVE_H

#include <stdint.h>

/* Sum over the attempts in the run's folder, 0 if none runs, -1 if it is not
 * known. */
int64_t gs_live_memory(const char *run_dir);

#endif
