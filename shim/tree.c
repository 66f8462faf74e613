/*
 * tree: the processes below the shim. The shim is the reaper of its subtree
 * (PR_SET_CHILD_SUBREAPER), so whatever a task starts stays below it, also
 * after setsid and a double fork.
 *
 * Children are read from /proc/PID/task/TID/children; where the kernel lacks
 * it, the whole of /proc is read once.
 */
#include "shim.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_TREE = 16384, /* more processes than this are dealt with in turns */
};

struct tree {
    int n;
    pid_t pid[MAX_TREE];
};

static struct tree tree;

static void add(pid_t pid)
{
    if (tree.n < MAX_TREE && pid > 1)
        tree.pid[tree.n++] = pid;
}

static bool add_children_of_thread(pid_t pid, const char *tid)
{
    static char text[1 << 16];
    char path[96];
    snprintf(path, sizeof path, "/proc/%ld/task/%.20s/children", (long)pid,
             tid);
    if (slurp_at(AT_FDCWD, path, text, sizeof text) < 0)
        return false;
    for (char *p = text, *end;; p = end) {
        long child = strtol(p, &end, 10);
        if (end == p)
            return true;
        add((pid_t)child);
    }
}

/* A child belongs to the thread that forked it. */
static void add_children(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *d; (d = readdir(dir));)
        if (d->d_name[0] != '.')
            add_children_of_thread(pid, d->d_name);
    closedir(dir);
}

static pid_t parent_of(const char *pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    if (slurp_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return -1;
    char *p = strrchr(text, ')');
    return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : -1;
}

/* Rounds over /proc until a round adds nobody: parents may have larger pids
 * than their children. */
static void add_by_scan(void)
{
    for (int before = -1; before != tree.n;) {
        before = tree.n;
        DIR *proc = opendir("/proc");
        if (!proc)
            return;
        for (struct dirent *d; (d = readdir(proc));) {
            if (d->d_name[0] < '1' || d->d_name[0] > '9')
                continue;
            pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
            pid_t parent = parent_of(d->d_name);
            bool known = false, below = parent == getpid();
            for (int i = 0; i < tree.n; i++) {
                known = known || tree.pid[i] == pid;
                below = below || tree.pid[i] == parent;
            }
            if (below && !known)
                add(pid);
        }
        closedir(proc);
    }
}

static void collect(void)
{
    tree.n = 0;
    if (access("/proc/thread-self/children", R_OK) != 0) {
        add_by_scan();
        return;
    }
    add_children(getpid());
    for (int i = 0; i < tree.n; i++)
        add_children(tree.pid[i]);
}

static int n_below;

static void add_member(pid_t pid)
{
    for (int i = 0; i < n_below; i++)
        if (tree.pid[i] == pid)
            return;
    add(pid);
}

void tree_signal(const struct cgroup *cg, int sig)
{
    collect();
    n_below = tree.n;
    cgroup_members(cg, add_member);
    for (int i = 0; i < tree.n; i++)
        kill(tree.pid[i], sig);
}

int64_t tree_rss(void)
{
    int64_t pages = 0;
    collect();
    for (int i = 0; i < tree.n; i++) {
        char path[64], text[256], *p;
        snprintf(path, sizeof path, "/proc/%ld/statm", (long)tree.pid[i]);
        if (slurp_at(AT_FDCWD, path, text, sizeof text) > 0 &&
            (p = strchr(text, ' ')))
            pages += strtoll(p, NULL, 10);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

int64_t tree_pss(void)
{
    int64_t kib = 0;
    collect();
    for (int i = 0; i < tree.n; i++) {
        char path[64], text[2048];
        snprintf(path, sizeof path, "/proc/%ld/smaps_rollup",
                 (long)tree.pid[i]);
        if (slurp_at(AT_FDCWD, path, text, sizeof text) <= 0)
            continue;
        int64_t pss = field_of(text, "Pss");
        kib += pss > 0 ? pss : 0;
    }
    return kib * 1024;
}
