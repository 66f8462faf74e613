/*
 * task_spec: from JSON to the typed Task; nothing behind this file looks at
 * a Task's JSON but to hand it through.
 */
#include "protocol/task_spec.h"

#include <htslib/hts.h>
#include <htslib/khash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    MAX_ID = 128,
    MAX_NAME = 1024,
    MAX_PATH = 4096,
    MAX_ITEMS = 100000,
    MAX_WARNED = 256,
};

static const char *const known_fields[] = {
    "id",         "process",  "name",
    "command",    "workdir",  "env",
    "stdout",     "stderr",   "container",
    "cpus",       "priority", "memory_bytes",
    "disk_bytes", "time_ms",  "memory_max_bytes",
    "gpus",       "gpu_type", "memory_in_script",
    "arch",       "inputs",   "machine_type",
    "spot",       "features", "chromosome",
    "labels",     "attempt",  "retry",
    "retry_of",   "restore",  "fingerprint",
    NULL};

KHASH_SET_INIT_STR(warned)

void gs_warn_unknown(const cJSON *object, const char *where,
                     const char *const *known)
{
    static khash_t(warned) * seen;
    if (!seen)
        seen = kh_init(warned);
    for (const cJSON *c = object->child; c; c = c->next) {
        const char *const *k = known;
        while (*k && strcmp(*k, c->string) != 0)
            k++;
        if (*k || kh_size(seen) >= MAX_WARNED)
            continue;
        char *name = gs_format("%s.%.100s", where, c->string);
        int absent;
        kh_put(warned, seen, name, &absent);
        if (absent)
            gs_warn("unknown field %s is ignored", name);
        else
            free(name);
    }
}

static int required(const cJSON *task, const char *key, size_t max,
                    const char **out, struct gs_error *err)
{
    int rc = gs_json_string(task, key, max, out, err);
    if (rc < 0)
        return -1;
    if (rc == 0 || !**out)
        return gs_fail_at(err, GS_ERR_INVALID, key, "is missing or empty");
    return 0;
}

static int choice(const cJSON *task, const char *key, const char *const *names,
                  int *out, struct gs_error *err)
{
    const char *text = NULL;
    int rc = gs_json_string(task, key, MAX_NAME, &text, err);
    if (rc <= 0)
        return rc;
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return 1;
        }
    }
    return gs_fail_at(err, GS_ERR_INVALID, key, "cannot be '%.64s'", text);
}

static int check_members(const cJSON *list, const char *key, bool strings,
                         struct gs_error *err)
{
    int n = 0;
    for (const cJSON *c = list->child; c; c = c->next) {
        if (++n > MAX_ITEMS)
            return gs_fail_at(err, GS_ERR_LIMIT, key, "more than %d entries",
                              MAX_ITEMS);
        if (strings ? !cJSON_IsString(c) : !cJSON_IsNumber(c))
            return gs_fail_at(err, GS_ERR_INVALID, key,
                              "every entry must be a %s",
                              strings ? "string" : "number");
    }
    return 0;
}

/* A member that must be an object of strings (or numbers), if present. */
static int map(const cJSON *task, const char *key, bool strings,
               const cJSON **out, struct gs_error *err)
{
    const cJSON *v = gs_json_get(task, key);
    if (!v || cJSON_IsNull(v))
        return 0;
    if (!cJSON_IsObject(v))
        return gs_fail_at(err, GS_ERR_INVALID, key, "must be an object");
    if (out)
        *out = v;
    return check_members(v, key, strings, err);
}

static int parse_command(const cJSON *task, struct gs_task_spec *s,
                         struct gs_error *err)
{
    const cJSON *v = gs_json_get(task, "command");
    if (!cJSON_IsArray(v) || !v->child)
        return gs_fail_at(err, GS_ERR_INVALID, "command",
                          "must be a list of strings with the program first");
    if (check_members(v, "command", true, err) < 0)
        return -1;
    if (!*v->child->valuestring)
        return gs_fail_at(err, GS_ERR_INVALID, "command",
                          "the program's name is empty");
    s->command = v;
    return 0;
}

static int parse_env(const cJSON *task, struct gs_task_spec *s,
                     struct gs_error *err)
{
    if (map(task, "env", true, &s->env, err) < 0)
        return -1;
    for (const cJSON *c = s->env ? s->env->child : NULL; c; c = c->next)
        if (!*c->string || strchr(c->string, '='))
            return gs_fail_at(err, GS_ERR_INVALID, "env",
                              "'%.64s' cannot be a variable's name", c->string);
    return 0;
}

