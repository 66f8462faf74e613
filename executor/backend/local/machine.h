/*
 * machine: what this machine has for tasks, and what this process may use of
 * it: the processor mask, the cgroup limits above it, the GPUs it may see.
 */
#ifndef GS_LOCAL_MACHINE_H
#define GS_LOCAL_MACHINE_H

#include <stdint.h>

enum {
    GS_MAX_GPUS = 64,
    GS_GPU_NAME = 64,
};

struct gs_machine {
    int64_t memory_bytes;    /* physical, or the smallest cgroup limit */
    int64_t available_bytes; /* could be had now without swapping */
    double cpus;
    int gpus;
    /* What CUDA_VISIBLE_DEVICES calls them: "0", "1", or what the inherited
     * variable lists. */
    char gpu[GS_MAX_GPUS][GS_GPU_NAME];
};

void gs_machine_look(struct gs_machine *machine);

/* As many as the user says; those that were not seen are named by number. */
void gs_machine_set_gpus(struct gs_machine *machine, int n);

/* The physical memory and its available part, from /proc/meminfo. */
void gs_machine_meminfo(int64_t *total, int64_t *available);

#endif
