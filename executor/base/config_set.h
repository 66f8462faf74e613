/*
 * config_set: how a value gets into a configuration. For config.c,
 * config_yaml.c and config_json.c only.
 */
#ifndef GS_BASE_CONFIG_SET_H
#define GS_BASE_CONFIG_SET_H

#include "base/config.h"

struct gs_config_value {
    char *text;   /* as written, NULL: unset */
    char *origin; /* never NULL */
    char *string; /* CHOICE, STRING: as text; PATH: expanded */
    int64_t integer;
    double number;
    bool boolean;
};

struct gs_config {
    struct gs_config_value *values; /* parallel to the option table */
    size_t n;
    char *file; /* the file that was loaded, NULL: none */
};

/* -1 if there is no such key. */
int gs_config_index(const char *key);

/* Checks `text` against the option and keeps it; NULL goes back to the
 * default. `base_dir` is what a relative path starts from, NULL: the current
 * directory. On failure the text says why, without the key. */
int gs_config_set(struct gs_config *config, int index, const char *text,
                  const char *origin, const char *base_dir,
                  struct gs_error *err);

/* The first key that `key` is a section of ("predict"), -1 if it is none. */
int gs_config_section(const char *key);

/* "; did you mean 'x'?" or "; the keys are a, b, c". The caller frees. */
char *gs_config_hint(const char *key);

struct gs_config *gs_config_copy(const struct gs_config *config);
/* Puts what `from` holds into `to` and destroys what is left of `from`. */
void gs_config_adopt(struct gs_config *to, struct gs_config *from);

#endif
