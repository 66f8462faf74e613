/*
 * cgroup_v2: finds a place where this process may make cgroups that have the
 * memory controller.
 *
 * The rule of version 2: a cgroup (but the root) either has processes or
 * hands controllers to its children. Tried in this order:
 *   1. the configured folder;
 *   2. the own cgroup, if this process is alone in it: it moves into a leaf
 *      of its own first (a scope made by `systemd-run --scope -p Delegate=yes`
 *      or a container is such a place);
 *   3. upwards from the own cgroup: the first folder that hands memory to its
 *      children already, or can be told to, and where we may write.
 * A limit of any folder above holds for all below, so nearer is better.
 */
#include "backend/local/cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    LIST_ROOM = 65536,
    MAX_LEVELS = 64,
};

static bool lists(const char *folder, const char *file, const char *word)
{
    gs_auto_free char *path = gs_format("%s/%s", folder, file);
    gs_auto_free char *text = gs_file_read(path, LIST_ROOM, NULL, NULL);
    char *save = NULL;
    for (char *p = text ? strtok_r(text, " \n", &save) : NULL; p;
         p = strtok_r(NULL, " \n", &save))
        if (strcmp(p, word) == 0)
            return true;
    return false;
}

int gs_cgroup_v2_enable(const char *folder, struct gs_error *err)
{
    if (lists(folder, "cgroup.subtree_control", "memory"))
        return 0;
    return gs_cgroup_put(folder, "cgroup.subtree_control", "+memory", err);
}

/* May we make a child there that has the memory controller? */
static bool usable(const char *folder)
{
    gs_auto_free char *procs = gs_format("%s/cgroup.procs", folder);
    return access(folder, W_OK) == 0 && access(procs, W_OK) == 0 &&
           lists(folder, "cgroup.controllers", "memory") &&
           gs_cgroup_v2_enable(folder, NULL) == 0;
}

/* Is this process the only member? */
static bool alone_in(const char *folder)
{
    gs_auto_free char *path = gs_format("%s/cgroup.procs", folder);
    gs_auto_free char *text = gs_file_read(path, LIST_ROOM, NULL, NULL);
    char own[32];
    snprintf(own, sizeof own, "%ld\n", (long)getpid());
    return text && strcmp(text, own) == 0;
}

static const char leaf_name[] = "/genosched-serve";

/* Already in such a leaf: what counts is the folder around it. */
static void leave_leaf(char *own)
{
    char *slash = strrchr(own, '/');
    if (slash && strcmp(slash, leaf_name) == 0)
        *slash = '\0';
}

/* Into a leaf of the own cgroup, so that it may have other children. */
static bool step_aside(const char *own)
{
    gs_auto_free char *leaf = gs_format("%s%s", own, leaf_name);
    if (!lists(own, "cgroup.controllers", "memory") || !alone_in(own))
        return false;
    if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
        return false;
    return gs_cgroup_put(leaf, "cgroup.procs", "0", NULL) == 0;
}

static char *find_base(char *own, const char *mount)
{
    size_t top = strlen(mount);
    leave_leaf(own);
    step_aside(own);
    for (int level = 0; level < MAX_LEVELS; level++) {
        if (usable(own))
            return gs_strdup(own);
        char *slash = strrchr(own, '/');
        if (strlen(own) <= top || !slash)
            break;
        *slash = '\0';
    }
    return NULL;
}

int gs_cgroup_v2_base(const char *configured, struct gs_cgroup *cg,
                      struct gs_error *err)
{
    char *mount = NULL, *own = NULL;
    if (gs_cgroup_self("", &mount, &own) < 0)
        return gs_fail(err, GS_ERR_BACKEND, "cgroup2 is not mounted");
    bool has = lists(mount, "cgroup.controllers", "memory");
    if (configured)
        cg->base = usable(configured) ? gs_strdup(configured) : NULL;
    else if (has)
        cg->base = find_base(own, mount);
    int rc = 0;
    if (cg->base)
        cg->version = 2;
    else if (configured)
        rc = gs_fail(err, GS_ERR_BACKEND,
                     "%s is not a cgroup that this user may divide with the "
                     "memory controller",
                     configured);
    else if (!has)
        rc = gs_fail(err, GS_ERR_BACKEND,
                     "%s does not have the memory controller", mount);
    else
        rc = gs_fail(err, GS_ERR_BACKEND,
                     "no cgroup from the own one up to %s may be divided by "
                     "this user; start the engine under `systemd-run --user "
                     "--scope -p Delegate=yes`",
                     mount);
    free(mount);
    free(own);
    return rc;
}

int gs_cgroup_v2_limit(const char *folder, int64_t bytes, bool attempt,
                       struct gs_error *err)
{
    char text[32] = "max";
    if (bytes > 0)
        snprintf(text, sizeof text, "%" PRId64, bytes);
    if (gs_cgroup_put(folder, "memory.max", text, err) < 0)
        return -1;
    /* Absent where the kernel has no swap accounting. */
    gs_cgroup_put(folder, "memory.swap.max", "0", NULL);
    if (attempt) /* one process killed for memory: all of them */
        gs_cgroup_put(folder, "memory.oom.group", "1", NULL);
    return 0;
}
