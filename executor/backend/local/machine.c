/*
 * machine: see the header. Reads /proc and /dev, changes nothing.
 */
#include "backend/local/machine.h"

#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/cgroup.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    MAX_CPUS = 8192,
    MEMINFO_ROOM = 16384,
};

static int64_t kib_field(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : -1;
}

void gs_machine_meminfo(int64_t *total, int64_t *available)
{
    gs_auto_free char *text =
        gs_file_read("/proc/meminfo", MEMINFO_ROOM, NULL, NULL);
    *total = text ? kib_field(text, "MemTotal:") : -1;
    *available = text ? kib_field(text, "MemAvailable:") : -1;
    if (*total <= 0)
        *total = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (*available < 0)
        *available = *total;
}

static double count_cpus(void)
{
    cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
    size_t size = CPU_ALLOC_SIZE(MAX_CPUS);
    double n = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (set && sched_getaffinity(0, size, set) == 0)
        n = CPU_COUNT_S(size, set);
    CPU_FREE(set);
    double quota = gs_cgroup_cpu_quota();
    return quota > 0 && quota < n ? quota : n;
}

static void add_gpu(struct gs_machine *m, const char *name, size_t len)
{
    if (m->gpus < GS_MAX_GPUS && len > 0 && len < GS_GPU_NAME) {
        memcpy(m->gpu[m->gpus], name, len);
        m->gpu[m->gpus++][len] = '\0';
    }
}

static int count_devices(void)
{
    int n = 0;
    gs_auto_dir DIR *dir = opendir("/dev");
    for (struct dirent *d; dir && (d = readdir(dir));)
        n += strncmp(d->d_name, "nvidia", 6) == 0 &&
             isdigit((unsigned char)d->d_name[6]);
    return n;
}

static void list_gpus(struct gs_machine *m)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (visible) { /* somebody gave us these and no others */
        for (const char *p = visible; *p;) {
            size_t len = strcspn(p, ",");
            add_gpu(m, p, len);
            p += len + (p[len] == ',');
        }
        return;
    }
    gs_machine_set_gpus(m, count_devices());
}

void gs_machine_set_gpus(struct gs_machine *machine, int n)
{
    while (machine->gpus < n && machine->gpus < GS_MAX_GPUS) {
        char name[16];
        snprintf(name, sizeof name, "%d", machine->gpus);
        add_gpu(machine, name, strlen(name));
    }
    machine->gpus = n < machine->gpus ? n : machine->gpus;
}

void gs_machine_look(struct gs_machine *machine)
{
    memset(machine, 0, sizeof *machine);
    gs_machine_meminfo(&machine->memory_bytes, &machine->available_bytes);
    gs_cgroup_memory_above(&machine->memory_bytes, &machine->available_bytes);
    machine->cpus = count_cpus();
    list_gpus(machine);
}
