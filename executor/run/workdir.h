/*
 * workdir: puts a work directory back as it was before an attempt, so that
 * the same command can be repeated in it.
 *
 * The manifest lists what was there. Restoring removes what is new; a file
 * that was there and has changed or is gone cannot be put back, and that is
 * an error: the command is then not repeated.
 */
#ifndef GS_RUN_WORKDIR_H
#define GS_RUN_WORKDIR_H

#include "base/error.h"

enum {
    GS_WORKDIR_MAX_ENTRIES = 20000,
    GS_WORKDIR_MAX_DEPTH = 24,
};

/* Lists `workdir` into the file `manifest`; an existing one is kept. Fails
 * with GS_ERR_LIMIT for a folder that is too large to be put back. */
int gs_workdir_note(const char *workdir, const char *manifest,
                    struct gs_error *err);

/* All or nothing in its check: nothing is removed unless every old entry is
 * found unchanged. */
int gs_workdir_restore(const char *workdir, const char *manifest,
                       struct gs_error *err);

#endif
