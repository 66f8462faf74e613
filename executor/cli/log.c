/*
 * log: the end of what a task has written, or of the run's own log. Reads
 * only regular files and at most their last part.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/runs.h"
#include "report/view.h"

enum {
    MAX_BYTES = 4 * 1024 * 1024,
    MAX_LINES = 100000,
    DEFAULT_LINES = 50,
};

/* The file that `key` of the task names; the caller frees. */
static char *task_file(const cJSON *spec, const char *key, const char *fallback)
{
    const char *workdir = cJSON_GetStringValue(gs_json_get(spec, "workdir"));
    const char *path = cJSON_GetStringValue(gs_json_get(spec, key));
    if (!path)
        path = fallback;
    if (*path == '/' || !workdir)
        return gs_strdup(path);
    return gs_format("%s/%s", workdir, path);
}

/* Where the last `lines` lines of the text begin. */
static size_t tail_from(const char *text, size_t len, long lines)
{
    size_t at = len;
    if (at > 0 && text[at - 1] == '\n')
        at--;
    while (at > 0) {
        if (text[at - 1] == '\n' && --lines == 0)
            break;
        at--;
    }
    return at;
}

static void print_text(const struct gs_cli_args *args, const char *run,
                       const char *path, const char *text, size_t len)
{
    if (!gs_cli_flag(args, "json")) {
        fwrite(text, 1, len, stdout);
        return;
    }
    gs_auto_free char *whole = gs_malloc(len + 1);
    memcpy(whole, text, len);
    whole[len] = '\0';
    for (size_t i = 0; i < len; i++) /* a NUL would end the text */
        if (!whole[i])
            whole[i] = '?';
    cJSON *out = gs_cli_document("log");
    gs_json_add_string(out, "run", run);
    gs_json_add_string(out, "path", path);
    gs_json_add_string(out, "text", whole);
    gs_cli_print_json(out);
}

static int print_tail(const struct gs_cli_args *args, const char *run,
                      const char *path, long lines, struct gs_error *err)
{
    struct stat st;
    gs_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return gs_fail_errno(err,
                             errno == ENOENT ? GS_ERR_NOTFOUND : GS_ERR_SYSTEM,
                             "cannot read %s (the engine may have removed it, "
                             "or the task has not written yet)",
                             path);
    if (!S_ISREG(st.st_mode))
        return gs_fail(err, GS_ERR_INVALID, "%s is not a regular file", path);
    off_t from = st.st_size > MAX_BYTES ? st.st_size - MAX_BYTES : 0;
    gs_auto_free char *text = gs_malloc(MAX_BYTES);
    size_t used = 0;
    for (ssize_t n = 1; n > 0 && used < MAX_BYTES; used += (size_t)n) {
        n = pread(fd, text + used, MAX_BYTES - used, from + (off_t)used);
        if (n < 0)
            return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot read %s", path);
    }
    size_t start = tail_from(text, used, lines);
    print_text(args, run, path, text + start, used - start);
    return 0;
}

static int count_lines(const char *text, long *lines)
{
    char *end;
    errno = 0;
    *lines = strtol(text, &end, 10);
    if (errno || *end || end == text || *lines < 1 || *lines > MAX_LINES)
        return gs_cli_wrong("log: --lines takes a whole number from 1 to %d, "
                            "not '%s'",
                            MAX_LINES, text);
    return GS_CLI_GO;
}

static int show_task(const struct gs_cli_args *args,
                     const struct gs_run_ref *run, long lines,
                     struct gs_error *err)
{
    struct gs_view *view = gs_view_open(run->dir, err);
    gs_auto_free char *id =
        view ? gs_view_find_task(view, args->operands[0], err) : NULL;
    gs_auto_free char *text = id ? gs_view_spec(view, id) : NULL;
    gs_view_close(view);
    if (!id)
        return -1;
    gs_auto_json cJSON *spec =
        text ? gs_json_parse(text, strlen(text), err) : NULL;
    if (!spec)
        return gs_fail(err, GS_ERR_STATE, "task %s has no stored definition",
                       id);
    gs_auto_free char *path = gs_cli_flag(args, "stderr")
                                  ? task_file(spec, "stderr", ".genosched.err")
                                  : task_file(spec, "stdout", ".genosched.out");
    if (gs_cli_flag(args, "path")) {
        puts(path);
        return 0;
    }
    return print_tail(args, run->id, path, lines, err);
}

static int show_log(const struct gs_cli_args *args,
                    const struct gs_config *config, struct gs_error *err)
{
    struct gs_run_ref run = {0};
    long lines = DEFAULT_LINES;
    const char *wanted = gs_cli_value(args, "lines");
    int rc = wanted ? count_lines(wanted, &lines) : GS_CLI_GO;
    if (rc != GS_CLI_GO)
        return rc;
    if (gs_runs_find(config, gs_cli_value(args, "run"), &run, err) < 0)
        return -1;
    if (args->n_operands > 0) {
        rc = show_task(args, &run, lines, err);
    } else {
        const char *set = gs_config_string(config, "log.file");
        gs_auto_free char *path =
            set ? gs_strdup(set) : gs_format("%s/genosched.log", run.dir);
        rc = print_tail(args, run.id, path, lines, err);
    }
    free(run.id);
    free(run.dir);
    return rc;
}

int gs_cli_log(int argc, char **argv)
{
    return gs_cli_with_config(argc, argv, show_log);
}
