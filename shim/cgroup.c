/*
 * cgroup: the attempt's own cgroup as the shim sees it; genosched made it.
 * The shim itself is never inside. Facts of the two versions:
 * v1: memory.max_usage_in_bytes, memory.stat total_*, memory.oom_control
 *     (oom_kill counts the processes of this very cgroup that any OOM killer
 *     took; its eventfd fires before the kill), no kill of a whole cgroup.
 * v2: memory.peak (Linux 5.19), memory.events, cgroup.kill (5.14).
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    STAT_ROOM = 16384,
    MAX_PROCS_ROOM = 1 << 16, /* of cgroup.procs at one reading */
};

int cgroup_open(struct cgroup *cg, const struct spec *spec)
{
    *cg = (struct cgroup){.memory = -1, .cpuacct = -1};
    if (spec->enforce != ENFORCE_CGROUP)
        return 0;
    cg->version = spec->cgroup;
    cg->memory = open(spec->memory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (cg->memory < 0)
        return -1;
    if (spec->cpuacct)
        cg->cpuacct = open(spec->cpuacct, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cg->oom_base = 0;
    cg->oom_base = cgroup_oom_kills(cg);
    return 0;
}

/* On v1 `tasks` moves a single thread without the lock over all processes
 * that cgroup.procs takes; the child has one thread. */
int cgroup_join(const struct cgroup *cg)
{
    if (cg->memory < 0)
        return 0;
    const char *file = cg->version == 1 ? "tasks" : "cgroup.procs";
    if (write_at(cg->memory, file, "0") < 0)
        return -1;
    if (cg->cpuacct >= 0)
        write_at(cg->cpuacct, file, "0");
    return 0;
}

static int64_t number_in(int at, const char *file)
{
    char text[64];
    if (at < 0 || slurp_at(at, file, text, sizeof text) <= 0)
        return -1;
    char *end;
    long long n = strtoll(text, &end, 10);
    return end == text ? -1 : n;
}

static int64_t or_zero(int64_t n)
{
    return n < 0 ? 0 : n;
}

int cgroup_usage(const struct cgroup *cg, struct usage *u)
{
    char text[STAT_ROOM];
    bool v1 = cg->version == 1;
    if (cg->memory < 0 ||
        slurp_at(cg->memory, "memory.stat", text, sizeof text) <= 0)
        return -1;
    u->bytes =
        number_in(cg->memory, v1 ? "memory.usage_in_bytes" : "memory.current");
    u->peak =
        number_in(cg->memory, v1 ? "memory.max_usage_in_bytes" : "memory.peak");
    u->file =
        or_zero(field_of(text, v1 ? "total_active_file" : "active_file")) +
        or_zero(field_of(text, v1 ? "total_inactive_file" : "inactive_file"));
    u->anon = or_zero(field_of(text, v1 ? "total_rss" : "anon")) +
              or_zero(field_of(text, v1 ? "total_shmem" : "shmem"));
    return u->bytes < 0 ? -1 : 0;
}

int64_t cgroup_cpu_ms(const struct cgroup *cg)
{
    char text[1024];
    if (cg->cpuacct >= 0) {
        int64_t ns = number_in(cg->cpuacct, "cpuacct.usage");
        return ns < 0 ? -1 : ns / 1000000;
    }
    if (cg->version != 2 ||
        slurp_at(cg->memory, "cpu.stat", text, sizeof text) <= 0)
        return -1;
    int64_t us = field_of(text, "usage_usec");
    return us < 0 ? -1 : us / 1000;
}

int64_t cgroup_oom_kills(const struct cgroup *cg)
{
    char text[1024];
    const char *file =
        cg->version == 1 ? "memory.oom_control" : "memory.events";
    if (cg->memory < 0 || slurp_at(cg->memory, file, text, sizeof text) <= 0)
        return 0;
    int64_t n = or_zero(field_of(text, "oom_kill")) - cg->oom_base;
    return n < 0 ? 0 : n;
}

static int watch_v1(const struct cgroup *cg)
{
    int control =
        openat(cg->memory, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char text[64];
    snprintf(text, sizeof text, "%d %d", event, control);
    if (control < 0 || event < 0 ||
        write_at(cg->memory, "cgroup.event_control", text) < 0) {
        if (event >= 0)
            close(event);
        event = -1;
    }
    if (control >= 0)
        close(control);
    return event;
}

int cgroup_watch_oom(const struct cgroup *cg, short *events)
{
    if (cg->memory < 0)
        return -1;
    if (cg->version == 1) {
        *events = POLLIN;
        return watch_v1(cg);
    }
    *events = POLLPRI;
    return openat(cg->memory, "memory.events", O_RDONLY | O_CLOEXEC);
}

void cgroup_members(const struct cgroup *cg, void (*call)(pid_t pid))
{
    static char text[MAX_PROCS_ROOM];
    if (cg->memory < 0 ||
        slurp_at(cg->memory, "cgroup.procs", text, sizeof text) <= 0)
        return;
    for (char *p = text; *p;) {
        char *end;
        long pid = strtol(p, &end, 10);
        if (end == p)
            break;
        if (pid > 1 && pid != getpid())
            call((pid_t)pid);
        p = end + (*end == '\n');
    }
}

void cgroup_kill(const struct cgroup *cg)
{
    if (cg->version == 2)
        write_at(cg->memory, "cgroup.kill", "1");
}

bool cgroup_empty(const struct cgroup *cg)
{
    char text[64];
    if (cg->memory < 0)
        return true;
    if (cg->version == 2) {
        char events[256];
        if (slurp_at(cg->memory, "cgroup.events", events, sizeof events) > 0)
            return field_of(events, "populated") == 0;
    }
    return slurp_at(cg->memory, "cgroup.procs", text, sizeof text) <= 0;
}

void cgroup_remove(const struct spec *spec)
{
    if (spec->enforce != ENFORCE_CGROUP)
        return;
    rmdir(spec->memory);
    if (spec->cpuacct)
        rmdir(spec->cpuacct);
}
