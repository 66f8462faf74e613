/*
 * cgroup: memory limits by the kernel, on either version of the controller.
 *
 *   <base>/genosched-<run>-<hash>/        limit: the run's budget
 *       <attempt>/                        limit: the attempt's grant, or none
 *
 * <base> is where this process may make folders; genosched and the shims are
 * never inside. On version 1 the cpuacct hierarchy gets the same folders if
 * it can. Version 2 counts CPU time by itself.
 */
#ifndef GS_LOCAL_CGROUP_H
#define GS_LOCAL_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The run's place; NULL paths: not there. */
struct gs_cgroup {
    int version;  /* 1 or 2 */
    char *base;   /* below which `memory` is */
    char *memory; /* the run's folder */
    char *cpuacct;
    int64_t budget_bytes;
    int64_t high_bytes; /* 0: not set */
};

/* Finds a base (`configured` may be NULL) and makes the run's folder with
 * `budget_bytes` as its limit. NULL with the reason if it cannot. */
struct gs_cgroup *gs_cgroup_create(const char *configured, const char *run_name,
                                   int64_t budget_bytes, struct gs_error *err);
/* Removes the run's folder if it is empty. */
void gs_cgroup_destroy(struct gs_cgroup *cg);

/* Makes an attempt's folders; limit_bytes 0: none of its own. The caller
 * frees *memory and *cpuacct (NULL where there is none). */
int gs_cgroup_add(const struct gs_cgroup *cg, const char *name,
                  int64_t limit_bytes, char **memory, char **cpuacct,
                  struct gs_error *err);

/* Slows down what grows beyond `bytes` in the run's folder, so that there is
 * time to act before the limit; version 2 only, nothing on version 1. */
void gs_cgroup_throttle(struct gs_cgroup *cg, int64_t bytes);
/* Part of the last ten seconds, in percent, in which all of the folder's
 * processes waited for memory; -1 where the kernel does not say. */
double gs_cgroup_stalled(const struct gs_cgroup *cg);

/* Charged now less page cache that can be dropped, -1 if unknown. */
int64_t gs_cgroup_live_bytes(int version, const char *memory);
/* Kills every member, waits at most 2 s; true when it is empty or gone. */
bool gs_cgroup_clear(int version, const char *memory);
void gs_cgroup_remove(const char *memory, const char *cpuacct);

/* The files to write a pid to for joining, ':' between them; caller frees. */
char *gs_cgroup_procs(const char *memory, const char *cpuacct);

/* Lowers *total and *available to the limits of the cgroups above. */
void gs_cgroup_memory_above(int64_t *total, int64_t *available);
/* CPUs by quota of the cgroups above, 0 if there is none. */
double gs_cgroup_cpu_quota(void);

/* --- for cgroup_v1.c and cgroup_v2.c --- */

/* The mount point and this process's folder of a controller ("memory"), or
 * of version 2 ("" ). Caller frees both; -1 if it is not mounted. */
int gs_cgroup_self(const char *controller, char **mount, char **own);
int gs_cgroup_put(const char *folder, const char *file, const char *text,
                  struct gs_error *err);
/* A number in a file; "max" is INT64_MAX, -1: unreadable. */
int64_t gs_cgroup_number(const char *folder, const char *file);
/* Number behind "key " in a file, -1 if it is not there. */
int64_t gs_cgroup_field(const char *folder, const char *file, const char *key);

int gs_cgroup_v1_base(const char *configured, struct gs_cgroup *cg,
                      struct gs_error *err);
int gs_cgroup_v1_limit(const char *folder, int64_t bytes, struct gs_error *err);
int gs_cgroup_v2_base(const char *configured, struct gs_cgroup *cg,
                      struct gs_error *err);
int gs_cgroup_v2_limit(const char *folder, int64_t bytes, bool attempt,
                       struct gs_error *err);
/* Lets the folder's children have their own memory accounts. */
int gs_cgroup_v2_enable(const char *folder, struct gs_error *err);

#endif
