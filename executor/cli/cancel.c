/*
 * cancel: asks the process that serves the run to end tasks. There is no
 * socket: the request is a file in the run's private folder `control`, which
 * that process watches. Then waits until the tasks are final.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/format.h"
#include "report/runs.h"
#include "report/view.h"
#include "store/store.h"

enum {
    LOOK_MS = 100,
    WAIT_MS = 60 * 1000,
    FEW = 64,
};

struct wanted {
    char *id;
    char state[16];
    bool was_final; /* before anything was asked */
};

struct cancel {
    struct gs_run_ref run;
    struct gs_view *view;
    struct wanted *tasks;
    size_t n, room;
};

static bool is_final(const char *state)
{
    return strcmp(state, "pending") != 0 && strcmp(state, "dispatched") != 0 &&
           strcmp(state, "running") != 0;
}

static void add_task(void *arg, const struct gs_row *row)
{
    struct cancel *c = arg;
    if (c->n == c->room) {
        c->room = c->room ? c->room * 2 : 16;
        c->tasks = gs_realloc(c->tasks, c->room * sizeof *c->tasks);
    }
    struct wanted *w = &c->tasks[c->n++];
    *w = (struct wanted){.id = gs_strdup(row->id)};
    snprintf(w->state, sizeof w->state, "%s", row->state);
    w->was_final = is_final(row->state);
}

static bool is_chosen(const struct cancel *c, const char *id)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->tasks[i].id, id) == 0)
            return true;
    return false;
}

static int choose(struct cancel *c, const struct gs_cli_args *args,
                  struct gs_error *err)
{
    if (gs_cli_flag(args, "all")) {
        struct gs_filter open = {.states = "pending,dispatched,running"};
        return gs_view_tasks(c->view, &open, add_task, c, err);
    }
    for (int i = 0; i < args->n_operands; i++) {
        gs_auto_free char *id =
            gs_view_find_task(c->view, args->operands[i], err);
        if (!id)
            return -1;
        if (!is_chosen(c, id) &&
            gs_view_task(c->view, id, add_task, c, err) < 0)
            return -1;
    }
    return 0;
}

/* The file appears whole or not at all: written beside, then renamed. */
static int drop_request(struct cancel *c, bool all, struct gs_error *err)
{
    gs_auto_free char *folder = gs_format("%s/control", c->run.dir);
    gs_auto_free char *hidden = gs_format("%s/.%ld", folder, (long)getpid());
    gs_auto_free char *path =
        gs_format("%s/%lld-%ld.json", folder, (long long)gs_wall_now().ms,
                  (long)getpid());
    gs_auto_json cJSON *request = cJSON_CreateObject();
    if (all)
        cJSON_AddTrueToObject(request, "kill_all");
    cJSON *ids = all ? NULL : cJSON_AddArrayToObject(request, "kill");
    for (size_t i = 0; !all && i < c->n; i++)
        if (!c->tasks[i].was_final)
            cJSON_AddItemToArray(ids, cJSON_CreateString(c->tasks[i].id));
    gs_auto_free char *text = gs_json_print(request);
    if (gs_dir_make(folder, err) < 0 ||
        gs_file_write(hidden, text, strlen(text), err) < 0)
        return -1;
    if (rename(hidden, path) < 0)
        return gs_fail_errno(err, GS_ERR_STATE, "cannot write %s", path);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static void update(void *arg, const struct gs_row *row)
{
    struct cancel *c = arg;
    struct wanted key = {.id = (char *)row->id};
    struct wanted *w = bsearch(&key, c->tasks, c->n, sizeof *c->tasks, by_id);
    if (w)
        snprintf(w->state, sizeof w->state, "%s", row->state);
}

/* How many are not final yet, -1: failed. Many are read in one pass over the
 * run, few one by one. */
static int still_open(struct cancel *c, struct gs_error *err)
{
    static const struct gs_filter all = {0};
    int n = 0, rc = gs_view_refresh(c->view, err) < 0 ? -1 : 0;
    if (rc == 0 && c->n > FEW)
        rc = gs_view_tasks(c->view, &all, update, c, err);
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        const struct wanted *w = &c->tasks[i];
        if (c->n <= FEW && !is_final(w->state))
            rc = gs_view_task(c->view, w->id, update, c, err);
        n += !is_final(w->state);
    }
    gs_view_rest(c->view);
    return rc < 0 ? -1 : n;
}