/* Names the list or object that the field at fault is in. */
static int inside(struct gs_error *err, const char *of)
{
    char field[64];
    if (!err)
        return -1;
    snprintf(field, sizeof field, "%.63s", err->path);
    snprintf(err->path, sizeof err->path, "%s.%s", of, field);
    return -1;
}

static int parse_inputs(const cJSON *task, struct gs_task_spec *s,
                        struct gs_error *err)
{
    const cJSON *v = gs_json_get(task, "inputs");
    s->input_bytes = -1;
    if (!v || cJSON_IsNull(v))
        return 0;
    if (!cJSON_IsArray(v))
        return gs_fail_at(err, GS_ERR_INVALID, "inputs", "must be a list");
    int64_t sum = 0;
    bool all = true;
    int n = 0;
    for (const cJSON *c = v->child; c; c = c->next) {
        const char *path = NULL;
        int64_t bytes = 0;
        if (!cJSON_IsObject(c) || ++n > MAX_ITEMS)
            return gs_fail_at(err, GS_ERR_INVALID, "inputs",
                              "every entry must be {path, bytes?}, at most %d",
                              MAX_ITEMS);
        int rc = gs_json_int(c, "bytes", 0, GS_JSON_MAX_INT, &bytes, err);
        if (rc < 0 || required(c, "path", MAX_PATH, &path, err) < 0)
            return inside(err, "inputs");
        all = all && rc == 1;
        sum += bytes;
    }
    s->inputs = v;
    if (all && n)
        s->input_bytes = sum;
    return 0;
}

static int parse_resources(const cJSON *task, struct gs_task_spec *s,
                           struct gs_error *err)
{
    int64_t gpus = 0;
    s->request = (struct gs_resources){-1, 1, 0, 0};
    s->memory_max_bytes = -1;
    if (gs_json_number(task, "cpus", 1e-3, 1e5, &s->request.cpus, err) < 0 ||
        gs_json_int(task, "memory_bytes", 1, GS_JSON_MAX_INT,
                    &s->request.memory_bytes, err) < 0 ||
        gs_json_int(task, "memory_max_bytes", 1, GS_JSON_MAX_INT,
                    &s->memory_max_bytes, err) < 0 ||
        gs_json_int(task, "disk_bytes", 0, GS_JSON_MAX_INT,
                    &s->request.disk_bytes, err) < 0 ||
        gs_json_int(task, "time_ms", 1, GS_JSON_MAX_INT, &s->time_ms, err) <
            0 ||
        gs_json_int(task, "gpus", 0, 1024, &gpus, err) < 0)
        return -1;
    s->request.gpus = (int)gpus;
    return 0;
}

static int parse_choices(const cJSON *task, struct gs_task_spec *s,
                         struct gs_error *err)
{
    static const char *const retry_names[] = {"genosched", "engine", NULL};
    static const char *const restore_names[] = {"workdir", "none", NULL};
    static const char *const spot_names[] = {"prefer", "only", "never", NULL};
    int retry = GS_RETRY_BY_GENOSCHED, restore = GS_RESTORE_WORKDIR, spot = 0;
    if (choice(task, "retry", retry_names, &retry, err) < 0 ||
        choice(task, "restore", restore_names, &restore, err) < 0 ||
        choice(task, "spot", spot_names, &spot, err) < 0)
        return -1;
    s->retry = (enum gs_retry_by)retry;
    s->restore = (enum gs_restore)restore;
    return 0;
}

static int parse_strings(const cJSON *task, struct gs_task_spec *s,
                         struct gs_error *err)
{
    const char *unused = NULL;
    if (required(task, "id", MAX_ID, &s->id, err) < 0 ||
        required(task, "process", MAX_NAME, &s->process, err) < 0 ||
        required(task, "workdir", MAX_PATH, &s->workdir, err) < 0)
        return -1;
    if (s->workdir[0] != '/')
        return gs_fail_at(err, GS_ERR_INVALID, "workdir",
                          "must be an absolute path, not '%.200s'", s->workdir);
    if (gs_json_string(task, "name", MAX_NAME, &s->name, err) < 0 ||
        gs_json_string(task, "stdout", MAX_PATH, &s->stdout_path, err) < 0 ||
        gs_json_string(task, "stderr", MAX_PATH, &s->stderr_path, err) < 0 ||
        gs_json_string(task, "chromosome", MAX_NAME, &s->chromosome, err) < 0 ||
        gs_json_string(task, "retry_of", MAX_ID, &s->retry_of, err) < 0 ||
        gs_json_string(task, "fingerprint", MAX_NAME, &s->fingerprint, err) <
            0 ||
        gs_json_string(task, "gpu_type", MAX_NAME, &unused, err) < 0 ||
        gs_json_string(task, "arch", MAX_NAME, &unused, err) < 0 ||
        gs_json_string(task, "machine_type", MAX_NAME, &unused, err) < 0)
        return -1;
    return 0;
}

