/*
 * shim: the parts of genosched-shim. One process, one attempt, no threads,
 * nothing allocated after the command runs except what is fixed here.
 */
#ifndef GS_SHIM_SHIM_H
#define GS_SHIM_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec.h"

enum enforce {
    ENFORCE_NONE,
    ENFORCE_PSS,
    ENFORCE_CGROUP,
};

struct spec {
    const char *name, *dir, *workdir, *out, *err;
    const char *memory, *cpuacct;
    enum enforce enforce;
    int cgroup; /* 0, 1, 2 */
    int64_t limit, time_ms, grace_ms, sample_ms, oom_score;
    char **argv, **envp;
    void *map; /* everything above points into it */
    size_t map_len;
};

/* Reads and closes the spec. Returns NULL or what is wrong with it. */
const char *spec_load(struct spec *spec, int fd);
/* Copies what outlives the launch and unmaps the rest: the environment's
 * values leave the shim's memory. argv and envp are NULL from then on. */
void spec_wipe(struct spec *spec);

/* The attempt's cgroup, seen by the shim. All fds -1 without one. */
struct cgroup {
    int version;
    int memory, cpuacct; /* folders */
    int64_t oom_base;    /* kills counted before the command ran */
};

struct usage {
    int64_t bytes; /* everything charged */
    int64_t file;  /* page cache that can be dropped */
    int64_t anon;  /* anonymous and shared memory */
    int64_t peak;  /* the kernel's own maximum of `bytes`, -1 if none */
};

int cgroup_open(struct cgroup *cg, const struct spec *spec);
/* For the child, before it runs the command. */
int cgroup_join(const struct cgroup *cg);
int cgroup_usage(const struct cgroup *cg, struct usage *usage);
int64_t cgroup_cpu_ms(const struct cgroup *cg);
/* Processes that an OOM killer ended since cgroup_open. */
int64_t cgroup_oom_kills(const struct cgroup *cg);
/* A descriptor to poll for OOM (events: *events), or -1. */
int cgroup_watch_oom(const struct cgroup *cg, short *events);
void cgroup_members(const struct cgroup *cg, void (*call)(pid_t pid));
/* All at once, where the kernel can. */
void cgroup_kill(const struct cgroup *cg);
bool cgroup_empty(const struct cgroup *cg);
void cgroup_remove(const struct spec *spec);

/* The attempt's processes: those below the shim, which is the reaper of all
 * orphans, and the members of the cgroup. Each is told once, parents before
 * their children. */
void tree_signal(const struct cgroup *cg, int sig);
/* Sum over the tree: resident sets, or proportional sets (dearer). */
int64_t tree_rss(void);
int64_t tree_pss(void);

/* What was used. -1: not known. */
struct measure {
    int64_t peak, kernel_peak, max_rss, cpu_ms;
    int64_t read_bytes, write_bytes, rchar, wchar;
    int64_t last_file, last_peak;
    int64_t step_ms;
    int n;
    int64_t series[GS_SAMPLES_MAX];
};

void measure_begin(struct measure *m, const struct spec *spec);
/* One look at the memory, `at_ms` after the start. Returns the live bytes. */
int64_t measure_sample(struct measure *m, const struct cgroup *cg,
                       int64_t at_ms);
/* When nothing of the tree is left and every child is reaped. */
void measure_end(struct measure *m, const struct cgroup *cg, int64_t at_ms);

/* Evidence of a Java heap that was too small in the tail of the logs. */
bool evidence_java_oom(const struct spec *spec, int64_t started_ms);

struct outcome {
    const char *reason;
    int exit_code, signal; /* -1: unknown */
    int64_t started_ms, ended_ms, wall_ms, oom_kills;
    /* for oom: kernel, pss, java, evicted; for infrastructure: not begun */
    const char *evidence;
    char message[512];
};

/* Opens record.tmp and reserves its room. Returns its fd or -1. */
int record_reserve(int dir_fd);
/* Writes until it is durable; waits for room if the disk is full. */
void record_write(int dir_fd, int fd, const struct outcome *o,
                  const struct measure *m);

/* Where a launch failed. */
struct launch_error {
    int stage;
    int error;
};
enum {
    STAGE_NONE,
    STAGE_FORK,
    STAGE_CGROUP,
    STAGE_WORKDIR,
    STAGE_STDOUT,
    STAGE_STDERR,
    STAGE_EXEC,
    STAGE_BEGUN,
};

/* A child that has set itself up and waits for the word to run. */
struct launch {
    pid_t pid;
    int go;     /* write end: the word */
    int report; /* read end: launch_error, or closed by exec */
};

/* Returns 0, or -1 with errno. The child reports {STAGE_NONE} when it is
 * ready, and again only if it could not run the command. */
int launch_start(struct launch *l, const struct spec *spec,
                 const struct cgroup *cg);
void launch_release(struct launch *l);
/* The failure in words: what, which, why, what to do. */
void launch_explain(const struct spec *spec, const struct launch_error *e,
                    char *out, size_t room);

/* Blocks what is handled, ignores what is not meant for the shim; returns
 * the signalfd. Called before the pid is told to anybody. */
int supervise_signals(void);
/* Runs the attempt whose spec was read; fills *o and *m. */
void supervise(struct spec *spec, struct cgroup *cg, int dir_fd, int signal_fd,
               struct outcome *o, struct measure *m);

/* Small helpers (util.c). */
int64_t mono_ms(void);
int64_t wall_ms(void);
/* A small file below a folder fd, NUL put behind; -1 or its length. */
ssize_t slurp_at(int at, const char *path, char *out, size_t room);
int write_at(int at, const char *path, const char *text);
/* Number behind "key " at the start of a line; -1 if it is not there. */
int64_t field_of(const char *text, const char *key);
/* Field 22 of /proc/self/stat. */
int64_t own_start_time(void);

#endif
