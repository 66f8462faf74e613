/*
 * output: how verbs speak. Errors and notes on stderr, documents on stdout.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

static bool colored;

static void speak(const char *prefix, const char *fmt, va_list ap)
{
    bool color = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    fflush(stdout);
    fprintf(stderr, "%sgenosched:%s %s", color ? "\033[1m" : "",
            color ? "\033[0m" : "", prefix);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int gs_cli_wrong(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    speak("", fmt, ap);
    va_end(ap);
    return GS_EXIT_USAGE;
}

void gs_cli_note(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    speak("", fmt, ap);
    va_end(ap);
}

int gs_cli_exit_code(enum gs_error_code code)
{
    switch (code) {
    case GS_OK:
        return GS_EXIT_OK;
    case GS_ERR_CONFIG:
        return GS_EXIT_CONFIG;
    case GS_ERR_BACKEND:
        return GS_EXIT_BACKEND;
    case GS_ERR_STATE:
    case GS_ERR_LOCKED:
    case GS_ERR_FULL:
    case GS_ERR_SYSTEM:
        return GS_EXIT_STATE;
    case GS_ERR_INVALID:
    case GS_ERR_LIMIT:
        return GS_EXIT_USAGE;
    case GS_ERR_NOTFOUND:
    case GS_ERR_BUSY:
        return GS_EXIT_NO;
    case GS_ERR_INTERNAL:
        break;
    }
    return GS_EXIT_INTERNAL;
}

int gs_cli_fail(const struct gs_error *err)
{
    gs_cli_note("%s", err->text);
    return gs_cli_exit_code(err->code);
}

struct gs_config *gs_cli_load_config(const struct gs_cli_args *args, int *rc)
{
    struct gs_error err;
    struct gs_config *config = gs_config_create();
    if (gs_config_find_and_load(config, gs_cli_value(args, "config"), &err) ==
        0)
        return config;
    *rc = gs_cli_fail(&err);
    gs_config_destroy(config);
    return NULL;
}

int gs_cli_with_config(int argc, char **argv, gs_cli_body_f body)
{
    struct gs_cli_args args;
    struct gs_error err;
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    struct gs_config *config = gs_cli_load_config(&args, &rc);
    if (!config)
        return rc;
    rc = body(&args, config, &err);
    gs_config_destroy(config);
    return rc < 0 ? gs_cli_fail(&err) : rc;
}

cJSON *gs_cli_document(const char *name)
{
    cJSON *document = cJSON_CreateObject();
    gs_auto_free char *schema = gs_format("genosched.%s/1", name);
    gs_json_add_string(document, "schema", schema);
    return document;
}

int gs_cli_print_json(cJSON *document)
{
    gs_auto_free char *text = gs_json_print_indented(document);
    puts(text);
    cJSON_Delete(document);
    return GS_EXIT_OK;
}

void gs_cli_color(const struct gs_cli_args *args)
{
    const char *when = gs_cli_value(args, "color");
    const char *no = getenv("NO_COLOR");
    colored = isatty(STDOUT_FILENO) && !(no && *no);
    if (when && strcmp(when, "always") == 0)
        colored = true;
    else if (when && strcmp(when, "never") == 0)
        colored = false;
}

const char *gs_style(enum gs_style style)
{
    static const char *const codes[] = {
        [GS_STYLE_BOLD] = "\033[1m",  [GS_STYLE_DIM] = "\033[2m",
        [GS_STYLE_GOOD] = "\033[32m", [GS_STYLE_WARN] = "\033[33m",
        [GS_STYLE_BAD] = "\033[31m",
    };
    return colored ? codes[style] : "";
}

const char *gs_plain(void)
{
    return colored ? "\033[0m" : "";
}
