/*
 * store: SQLite in WAL mode with synchronous=FULL, the statements prepared
 * once, and one transaction a round of the loop (group commit).
 *
 * The lock is an flock on `lock`, so that the kernel frees it with the
 * process; the file holds the pid for people. On a file system where WAL
 * cannot work SQLite says so at open and that is a clear error.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/schema.h"

enum {
    BALLAST_BYTES = 128 * 1024,
    BUSY_MS = 5000,
    LOCK_TRIES = 100, /* a reader holds the lock for microseconds */
    LOCK_PAUSE_US = 10000,
    BALLAST_TRY_MS = 1000,
};

enum statement {
    APPEND,
    PUT_TASK,
    PUT_ATTEMPT,
    PUT_SPEC,
    PUT_SECRET,
    WIPE_SECRET,
    SET_META,
    GET_SPEC,
    GET_SECRET,
    N_STATEMENTS,
};

static const char *const statement_sql[N_STATEMENTS] = {
    [APPEND] = "INSERT INTO event(time_ms,task,attempt,kind,body)"
               " VALUES(?,?,?,?,?)",
    [PUT_TASK] = "INSERT OR REPLACE INTO task VALUES"
                 "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [PUT_ATTEMPT] = "INSERT OR REPLACE INTO attempt VALUES"
                    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [PUT_SPEC] = "INSERT OR REPLACE INTO spec VALUES(?,?)",
    [PUT_SECRET] = "INSERT OR REPLACE INTO secret VALUES(?,?)",
    [WIPE_SECRET] = "DELETE FROM secret WHERE task=?",
    [SET_META] = "INSERT OR REPLACE INTO meta VALUES(?,?)",
    [GET_SPEC] = "SELECT body FROM spec WHERE task=?",
    [GET_SECRET] = "SELECT body FROM secret WHERE task=?",
};

struct gs_store {
    sqlite3 *db;
    sqlite3_stmt *st[N_STATEMENTS];
    char *dir;
    char *ballast;
    int lock_fd;
    bool open_txn;
    bool broken; /* this transaction cannot be committed any more */
    struct gs_error why;
    bool full;  /* the ballast is gone */
    bool wiped; /* secrets whose bytes may be in the write-ahead log */
    struct gs_mono ballast_tried;
};

static int take_lock(struct gs_store *s, struct gs_error *err)
{
    gs_auto_free char *path = gs_format("%s/lock", s->dir);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return gs_fail_errno(err, GS_ERR_STATE, "cannot open %s", path);
    int tries = LOCK_TRIES;
    while (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0 && --tries > 0)
        usleep(LOCK_PAUSE_US); /* a reader tries it, or a shim is just born */
    if (tries == 0) {
        char holder[32] = "?";
        ssize_t n = read(s->lock_fd, holder, sizeof holder - 1);
        if (n > 0)
            holder[strcspn(holder, "\n")] = '\0';
        return gs_fail(err, GS_ERR_LOCKED,
                       "run folder %s is held by another genosched (process "
                       "%s); wait for it, end it, or use another run id",
                       s->dir, holder);
    }
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(s->lock_fd, 0) < 0 ||
        pwrite(s->lock_fd, text, (size_t)len, 0) != len)
        gs_warn("cannot note the process id in %s", path);
    return 0;
}

/* Lays the ballast down again if there is room for it. */
static bool lay_ballast(struct gs_store *s)
{
    if (gs_path_exists(s->ballast))
        return true;
    gs_auto_free char *zeros = gs_calloc(1, BALLAST_BYTES);
    return gs_file_write(s->ballast, zeros, BALLAST_BYTES, NULL) == 0;
}

static int open_database(struct gs_store *s, struct gs_error *err)
{
    gs_auto_free char *path = gs_format("%s/run.db", s->dir);
    if (gs_db_open(path, gs_run_schema, GS_RUN_SCHEMA, "FULL", &s->db, err) < 0)
        return -1;
    for (int i = 0; i < N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, statement_sql[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &s->st[i],
                               NULL) != SQLITE_OK)
            return gs_db_fail(s->db, err, GS_ERR_STATE, "cannot prepare");
    return 0;
}

struct gs_store *gs_store_open(const char *dir, struct gs_error *err)
{
    if (gs_dir_make(dir, err) < 0) {
        gs_wrap(err, "the state folder cannot be used (set state_dir or "
                     "GENOSCHED_STATE to a folder you can write)");
        if (err && err->code != GS_ERR_FULL)
            err->code = GS_ERR_STATE;
        return NULL;
    }
    struct gs_store *s = gs_calloc(1, sizeof *s);
    s->lock_fd = -1;
    s->dir = gs_strdup(dir);
    s->ballast = gs_format("%s/ballast", dir);
    if (take_lock(s, err) < 0)
        goto fail;
    /* A database that ended on a full disk opens only with some room. */
    unlink(s->ballast);
    if (open_database(s, err) < 0)
        goto fail;
    s->full = !lay_ballast(s);
    s->wiped = true; /* what a crash has left in the write-ahead log */
    gs_store_scrub(s);
    return s;
fail:
    gs_store_close(s);
    return NULL;
}

