/*
 * local: the table of functions for this machine, and what it decides once
 * at its opening: the budget, and how memory limits are enforced.
 */
#include "backend/local/local.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/name.h"
#include "base/config.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "spec.h"

/* What stays for the system, the engine, genosched and page cache. */
static const double usable_part = 0.9;

/* Stays the same for the life of the run. Reservations are memory that is
 * planned for, so it is not "unavailable" although part of it is in use. */
static int64_t memory_budget(struct gs_local *l, const struct gs_reserved *sum)
{
    int64_t told = gs_config_size(l->env.config, "local.memory");
    if (told > 0)
        return told;
    double most = usable_part * (double)l->machine.memory_bytes;
    double now = usable_part * (double)l->machine.available_bytes +
                 (double)(sum->own_memory_bytes + sum->other_memory_bytes);
    return (int64_t)(now < most ? now : most);
}

static int decide_budget(struct gs_local *l, struct gs_error *err)
{
    const struct gs_config *config = l->env.config;
    struct gs_reserved sum;
    gs_machine_look(&l->machine);
    if (gs_config_text(config, "local.gpus"))
        gs_machine_set_gpus(&l->machine,
                            (int)gs_config_int(config, "local.gpus"));
    gs_auto_close int held = gs_ledger_lock(l->ledger, err);
    if (held < 0 || gs_ledger_read(l->ledger, &l->machine, &sum, err) < 0)
        return -1;
    l->budget.memory_bytes = memory_budget(l, &sum);
    l->budget.cpus = gs_config_text(config, "local.cpus")
                         ? gs_config_number(config, "local.cpus")
                         : l->machine.cpus;
    l->budget.gpus = l->machine.gpus;
    int64_t disk = gs_config_size(config, "local.disk");
    l->budget.disk_bytes = disk > 0 ? disk : 0;
    return 0;
}

/* Unique for the run: another state folder may have a run of the same id. */
static char *run_cgroup_name(const struct gs_local *l)
{
    uint8_t digest[32];
    gs_auto_free char *path = realpath(l->env.run_dir, NULL);
    const char *text = path ? path : l->env.run_dir;
    gs_sha256(text, strlen(text), digest);
    return gs_format("genosched-%s-%02x%02x%02x%02x", l->env.run_id, digest[0],
                     digest[1], digest[2], digest[3]);
}

static int decide_enforcement(struct gs_local *l, struct gs_error *err)
{
    const char *want = gs_config_string(l->env.config, "local.enforce");
    const char *place = gs_config_string(l->env.config, "local.cgroup");
    struct gs_error why = {0};
    if (strcmp(want, "auto") == 0 || strcmp(want, "cgroup") == 0) {
        gs_auto_free char *name = run_cgroup_name(l);
        l->cgroup = gs_cgroup_create(place, name, l->budget.memory_bytes, &why);
        if (l->cgroup) {
            l->enforce = GS_ENFORCE_CGROUP;
            return 0;
        }
        if (strcmp(want, "cgroup") == 0)
            return gs_fail_at(err, GS_ERR_BACKEND, "local.enforce",
                              "local.enforce is 'cgroup' and there is none to "
                              "use: %.900s; set local.cgroup to a folder that "
                              "you may write, or local.enforce to 'pss'",
                              why.text);
        l->enforce_why = gs_strdup(why.text);
        gs_warn("memory limits are enforced by watching processes, not by the "
                "kernel: %s",
                why.text);
    }
    l->enforce = strcmp(want, "none") == 0 ? GS_ENFORCE_NONE : GS_ENFORCE_PSS;
    return 0;
}

static void local_close(void *self)
{
    struct gs_local *l = self;
    while (l->running)
        gs_local_unfollow(l->running);
    gs_loop_cancel(l->env.loop, l->evict_timer);
    gs_cgroup_destroy(l->cgroup);
    gs_ledger_close(l->ledger);
    free(l->enforce_why);
    free(l->attempts_dir);
    free(l->shim);
    free(l);
}

