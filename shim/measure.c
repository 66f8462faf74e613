/*
 * measure: what the attempt used.
 *
 * Peak memory. The kernel's maximum counts page cache, which fills whatever
 * it is given and says little about need. At each look the cache that can be
 * dropped is known; where the kernel's maximum has risen since the last look,
 * (maximum - cache at that look) bounds the peak without cache from above as
 * long as the cache has not shrunk before the maximum was reached. The
 * largest of these and of the live samples is `peak`; the raw maximum is kept
 * as `kernel_peak`.
 *
 * I/O and, without a cgroup counter, CPU: the shim reaps every process below
 * it, and the kernel adds a reaped child's figures to its parent's, so the
 * shim's own totals less its own thread's are the tree's.
 *
 * The series has at most GS_SAMPLES_MAX points, each the maximum of its
 * step; when it is full, neighbours are merged and the step doubles.
 */
#include "shim.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void measure_begin(struct measure *m, const struct spec *spec)
{
    memset(m, 0, sizeof *m);
    m->peak = m->kernel_peak = m->max_rss = m->cpu_ms = -1;
    m->read_bytes = m->write_bytes = m->rchar = m->wchar = -1;
    m->step_ms = spec->sample_ms;
}

static void keep(struct measure *m, int64_t at_ms, int64_t bytes)
{
    while (at_ms / m->step_ms >= GS_SAMPLES_MAX) {
        for (int i = 0; i < m->n; i += 2)
            m->series[i / 2] =
                max64(m->series[i], i + 1 < m->n ? m->series[i + 1] : 0);
        m->n = (m->n + 1) / 2;
        m->step_ms *= 2;
    }
    int slot = (int)(at_ms / m->step_ms);
    while (m->n <= slot) { /* a step without a look keeps the last value */
        m->series[m->n] = m->n ? m->series[m->n - 1] : bytes;
        m->n++;
        if (m->n - 1 == slot)
            m->series[slot] = bytes;
    }
    m->series[slot] = max64(m->series[slot], bytes);
}

static int64_t sample_cgroup(struct measure *m, const struct cgroup *cg)
{
    struct usage u;
    if (cgroup_usage(cg, &u) < 0)
        return -1;
    int64_t live = max64(u.bytes - u.file, 0);
    if (u.peak > m->last_peak)
        m->peak = max64(m->peak, u.peak - m->last_file);
    m->kernel_peak = max64(m->kernel_peak, max64(u.peak, u.bytes));
    m->last_peak = max64(m->last_peak, u.peak);
    m->last_file = u.file;
    m->peak = max64(m->peak, live);
    m->max_rss = max64(m->max_rss, u.anon);
    return live;
}

int64_t measure_sample(struct measure *m, const struct cgroup *cg,
                       int64_t at_ms)
{
    int64_t live;
    if (cg->memory >= 0) {
        live = sample_cgroup(m, cg);
    } else {
        live = tree_pss();
        m->max_rss = max64(m->max_rss, live);
        m->peak = m->max_rss;
    }
    if (live >= 0)
        keep(m, at_ms, live);
    return live;
}

static int64_t cpu_of_children(void)
{
    struct rusage ru;
    if (getrusage(RUSAGE_CHILDREN, &ru) < 0)
        return -1;
    return (int64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
           (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
}

static void io_of_children(struct measure *m)
{
    char all[1024], own[1024];
    if (slurp_at(AT_FDCWD, "/proc/thread-self/io", own, sizeof own) <= 0 ||
        slurp_at(AT_FDCWD, "/proc/self/io", all, sizeof all) <= 0)
        return;
    const struct {
        const char *key;
        int64_t *to;
    } fields[] = {{"read_bytes", &m->read_bytes},
                  {"write_bytes", &m->write_bytes},
                  {"rchar", &m->rchar},
                  {"wchar", &m->wchar}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i].to = max64(
            field_of(all, fields[i].key) - field_of(own, fields[i].key), 0);
    /* The reading of the first file is in the second. */
    m->rchar = max64(m->rchar - (int64_t)strlen(own), 0);
}

void measure_end(struct measure *m, const struct cgroup *cg, int64_t at_ms)
{
    if (cg->memory >= 0) {
        int64_t live = sample_cgroup(m, cg);
        if (m->n == 0 && live >= 0)
            keep(m, at_ms, max64(m->peak, live));
    } else {
        /* The largest single process is a floor under the samples. */
        struct rusage ru;
        if (getrusage(RUSAGE_CHILDREN, &ru) == 0)
            m->max_rss = max64(m->max_rss, (int64_t)ru.ru_maxrss * 1024);
        m->peak = m->max_rss;
    }
    int64_t counted = cgroup_cpu_ms(cg);
    m->cpu_ms = max64(counted, cpu_of_children());
    io_of_children(m);
}
