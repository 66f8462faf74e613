/*
 * config: what is in force and where it came from, is a file right, what may
 * be in it. Everything is printed from the option table.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/config_text.h"
#include "cli/format.h"

static void add_value(cJSON *to, const struct gs_config *config,
                      const struct gs_option *o)
{
    static const char name[] = "value";
    if (!gs_config_text(config, o->key)) {
        cJSON_AddNullToObject(to, name);
        return;
    }
    switch (o->type) {
    case GS_OPTION_BOOL:
        cJSON_AddBoolToObject(to, name, gs_config_bool(config, o->key));
        break;
    case GS_OPTION_INT:
    case GS_OPTION_SIZE:
    case GS_OPTION_DURATION:
        gs_json_add_int(to, name, gs_config_int(config, o->key));
        break;
    case GS_OPTION_NUMBER:
        cJSON_AddNumberToObject(to, name, gs_config_number(config, o->key));
        break;
    case GS_OPTION_STRING:
    case GS_OPTION_CHOICE:
    case GS_OPTION_PATH:
        gs_json_add_string(to, name, gs_config_string(config, o->key));
        break;
    }
}

static int show_json(const struct gs_config *config)
{
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    cJSON *out = gs_cli_document("config");
    const char *file = gs_config_file(config);
    gs_json_add_text(out, "file", file);
    cJSON *values = cJSON_AddObjectToObject(out, "values");
    for (size_t i = 0; i < n; i++) {
        const char *key = options[i].key;
        cJSON *one = cJSON_AddObjectToObject(values, key);
        add_value(one, config, &options[i]);
        gs_json_add_string(one, "text", gs_config_text(config, key));
        gs_json_add_string(one, "origin", gs_config_origin(config, key));
    }
    return gs_cli_print_json(out);
}

static int show(const struct gs_cli_args *args)
{
    int rc = 0;
    struct gs_config *config = gs_cli_load_config(args, &rc);
    if (!config)
        return rc;
    if (gs_cli_flag(args, "json")) {
        rc = show_json(config);
        gs_config_destroy(config);
        return rc;
    }
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    printf("%s%-24s %-28s %s%s\n", gs_style(GS_STYLE_BOLD), "KEY", "VALUE",
           "FROM", gs_plain());
    for (size_t i = 0; i < n; i++) {
        const char *key = options[i].key;
        const char *text = options[i].type == GS_OPTION_PATH
                               ? gs_config_string(config, key)
                               : gs_config_text(config, key);
        const char *origin = gs_config_origin(config, key);
        bool quiet = strcmp(origin, "default") == 0;
        printf("%-24s %-28s %s%s%s\n", key, text ? text : "-",
               quiet ? gs_style(GS_STYLE_DIM) : "", origin,
               quiet ? gs_plain() : "");
    }
    gs_config_destroy(config);
    return GS_EXIT_OK;
}

static int check(const struct gs_cli_args *args)
{
    struct gs_error err = {0};
    struct gs_config *config = gs_config_create();
    const char *path =
        args->n_operands > 1 ? args->operands[1] : gs_cli_value(args, "config");
    int rc = gs_config_find_and_load(config, path, &err);
    const char *file = rc == 0 ? gs_config_file(config) : path;
    if (!gs_cli_flag(args, "json")) {
        if (rc == 0 && file)
            printf("%s: fine\n", file);
        else if (rc == 0)
            puts("there is no configuration file; the defaults are in force");
        gs_config_destroy(config);
        return rc == 0 ? GS_EXIT_OK : gs_cli_fail(&err);
    }
    cJSON *out = gs_cli_document("config-check");
    cJSON_AddBoolToObject(out, "ok", rc == 0);
    gs_json_add_string(out, "file", rc == 0 ? file : err.path);
    if (rc < 0) {
        cJSON *error = cJSON_AddObjectToObject(out, "error");
        if (err.line > 0) {
            gs_json_add_int(error, "line", err.line);
            gs_json_add_int(error, "column", err.column);
        }
        gs_json_add_string(error, "message", err.text);
    }
    gs_config_destroy(config);
    gs_cli_print_json(out);
    return rc == 0 ? GS_EXIT_OK : gs_cli_exit_code(err.code);
}

static int init(const struct gs_cli_args *args)
{
    gs_auto_free char *text = gs_config_example();
    if (args->n_operands < 2) {
        fputs(text, stdout);
        return GS_EXIT_OK;
    }
    const char *path = args->operands[1];
    gs_auto_close int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST) {
        gs_cli_note("%s exists already and is left as it is; remove it first "
                    "or name another file",
                    path);
        return GS_EXIT_NO;
    }
    size_t len = strlen(text);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len) {
        gs_cli_note("cannot write %s: %s; check the folder and its "
                    "permissions",
                    path, strerror(errno));
        return GS_EXIT_NO;
    }
    printf("%s written; every line in it is commented out, so nothing has "
           "changed yet\n",
           path);
    return GS_EXIT_OK;
}

int gs_cli_config(int argc, char **argv)
{
    struct gs_cli_args args;
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    const char *what = args.operands[0];
    bool takes_file = strcmp(what, "check") == 0 || strcmp(what, "init") == 0;
    if (args.n_operands > 1 && !takes_file)
        return gs_cli_wrong("config %s: '%s' is one word too many; for "
                            "another file use --config FILE",
                            what, args.operands[1]);
    if (strcmp(what, "show") == 0)
        return show(&args);
    if (strcmp(what, "check") == 0)
        return check(&args);
    if (strcmp(what, "init") == 0)
        return init(&args);
    return gs_cli_print_json(gs_config_schema());
}
