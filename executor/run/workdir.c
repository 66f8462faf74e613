/*
 * workdir: a manifest is a text of lines "kind size mtime_ns inode\tpath\0",
 * kind d (folder: only its being there counts), f (file) or l (link and the
 * rest).
 * Never follows a link out of the folder.
 */
#include "run/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <htslib/khash.h>
#include <htslib/kstring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    MAX_MANIFEST = 16 * 1024 * 1024,
};

KHASH_MAP_INIT_STR(entry, const char *)

struct listing {
    kstring_t text; /* "kind size mtime\tpath" with NUL behind each */
    int n;
};

static void describe(const struct stat *st, char *out, size_t room)
{
    if (S_ISDIR(st->st_mode))
        snprintf(out, room, "d");
    else
        snprintf(out, room, "%c %lld %lld.%09ld %llu",
                 S_ISREG(st->st_mode) ? 'f' : 'l', (long long)st->st_size,
                 (long long)st->st_mtim.tv_sec, (long)st->st_mtim.tv_nsec,
                 (unsigned long long)st->st_ino);
}

static int walk(int at, const char *name, const char *prefix, int depth,
                struct listing *list, struct gs_error *err)
{
    /* The work directory itself may be named through a link. */
    int fd =
        openat(at, name,
               O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
    if (fd < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot list %s",
                             depth ? prefix : name);
    gs_auto_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot list %s", name);
    }
    for (struct dirent *d; (d = readdir(dir));) {
        struct stat st;
        char what[96];
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot look at %s",
                                 d->d_name);
        if (++list->n > GS_WORKDIR_MAX_ENTRIES || depth > GS_WORKDIR_MAX_DEPTH)
            return gs_fail(err, GS_ERR_LIMIT,
                           "more than %d entries or %d levels: too large to "
                           "be put back",
                           GS_WORKDIR_MAX_ENTRIES, GS_WORKDIR_MAX_DEPTH);
        describe(&st, what, sizeof what);
        gs_auto_free char *path = gs_format("%s%s", prefix, d->d_name);
        /* Children first, so that removal in this order empties folders. */
        if (S_ISDIR(st.st_mode)) {
            gs_auto_free char *below = gs_format("%s/", path);
            if (walk(fd, d->d_name, below, depth + 1, list, err) < 0)
                return -1;
        }
        if (ksprintf(&list->text, "%s\t%s", what, path) < 0 ||
            kputc_('\0', &list->text) < 0)
            gs_malloc((size_t)-1);
    }
    return 0;
}

int gs_workdir_note(const char *workdir, const char *manifest,
                    struct gs_error *err)
{
    struct listing list = {KS_INITIALIZE, 0};
    if (gs_path_exists(manifest))
        return 0;
    int rc = walk(AT_FDCWD, workdir, "", 0, &list, err);
    if (rc == 0)
        rc = gs_file_write(manifest, list.text.s ? list.text.s : "",
                           list.text.l, err);
    ks_free(&list.text);
    return rc;
}

/* path → description, both inside `text`, whose tabs become NULs. */
static khash_t(entry) * index_entries(char *text, size_t len)
{
    khash_t(entry) *map = kh_init(entry);
    for (char *p = text; p < text + len;) {
        char *next = p + strlen(p) + 1;
        char *tab = strchr(p, '\t');
        if (tab) {
            int absent;
            *tab = '\0';
            khint_t k = kh_put(entry, map, tab + 1, &absent);
            kh_value(map, k) = p;
        }
        p = next;
    }
    return map;
}

static const char *find(khash_t(entry) * map, const char *path)
{
    khint_t k = kh_get(entry, map, path);
    return k == kh_end(map) ? NULL : kh_value(map, k);
}

static int unchanged(khash_t(entry) * old, khash_t(entry) * now,
                     struct gs_error *err)
{
    for (khint_t k = 0; k < kh_end(old); k++) {
        if (!kh_exist(old, k))
            continue;
        const char *path = kh_key(old, k), *is = find(now, path);
        if (!is || strcmp(is, kh_value(old, k)) != 0)
            return gs_fail(err, GS_ERR_STATE,
                           "%s was there before the attempt and has been %s",
                           path, is ? "changed" : "removed");
    }
    return 0;
}

static int remove_new(const char *workdir, const struct listing *list,
                      khash_t(entry) * old, struct gs_error *err)
{
    int at = open(workdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = at < 0 ? -1 : 0;
    const char *end = list->text.s + list->text.l;
    for (const char *p = list->text.s; rc == 0 && p && p < end;) {
        const char *path = p + strlen(p) + 1; /* tabs are NULs by now */
        if (!find(old, path))
            rc = unlinkat(at, path, *p == 'd' ? AT_REMOVEDIR : 0);
        p = path + strlen(path) + 1;
    }
    if (rc < 0)
        gs_fail_errno(err, GS_ERR_SYSTEM, "cannot put back %s", workdir);
    if (at >= 0)
        close(at);
    return rc;
}

int gs_workdir_restore(const char *workdir, const char *manifest,
                       struct gs_error *err)
{
    size_t len;
    gs_auto_free char *text = gs_file_read(manifest, MAX_MANIFEST, &len, err);
    if (!text)
        return -1;
    struct listing list = {KS_INITIALIZE, 0};
    if (walk(AT_FDCWD, workdir, "", 0, &list, err) < 0) {
        ks_free(&list.text);
        return -1;
    }
    khash_t(entry) *old = index_entries(text, len);
    khash_t(entry) *now = index_entries(list.text.s, list.text.l);
    int rc = unchanged(old, now, err);
    if (rc == 0)
        rc = remove_new(workdir, &list, old, err);
    kh_destroy(entry, old);
    kh_destroy(entry, now);
    ks_free(&list.text);
    return rc;
}
