/*
 * live: see the header. Takes no lock of an attempt: a lock that is tried is
 * held for a moment, and that moment may be the one in which it starts.
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

struct gs_others gs_live_others(const char *run_dir)
{
    struct gs_machine none = {0}; /* which GPUs is of no interest */
    struct gs_reserved sum;
    struct gs_others others = {0};
    struct gs_ledger *ledger = gs_ledger_open(run_dir, NULL);
    gs_auto_close int held = ledger ? gs_ledger_lock(ledger, NULL) : -1;
    if (held >= 0 && gs_ledger_read(ledger, &none, &sum, NULL) == 0)
        others = (struct gs_others){sum.other_attempts, sum.other_memory_bytes,
                                    sum.other_cpus};
    gs_ledger_close(ledger);
    return others;
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
