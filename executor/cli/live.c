/*
 * live: see the header. Takes no lock: a lock that is tried is held for a
 * moment, and that moment may be the one in which an attempt starts.
 */
#include "cli/live.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "backend/local/local.h"
#include "base/file.h"
#include "base/mem.h"
#include "spec.h"

enum {
    MAX_ATTEMPTS = 4096, /* more than run at once on one machine */
};

static int64_t attempt_bytes(const char *attempts, const char *name)
{
    struct gs_local_attempt a = {.dir = gs_format("%s/%s", attempts, name)};
    gs_auto_free char *record = gs_format("%s/" GS_FILE_RECORD, a.dir);
    int64_t bytes = 0;
    if (!gs_path_exists(record) && gs_local_read_plan(&a) && a.pid > 0)
        bytes = gs_local_attempt_bytes(&a);
    free(a.memory);
    free(a.cpuacct);
    free(a.ledger);
    free(a.dir);
    return bytes > 0 ? bytes : 0; /* it may have ended this moment */
}

int64_t gs_live_memory(const char *run_dir)
{
    gs_auto_free char *attempts = gs_format("%s/attempts", run_dir);
    gs_auto_dir DIR *dir = opendir(attempts);
    if (!dir)
        return errno == ENOENT ? 0 : -1;
    int64_t sum = 0;
    int n = 0;
    for (struct dirent *d; n < MAX_ATTEMPTS && (d = readdir(dir));) {
        if (d->d_name[0] == '.')
            continue;
        sum += attempt_bytes(attempts, d->d_name);
        n++;
    }
    return sum;
}
