/*
 * cgroup: what both versions share. Every loop upwards ends at the mount
 * point; a cgroup file is at most a page or a few.
 */
#include "backend/local/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    FILE_ROOM = 65536,
    PROC_ROOM = 1 << 20,
    CLEAR_ROUNDS = 100,
    CLEAR_WAIT_MS = 20,
};

int gs_cgroup_put(const char *folder, const char *file, const char *text,
                  struct gs_error *err)
{
    gs_auto_free char *path = gs_format("%s/%s", folder, file);
    gs_auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return gs_fail_errno(err, GS_ERR_BACKEND, "cannot write \"%s\" to %s",
                             text, path);
    return 0;
}

int64_t gs_cgroup_number(const char *folder, const char *file)
{
    gs_auto_free char *path = gs_format("%s/%s", folder, file);
    gs_auto_free char *text = gs_file_read(path, FILE_ROOM, NULL, NULL);
    char *end;
    if (!text)
        return -1;
    if (strncmp(text, "max", 3) == 0)
        return INT64_MAX;
    long long n = strtoll(text, &end, 10);
    return end == text ? -1 : n;
}

int64_t gs_cgroup_field(const char *folder, const char *file, const char *key)
{
    gs_auto_free char *path = gs_format("%s/%s", folder, file);
    gs_auto_free char *text = gs_file_read(path, FILE_ROOM, NULL, NULL);
    size_t len = strlen(key);
    for (char *p = text; p && *p;) {
        if (strncmp(p, key, len) == 0 && p[len] == ' ')
            return strtoll(p + len, NULL, 10);
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    return -1;
}

/* Is `word` one of the comma-separated words of `list`? */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, word, len) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* One line of mountinfo (proc(5)): "id parent dev ROOT POINT options … -
 * TYPE source SUPEROPTIONS". Finds the mount of the controller. */
static bool mount_matches(char *line, const char *controller, char **root,
                          char **point)
{
    char *fields[6] = {0}, *save = NULL, *tail = strstr(line, " - ");
    char *type, *options;
    if (!tail)
        return false;
    *tail = '\0';
    int n = 0;
    for (char *p = strtok_r(line, " ", &save); p && n < 6;
         p = strtok_r(NULL, " ", &save))
        fields[n++] = p;
    type = strtok_r(tail + 3, " ", &save);
    if (!type || !strtok_r(NULL, " ", &save))
        return false;
    options = strtok_r(NULL, " ", &save);
    if (n < 5 || strcmp(type, *controller ? "cgroup" : "cgroup2") != 0 ||
        (*controller && (!options || !has_word(options, controller))))
        return false;
    *root = fields[3];
    *point = fields[4];
    return true;
}

/* The path behind "N:controllers:" in /proc/self/cgroup. */
static char *own_path(const char *controller)
{
    gs_auto_free char *text =
        gs_file_read("/proc/self/cgroup", FILE_ROOM, NULL, NULL);
    char *save = NULL;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        if (*controller ? has_word(list + 1, controller) : list[1] == '\0')
            return gs_strdup(path);
    }
    return NULL;
}

int gs_cgroup_self(const char *controller, char **mount, char **own)
{
    gs_auto_free char *text =
        gs_file_read("/proc/self/mountinfo", PROC_ROOM, NULL, NULL);
    gs_auto_free char *path = own_path(controller);
    char *save = NULL, *root, *point;
    if (!text || !path)
        return -1;
    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        if (!mount_matches(line, controller, &root, &point))
            continue;
        /* In a container the path may be told from outside: it counts only
         * behind the mounted root. */
        size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
        bool inside = strncmp(path, root, len) == 0 &&
                      (path[len] == '/' || path[len] == '\0');
        const char *below = inside ? path + len : "";
        *mount = gs_strdup(point);
        *own = gs_format("%s%s", point, strcmp(below, "/") == 0 ? "" : below);
        return 0;
    }
    return -1;
}

static int set_limit(const struct gs_cgroup *cg, const char *folder,
                     int64_t bytes, bool attempt, struct gs_error *err)
{
    if (cg->version == 2)
        return gs_cgroup_v2_limit(folder, bytes, attempt, err);
    return bytes > 0 ? gs_cgroup_v1_limit(folder, bytes, err) : 0;
}

static void write_high(const struct gs_cgroup *cg)
{
    char text[32] = "max";
    if (cg->high_bytes > 0)
        snprintf(text, sizeof text, "%" PRId64, cg->high_bytes);
    if (cg->version == 2)
        gs_cgroup_put(cg->memory, "memory.high", text, NULL);
}

void gs_cgroup_throttle(struct gs_cgroup *cg, int64_t bytes)
{
    if (cg->high_bytes == bytes)
        return;
    cg->high_bytes = bytes;
    write_high(cg);
}

double gs_cgroup_stalled(const struct gs_cgroup *cg)
{
    static const char key[] = "full avg10=";
    gs_auto_free char *path = gs_format("%s/memory.pressure", cg->memory);
    gs_auto_free char *text = gs_file_read(path, FILE_ROOM, NULL, NULL);
    const char *at = text ? strstr(text, key) : NULL;
    return at ? strtod(at + sizeof key - 1, NULL) : -1;
}

/* The run's folder with the budget as its limit. An earlier start's folder
 * keeps its limit where the new one cannot be set: on version 1 it cannot go
 * below what is in use. */
