/*
 * config: creation, the search for the file, and the typed getters. A getter
 * that asks for what the table does not have is a bug of ours: it ends the
 * process, so that it is found by the first test that comes by.
 */
#include "base/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config_set.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

struct gs_config *gs_config_create(void)
{
    struct gs_config *config = gs_calloc(1, sizeof *config);
    struct gs_error err;
    gs_config_options(&config->n);
    config->values = gs_calloc(config->n, sizeof *config->values);
    for (size_t i = 0; i < config->n; i++)
        if (gs_config_set(config, (int)i, NULL, NULL, NULL, &err) < 0) {
            gs_error_log("option table: entry %zu: %s", i, err.text);
            _exit(70);
        }
    return config;
}

int gs_config_find_and_load(struct gs_config *config, const char *explicit_path,
                            struct gs_error *err)
{
    const char *named = getenv("GENOSCHED_CONFIG");
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (explicit_path)
        return gs_config_load(config, explicit_path, err);
    if (named && *named) {
        if (gs_config_load(config, named, err) < 0)
            return gs_wrap(err, "$GENOSCHED_CONFIG");
        return 0;
    }
    if (gs_path_exists("genosched.yaml"))
        return gs_config_load(config, "genosched.yaml", err);
    gs_auto_free char *path =
        xdg && *xdg == '/' ? gs_format("%s/genosched/genosched.yaml", xdg)
                           : gs_format("%s/.config/genosched/genosched.yaml",
                                       home ? home : "");
    return gs_path_exists(path) ? gs_config_load(config, path, err) : 0;
}

static const struct gs_config_value *look_up(const struct gs_config *config,
                                             const char *key, unsigned allowed)
{
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    int i = gs_config_index(key);
    if (i < 0 || !(allowed & 1u << options[i].type)) {
        gs_error_log("bug: option %s asked for with the wrong name or type",
                     key);
        _exit(70);
    }
    return &config->values[i];
}

bool gs_config_bool(const struct gs_config *config, const char *key)
{
    return look_up(config, key, 1u << GS_OPTION_BOOL)->boolean;
}

int64_t gs_config_int(const struct gs_config *config, const char *key)
{
    return look_up(config, key,
                   1u << GS_OPTION_INT | 1u << GS_OPTION_SIZE |
                       1u << GS_OPTION_DURATION)
        ->integer;
}

double gs_config_number(const struct gs_config *config, const char *key)
{
    return look_up(config, key, 1u << GS_OPTION_INT | 1u << GS_OPTION_NUMBER)
        ->number;
}

int64_t gs_config_size(const struct gs_config *config, const char *key)
{
    return look_up(config, key, 1u << GS_OPTION_SIZE)->integer;
}

int64_t gs_config_duration(const struct gs_config *config, const char *key)
{
    return look_up(config, key, 1u << GS_OPTION_DURATION)->integer;
}

const char *gs_config_string(const struct gs_config *config, const char *key)
{
    return look_up(config, key,
                   1u << GS_OPTION_STRING | 1u << GS_OPTION_CHOICE |
                       1u << GS_OPTION_PATH)
        ->string;
}

const char *gs_config_origin(const struct gs_config *config, const char *key)
{
    return look_up(config, key, ~0u)->origin;
}

const char *gs_config_text(const struct gs_config *config, const char *key)
{
    return look_up(config, key, ~0u)->text;
}

const char *gs_config_file(const struct gs_config *config)
{
    return config->file;
}
