/*
 * usage: the memory that a running attempt uses now. From its cgroup; where
 * there is none, the resident sets of the processes below its shim.
 */
#include "backend/local/local.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    MAX_TREE = 4096,
    FILE_ROOM = 65536,
};

struct tree {
    int n;
    long pid[MAX_TREE];
};

static void add_children(struct tree *t, long pid)
{
    gs_auto_free char *tasks = gs_format("/proc/%ld/task", pid);
    gs_auto_dir DIR *dir = opendir(tasks);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (d->d_name[0] == '.')
            continue;
        gs_auto_free char *path = gs_format("%s/%s/children", tasks, d->d_name);
        gs_auto_free char *text = gs_file_read(path, FILE_ROOM, NULL, NULL);
        for (char *p = text, *end; p; p = end) {
            long child = strtol(p, &end, 10);
            if (end == p)
                break;
            if (t->n < MAX_TREE)
                t->pid[t->n++] = child;
        }
    }
}

static int64_t tree_bytes(pid_t shim)
{
    struct tree *t = gs_calloc(1, sizeof *t);
    int64_t pages = 0;
    add_children(t, (long)shim);
    for (int i = 0; i < t->n; i++) {
        add_children(t, t->pid[i]);
        gs_auto_free char *path = gs_format("/proc/%ld/statm", t->pid[i]);
        gs_auto_free char *text = gs_file_read(path, 256, NULL, NULL);
        char *resident = text ? strchr(text, ' ') : NULL;
        if (resident)
            pages += strtoll(resident, NULL, 10);
    }
    free(t);
    return pages * sysconf(_SC_PAGESIZE);
}

int64_t gs_local_attempt_bytes(const struct gs_local_attempt *a)
{
    if (a->memory)
        return gs_cgroup_live_bytes(a->cgroup, a->memory);
    return a->pid > 0 ? tree_bytes(a->pid) : -1;
}
