/*
 * file: small files and folders, written so that a crash leaves the old or
 * the new content and never half of one.
 */
#ifndef GS_BASE_FILE_H
#define GS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The whole file, NUL put behind it, at most `max` bytes (GS_ERR_LIMIT
 * otherwise, GS_ERR_NOTFOUND if there is none). The caller frees. */
char *gs_file_read(const char *path, size_t max, size_t *len,
                   struct gs_error *err);

/* Write to a temporary beside it, fsync, rename, fsync the folder. 0600. */
int gs_file_write(const char *path, const void *data, size_t len,
                  struct gs_error *err);

/* mkdir -p with mode 0700 for what is made. */
int gs_dir_make(const char *path, struct gs_error *err);
int gs_dir_sync(const char *path, struct gs_error *err);

/* Removes a folder and what is in it without following links; a missing one
 * is fine. Depth is limited to 32. */
int gs_dir_remove(const char *path, struct gs_error *err);

bool gs_path_exists(const char *path);

#endif
