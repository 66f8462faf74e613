/*
 * runs: see the header. Only looks; a folder that is no run is passed over.
 */
#include "report/runs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "report/view.h"

enum {
    MAX_RUNS = 100000,
};

static int64_t changed_ms(const char *dir, const char *file)
{
    struct stat st;
    gs_auto_free char *path = gs_format("%s/%s", dir, file);
    if (stat(path, &st) < 0 || st.st_size == 0)
        return -1; /* a reader makes an empty log beside the store */
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

static int newest_first(const void *a, const void *b)
{
    const struct gs_run_ref *x = a, *y = b;
    if (x->changed_ms != y->changed_ms)
        return x->changed_ms < y->changed_ms ? 1 : -1;
    return strcmp(x->id, y->id);
}

void gs_runs_free(struct gs_run_ref *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].id);
        free(list[i].dir);
    }
    free(list);
}

static void consider(const char *runs, const char *id, struct gs_run_ref **list,
                     size_t *n)
{
    char *dir = gs_format("%s/%s", runs, id);
    int64_t db = changed_ms(dir, "run.db");
    int64_t wal = changed_ms(dir, "run.db-wal");
    if (db < 0 || *n >= MAX_RUNS) {
        free(dir);
        return;
    }
    *list = gs_realloc(*list, (*n + 1) * sizeof **list);
    (*list)[(*n)++] =
        (struct gs_run_ref){gs_strdup(id), dir, wal > db ? wal : db};
}

int gs_runs_list(const struct gs_config *config, struct gs_run_ref **list,
                 size_t *n, struct gs_error *err)
{
    const char *state = gs_config_string(config, "state_dir");
    gs_auto_free char *runs = gs_format("%s/runs", state);
    *list = NULL;
    *n = 0;
    gs_auto_dir DIR *dir = opendir(runs);
    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return gs_fail_errno(err, GS_ERR_STATE,
                             "cannot read the runs in %s (check its "
                             "permissions, or name another folder by "
                             "state_dir or GENOSCHED_STATE)",
                             runs);
    for (struct dirent *d; (d = readdir(dir));)
        if (d->d_name[0] != '.')
            consider(runs, d->d_name, list, n);
    if (*n)
        qsort(*list, *n, sizeof **list, newest_first);
    return 0;
}

static bool is_called(const struct gs_run_ref *run, const char *name)
{
    struct gs_view *view = gs_view_open(run->dir, NULL);
    if (!view)
        return false;
    gs_auto_free char *own = gs_view_meta(view, "name");
    gs_view_close(view);
    return own && strcmp(own, name) == 0;
}

/* Index of the run that `which` means, -1 none, -2 several. */
static int pick(const struct gs_run_ref *list, size_t n, const char *which)
{
    int found = -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].id, which) == 0)
            return (int)i;
    for (size_t i = 0; i < n; i++)
        if (strncmp(list[i].id, which, strlen(which)) == 0)
            found = found == -1 ? (int)i : -2;
    for (size_t i = 0; found == -1 && i < n; i++)
        if (is_called(&list[i], which)) /* the newest of that name */
            return (int)i;
    return found;
}

static int no_such_run(const struct gs_run_ref *list, size_t n,
                       const char *state, const char *which, int why,
                       struct gs_error *err)
{
    const char *best = NULL;
    int distance = 0;
    if (why == -2)
        return gs_fail(err, GS_ERR_NOTFOUND,
                       "several runs in %s begin with '%s'; write more of the "
                       "id",
                       state, which);
    for (size_t i = 0; i < n; i++)
        gs_suggest(which, list[i].id, &best, &distance);
    return gs_fail(err, GS_ERR_NOTFOUND,
                   "there is no run '%s' in %s%s%s%s; 'genosched status "
                   "--list' lists them",
                   which, state, best ? "; did you mean '" : "",
                   best ? best : "", best ? "'?" : "");
}

int gs_runs_find(const struct gs_config *config, const char *which,
                 struct gs_run_ref *out, struct gs_error *err)
{
    struct gs_run_ref *list;
    size_t n;
    const char *state = gs_config_string(config, "state_dir");
    if (gs_runs_list(config, &list, &n, err) < 0)
        return -1;
    int at = which ? pick(list, n, which) : 0;
    int rc = 0;
    if (n == 0)
        rc = gs_fail(err, GS_ERR_NOTFOUND,
                     "there is no run in %s yet; if runs keep their state "
                     "elsewhere, say so with --config or GENOSCHED_STATE",
                     state);
    else if (at < 0)
        rc = no_such_run(list, n, state, which, at, err);
    if (rc == 0)
        *out =
            (struct gs_run_ref){gs_strdup(list[at].id), gs_strdup(list[at].dir),
                                list[at].changed_ms};
    gs_runs_free(list, n);
    return rc;
}
