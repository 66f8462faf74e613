/*
 * attempt: one attempt that runs, in the list of its backend.
 */
#include "backend/local/local.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/lines.h"
#include "backend/name.h"
#include "base/file.h"
#include "base/mem.h"
#include "spec.h"

enum {
    PLAN_ROOM = 65536,
};

char *gs_local_folder(const struct gs_local *local, const char *task, int n)
{
    char name[GS_NAME_MAX];
    gs_attempt_name(task, n, name);
    return gs_format("%s/%s", local->attempts_dir, name);
}

struct gs_local_attempt *gs_local_attempt_create(struct gs_local *local,
                                                 const char *task, int n)
{
    struct gs_local_attempt *a = gs_calloc(1, sizeof *a);
    a->local = local;
    a->task = gs_strdup(task);
    a->n = n;
    a->dir = gs_local_folder(local, task, n);
    a->pidfd = -1;
    return a;
}

void gs_local_attempt_destroy(struct gs_local_attempt *a)
{
    if (!a)
        return;
    if (a->pidfd >= 0)
        close(a->pidfd);
    free(a->task);
    free(a->dir);
    free(a->memory);
    free(a->cpuacct);
    free(a->ledger);
    free(a);
}

struct gs_local_attempt *gs_local_running(struct gs_local *local,
                                          const struct gs_attempt_key *key)
{
    for (struct gs_local_attempt *a = local->running; a; a = a->next)
        if (a->n == key->attempt && strcmp(a->task, key->task) == 0)
            return a;
    return NULL;
}

static void set_text(char **slot, const char *value)
{
    free(*slot);
    *slot = gs_strdup(value);
}

/* Not before `ready`: until then the shim's lines may be half there. */
static bool take_line(struct gs_local_attempt *a, const struct gs_line *line,
                      pid_t *pid)
{
    const char *key = line->key, *value = line->value;
    if (strcmp(key, "memory") == 0)
        set_text(&a->memory, value);
    else if (strcmp(key, "cpuacct") == 0)
        set_text(&a->cpuacct, value);
    else if (strcmp(key, "ledger") == 0)
        set_text(&a->ledger, value);
    else if (strcmp(key, "cgroup") == 0)
        a->cgroup = (int)strtol(value, NULL, 10);
    else if (strcmp(key, "grant") == 0)
        a->grant_bytes = strtoll(value, NULL, 10);
    else if (strcmp(key, "pooled") == 0)
        a->pooled = *value == '1';
    else if (strcmp(key, "pid") == 0)
        *pid = (pid_t)strtol(value, NULL, 10);
    return strcmp(key, "ready") == 0;
}

bool gs_local_read_plan(struct gs_local_attempt *a)
{
    gs_auto_free char *path = gs_format("%s/" GS_FILE_LOCK, a->dir);
    gs_auto_free char *text = gs_file_read(path, PLAN_ROOM, NULL, NULL);
    if (!text)
        return false;
    char *at = text;
    pid_t pid = 0;
    for (struct gs_line line; gs_line_next(&at, &line);)
        if (take_line(a, &line, &pid) && pid > 0)
            a->pid = pid;
    return true;
}