void gs_store_close(struct gs_store *s)
{
    if (!s)
        return;
    if (s->db) {
        gs_store_rollback(s);
        if (s->wiped)
            gs_store_scrub(s);
        for (int i = 0; i < N_STATEMENTS; i++)
            sqlite3_finalize(s->st[i]);
        sqlite3_close(s->db);
    }
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->ballast);
    free(s->dir);
    free(s);
}

sqlite3 *gs_store_open_readonly(const char *dir, struct gs_error *err)
{
    gs_auto_free char *path = gs_format("%s/run.db", dir);
    if (!gs_path_exists(path)) {
        gs_fail(err, GS_ERR_NOTFOUND, "no run in %s", dir);
        return NULL;
    }
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        gs_db_fail(db, err, GS_ERR_STATE, "cannot read the run");
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    return db;
}

bool gs_store_is_live(const char *dir)
{
    gs_auto_free char *path = gs_format("%s/lock", dir);
    gs_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* The failure that broke the transaction, for whoever asks later. */
static int failed(const struct gs_store *s, struct gs_error *err)
{
    if (err)
        *err = s->why;
    return -1;
}

static int breaks(struct gs_store *s, struct gs_error *err, const char *what)
{
    s->broken = true;
    gs_db_fail(s->db, &s->why, GS_ERR_STATE, "%s in %s", what, s->dir);
    return failed(s, err);
}

static int begin(struct gs_store *s, struct gs_error *err)
{
    if (s->broken)
        return failed(s, err);
    if (s->open_txn)
        return 0;
    if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return breaks(s, err, "cannot begin to write the run");
    s->open_txn = true;
    return 0;
}

static int step(struct gs_store *s, enum statement which, struct gs_error *err)
{
    int rc = sqlite3_step(s->st[which]);
    int result = rc == SQLITE_DONE ? 0 : breaks(s, err, "cannot write the run");
    sqlite3_reset(s->st[which]);
    sqlite3_clear_bindings(s->st[which]);
    return result;
}

int64_t gs_store_append(struct gs_store *s, const struct gs_store_event *e,
                        struct gs_error *err)
{
    if (begin(s, err) < 0)
        return -1;
    sqlite3_stmt *st = s->st[APPEND];
    sqlite3_bind_int64(st, 1, e->time.ms);
    gs_db_bind_text(st, 2, e->task);
    sqlite3_bind_int(st, 3, e->attempt);
    gs_db_bind_text(st, 4, e->kind);
    gs_db_bind_text(st, 5, e->body ? e->body : "{}");
    return step(s, APPEND, err) < 0 ? -1 : sqlite3_last_insert_rowid(s->db);
}

int gs_store_put_task(struct gs_store *s, const struct gs_store_task *t,
                      struct gs_error *err)
{
    if (begin(s, err) < 0)
        return -1;
    sqlite3_stmt *st = s->st[PUT_TASK];
    gs_db_bind_text(st, 1, t->id);
    gs_db_bind_text(st, 2, t->process);
    gs_db_bind_text(st, 3, t->name);
    gs_db_bind_text(st, 4, t->state);
    gs_db_bind_text(st, 5, t->reason);
    gs_db_bind_text(st, 6, t->message);
    gs_db_bind_text(st, 7, t->chromosome);
    sqlite3_bind_int64(st, 8, t->seq);
    sqlite3_bind_int64(st, 9, t->submitted_ms);
    gs_db_bind_known(st, 10, t->started_ms ? t->started_ms : -1);
    gs_db_bind_known(st, 11, t->ended_ms ? t->ended_ms : -1);
    gs_db_bind_known(st, 12, t->requested_bytes);
    sqlite3_bind_double(st, 13, t->cpus);
    gs_db_bind_text(st, 14, t->waiting);
    return step(s, PUT_TASK, err);
}

int gs_store_put_attempt(struct gs_store *s, const struct gs_store_attempt *a,
                         struct gs_error *err)
{
    if (begin(s, err) < 0)
        return -1;
    sqlite3_stmt *st = s->st[PUT_ATTEMPT];
    const char *texts[] = {a->state,      a->reason, a->message,
                           a->backend_id, a->node,   a->why};
    const int64_t numbers[] = {
        a->exit_code,   a->signal,     a->requested_bytes, a->predicted_bytes,
        a->limit_bytes, a->peak_bytes, a->max_rss_bytes};
    const int64_t times[] = {a->cpu_ms,      a->wall_ms,    a->read_bytes,
                             a->write_bytes, a->started_ms, a->ended_ms};
    int at = 1;
    gs_db_bind_text(st, at++, a->task);
    sqlite3_bind_int(st, at++, a->n);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        gs_db_bind_text(st, at++, texts[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        gs_db_bind_known(st, at++, numbers[i]);
    sqlite3_bind_double(st, at++, a->cpus);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        gs_db_bind_known(st, at++, times[i]);
    return step(s, PUT_ATTEMPT, err);
}

static int put_pair(struct gs_store *s, enum statement which, const char *a,
                    const char *b, struct gs_error *err)
{
    if (begin(s, err) < 0)
        return -1;
    gs_db_bind_text(s->st[which], 1, a);
    if (b)
        gs_db_bind_text(s->st[which], 2, b);
    return step(s, which, err);
}

int gs_store_put_spec(struct gs_store *s, const char *task, const char *spec,
                      const char *secret, struct gs_error *err)
{
    if (put_pair(s, PUT_SPEC, task, spec, err) < 0)
        return -1;
    return secret ? put_pair(s, PUT_SECRET, task, secret, err) : 0;
}

int gs_store_wipe_secret(struct gs_store *s, const char *task,
                         struct gs_error *err)
{
    if (put_pair(s, WIPE_SECRET, task, NULL, err) < 0)
        return -1;
    s->wiped = s->wiped || sqlite3_changes(s->db) > 0;
    return 0;
}

int gs_store_set_meta(struct gs_store *s, const char *key, const char *value,
                      struct gs_error *err)
{
    return put_pair(s, SET_META, key, value, err);
}

static int try_commit(struct gs_store *s)
{
    return sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
}

int gs_store_commit(struct gs_store *s, struct gs_error *err)
{
    if (s->broken)
        return failed(s, err);
    if (!s->open_txn)
        return 0;
    int rc = try_commit(s);
    if (rc != SQLITE_OK && !s->full && !sqlite3_get_autocommit(s->db)) {
        gs_warn("run folder %s: no room to write; giving up the ballast "
                "file so that what runs can be recorded",
                s->dir);
        unlink(s->ballast);
        s->full = true;
        rc = try_commit(s);
    }
    if (rc != SQLITE_OK)
        return breaks(s, err, "cannot write the run");
    s->open_txn = false;
    return 0;
}

bool gs_store_needs_scrub(const struct gs_store *s)
{
    return s->wiped && !s->open_txn;
}

void gs_store_scrub(struct gs_store *s)
{
    int frames = -1;
    if (s->open_txn)
        return;
    sqlite3_busy_timeout(s->db, 0);
    if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                  &frames, NULL) == SQLITE_OK &&
        frames == 0)
        s->wiped = false;
    sqlite3_busy_timeout(s->db, BUSY_MS);
}

void gs_store_rollback(struct gs_store *s)
{
    if (s->open_txn && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->open_txn = false;
    s->broken = false;
    s->why = (struct gs_error){0};
}

bool gs_store_dirty(const struct gs_store *s)
{
    return s->open_txn;
}

bool gs_store_is_full(struct gs_store *s)
{
    struct gs_mono now = gs_mono_now();
    if (!s->full || now.ms < s->ballast_tried.ms + BALLAST_TRY_MS)
        return s->full;
    s->full = !lay_ballast(s);
    s->ballast_tried = now;
    return s->full;
}

static int get_one(struct gs_store *s, enum statement which, const char *task,
                   char **out, struct gs_error *err)
{
    sqlite3_stmt *st = s->st[which];
    *out = NULL;
    gs_db_bind_text(st, 1, task);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = gs_strdup((const char *)sqlite3_column_text(st, 0));
    int result =
        rc == SQLITE_ROW || rc == SQLITE_DONE
            ? 0
            : gs_db_fail(s->db, err, GS_ERR_STATE, "cannot read the run");
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return result;
}

int gs_store_get_spec(struct gs_store *s, const char *task, char **spec,
                      char **secret, struct gs_error *err)
{
    if (get_one(s, GET_SPEC, task, spec, err) < 0)
        return -1;
    if (!*spec)
        return gs_fail(err, GS_ERR_NOTFOUND, "task %s is not in the store",
                       task);
    if (secret && get_one(s, GET_SECRET, task, secret, err) < 0) {
        free(*spec);
        *spec = NULL;
        return -1;
    }
    return 0;
}

int gs_store_replay(struct gs_store *s,
                    int (*call)(void *arg, const struct gs_store_event *event,
                                struct gs_error *err),
                    void *arg, struct gs_error *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->db,
                           "SELECT seq,time_ms,task,attempt,kind,body"
                           " FROM event ORDER BY seq",
                           -1, &st, NULL) != SQLITE_OK)
        return gs_db_fail(s->db, err, GS_ERR_STATE, "cannot read the run");
    int rc, result = 0;
    while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct gs_store_event e = {
            .seq = sqlite3_column_int64(st, 0),
            .time = {sqlite3_column_int64(st, 1)},
            .task = (const char *)sqlite3_column_text(st, 2),
            .attempt = sqlite3_column_int(st, 3),
            .kind = (const char *)sqlite3_column_text(st, 4),
            .body = (const char *)sqlite3_column_text(st, 5),
        };
        result = e.kind && e.body
                     ? call(arg, &e, err)
                     : gs_fail(err, GS_ERR_STATE, "event %lld of %s is damaged",
                               (long long)e.seq, s->dir);
    }
    if (result == 0 && rc != SQLITE_DONE)
        result = gs_db_fail(s->db, err, GS_ERR_STATE, "cannot read the run");
    sqlite3_finalize(st);
    return result;
}
