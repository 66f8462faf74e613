/*
 * version: of the program and of every library that it runs with, as linked
 * now, not as compiled then.
 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <htslib/hts.h>
#include <sqlite3.h>
#include <stdio.h>
#include <yaml.h>

#include "base/json.h"
#include "protocol/rpc.h"
#include "cli/doctor.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif
#ifndef GS_GIT_REVISION
#define GS_GIT_REVISION "unknown"
#endif

static bool sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    return false;
#endif
}

static const char *curl_text(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

static const struct {
    const char *name;
    const char *(*version)(void);
} libraries[] = {
    {"curl", curl_text},
    {"cjson", cJSON_Version},
    {"libyaml", yaml_get_version_string},
    {"htslib", hts_version},
    {"sqlite", sqlite3_libversion},
};

const char *gs_cli_libraries(void)
{
    static char text[256];
    size_t used = 0;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        int n =
            snprintf(text + used, sizeof text - used, "%s%s %s", i ? ", " : "",
                     libraries[i].name, libraries[i].version());
        used += n > 0 && (size_t)n < sizeof text - used ? (size_t)n : 0;
    }
    return text;
}

static int as_json(void)
{
    cJSON *out = gs_cli_document("version");
    gs_json_add_string(out, "name", "genosched");
    gs_json_add_string(out, "version", GS_VERSION);
    gs_json_add_string(out, "git_revision", GS_GIT_REVISION);
    gs_json_add_int(out, "protocol", GS_PROTOCOL);
    cJSON *list = cJSON_AddObjectToObject(out, "libraries");
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        gs_json_add_string(list, libraries[i].name, libraries[i].version());
    gs_json_add_string(out, "compiler", COMPILER);
    cJSON_AddBoolToObject(out, "sanitizers", sanitized());
    return gs_cli_print_json(out);
}

int gs_cli_version(int argc, char **argv)
{
    struct gs_cli_args args;
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    if (gs_cli_flag(&args, "json"))
        return as_json();
    printf("genosched %s (%s), protocol %d\n", GS_VERSION, GS_GIT_REVISION,
           GS_PROTOCOL);
    puts(gs_cli_libraries());
    printf("compiled by %s%s\n", COMPILER,
           sanitized() ? ", with sanitizers" : "");
    return GS_EXIT_OK;
}
