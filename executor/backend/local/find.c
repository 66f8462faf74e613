/*
 * find: what became of an attempt, from its folder alone.
 *
 *   record.json                 ENDED
 *   lock held                   RUNNING: adopted
 *   not held, `begun`           LOST (what is left of it is killed first)
 *   not held, no `begun`        ABSENT: no command was ever released
 *
 * The order matters: a shim writes the record before it lets the lock go,
 * so the record is looked for again once the lock is found free.
 */
#include "backend/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "backend/name.h"
#include "base/file.h"
#include "base/mem.h"
#include "spec.h"

int gs_local_lock_held(const char *dir)
{
    gs_auto_free char *path = gs_format("%s/" GS_FILE_LOCK, dir);
    gs_auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0; /* closing lets it go again */
    return errno == EWOULDBLOCK ? 1 : -1;
}

static void adopt(struct gs_local_attempt *a, struct gs_found *found)
{
    gs_auto_free char *cancel = gs_format("%s/" GS_FILE_CANCEL, a->dir);
    a->started = gs_local_begun(a->dir);
    /* Told to stop by a genosched that died before it could signal. */
    a->stopping = gs_path_exists(cancel);
    found->state = GS_ATTEMPT_RUNNING;
    found->outcome.started = a->started;
    gs_local_follow(a);
}

int gs_local_find(void *self, const struct gs_attempt_key *key,
                  struct gs_found *found, struct gs_error *err)
{
    struct gs_local *local = self;
    struct gs_local_attempt *a = gs_local_running(local, key);
    memset(found, 0, sizeof *found);
    found->outcome.exit_code = found->outcome.signal = -1;
    (void)err;
    if (a) {
        found->state = GS_ATTEMPT_RUNNING;
        found->outcome.started = a->started;
        snprintf(found->backend_id, sizeof found->backend_id, "%ld@%s",
                 (long)a->pid, strrchr(a->dir, '/') + 1);
        return 0;
    }
    a = gs_local_attempt_create(local, key->task, key->attempt);
    bool known = gs_local_read_plan(a);
    snprintf(found->backend_id, sizeof found->backend_id, "%ld@%s",
             (long)a->pid, strrchr(a->dir, '/') + 1);
    if (gs_local_record(a->dir, &found->outcome) == 1) {
        found->state = GS_ATTEMPT_ENDED;
    } else if (known && gs_local_lock_held(a->dir) == 1) {
        adopt(a, found);
        return 0;
    } else {
        found->state = gs_local_result(a, &found->outcome);
        if (known && a->ledger)
            unlink(a->ledger);
        gs_cgroup_remove(a->memory, a->cpuacct);
    }
    gs_local_attempt_destroy(a);
    return 0;
}
