/*
 * error: fills a caller-owned struct; never allocates, keeps errno.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reset(struct gs_error *err, enum gs_error_code code)
{
    err->code = code;
    err->path[0] = '\0';
    err->line = 0;
    err->column = 0;
}

int gs_fail(struct gs_error *err, enum gs_error_code code, const char *fmt, ...)
{
    int saved = errno;
    if (err) {
        va_list ap;
        reset(err, code);
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    errno = saved;
    return -1;
}

int gs_fail_at(struct gs_error *err, enum gs_error_code code, const char *path,
               const char *fmt, ...)
{
    int saved = errno;
    if (err) {
        va_list ap;
        reset(err, code);
        snprintf(err->path, sizeof err->path, "%s", path);
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    errno = saved;
    return -1;
}

int gs_fail_errno(struct gs_error *err, enum gs_error_code code,
                  const char *fmt, ...)
{
    int saved = errno;
    if (err) {
        va_list ap;
        if (saved == ENOSPC || saved == EDQUOT)
            code = GS_ERR_FULL;
        reset(err, code);
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s",
                 strerror(saved));
    }
    errno = saved;
    return -1;
}

int gs_wrap(struct gs_error *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", old);
    return -1;
}
