/*
 * mem: see the header. Must never return NULL to a caller.
 */
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
    static const char text[] = "genosched: out of memory; every accepted task "
                               "is safe, start again with the same run id\n";
    if (!p) {
        ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
        (void)n;
        _exit(70);
    }
    return p;
}

void *gs_malloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *gs_calloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *gs_realloc(void *old, size_t size)
{
    return checked(realloc(old, size ? size : 1));
}

char *gs_strdup(const char *text)
{
    return text ? checked(strdup(text)) : NULL;
}

char *gs_format(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return checked(n < 0 ? NULL : out);
}

void gs_cleanup_free(void *slot)
{
    int saved = errno;
    void *p;
    memcpy(&p, slot, sizeof p);
    free(p);
    errno = saved;
}

void gs_cleanup_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

void gs_cleanup_file(void *slot)
{
    int saved = errno;
    FILE *f;
    memcpy(&f, slot, sizeof f);
    if (f)
        fclose(f);
    errno = saved;
}

void gs_cleanup_dir(void *slot)
{
    int saved = errno;
    DIR *d;
    memcpy(&d, slot, sizeof d);
    if (d)
        closedir(d);
    errno = saved;
}
