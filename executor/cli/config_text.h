/*
 * config_text: the option table in other words: a commented example file and
 * a JSON Schema.
 */
#ifndef GS_CLI_CONFIG_TEXT_H
#define GS_CLI_CONFIG_TEXT_H

#include <cjson/cJSON.h>

/* A whole genosched.yaml, every key commented out. The caller frees. */
char *gs_config_example(void);

/* JSON Schema (2020-12) of genosched.yaml. The caller deletes. */
cJSON *gs_config_schema(void);

#endif