static int local_open(const struct gs_backend_env *env, void **self,
                      struct gs_error *err)
{
    struct gs_local *l = gs_calloc(1, sizeof *l);
    l->env = *env;
    l->attempts_dir = gs_format("%s/attempts", env->run_dir);
    if (!(l->shim = gs_local_find_shim(err)) ||
        gs_dir_make(l->attempts_dir, err) < 0 ||
        !(l->ledger = gs_ledger_open(env->run_dir, err)) ||
        decide_budget(l, err) < 0 || decide_enforcement(l, err) < 0) {
        local_close(l);
        return -1;
    }
    *self = l;
    return 0;
}

static void take(int64_t *from, int64_t bytes)
{
    *from = *from > bytes ? *from - bytes : 0;
}

static int local_capacity(void *self, struct gs_bin *bins, int room,
                          struct gs_error *err)
{
    struct gs_local *l = self;
    struct gs_reserved sum;
    gs_auto_close int held = gs_ledger_lock(l->ledger, err);
    if (held < 0 || gs_ledger_read(l->ledger, &l->machine, &sum, err) < 0)
        return -1;
    if (room < 1)
        return 0;
    memset(bins, 0, sizeof *bins);
    gethostname(bins->name, sizeof bins->name - 1);
    bins->total = bins->free = l->budget;
    take(&bins->free.memory_bytes,
         sum.own_memory_bytes + sum.other_memory_bytes);
    take(&bins->free.disk_bytes, sum.own_disk_bytes + sum.other_disk_bytes);
    bins->free.gpus -= sum.own_gpus + sum.other_gpus;
    if (bins->free.gpus < 0)
        bins->free.gpus = 0;
    bins->free.cpus -= sum.own_cpus + sum.other_cpus;
    if (bins->free.cpus < 0)
        bins->free.cpus = 0;
    return 1;
}

static int64_t local_live_bytes(void *self, const struct gs_attempt_key *key)
{
    const struct gs_local_attempt *a = gs_local_running(self, key);
    return a ? gs_local_attempt_bytes(a) : -1;
}

static void local_forget(void *self, const struct gs_attempt_key *key)
{
    struct gs_local *l = self;
    struct gs_error err;
    if (gs_local_running(l, key))
        return; /* it has not ended */
    gs_auto_free char *dir = gs_local_folder(l, key->task, key->attempt);
    if (gs_dir_remove(dir, &err) < 0)
        gs_warn("%s", err.text);
}

static const char *enforce_text(const struct gs_local *l)
{
    switch (l->enforce) {
    case GS_ENFORCE_CGROUP:
        return l->cgroup->version == 2 ? "cgroup v2" : "cgroup v1";
    case GS_ENFORCE_PSS:
        return "pss";
    default:
        return "none";
    }
}

static char *local_describe(void *self)
{
    struct gs_local *l = self;
    gs_auto_json cJSON *o = cJSON_CreateObject();
    gs_json_add_string(o, "enforce", enforce_text(l));
    gs_json_add_string(o, "why", l->enforce_why);
    gs_json_add_string(o, "cgroup", l->cgroup ? l->cgroup->memory : NULL);
    gs_json_add_string(o, "cpuacct", l->cgroup ? l->cgroup->cpuacct : NULL);
    gs_json_add_string(o, "shim", l->shim);
    gs_json_add_string(o, "ledger", gs_ledger_folder(l->ledger));
    gs_json_add_int(o, "memory_bytes", l->budget.memory_bytes);
    gs_json_add_int(o, "machine_memory_bytes", l->machine.memory_bytes);
    cJSON_AddNumberToObject(o, "cpus", l->budget.cpus);
    gs_json_add_int(o, "gpus", l->budget.gpus);
    return gs_json_print(o);
}

const struct gs_backend gs_backend_local = {
    .name = "local",
    .open = local_open,
    .capacity = local_capacity,
    .start = gs_local_start,
    .poll = gs_local_poll,
    .cancel = gs_local_cancel,
    .find = gs_local_find,
    .live_bytes = local_live_bytes,
    .forget = local_forget,
    .describe = local_describe,
    .close = local_close,
};
