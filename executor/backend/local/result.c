/*
 * result: reads what a shim left. A record is written by our own shim, yet
 * it is read as strictly as anything else: a damaged one is no result.
 */
#include "backend/local/local.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/local/lines.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "spec.h"

enum {
    ENVIRON_ROOM = 4 << 20,
    KILL_ROUNDS = 100,
    KILL_WAIT_MS = 20,
    QUIET_ROUNDS = 3,
};

struct gs_wall gs_local_begun(const char *dir)
{
    gs_auto_free char *path = gs_format("%s/" GS_FILE_BEGUN, dir);
    gs_auto_free char *text = gs_file_read(path, 4096, NULL, NULL);
    struct gs_wall started = {0};
    char *at = text;
    for (struct gs_line line; gs_line_next(&at, &line);)
        if (strcmp(line.key, "started") == 0)
            started.ms = strtoll(line.value, NULL, 10);
    return started;
}

static int parse_record(const cJSON *o, struct gs_outcome *out,
                        struct gs_error *err)
{
    const char *reason = NULL, *message = "", *evidence = "";
    int64_t code = -1, sig = -1;
    *out = (struct gs_outcome){.peak_bytes = -1,
                               .max_rss_bytes = -1,
                               .cpu_ms = -1,
                               .wall_ms = -1,
                               .read_bytes = -1,
                               .write_bytes = -1};
    const struct {
        const char *key;
        int64_t max, *to;
    } fields[] = {
        {"exit_code", 255, &code},
        {"signal", 128, &sig},
        {"peak_bytes", GS_JSON_MAX_INT, &out->peak_bytes},
        {"max_rss_bytes", GS_JSON_MAX_INT, &out->max_rss_bytes},
        {"cpu_ms", GS_JSON_MAX_INT, &out->cpu_ms},
        {"wall_ms", GS_JSON_MAX_INT, &out->wall_ms},
        {"read_bytes", GS_JSON_MAX_INT, &out->read_bytes},
        {"write_bytes", GS_JSON_MAX_INT, &out->write_bytes},
        {"started", GS_JSON_MAX_INT, &out->started.ms},
        {"ended", GS_JSON_MAX_INT, &out->ended.ms},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (gs_json_int(o, fields[i].key, 0, fields[i].max, fields[i].to, err) <
            0)
            return -1;
    if (gs_json_string(o, "reason", 32, &reason, err) < 0 ||
        gs_json_string(o, "evidence", 32, &evidence, err) < 0 ||
        gs_json_string(o, "message", sizeof out->message, &message, err) < 0)
        return -1;
    out->exit_code = (int)code;
    out->signal = (int)sig;
    out->reason = gs_reason_parse(reason);
    out->not_begun = strcmp(evidence, "not begun") == 0;
    snprintf(out->message, sizeof out->message, "%s", message);
    return out->reason == GS_REASON_NONE
               ? gs_fail(err, GS_ERR_INVALID, "no reason in the record")
               : 0;
}

int gs_local_record(const char *dir, struct gs_outcome *outcome)
{
    struct gs_error err;
    size_t len;
    gs_auto_free char *path = gs_format("%s/" GS_FILE_RECORD, dir);
    gs_auto_free char *text =
        gs_file_read(path, GS_RECORD_MAX_BYTES, &len, &err);
    if (!text)
        return err.code == GS_ERR_NOTFOUND ? 0 : -1;
    gs_auto_json cJSON *record = gs_json_parse(text, len, &err);
    struct gs_outcome read;
    if (!record || parse_record(record, &read, &err) < 0) {
        gs_warn("%s cannot be read: %s", path, err.text);
        return -1;
    }
    *outcome = read;
    return 1;
}

static bool environ_has(const char *text, size_t len, const char *variable)
{
    for (const char *p = text; p < text + len; p += strlen(p) + 1)
        if (strcmp(p, variable) == 0)
            return true;
    return false;
}

/* Does the process carry the three variables that name this attempt? */
static bool belongs(const char *pid, char *const names[3])
{
    size_t len;
    gs_auto_free char *path = gs_format("/proc/%s/environ", pid);
    gs_auto_free char *text = gs_file_read(path, ENVIRON_ROOM, &len, NULL);
    for (int i = 0; text && i < 3; i++)
        if (!environ_has(text, len, names[i]))
            return false;
    return text != NULL;
}

/* Without a cgroup the orphans of a killed shim are known by what every task
 * is told in its environment. Returns how many there were. */
static int kill_by_environment(const struct gs_local_attempt *a)
{
    char *names[3] = {
        gs_format("GENOSCHED_RUN_ID=%s", a->local->env.run_id),
        gs_format("GENOSCHED_TASK_ID=%s", a->task),
        gs_format("GENOSCHED_ATTEMPT=%d", a->n),
    };
    int n = 0;
    gs_auto_dir DIR *proc = opendir("/proc");
    for (struct dirent *d; proc && (d = readdir(proc));)
        if (isdigit((unsigned char)d->d_name[0]) && belongs(d->d_name, names)) {
            kill((pid_t)strtol(d->d_name, NULL, 10), SIGKILL);
            n++;
        }
    for (int i = 0; i < 3; i++)
        free(names[i]);
    return n;
}

/* Did it begin since the machine was started? If in doubt, yes. */
static bool same_boot(const char *dir)
{
    gs_auto_free char *path = gs_format("%s/" GS_FILE_BEGUN, dir);
    gs_auto_free char *begun = gs_file_read(path, 4096, NULL, NULL);
    gs_auto_free char *now =
        gs_file_read("/proc/sys/kernel/random/boot_id", 128, NULL, NULL);
    char *at = begun;
    if (now)
        now[strcspn(now, "\n")] = '\0';
    for (struct gs_line line; now && gs_line_next(&at, &line);)
        if (strcmp(line.key, "boot") == 0)
            return strcmp(line.value, now) == 0;
    return true;
}

static void kill_orphans(const struct gs_local_attempt *a)
{
    /* A process in the middle of exec shows no environment for an instant:
     * once quiet is not enough. */
    for (int i = 0, quiet = 0; i < KILL_ROUNDS && quiet < QUIET_ROUNDS; i++) {
        quiet = kill_by_environment(a) > 0 ? 0 : quiet + 1;
        nanosleep(&(struct timespec){0, KILL_WAIT_MS * 1000000L}, NULL);
    }
}

static void clear(const struct gs_local_attempt *a)
{
    if (!a->memory) {
        if (same_boot(a->dir))
            kill_orphans(a);
    } else if (gs_path_exists(a->memory) &&
               !gs_cgroup_clear(a->cgroup, a->memory)) {
        gs_warn("task %s: processes in %s do not end", a->task, a->memory);
    }
}

enum gs_attempt_state gs_local_result(struct gs_local_attempt *a,
                                      struct gs_outcome *outcome)
{
    gs_auto_free char *begun = gs_format("%s/" GS_FILE_BEGUN, a->dir);
    int rc = gs_local_record(a->dir, outcome);
    if (rc == 1)
        return GS_ATTEMPT_ENDED;
    if (rc == 0 && !gs_path_exists(begun))
        return GS_ATTEMPT_ABSENT;
    clear(a);
    memset(outcome, 0, sizeof *outcome);
    outcome->exit_code = outcome->signal = -1;
    outcome->peak_bytes = outcome->max_rss_bytes = outcome->cpu_ms = -1;
    outcome->wall_ms = outcome->read_bytes = outcome->write_bytes = -1;
    outcome->started = gs_local_begun(a->dir);
    outcome->ended = gs_wall_now();
    snprintf(outcome->message, sizeof outcome->message,
             "task %s, attempt %d: its supervisor ended without a result (%s); "
             "the machine was restarted or something killed it; whether the "
             "command came to its end cannot be known",
             a->task, a->n, rc < 0 ? "its record is damaged" : "no record");
    return GS_ATTEMPT_LOST;
}
