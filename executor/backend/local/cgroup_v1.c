/*
 * cgroup_v1: the memory hierarchy of version 1. Children count in their
 * parents' limits only with memory.use_hierarchy, which is checked. Swap
 * would make a limit a wish: memory and swap get the same limit together, or
 * where the kernel does not count swap the folder is told not to use it.
 */
#include "backend/local/cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

int gs_cgroup_v1_base(const char *configured, struct gs_cgroup *cg,
                      struct gs_error *err)
{
    char *mount = NULL, *own = NULL;
    if (gs_cgroup_self("memory", &mount, &own) < 0)
        return gs_fail(err, GS_ERR_BACKEND,
                       "the memory controller is not mounted");
    const char *base = configured ? configured : own;
    int rc = 0;
    gs_auto_free char *probe = gs_format("%s/memory.use_hierarchy", base);
    if (access(base, W_OK) < 0)
        rc = gs_fail_errno(err, GS_ERR_BACKEND, "cannot make folders in %s",
                           base);
    else if (access(probe, F_OK) < 0)
        rc = gs_fail(err, GS_ERR_BACKEND,
                     "%s is not a folder of the memory controller", base);
    else if (gs_cgroup_number(base, "memory.use_hierarchy") != 1 &&
             gs_cgroup_put(base, "memory.use_hierarchy", "1", err) < 0)
        rc = -1;
    if (rc == 0) {
        char *cpu_mount = NULL, *cpu_own = NULL;
        cg->version = 1;
        cg->base = gs_strdup(base);
        if (gs_cgroup_self("cpuacct", &cpu_mount, &cpu_own) == 0 &&
            access(cpu_own, W_OK) == 0)
            cg->cpuacct = gs_strdup(cpu_own);
        free(cpu_mount);
        free(cpu_own);
    }
    free(mount);
    free(own);
    return rc;
}

int gs_cgroup_v1_limit(const char *folder, int64_t bytes, struct gs_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, bytes);
    /* The limit with swap may never be below the one without: a lower pair
     * needs one order of writing, a higher pair the other. */
    gs_cgroup_put(folder, "memory.memsw.limit_in_bytes", "-1", NULL);
    if (gs_cgroup_put(folder, "memory.limit_in_bytes", text, err) < 0)
        return -1;
    if (gs_cgroup_put(folder, "memory.memsw.limit_in_bytes", text, NULL) < 0)
        gs_cgroup_put(folder, "memory.swappiness", "0", NULL);
    return 0;
}