static int wait_until_final(struct cancel *c, struct gs_error *err)
{
    int64_t until = gs_mono_now().ms + WAIT_MS;
    for (;;) {
        int open = still_open(c, err);
        if (open <= 0)
            return open;
        if (!gs_store_is_live(c->run.dir))
            return gs_fail(err, GS_ERR_STATE,
                           "run %s: its genosched went away while %d tasks "
                           "were being stopped; when the engine resumes the "
                           "run they are dealt with",
                           c->run.id, open);
        if (gs_mono_now().ms >= until)
            return gs_fail(err, GS_ERR_BUSY,
                           "run %s: %d tasks are still being stopped after "
                           "%d s; 'genosched status %s' shows when they are "
                           "gone",
                           c->run.id, open, WAIT_MS / 1000, c->run.id);
        usleep(LOOK_MS * 1000);
    }
}

static void report(const struct cancel *c, bool json)
{
    if (json) {
        cJSON *out = gs_cli_document("cancel");
        gs_json_add_string(out, "run", c->run.id);
        cJSON *list = cJSON_AddArrayToObject(out, "tasks");
        for (size_t i = 0; i < c->n; i++) {
            cJSON *one = cJSON_CreateObject();
            gs_json_add_string(one, "id", c->tasks[i].id);
            gs_json_add_string(one, "state", c->tasks[i].state);
            cJSON_AddBoolToObject(one, "was_final", c->tasks[i].was_final);
            cJSON_AddItemToArray(list, one);
        }
        gs_cli_print_json(out);
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        printf("%s  %s%s\n", c->tasks[i].id, c->tasks[i].state,
               c->tasks[i].was_final ? " already" : "");
    if (c->n == 0)
        puts("nothing to cancel: every task of the run is final");
}

/* Asks nobody: there is no process that could do it. */
static int not_served(const struct cancel *c, struct gs_error *err)
{
    return gs_fail(err, GS_ERR_NOTFOUND,
                   "run %s is not served by a genosched now, so nobody can "
                   "stop its tasks; resume it with its engine and the same "
                   "run id, then cancel, or let the engine cancel it",
                   c->run.id);
}

static int cancel(struct cancel *c, const struct gs_cli_args *args,
                  const struct gs_config *config, struct gs_error *err)
{
    size_t open = 0;
    if (gs_runs_find(config, gs_cli_value(args, "run"), &c->run, err) < 0)
        return -1;
    c->view = gs_view_open(c->run.dir, err);
    if (!c->view || choose(c, args, err) < 0)
        return -1;
    gs_view_rest(c->view);
    if (c->n)
        qsort(c->tasks, c->n, sizeof *c->tasks, by_id);
    for (size_t i = 0; i < c->n; i++)
        open += !c->tasks[i].was_final;
    if (open > 0 && !gs_store_is_live(c->run.dir))
        return not_served(c, err);
    if (open > 0 && drop_request(c, gs_cli_flag(args, "all"), err) < 0)
        return -1;
    if (open > 0 && !gs_cli_flag(args, "no-wait") &&
        wait_until_final(c, err) < 0)
        return -1;
    report(c, gs_cli_flag(args, "json"));
    return 0;
}

static int cancel_asked(const struct gs_cli_args *args,
                        const struct gs_config *config, struct gs_error *err)
{
    struct cancel c = {0};
    bool all = gs_cli_flag(args, "all");
    if (all == (args->n_operands > 0))
        return gs_cli_wrong(all ? "cancel: name tasks or say --all, not both"
                                : "cancel: which tasks? Name them, or say "
                                  "--all");
    int rc = cancel(&c, args, config, err);
    gs_view_close(c.view);
    for (size_t i = 0; i < c.n; i++)
        free(c.tasks[i].id);
    free(c.tasks);
    free(c.run.id);
    free(c.run.dir);
    return rc;
}

int gs_cli_cancel(int argc, char **argv)
{
    return gs_cli_with_config(argc, argv, cancel_asked);
}
