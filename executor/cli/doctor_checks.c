/*
 * doctor_checks: the state folder, the supervisor, the backend, the clock.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/local/local.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "cli/format.h"

#define MIB (INT64_C(1) << 20)
#define SKEW_MS 2000
#define YEAR_2024_MS INT64_C(1704067200000)

/* The folder, or the nearest one above it that exists. */
static char *nearest(const char *path)
{
    char *at = gs_strdup(path);
    struct stat st;
    while (strcmp(at, "/") != 0 && stat(at, &st) < 0) {
        char *slash = strrchr(at, '/');
        if (!slash)
            break;
        slash[slash == at ? 1 : 0] = '\0';
    }
    return at;
}

/* Names of file systems that are shared between machines; NULL: not one. */
static const char *network_name(const char *path)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } shared[] = {
        {NFS_SUPER_MAGIC, "NFS"}, {0xff534d42, "CIFS"},
        {0xfe534d42, "SMB2"},     {0x0bd00bd0, "Lustre"},
        {0x47504653, "GPFS"},     {CEPH_SUPER_MAGIC, "Ceph"},
        {0x65735546, "FUSE"},     {V9FS_MAGIC, "9p"},
        {0x19830326, "BeeGFS"},
    };
    struct statfs fs;
    if (statfs(path, &fs) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (((unsigned long)fs.f_type & 0xffffffff) == shared[i].magic)
            return shared[i].name;
    return NULL;
}

static void check_space(struct gs_doctor *d, const char *path)
{
    struct statvfs fs;
    char size[GS_TEXT_ROOM];
    if (statvfs(path, &fs) < 0)
        return;
    int64_t space = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    enum gs_verdict_level level = space < 64 * MIB     ? GS_CHECK_FAIL
                                  : space < 1024 * MIB ? GS_CHECK_WARN
                                                       : GS_CHECK_OK;
    gs_check(d, level, "disk",
             "make room, or set state_dir (or GENOSCHED_STATE) to another "
             "disk: without room no task is accepted",
             "%s free for the state folder", gs_show_size(space, size));
}

void gs_doctor_state(struct gs_doctor *d)
{
    static const char remedy[] =
        "set state_dir (or GENOSCHED_STATE) to a folder on a local disk that "
        "you can write";
    const char *path = gs_config_string(d->config, "state_dir");
    gs_auto_free char *there = nearest(path);
    bool exists = strcmp(there, path) == 0;
    struct stat st;
    if (stat(there, &st) < 0 || !S_ISDIR(st.st_mode)) {
        gs_check(d, GS_CHECK_FAIL, "state folder", remedy,
                 "%s: %s is not a folder", path, there);
        return;
    }
    if (access(there, W_OK | X_OK) < 0) {
        gs_check(d, GS_CHECK_FAIL, "state folder", remedy,
                 "%s: %s cannot be written: %s", path, there, strerror(errno));
        return;
    }
    const char *network = network_name(there);
    if (network)
        gs_check(d, GS_CHECK_WARN, "state folder", remedy,
                 "%s is on a network file system (%s), where a run's store is "
                 "slow and its locks may not hold",
                 path, network);
    else
        gs_check(d, GS_CHECK_OK, "state folder", NULL, "%s%s", path,
                 exists ? "" : " (not there yet; it can be made)");
    check_space(d, there);
}

void gs_doctor_shim(struct gs_doctor *d)
{
    struct gs_error err;
    gs_auto_free char *path = gs_local_find_shim(&err);
    if (path)
        gs_check(d, GS_CHECK_OK, "supervisor", NULL, "%s, version %s", path,
                 GS_VERSION);
    else
        gs_check(d, GS_CHECK_FAIL, "supervisor",
                 "put genosched and genosched-shim of the same version into "
                 "one folder, or set GENOSCHED_SHIM",
                 "%s", err.text);
}

static void ignore_report(void *arg, const struct gs_event *event)
{
    (void)arg;
    (void)event;
}

static void judge_memory(struct gs_doctor *d)
{
    static const char remedy[] =
        "run below a cgroup that you may write (local.cgroup), as a service "
        "with Delegate=yes, or from a login session of systemd";
    const char *enforce =
        cJSON_GetStringValue(gs_json_get(d->described, "enforce"));
    const char *why = cJSON_GetStringValue(gs_json_get(d->described, "why"));
    if (!enforce)
        return;
    if (strncmp(enforce, "cgroup", 6) == 0)
        gs_check(d, GS_CHECK_OK, "memory limits", NULL,
                 "enforced by the kernel: %s", enforce);
    else if (strcmp(enforce, "pss") == 0)
        gs_check(d, GS_CHECK_WARN, "memory limits", remedy,
                 "enforced by watching the process tree (pss), which a "
                 "quick task can outrun%s%s",
                 why ? ": " : "; local.enforce says so", why ? why : "");
    else
        gs_check(d, GS_CHECK_WARN, "memory limits", "set local.enforce to auto",
                 "not enforced: local.enforce "
                 "says so");
}

