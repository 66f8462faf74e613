/*
 * ledger: see the header. Nothing here is durable on purpose: after a
 * restart of the machine nothing is reserved.
 */
#include "backend/local/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/local/lines.h"
#include "backend/name.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    ENTRY_ROOM = 16384,
};

struct gs_ledger {
    char *folder;
    char *run; /* who we are: the real path of the run's folder */
};

static int check_private(const char *folder, struct gs_error *err)
{
    struct stat st;
    if (lstat(folder, &st) < 0)
        return gs_fail_errno(err, GS_ERR_BACKEND, "cannot look at %s", folder);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return gs_fail(err, GS_ERR_BACKEND,
                       "the ledger of reserved memory, %s, is not a private "
                       "folder of this user; remove it, or set "
                       "GENOSCHED_LEDGER to another folder",
                       folder);
    return 0;
}

static char *choose_folder(void)
{
    const char *told = getenv("GENOSCHED_LEDGER");
    if (told && *told)
        return gs_strdup(told);
    /* Not below /run/user or /dev/shm: both are emptied when the user logs
     * out, and detached tasks may still run then. */
    const char *parent = access("/run/lock", W_OK) == 0 ? "/run/lock" : "/tmp";
    return gs_format("%s/genosched-%ld", parent, (long)geteuid());
}

struct gs_ledger *gs_ledger_open(const char *run_dir, struct gs_error *err)
{
    struct gs_ledger *l = gs_calloc(1, sizeof *l);
    l->folder = choose_folder();
    l->run = realpath(run_dir, NULL);
    if (!l->run)
        l->run = gs_strdup(run_dir);
    if (gs_dir_make(l->folder, err) < 0 || check_private(l->folder, err) < 0) {
        gs_ledger_close(l);
        return NULL;
    }
    return l;
}

void gs_ledger_close(struct gs_ledger *ledger)
{
    if (!ledger)
        return;
    free(ledger->folder);
    free(ledger->run);
    free(ledger);
}

const char *gs_ledger_folder(const struct gs_ledger *ledger)
{
    return ledger->folder;
}

int gs_ledger_lock(struct gs_ledger *ledger, struct gs_error *err)
{
    gs_auto_free char *path = gs_format("%s/lock", ledger->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ENOENT && gs_dir_make(ledger->folder, err) == 0)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = -1;
    while (fd >= 0 && (rc = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
        continue;
    if (rc < 0) {
        gs_fail_errno(err, GS_ERR_BACKEND, "cannot lock %s", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static void count_gpu(const struct gs_machine *m, const char *name,
                      struct gs_reserved *sum)
{
    for (int i = 0; i < m->gpus; i++)
        if (strcmp(m->gpu[i], name) == 0)
            sum->gpu_taken[i] = true;
}

static void count_entry(const struct gs_ledger *l, const struct gs_machine *m,
                        char *text, struct gs_reserved *sum)
{
    bool own = false;
    int gpus = 0;
    struct gs_line line;
    int64_t memory = 0, disk = 0;
    double cpus = 0;
    while (gs_line_next(&text, &line)) {
        if (strcmp(line.key, "run") == 0)
            own = strcmp(line.value, l->run) == 0;
        else if (strcmp(line.key, "memory") == 0)
            memory = strtoll(line.value, NULL, 10);
        else if (strcmp(line.key, "disk") == 0)
            disk = strtoll(line.value, NULL, 10);
        else if (strcmp(line.key, "cpus") == 0)
            cpus = strtod(line.value, NULL);
        else if (strcmp(line.key, "gpu") == 0) {
            gpus++;
            count_gpu(m, line.value, sum);
        }
    }
    *(own ? &sum->own_memory_bytes : &sum->other_memory_bytes) += memory;
    *(own ? &sum->own_disk_bytes : &sum->other_disk_bytes) += disk;
    *(own ? &sum->own_cpus : &sum->other_cpus) += cpus;
    *(own ? &sum->own_gpus : &sum->other_gpus) += gpus;
    *(own ? &sum->own_attempts : &sum->other_attempts) += 1;
}

int gs_ledger_read(struct gs_ledger *ledger, const struct gs_machine *machine,
                   struct gs_reserved *sum, struct gs_error *err)
{
    memset(sum, 0, sizeof *sum);
    gs_auto_dir DIR *dir = opendir(ledger->folder);
    if (!dir)
        return gs_fail_errno(err, GS_ERR_BACKEND, "cannot read %s",
                             ledger->folder);
    for (struct dirent *d; (d = readdir(dir));) {
        if (strncmp(d->d_name, "a-", 2) != 0)
            continue;
        gs_auto_close int fd =
            openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char text[ENTRY_ROOM];
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            unlinkat(dirfd(dir), d->d_name, 0);
            continue;
        }
        ssize_t n = read(fd, text, sizeof text - 1);
        text[n > 0 ? n : 0] = '\0';
        count_entry(ledger, machine, text, sum);
    }
    return 0;
}

/* Of the run's folder and the attempt: other runs have tasks of that name. */
static char *entry_path(const struct gs_ledger *l, const char *name)
{
    gs_auto_free char *whole = gs_format("%s\n%s", l->run, name);
    uint8_t digest[32];
    char hex[33];
    gs_sha256(whole, strlen(whole), digest);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return gs_format("%s/a-%s", l->folder, hex);
}

int gs_ledger_add(struct gs_ledger *ledger, const struct gs_machine *machine,
                  const char *name, const struct gs_reservation *r, char **path,
                  struct gs_error *err)
{
    char *entry = entry_path(ledger, name);
    int fd =
        open(entry, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
        dprintf(
            fd,
            "run=%s\nname=%s\nmemory=%" PRId64 "\ndisk=%" PRId64 "\ncpus=%g\n",
            ledger->run, name, r->memory_bytes, r->disk_bytes, r->cpus) < 0) {
        gs_fail_errno(err, GS_ERR_SYSTEM, "cannot write %s", entry);
        if (fd >= 0)
            close(fd);
        free(entry);
        return -1;
    }
    for (int i = 0; i < r->n_gpus; i++)
        dprintf(fd, "gpu=%s\n", machine->gpu[r->gpu[i]]);
    *path = entry;
    return fd;
}
