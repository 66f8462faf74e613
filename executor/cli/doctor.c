/*
 * doctor: is everything there that a run needs, and what is in force? Every
 * check is ok, warn or fail, and what is not ok comes with a remedy. Changes
 * nothing: what it has to try is tried in a folder of its own and removed.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/doctor.h"
#include "cli/format.h"

enum {
    MIN_FILES = 1024,
};

void gs_check(struct gs_doctor *d, enum gs_verdict_level level,
              const char *name, const char *remedy, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    char what[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    cJSON *one = cJSON_CreateObject();
    gs_json_add_string(one, "check", name);
    gs_json_add_string(one, "verdict", words[level]);
    gs_json_add_string(one, "found", what);
    gs_json_add_text(one, "remedy", level == GS_CHECK_OK ? NULL : remedy);
    cJSON_AddItemToArray(d->checks, one);
    d->count[level]++;
}

static void check_version(struct gs_doctor *d)
{
    gs_check(d, GS_CHECK_OK, "version", NULL, "genosched %s, %s", GS_VERSION,
             gs_cli_libraries());
}

static void check_config(struct gs_doctor *d, const struct gs_cli_args *args)
{
    struct gs_error err;
    d->config = gs_config_create();
    if (gs_config_find_and_load(d->config, gs_cli_value(args, "config"), &err) <
        0) {
        gs_check(d, GS_CHECK_FAIL, "configuration",
                 "correct the file; 'genosched config check' tells whether it "
                 "is right. What follows is for the defaults.",
                 "%s", err.text);
        return;
    }
    const char *file = gs_config_file(d->config);
    size_t n, set = 0;
    const struct gs_option *options = gs_config_options(&n);
    for (size_t i = 0; i < n; i++)
        set +=
            strcmp(gs_config_origin(d->config, options[i].key), "default") != 0;
    gs_check(d, GS_CHECK_OK, "configuration", NULL,
             "%s%s, %zu of %zu keys set ('genosched config show')",
             file ? "" : "no file", file ? file : "", set, n);
}

static void check_files(struct gs_doctor *d)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    bool few = limit.rlim_cur < MIN_FILES;
    gs_check(d, few ? GS_CHECK_WARN : GS_CHECK_OK, "open files",
             "raise it with 'ulimit -n 4096' before the engine starts: each "
             "running task needs two",
             "limit %llu, could be raised to %llu",
             (unsigned long long)limit.rlim_cur,
             (unsigned long long)limit.rlim_max);
}

static const char *verdict_of(const cJSON *check)
{
    return cJSON_GetStringValue(gs_json_get(check, "verdict"));
}

static void print(const struct gs_doctor *d)
{
    for (const cJSON *c = d->checks->child; c; c = c->next) {
        const char *verdict = verdict_of(c);
        const char *remedy = cJSON_GetStringValue(gs_json_get(c, "remedy"));
        enum gs_style style = *verdict == 'o'   ? GS_STYLE_GOOD
                              : *verdict == 'w' ? GS_STYLE_WARN
                                                : GS_STYLE_BAD;
        gs_auto_free char *found =
            gs_printable(cJSON_GetStringValue(gs_json_get(c, "found")));
        printf("%s%-5s%s %-14s %s\n", gs_style(style), verdict, gs_plain(),
               cJSON_GetStringValue(gs_json_get(c, "check")), found);
        if (remedy)
            printf("%20s → %s\n", "", remedy);
    }
    printf("\n%d ok, %d warn, %d fail\n", d->count[GS_CHECK_OK],
           d->count[GS_CHECK_WARN], d->count[GS_CHECK_FAIL]);
}

int gs_cli_doctor(int argc, char **argv)
{
    struct gs_cli_args args;
    struct gs_doctor d = {0};
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    gs_log_set_level(GS_LOG_ERROR); /* warnings are among the checks */
    d.checks = cJSON_CreateArray();
    check_version(&d);
    check_config(&d, &args);
    gs_doctor_state(&d);
    gs_doctor_shim(&d);
    gs_doctor_backend(&d);
    gs_doctor_clock(&d);
    check_files(&d);
    if (gs_cli_flag(&args, "json")) {
        cJSON *out = gs_cli_document("doctor");
        cJSON_AddBoolToObject(out, "ok", d.count[GS_CHECK_FAIL] == 0);
        cJSON_AddItemToObject(out, "checks", d.checks);
        cJSON_AddItemToObject(out, "backend",
                              d.described ? d.described : cJSON_CreateNull());
        gs_cli_print_json(out);
    } else {
        print(&d);
        cJSON_Delete(d.checks);
        cJSON_Delete(d.described);
    }
    gs_config_destroy(d.config);
    return d.count[GS_CHECK_FAIL] > 0 ? GS_EXIT_NO : GS_EXIT_OK;
}
