/*
 * doctor: the checks, shared by the files of the verb.
 */
#ifndef GS_CLI_DOCTOR_H
#define GS_CLI_DOCTOR_H

#include <cjson/cJSON.h>

#include "base/config.h"

enum gs_verdict_level {
    GS_CHECK_OK,
    GS_CHECK_WARN,
    GS_CHECK_FAIL,
};

struct gs_doctor {
    cJSON *checks;
    int count[3];
    struct gs_config *config;
    cJSON *described; /* what the backend says of itself, or NULL */
};

/* Adds one line; the remedy is kept only if it is not ok. */
void gs_check(struct gs_doctor *doctor, enum gs_verdict_level level,
              const char *name, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

void gs_doctor_state(struct gs_doctor *doctor);
void gs_doctor_shim(struct gs_doctor *doctor);
void gs_doctor_backend(struct gs_doctor *doctor);
void gs_doctor_clock(struct gs_doctor *doctor);

/* "curl 7.88.1, cjson …". Borrowed. */
const char *gs_cli_libraries(void);

#endif
