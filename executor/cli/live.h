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

/* What other runs of this user have reserved on this machine. */
struct gs_others {
    int attempts;
    int64_t memory_bytes;
    double cpus;
};
struct gs_others gs_live_others(const char *run_dir);

#endif
