/*
 * spec_write: see the header. The environment is that of genosched, the
 * task's own variables laid over it, and on top what genosched tells every
 * task. No value is ever formatted into a message.
 */
#include "backend/local/spec_write.h"

#include <htslib/kstring.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "spec.h"

enum {
    MAX_TOLD = 12,
    MIB = 1 << 20,
};

struct told {
    int n;
    struct {
        const char *name;
        char *value;
    } var[MAX_TOLD];
};

static void put(kstring_t *s, const char *key, const char *value)
{
    kputs(key, s);
    kputc('=', s);
    kputsn(value, (int)strlen(value) + 1, s); /* with the NUL */
}

static void put_int(kstring_t *s, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    put(s, key, text);
}

static void put_env(kstring_t *s, const char *name, size_t len,
                    const char *value)
{
    kputs("env=", s);
    kputsn(name, (int)len, s);
    kputc('=', s);
    kputsn(value, (int)strlen(value) + 1, s);
}

/* Takes ownership of value. */
static void tell(struct told *t, const char *name, char *value)
{
    t->var[t->n].name = name;
    t->var[t->n++].value = value;
}

static bool in_task(const struct gs_launch *l, const char *name, size_t len)
{
    for (size_t i = 0; i < l->n_env; i++)
        if (strlen(l->env[i].name) == len &&
            memcmp(l->env[i].name, name, len) == 0)
            return true;
    return false;
}

static bool in_told(const struct told *t, const char *name, size_t len)
{
    for (int i = 0; i < t->n; i++)
        if (strlen(t->var[i].name) == len &&
            memcmp(t->var[i].name, name, len) == 0)
            return true;
    return false;
}

static void tell_java(struct told *t, const struct gs_launch *l)
{
    int64_t mib = (int64_t)(l->java_heap * (double)l->grant.memory_bytes) / MIB;
    if (l->java_heap <= 0 || mib < 2 || getenv("_JAVA_OPTIONS") ||
        in_task(l, "_JAVA_OPTIONS", strlen("_JAVA_OPTIONS")))
        return;
    tell(t, "_JAVA_OPTIONS", gs_format("-Xmx%" PRId64 "m", mib));
}

static void gather(struct told *t, const struct gs_local_attempt *a,
                   const struct gs_launch *l, const char *gpus)
{
    if (l->grant.memory_bytes > 0) {
        tell(t, "GENOSCHED_MEMORY_MB",
             gs_format("%" PRId64, l->grant.memory_bytes / 1000000));
        tell(t, "GENOSCHED_MEMORY_BYTES",
             gs_format("%" PRId64, l->grant.memory_bytes));
    }
    tell(t, "GENOSCHED_CPUS", gs_format("%g", l->grant.cpus));
    tell(t, "GENOSCHED_ATTEMPT", gs_format("%d", l->key.attempt));
    tell(t, "GENOSCHED_TASK_ID", gs_strdup(l->key.task));
    tell(t, "GENOSCHED_RUN_ID", gs_strdup(l->key.run));
    if (a->memory)
        tell(t, "GENOSCHED_CGROUP_PROCS",
             gs_cgroup_procs(a->memory, a->cpuacct));
    if (gpus)
        tell(t, "CUDA_VISIBLE_DEVICES", gs_strdup(gpus));
    tell_java(t, l);
}

static void put_environment(kstring_t *s, const struct gs_local_attempt *a,
                            const struct gs_launch *l, const char *gpus)
{
    struct told told = {0};
    gather(&told, a, l, gpus);
    for (char **e = environ; e && *e; e++) {
        size_t len = strcspn(*e, "=");
        if ((*e)[len] == '=' && !in_task(l, *e, len) &&
            !in_told(&told, *e, len))
            put_env(s, *e, len, *e + len + 1);
    }
    for (size_t i = 0; i < l->n_env; i++)
        if (!in_told(&told, l->env[i].name, strlen(l->env[i].name)))
            put_env(s, l->env[i].name, strlen(l->env[i].name), l->env[i].value);
    for (int i = 0; i < told.n; i++) {
        put_env(s, told.var[i].name, strlen(told.var[i].name),
                told.var[i].value);
        free(told.var[i].value);
    }
}

static void put_enforcement(kstring_t *s, const struct gs_local_attempt *a,
                            const struct gs_launch *l)
{
    static const char *const names[] = {[GS_ENFORCE_NONE] = "none",
                                        [GS_ENFORCE_PSS] = "pss",
                                        [GS_ENFORCE_CGROUP] = "cgroup"};
    put(s, "enforce", names[a->local->enforce]);
    put_int(s, "oom_score", gs_local_oom_score(a, true));
    put_int(s, "limit", l->pooled ? 0 : l->grant.memory_bytes);
    if (a->memory) {
        put_int(s, "cgroup", a->cgroup);
        put(s, "memory", a->memory);
    }
    if (a->cpuacct)
        put(s, "cpuacct", a->cpuacct);
}

static int write_all(int fd, const char *data, size_t len)
{
    for (ssize_t n; len; data += n, len -= (size_t)n)
        if ((n = write(fd, data, len)) <= 0)
            return -1;
    return 0;
}

int gs_spec_write(const struct gs_local_attempt *a,
                  const struct gs_launch *launch, const char *gpus,
                  struct gs_error *err)
{
    kstring_t s = KS_INITIALIZE;
    gs_auto_free char *name =
        gs_format("%s/%d", launch->key.task, launch->key.attempt);
    kputsn(GS_SPEC_MAGIC, sizeof GS_SPEC_MAGIC, &s);
    put(&s, "name", name);
    put(&s, "dir", a->dir);
    put(&s, "workdir", launch->workdir);
    put(&s, "stdout", launch->stdout_path);
    put(&s, "stderr", launch->stderr_path);
    put_enforcement(&s, a, launch);
    put_int(&s, "time_ms", launch->time_ms > 0 ? launch->time_ms : 0);
    put_int(&s, "grace_ms", GS_GRACE_MS);
    put_int(&s, "sample_ms", launch->sample_ms > 0 ? launch->sample_ms : 1000);
    for (char *const *arg = launch->argv; *arg; arg++)
        put(&s, "arg", *arg);
    put_environment(&s, a, launch, gpus);
    put(&s, "end", "1");
    int fd = memfd_create("genosched-spec", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, s.s, s.l) < 0) {
        gs_fail_errno(err, GS_ERR_SYSTEM, "cannot write the spec of %s", name);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    memset(s.s, 0, s.l);
    ks_free(&s);
    return fd;
}
