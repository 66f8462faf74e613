/*
 * util: the few helpers that every part of the shim needs.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

ssize_t slurp_at(int at, const char *path, char *out, size_t room)
{
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used + 1 < room) {
        ssize_t n = read(fd, out + used, room - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            close(fd);
            return -1;
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    close(fd);
    out[used] = '\0';
    return (ssize_t)used;
}

int write_at(int at, const char *path, const char *text)
{
    int fd = openat(at, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    int saved = errno;
    close(fd);
    errno = saved;
    return n == (ssize_t)len ? 0 : -1;
}

int64_t field_of(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *p = text; p && *p;) {
        if (strncmp(p, key, len) == 0 && (p[len] == ' ' || p[len] == ':'))
            return strtoll(p + len + 1, NULL, 10);
        p = strchr(p, '\n');
        if (p)
            p++;
    }
    return -1;
}

int64_t own_start_time(void)
{
    char text[1024];
    if (slurp_at(AT_FDCWD, "/proc/self/stat", text, sizeof text) <= 0)
        return -1;
    char *p = strrchr(text, ')'); /* the name may hold anything */
    if (!p)
        return -1;
    /* `p` stands behind field 2; field 22 is twenty fields on. */
    p++;
    for (int field = 2; field < 22 && p; field++) {
        p = strchr(p, ' ');
        if (p && field < 21)
            p++;
    }
    return p ? strtoll(p, NULL, 10) : -1;
}
