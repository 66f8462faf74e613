/*
 * task_spec: the Task of PROTOCOL.md as a typed struct.
 */
#ifndef GS_PROTOCOL_TASK_SPEC_H
#define GS_PROTOCOL_TASK_SPEC_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "base/error.h"

enum gs_retry_by {
    GS_RETRY_BY_GENOSCHED,
    GS_RETRY_BY_ENGINE,
};

enum gs_restore {
    GS_RESTORE_WORKDIR,
    GS_RESTORE_NONE,
};

/* Strings are borrowed from the JSON; NULL and -1: absent. */
struct gs_task_spec {
    const char *id, *process, *name, *workdir, *stdout_path, *stderr_path;
    const char *chromosome, *retry_of, *fingerprint;
    const cJSON *command;        /* array of strings, not empty */
    const cJSON *env;            /* object of strings, or NULL */
    const cJSON *inputs;         /* array of {path, bytes?}, or NULL */
    int64_t input_bytes;         /* sum of inputs[].bytes where all are given */
    struct gs_resources request; /* memory_bytes -1: none */
    int64_t memory_max_bytes;
    int64_t time_ms;
    bool memory_in_script;
    double priority;
    enum gs_retry_by retry;
    enum gs_restore restore;
};

/* Checks every field that the protocol names; err->path = the field. Unknown
 * fields are warned of once each. */
int gs_task_spec_parse(const cJSON *task, struct gs_task_spec *out,
                       struct gs_error *err);

/* The command as an argument vector that ends with NULL; only the vector is
 * the caller's to free. */
char **gs_task_spec_argv(const struct gs_task_spec *spec);

/* A digest of a JSON value that does not depend on the order of members:
 * 32 hex digits and NUL. */
void gs_json_digest(const cJSON *json, char out[33]);

/* Warns once for each unknown member of a request. */
void gs_warn_unknown(const cJSON *object, const char *where,
                     const char *const *known);

#endif