static int parse_rest(const cJSON *task, struct gs_task_spec *s,
                      struct gs_error *err)
{
    const cJSON *container = gs_json_get(task, "container");
    const char *image = NULL;
    int64_t attempt = 1;
    if (container && !cJSON_IsNull(container) &&
        (!cJSON_IsObject(container) ||
         required(container, "image", MAX_NAME, &image, err) < 0))
        return gs_fail_at(err, GS_ERR_INVALID, "container",
                          "must be an object with an image");
    if (map(task, "features", false, NULL, err) < 0 ||
        map(task, "labels", true, NULL, err) < 0 ||
        gs_json_bool(task, "memory_in_script", &s->memory_in_script, err) < 0 ||
        gs_json_number(task, "priority", -1e12, 1e12, &s->priority, err) < 0 ||
        gs_json_int(task, "attempt", 1, 1000000, &attempt, err) < 0)
        return -1;
    return 0;
}

int gs_task_spec_parse(const cJSON *task, struct gs_task_spec *out,
                       struct gs_error *err)
{
    struct gs_task_spec s = {0};
    if (!cJSON_IsObject(task))
        return gs_fail_at(err, GS_ERR_INVALID, "tasks",
                          "every entry must be an object");
    if (parse_strings(task, &s, err) < 0 || parse_command(task, &s, err) < 0 ||
        parse_env(task, &s, err) < 0 || parse_inputs(task, &s, err) < 0 ||
        parse_resources(task, &s, err) < 0 ||
        parse_choices(task, &s, err) < 0 || parse_rest(task, &s, err) < 0)
        return -1;
    gs_warn_unknown(task, "task", known_fields);
    if (!s.stdout_path)
        s.stdout_path = ".genosched.out";
    if (!s.stderr_path)
        s.stderr_path = ".genosched.err";
    *out = s;
    return 0;
}

char **gs_task_spec_argv(const struct gs_task_spec *spec)
{
    int n = cJSON_GetArraySize(spec->command);
    char **argv = gs_calloc((size_t)n + 1, sizeof *argv);
    int i = 0;
    for (const cJSON *c = spec->command->child; c; c = c->next)
        argv[i++] = c->valuestring;
    return argv;
}

static int by_key(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
    return strcmp(x->string, y->string);
}

static void feed(hts_md5_context *md5, const char *text)
{
    hts_md5_update(md5, text, strlen(text) + 1);
}

static void digest_value(hts_md5_context *md5, const cJSON *json)
{
    char number[40];
    if (json->string)
        feed(md5, json->string);
    if (cJSON_IsString(json)) {
        feed(md5, "s");
        feed(md5, json->valuestring);
    } else if (cJSON_IsNumber(json)) {
        snprintf(number, sizeof number, "n%.17g", json->valuedouble);
        feed(md5, number);
    } else if (cJSON_IsObject(json)) {
        size_t n = (size_t)cJSON_GetArraySize(json), i = 0;
        gs_auto_free const cJSON **members = gs_calloc(n, sizeof *members);
        for (const cJSON *c = json->child; c; c = c->next)
            members[i++] = c;
        qsort(members, n, sizeof *members, by_key);
        feed(md5, "{");
        for (i = 0; i < n; i++)
            digest_value(md5, members[i]);
        feed(md5, "}");
    } else if (cJSON_IsArray(json)) {
        feed(md5, "[");
        for (const cJSON *c = json->child; c; c = c->next)
            digest_value(md5, c);
        feed(md5, "]");
    } else {
        feed(md5, cJSON_IsTrue(json) ? "t" : cJSON_IsFalse(json) ? "f" : "0");
    }
}

void gs_json_digest(const cJSON *json, char out[33])
{
    unsigned char raw[16];
    hts_md5_context *md5 = hts_md5_init();
    if (!md5)
        gs_malloc((size_t)-1);
    digest_value(md5, json);
    hts_md5_final(raw, md5);
    hts_md5_hex(out, raw);
    hts_md5_destroy(md5);
}
