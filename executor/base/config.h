/*
 * config: the one option table and its loaded values.
 *
 * One static table names every key: type, unit, default, help. The loader,
 * `config show|check|schema`, the manual and "did you mean" all read it.
 * Values come from the defaults, the file (genosched.yaml), and on top
 * `initialize.config`; each remembers where it came from.
 */
#ifndef GS_BASE_CONFIG_H
#define GS_BASE_CONFIG_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct gs_config;

enum gs_option_type {
    GS_OPTION_BOOL,
    GS_OPTION_INT,      /* plain whole number */
    GS_OPTION_NUMBER,   /* double */
    GS_OPTION_SIZE,     /* bytes; "20 GiB", "500 MB", 1073741824 */
    GS_OPTION_DURATION, /* ms; "30 min", "250 ms", "2 h", 250 */
    GS_OPTION_STRING,
    GS_OPTION_CHOICE, /* one of `choices` */
    GS_OPTION_PATH,   /* ~ and $NAME at its start are expanded; a relative one
                         starts at the file's folder; absolute when read */
};

struct gs_option {
    const char *key; /* dotted: "predict.java_heap" */
    enum gs_option_type type;
    const char *fallback; /* default as written in a file, NULL: unset */
    double min, max;      /* numbers, sizes and durations; max 0: no bound */
    const char *const *choices; /* NULL-terminated, for CHOICE */
    const char *help;           /* one or two sentences */
};

/* The table; *n gets its length. */
const struct gs_option *gs_config_options(size_t *n);

/* Defaults only. */
struct gs_config *gs_config_create(void);
void gs_config_destroy(struct gs_config *config);

/* Lays the YAML file over what is there. Errors: GS_ERR_CONFIG with path =
 * file, line and column, "did you mean" for unknown keys. Limits: 1 MiB,
 * depth 8, no anchors, aliases or tags; duplicate keys are errors. */
int gs_config_load(struct gs_config *config, const char *path,
                   struct gs_error *err);

/* Looks for --config (explicit, may be NULL), $GENOSCHED_CONFIG,
 * ./genosched.yaml, $XDG_CONFIG_HOME/genosched/genosched.yaml in this order
 * and loads the first; none is fine unless explicit was given. */
int gs_config_find_and_load(struct gs_config *config, const char *explicit_path,
                            struct gs_error *err);

/* Lays an object of the same keys (nested or dotted) over it. Errors:
 * GS_ERR_CONFIG, path = the key. On failure nothing has changed. */
int gs_config_merge(struct gs_config *config, const cJSON *object,
                    const char *origin, struct gs_error *err);

/* Typed values; asking for a key that the table lacks, or with the wrong
 * type, is a bug of ours and ends the process with 70. Strings are borrowed,
 * NULL if unset; numbers, sizes and durations are -1 if unset. _int also
 * reads sizes and durations, _number also whole numbers. */
bool gs_config_bool(const struct gs_config *config, const char *key);
int64_t gs_config_int(const struct gs_config *config, const char *key);
double gs_config_number(const struct gs_config *config, const char *key);
int64_t gs_config_size(const struct gs_config *config, const char *key);
int64_t gs_config_duration(const struct gs_config *config, const char *key);
const char *gs_config_string(const struct gs_config *config, const char *key);

/* "default", "genosched.yaml:3:5", "initialize.config", … Borrowed. */
const char *gs_config_origin(const struct gs_config *config, const char *key);
/* The value as written, NULL if unset. Borrowed. */
const char *gs_config_text(const struct gs_config *config, const char *key);

/* The file that was loaded, NULL if none was. Borrowed. */
const char *gs_config_file(const struct gs_config *config);

/* "20 GiB" → bytes; "30 min" → ms. */
int gs_parse_size(const char *text, int64_t *bytes, struct gs_error *err);
int gs_parse_duration(const char *text, int64_t *ms, struct gs_error *err);
/* 1503238553 → "1.4 GiB"; the buffer is the caller's. Returns it. */
char *gs_print_size(int64_t bytes, char *out, size_t room);

#endif
