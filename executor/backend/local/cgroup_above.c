/*
 * cgroup_above: the limits that already hold for this process, on its way up
 * to the mount point, on both versions.
 */
#include "backend/local/cgroup.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    MAX_LEVELS = 64,
};

typedef void (*level_f)(const char *folder, void *arg);

/* Calls for this process's folder of the controller and all above it. */
static void walk_up(const char *controller, level_f call, void *arg)
{
    char *mount = NULL, *own = NULL;
    if (gs_cgroup_self(controller, &mount, &own) == 0) {
        size_t top = strlen(mount);
        for (int level = 0; level < MAX_LEVELS; level++) {
            call(own, arg);
            char *slash = strrchr(own, '/');
            if (strlen(own) <= top || !slash)
                break;
            *slash = '\0';
        }
    }
    free(mount);
    free(own);
}

struct memory_above {
    int64_t *total, *available;
    int version;
};

static void memory_level(const char *folder, void *arg)
{
    struct memory_above *m = arg;
    int64_t limit = gs_cgroup_number(
        folder, m->version == 1 ? "memory.limit_in_bytes" : "memory.max");
    if (limit < 0)
        return;
    if (limit < *m->total)
        *m->total = limit;
    int64_t live = gs_cgroup_live_bytes(m->version, folder);
    if (live >= 0 && limit - live < *m->available)
        *m->available = limit > live ? limit - live : 0;
}

void gs_cgroup_memory_above(int64_t *total, int64_t *available)
{
    struct memory_above m = {total, available, 1};
    walk_up("memory", memory_level, &m);
    m.version = 2;
    walk_up("", memory_level, &m);
}

static void lower(double *quota, double cpus)
{
    if (cpus > 0 && (*quota <= 0 || cpus < *quota))
        *quota = cpus;
}

static void cpu_level_v1(const char *folder, void *arg)
{
    int64_t quota = gs_cgroup_number(folder, "cpu.cfs_quota_us");
    int64_t period = gs_cgroup_number(folder, "cpu.cfs_period_us");
    if (quota > 0 && period > 0)
        lower(arg, (double)quota / (double)period);
}

static void cpu_level_v2(const char *folder, void *arg)
{
    gs_auto_free char *path = gs_format("%s/cpu.max", folder);
    gs_auto_free char *text = gs_file_read(path, 128, NULL, NULL);
    char *end;
    if (!text)
        return;
    double quota = strtod(text, &end); /* "max 100000" has no number */
    double period = end == text ? 0 : strtod(end, NULL);
    if (period > 0)
        lower(arg, quota / period);
}

double gs_cgroup_cpu_quota(void)
{
    double quota = 0;
    walk_up("cpu", cpu_level_v1, &quota);
    walk_up("", cpu_level_v2, &quota);
    return quota;
}
