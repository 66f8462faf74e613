/*
 * log: one line a message, written in one write(2) so that lines of two
 * processes never mix. A failing log never fails the caller.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static enum gs_log_level log_level = GS_LOG_INFO;
static int log_fd = -1;

void gs_log_set_level(enum gs_log_level level)
{
    log_level = level;
}

int gs_log_open(const char *path)
{
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
    if (!path)
        return 0;
    log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return log_fd < 0 ? -1 : 0;
}

static void put(int fd, const char *line, size_t len)
{
    ssize_t n = write(fd, line, len);
    (void)n;
}

static size_t stamp(char *out, size_t size)
{
    struct gs_wall now = gs_wall_now();
    time_t s = (time_t)(now.ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return n +
           (size_t)snprintf(out + n, size - n, ".%03dZ ", (int)(now.ms % 1000));
}

void gs_log(enum gs_log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    int saved = errno;
    if (level > log_level)
        return;
    char line[4096];
    size_t start = stamp(line, sizeof line);
    size_t n = start + (size_t)snprintf(line + start, sizeof line - start,
                                        "genosched: %s: ", names[level]);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
    va_end(ap);
    if (m > 0)
        n += (size_t)m;
    if (n > sizeof line - 2)
        n = sizeof line - 2;
    for (size_t i = start; i < n; i++) /* no forged lines, no escapes */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[n++] = '\n';
    if (log_fd >= 0)
        put(log_fd, line, n);
    if (level <= GS_LOG_WARNING || log_level == GS_LOG_DEBUG)
        put(STDERR_FILENO, line + start, n - start);
    errno = saved;
}
