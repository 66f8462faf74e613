/*
 * record: the one durable result of an attempt. Room for it is reserved
 * before the command runs, so that a full disk cannot lose a result; written,
 * synced, renamed, the folder synced. Valid UTF-8 whatever the paths hold.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_TRIES = 60, /* a full disk is waited for without end */
};

struct text {
    size_t len;
    char data[GS_RECORD_MAX_BYTES];
};

static void put(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->data + t->len, sizeof t->data - t->len, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < sizeof t->data - t->len)
        t->len += (size_t)n;
}

/* Length of the valid UTF-8 sequence at `s` (RFC 3629), 0 if there is none. */
static int utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    int n = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
            : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
            : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                           : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return n;
}

static void put_string(struct text *t, const char *key, const char *value)
{
    put(t, ",\"%s\":\"", key);
    for (const unsigned char *s = (const unsigned char *)value; *s;) {
        int n = utf8_len(s);
        if (n == 0)
            put(t, "?");
        else if (*s == '"' || *s == '\\')
            put(t, "\\%c", *s);
        else if (*s < 0x20)
            put(t, "\\u%04x", *s);
        else
            put(t, "%.*s", n, (const char *)s);
        s += n ? n : 1;
    }
    put(t, "\"");
}

static void put_int(struct text *t, const char *key, int64_t value)
{
    if (value >= 0)
        put(t, ",\"%s\":%" PRId64, key, value);
}

static void fill(struct text *t, const struct outcome *o,
                 const struct measure *m)
{
    char node[256] = "";
    gethostname(node, sizeof node - 1);
    t->len = 0;
    put(t, "{\"version\":1");
    put_string(t, "reason", o->reason);
    put_int(t, "exit_code", o->exit_code);
    put_int(t, "signal", o->signal);
    put_int(t, "started", o->started_ms);
    put_int(t, "ended", o->ended_ms);
    put_int(t, "wall_ms", o->wall_ms);
    put_int(t, "cpu_ms", m->cpu_ms);
    put_int(t, "peak_bytes", m->peak);
    put_int(t, "kernel_peak_bytes", m->kernel_peak);
    put_int(t, "max_rss_bytes", m->max_rss);
    put_int(t, "read_bytes", m->read_bytes);
    put_int(t, "write_bytes", m->write_bytes);
    put_int(t, "rchar", m->rchar);
    put_int(t, "wchar", m->wchar);
    put_int(t, "oom_kills", o->oom_kills);
    if (o->evidence)
        put_string(t, "evidence", o->evidence);
    put_string(t, "node", node);
    put_string(t, "message", o->message);
    put(t, ",\"samples\":{\"step_ms\":%" PRId64 ",\"bytes\":[", m->step_ms);
    for (int i = 0; i < m->n; i++)
        put(t, "%s%" PRId64, i ? "," : "", m->series[i]);
    put(t, "]}}\n");
}

int record_reserve(int dir_fd)
{
    int fd = openat(dir_fd, GS_FILE_RECORD_TMP,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && fallocate(fd, 0, 0, GS_RECORD_MAX_BYTES) < 0 &&
        (errno == ENOSPC || errno == EDQUOT)) {
        close(fd);
        errno = ENOSPC;
        return -1;
    }
    return fd;
}

static int try_write(int dir_fd, int *fd, const struct text *t)
{
    if (*fd < 0)
        *fd = record_reserve(dir_fd);
    if (*fd < 0)
        return -1;
    for (size_t done = 0; done < t->len;) {
        ssize_t n = pwrite(*fd, t->data + done, t->len - done, (off_t)done);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    if (ftruncate(*fd, (off_t)t->len) < 0 || fsync(*fd) < 0 ||
        renameat(dir_fd, GS_FILE_RECORD_TMP, dir_fd, GS_FILE_RECORD) < 0)
        return -1;
    return fsync(dir_fd);
}

void record_write(int dir_fd, int fd, const struct outcome *o,
                  const struct measure *m)
{
    static struct text text;
    fill(&text, o, m);
    /* The lock is held until then: whoever looks sees an attempt that has
     * not ended yet, which is true as long as its result is not safe. A
     * folder that is gone means that nobody wants the result. */
    for (int tries = 0; try_write(dir_fd, &fd, &text) < 0; sleep(1))
        if (errno != ENOSPC && errno != EDQUOT &&
            (errno == ENOENT || ++tries >= MAX_TRIES))
            break;
    if (fd >= 0)
        close(fd);
}
