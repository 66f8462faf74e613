/*
 * local: the backend for this machine, its parts.
 *
 * An attempt is a folder <run_dir>/attempts/<name>/ and, while it lives, one
 * genosched-shim that holds the folder's `lock` (shim/spec.h names the
 * files). genosched keeps nothing about an attempt that it could not read
 * from there again: `find` after a crash and `start` before it end in the
 * same struct.
 */
#ifndef GS_LOCAL_LOCAL_H
#define GS_LOCAL_LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "backend/local/cgroup.h"
#include "backend/local/ledger.h"
#include "backend/local/machine.h"

enum gs_enforce {
    GS_ENFORCE_NONE,
    GS_ENFORCE_PSS,
    GS_ENFORCE_CGROUP,
};

struct gs_local_attempt {
    struct gs_local *local;
    struct gs_local_attempt *next;
    char *task;
    int n;
    char *dir;
    pid_t pid; /* of the shim, 0: not known yet */
    int pidfd; /* -1: not known yet, or the kernel has none */
    bool child;
    bool pooled;
    bool stopping;
    bool first_to_go; /* carries the youngest's oom_score_adj */
    int64_t grant_bytes;
    int cgroup;             /* version, 0: none */
    char *memory, *cpuacct; /* cgroup folders */
    char *ledger;           /* our entry */
    struct gs_wall started;
    struct gs_watch *watch;
    struct gs_timer *timer;
};

struct gs_local {
    struct gs_backend_env env;
    char *attempts_dir;
    char *shim; /* path of genosched-shim */
    struct gs_machine machine;
    struct gs_resources budget;
    struct gs_ledger *ledger;
    enum gs_enforce enforce;
    char *enforce_why; /* for doctor: why not better */
    struct gs_cgroup *cgroup;
    struct gs_local_attempt *running; /* youngest first */
    struct gs_timer *evict_timer;
};

/* attempt.c */
struct gs_local_attempt *gs_local_attempt_create(struct gs_local *local,
                                                 const char *task, int n);
void gs_local_attempt_destroy(struct gs_local_attempt *a);
struct gs_local_attempt *gs_local_running(struct gs_local *local,
                                          const struct gs_attempt_key *key);
/* The attempt's folder; the caller frees. */
char *gs_local_folder(const struct gs_local *local, const char *task, int n);
/* Fills what the attempt's `lock` file says. false: no such file. */
bool gs_local_read_plan(struct gs_local_attempt *a);

/* start.c */
int gs_local_start(void *self, const struct gs_launch *launch, int bin,
                   char *backend_id, size_t room, struct gs_error *err);

/* follow.c: until its end */
void gs_local_follow(struct gs_local_attempt *a);
void gs_local_unfollow(struct gs_local_attempt *a);
int gs_local_poll(void *self, struct gs_error *err);
int gs_local_cancel(void *self, const struct gs_attempt_key *key,
                    enum gs_reason why, struct gs_error *err);
int gs_local_stop(struct gs_local_attempt *a, enum gs_reason why,
                  struct gs_error *err);

/* find.c */
int gs_local_find(void *self, const struct gs_attempt_key *key,
                  struct gs_found *found, struct gs_error *err);
/* Is the lock of the folder held? -1: there is none. */
int gs_local_lock_held(const char *dir);

/* result.c: what a folder says of an attempt whose shim is gone; kills what
 * is left of it. ABSENT: the command was never released. */
enum gs_attempt_state gs_local_result(struct gs_local_attempt *a,
                                      struct gs_outcome *outcome);
/* Reads record.json. 1: read, 0: there is none, -1: it is damaged. */
int gs_local_record(const char *dir, struct gs_outcome *outcome);
struct gs_wall gs_local_begun(const char *dir);

/* usage.c */
int64_t gs_local_attempt_bytes(const struct gs_local_attempt *a);

/* evict.c: keeps pooled attempts below the run's budget. */
void gs_local_watch_pool(struct gs_local *local);
/* The kernel's choice, should it come to that, is the youngest too. */
int gs_local_oom_score(const struct gs_local_attempt *a, bool youngest);
void gs_local_rank_pool(struct gs_local *local);

/* shim_find.c: the path of a genosched-shim of our version. */
char *gs_local_find_shim(struct gs_error *err);

/* reexec.c: for `serve`, early: where only a systemd scope of its own lets
 * this user divide memory, start again inside one. Returns if that is not
 * needed or not possible. */
void gs_local_reexec(char **argv);

#endif
