/*
 * file: see the header.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    MAX_REMOVE_DEPTH = 32,
};

static ssize_t read_all(int fd, char *out, size_t max)
{
    size_t used = 0;
    while (used < max) {
        ssize_t n = read(fd, out + used, max - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

char *gs_file_read(const char *path, size_t max, size_t *len,
                   struct gs_error *err)
{
    gs_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        gs_fail_errno(err, errno == ENOENT ? GS_ERR_NOTFOUND : GS_ERR_SYSTEM,
                      "cannot read %s", path);
        return NULL;
    }
    char *out = gs_malloc(max + 2);
    ssize_t n = read_all(fd, out, max + 1);
    if (n < 0 || (size_t)n > max) {
        if (n < 0)
            gs_fail_errno(err, GS_ERR_SYSTEM, "cannot read %s", path);
        else
            gs_fail(err, GS_ERR_LIMIT, "%s is larger than %zu bytes", path,
                    max);
        free(out);
        return NULL;
    }
    out[n] = '\0';
    if (len)
        *len = (size_t)n;
    return gs_realloc(out, (size_t)n + 1);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int gs_dir_sync(const char *path, struct gs_error *err)
{
    gs_auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot sync folder %s", path);
    return 0;
}

static int sync_parent(const char *path, struct gs_error *err)
{
    gs_auto_free char *parent = gs_strdup(path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        return gs_dir_sync(".", err);
    slash[slash == parent ? 1 : 0] = '\0';
    return gs_dir_sync(parent, err);
}

int gs_file_write(const char *path, const void *data, size_t len,
                  struct gs_error *err)
{
    gs_auto_free char *temp = gs_format("%s.tmp.%ld", path, (long)getpid());
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot write %s", path);
    int rc = write_all(fd, data, len) < 0 || fsync(fd) < 0 ? -1 : 0;
    if (close(fd) < 0 || rc < 0 || rename(temp, path) < 0) {
        gs_fail_errno(err, GS_ERR_SYSTEM, "cannot write %s", path);
        unlink(temp);
        return -1;
    }
    return sync_parent(path, err);
}

int gs_dir_make(const char *path, struct gs_error *err)
{
    gs_auto_free char *copy = gs_strdup(path);
    if (!*path)
        return gs_fail(err, GS_ERR_INVALID, "a folder needs a name");
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot make folder %s",
                                 copy);
        *p = '/';
    }
    if (mkdir(copy, 0700) < 0 && errno != EEXIST)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot make folder %s", path);
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return gs_fail(err, GS_ERR_SYSTEM, "%s is not a folder", path);
    return 0;
}

/* `entry` in the folder `at`; never follows a link. */
static int remove_at(int at, const char *entry, int depth)
{
    if (unlinkat(at, entry, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (depth >= MAX_REMOVE_DEPTH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = openat(at, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    gs_auto_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -1;
    }
    int failure = 0; /* the first one, whatever succeeds behind it */
    for (struct dirent *d; (d = readdir(dir));)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
            remove_at(fd, d->d_name, depth + 1) < 0 && !failure)
            failure = errno;
    if (!failure && (unlinkat(at, entry, AT_REMOVEDIR) == 0 || errno == ENOENT))
        return 0;
    if (failure)
        errno = failure;
    return -1;
}

int gs_dir_remove(const char *path, struct gs_error *err)
{
    if (remove_at(AT_FDCWD, path, 0) < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot remove %s", path);
    return 0;
}

bool gs_path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