static int make_run(const struct gs_cgroup *cg, struct gs_error *err)
{
    struct gs_error ignored;
    bool made = mkdir(cg->memory, 0755) == 0;
    if (!made && errno != EEXIST)
        return gs_fail_errno(err, GS_ERR_BACKEND, "cannot make %s", cg->memory);
    if (cg->version == 2 && gs_cgroup_v2_enable(cg->memory, err) < 0)
        return -1;
    if (set_limit(cg, cg->memory, cg->budget_bytes, false,
                  made ? err : &ignored) < 0 &&
        made)
        return -1;
    if (cg->cpuacct)
        mkdir(cg->cpuacct, 0755);
    if (cg->high_bytes > 0)
        write_high(cg);
    return 0;
}

/* Runs that were killed leave an empty folder. One that is in use cannot be
 * removed; one that is about to be used is made again by its owner. */
static void sweep(const char *base)
{
    gs_auto_dir DIR *dir = base ? opendir(base) : NULL;
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (strncmp(d->d_name, "genosched-", 10) == 0)
            unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR);
}

struct gs_cgroup *gs_cgroup_create(const char *configured, const char *run_name,
                                   int64_t budget_bytes, struct gs_error *err)
{
    struct gs_cgroup *cg = gs_calloc(1, sizeof *cg);
    struct gs_error first;
    cg->budget_bytes = budget_bytes;
    if (gs_cgroup_v2_base(configured, cg, &first) < 0 &&
        gs_cgroup_v1_base(configured, cg, err) < 0) {
        gs_wrap(err, "version 2: %s; version 1", first.text);
        gs_cgroup_destroy(cg);
        return NULL;
    }
    sweep(cg->base);
    sweep(cg->cpuacct);
    cg->memory = gs_format("%s/%s", cg->base, run_name);
    if (cg->cpuacct) {
        char *run = gs_format("%s/%s", cg->cpuacct, run_name);
        free(cg->cpuacct);
        cg->cpuacct = run;
    }
    if (make_run(cg, err) < 0) {
        gs_cgroup_destroy(cg);
        return NULL;
    }
    return cg;
}

void gs_cgroup_destroy(struct gs_cgroup *cg)
{
    if (!cg)
        return;
    gs_cgroup_remove(cg->memory, cg->cpuacct);
    free(cg->base);
    free(cg->memory);
    free(cg->cpuacct);
    free(cg);
}

int gs_cgroup_add(const struct gs_cgroup *cg, const char *name,
                  int64_t limit_bytes, char **memory, char **cpuacct,
                  struct gs_error *err)
{
    gs_auto_free char *path = gs_format("%s/%s", cg->memory, name);
    int rc = mkdir(path, 0755);
    if (rc < 0 && errno == ENOENT && make_run(cg, err) == 0)
        rc = mkdir(path, 0755);
    if (rc < 0 && errno != EEXIST)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot make %s", path);
    if (set_limit(cg, path, limit_bytes, true, err) < 0) {
        rmdir(path);
        return -1;
    }
    char *cpu = cg->cpuacct ? gs_format("%s/%s", cg->cpuacct, name) : NULL;
    if (cpu && mkdir(cpu, 0755) < 0 && errno != EEXIST) {
        free(cpu);
        cpu = NULL;
    }
    *memory = gs_strdup(path);
    *cpuacct = cpu;
    return 0;
}

int64_t gs_cgroup_live_bytes(int version, const char *memory)
{
    bool v1 = version == 1;
    int64_t used = gs_cgroup_number(memory, v1 ? "memory.usage_in_bytes"
                                               : "memory.current");
    if (used < 0)
        return -1;
    int64_t active = gs_cgroup_field(memory, "memory.stat",
                                     v1 ? "total_active_file" : "active_file");
    int64_t inactive = gs_cgroup_field(
        memory, "memory.stat", v1 ? "total_inactive_file" : "inactive_file");
    used -= (active > 0 ? active : 0) + (inactive > 0 ? inactive : 0);
    return used > 0 ? used : 0;
}

/* Kills the members that are there now; returns their number. */
static int kill_members(const char *memory)
{
    gs_auto_free char *path = gs_format("%s/cgroup.procs", memory);
    gs_auto_free char *text = gs_file_read(path, PROC_ROOM, NULL, NULL);
    int n = 0;
    for (char *p = text, *end; p; p = end, n++) {
        long pid = strtol(p, &end, 10);
        if (end == p)
            break;
        if (pid > 1 && pid != getpid())
            kill((pid_t)pid, SIGKILL);
    }
    return n;
}

bool gs_cgroup_clear(int version, const char *memory)
{
    if (version == 2)
        gs_cgroup_put(memory, "cgroup.kill", "1", NULL);
    for (int i = 0; i < CLEAR_ROUNDS; i++) {
        if (kill_members(memory) == 0)
            return true;
        nanosleep(&(struct timespec){0, CLEAR_WAIT_MS * 1000000L}, NULL);
    }
    return false;
}

void gs_cgroup_remove(const char *memory, const char *cpuacct)
{
    if (memory)
        rmdir(memory);
    if (cpuacct)
        rmdir(cpuacct);
}

char *gs_cgroup_procs(const char *memory, const char *cpuacct)
{
    return cpuacct
               ? gs_format("%s/cgroup.procs:%s/cgroup.procs", memory, cpuacct)
               : gs_format("%s/cgroup.procs", memory);
}
