/*
 * mem: allocation that does not fail, and clean-up by scope.
 *
 * Out of memory is logged and ends the process with 70: every accepted task
 * is durable by then and recovery is tested, so that is the safe answer.
 */
#ifndef GS_BASE_MEM_H
#define GS_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

void *gs_malloc(size_t size);
void *gs_calloc(size_t count, size_t size);
void *gs_realloc(void *old, size_t size);
/* NULL gives NULL. The caller frees. */
char *gs_strdup(const char *text);
char *gs_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void gs_cleanup_free(void *slot);
void gs_cleanup_close(int *fd);
void gs_cleanup_file(void *slot);
void gs_cleanup_dir(void *slot);

/* The scope's clean-up macros; gs_auto_json lives in base/json.h. */
#define gs_auto_free __attribute__((cleanup(gs_cleanup_free)))
#define gs_auto_close __attribute__((cleanup(gs_cleanup_close)))
#define gs_auto_file __attribute__((cleanup(gs_cleanup_file)))
#define gs_auto_dir __attribute__((cleanup(gs_cleanup_dir)))

#endif
