/*
 * ledger: what the runs of one user have reserved on this machine.
 *
 * A private folder with one file per live attempt. Each file is held with
 * flock by the attempt's shim from birth to death, so a file whose lock is
 * free is stale and is removed by whoever sees it. Deciding and reserving
 * happen under one lock over the folder: two runs cannot both take the last
 * gibibyte.
 */
#ifndef GS_LOCAL_LEDGER_H
#define GS_LOCAL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/local/machine.h"
#include "base/error.h"

struct gs_ledger;

/* What is reserved, by this run and by others. */
struct gs_reserved {
    int64_t own_memory_bytes, other_memory_bytes;
    int64_t own_disk_bytes, other_disk_bytes;
    double own_cpus, other_cpus;
    int own_gpus, other_gpus;
    int own_attempts, other_attempts;
    bool gpu_taken[GS_MAX_GPUS]; /* index into machine->gpu */
};

struct gs_reservation {
    int64_t memory_bytes;
    int64_t disk_bytes;
    double cpus;
    int n_gpus;
    int gpu[GS_MAX_GPUS]; /* index into machine->gpu */
};

/* Opens or makes the folder: $GENOSCHED_LEDGER, or genosched-UID in
 * /run/lock or /tmp. Refuses one that others could have written. */
struct gs_ledger *gs_ledger_open(const char *run_dir, struct gs_error *err);
void gs_ledger_close(struct gs_ledger *ledger);
const char *gs_ledger_folder(const struct gs_ledger *ledger);

/* Holds the folder; the caller closes the descriptor to let it go. */
int gs_ledger_lock(struct gs_ledger *ledger, struct gs_error *err);

/* Both need the folder's lock. */
int gs_ledger_read(struct gs_ledger *ledger, const struct gs_machine *machine,
                   struct gs_reserved *sum, struct gs_error *err);
/* Writes and locks an entry; returns its descriptor, which the shim inherits,
 * and its path in *path (the caller frees). */
int gs_ledger_add(struct gs_ledger *ledger, const struct gs_machine *machine,
                  const char *name, const struct gs_reservation *r, char **path,
                  struct gs_error *err);

#endif