static void judge_pool(struct gs_doctor *d)
{
    char memory[GS_TEXT_ROOM], all[GS_TEXT_ROOM];
    const cJSON *bytes = gs_json_get(d->described, "memory_bytes");
    const cJSON *machine = gs_json_get(d->described, "machine_memory_bytes");
    const cJSON *cpus = gs_json_get(d->described, "cpus");
    const cJSON *gpus = gs_json_get(d->described, "gpus");
    if (!cJSON_IsNumber(bytes) || !cJSON_IsNumber(cpus))
        return;
    bool little = bytes->valuedouble < 512.0 * (double)MIB;
    gs_show_size((int64_t)bytes->valuedouble, memory);
    gs_show_size(machine ? (int64_t)machine->valuedouble : -1, all);
    gs_check(d, little ? GS_CHECK_WARN : GS_CHECK_OK, "pool",
             "free memory on this machine, or set local.memory",
             "%s of memory (machine: %s), %g CPUs, %d GPUs", memory, all,
             cpus->valuedouble, gpus ? (int)gpus->valuedouble : 0);
}

/* Opens it as a run would, in a folder that is removed again. */
void gs_doctor_backend(struct gs_doctor *d)
{
    struct gs_error err;
    void *self;
    const char *name = gs_config_string(d->config, "backend");
    const struct gs_backend *backend = gs_backend_by_name(name);
    const char *temp = getenv("TMPDIR");
    gs_auto_free char *dir =
        gs_format("%s/genosched-doctor-XXXXXX", temp && *temp ? temp : "/tmp");
    struct gs_loop *loop = gs_loop_create(&err);
    if (!backend || !loop || !mkdtemp(dir)) {
        gs_check(d, GS_CHECK_FAIL, "backend",
                 "set backend to 'local', and TMPDIR to a folder that you can "
                 "write",
                 "backend '%s' cannot be tried in %s: %s", name, dir,
                 backend ? strerror(errno) : "there is no such backend");
        gs_loop_destroy(loop);
        return;
    }
    struct gs_backend_env env = {loop, d->config,     "doctor",
                                 dir,  ignore_report, NULL};
    if (backend->open(&env, &self, &err) < 0) {
        gs_check(d, GS_CHECK_FAIL, "backend", "the message says what to change",
                 "%s: %s", name, err.text);
    } else {
        gs_auto_free char *text = backend->describe(self);
        backend->close(self);
        d->described = gs_json_parse(text, strlen(text), &err);
        gs_check(d, GS_CHECK_OK, "backend", NULL, "%s", name);
        judge_memory(d);
        judge_pool(d);
    }
    gs_dir_remove(dir, NULL);
    gs_loop_destroy(loop);
}

/* The wall clock against reason, and against the disk's idea of now. */
void gs_doctor_clock(struct gs_doctor *d)
{
    int64_t now = gs_wall_now().ms, skew = 0;
    const char *state = gs_config_string(d->config, "state_dir");
    gs_auto_free char *path =
        gs_format("%s/.genosched-clock-%ld", state, (long)getpid());
    FILE *probe = fopen(path, "wxe");
    struct stat st;
    if (probe && fputc('x', probe) != EOF && fflush(probe) == 0 &&
        fstat(fileno(probe), &st) == 0)
        skew = (int64_t)st.st_mtim.tv_sec * 1000 +
               st.st_mtim.tv_nsec / 1000000 - gs_wall_now().ms;
    if (probe) {
        fclose(probe);
        unlink(path);
    }
    if (now < YEAR_2024_MS)
        gs_check(d, GS_CHECK_WARN, "clock",
                 "set the clock (chrony, systemd-timesyncd): times in "
                 "records would be wrong",
                 "the machine believes to be in the past");
    else if (skew > SKEW_MS || skew < -SKEW_MS)
        gs_check(d, GS_CHECK_WARN, "clock",
                 "synchronise the clocks of this machine and of the file "
                 "server",
                 "the state folder's clock differs by %lld ms",
                 (long long)skew);
    else
        gs_check(d, GS_CHECK_OK, "clock", NULL, "plausible%s",
                 probe ? ", and agrees with the state folder's" : "");
}
