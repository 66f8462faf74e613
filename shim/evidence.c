/*
 * evidence: did a Java heap run out? Read from the tail of what the task
 * wrote, and only asked when the command failed. A log that is older than
 * the attempt says nothing about it.
 */
#include "shim.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL_BYTES = 65536,
};

static char tail[TAIL_BYTES + 1];

static bool says_oom(char *text, size_t len)
{
    static const char error[] = "java.lang.OutOfMemoryError";
    static const char native[] =
        "insufficient memory for the Java Runtime Environment";
    if (memmem(text, len, native, sizeof native - 1))
        return true;
    for (char *p = text;
         (p = memmem(p, len - (size_t)(p - text), error, sizeof error - 1));) {
        p += sizeof error - 1;
        char *end = memchr(p, '\n', len - (size_t)(p - text));
        size_t line = (size_t)((end ? end : text + len) - p);
        /* A limit on processes, not on memory. */
        if (!memmem(p, line, "unable to create", 16))
            return true;
    }
    return false;
}

static bool file_says_oom(int at, const char *path, int64_t started_ms)
{
    struct stat st;
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool found = false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (int64_t)st.st_mtim.tv_sec * 1000 + 999 >= started_ms) {
        off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
        ssize_t n = pread(fd, tail, TAIL_BYTES, from);
        found = n > 0 && says_oom(tail, (size_t)n);
    }
    close(fd);
    return found;
}

bool evidence_java_oom(const struct spec *spec, int64_t started_ms)
{
    /* The last three are where Nextflow's wrapper sends a task's output. */
    const char *files[] = {spec->err, spec->out, ".command.err", ".command.log",
                           ".command.out"};
    int at = open(spec->workdir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool found = false;
    for (size_t i = 0; at >= 0 && !found && i < sizeof files / sizeof *files;
         i++)
        found = file_says_oom(at, files[i], started_ms);
    if (at >= 0)
        close(at);
    return found;
}
