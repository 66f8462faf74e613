/*
 * tasks: the tasks of a run as a table, as TSV or as JSON.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/suggest.h"
#include "cli/format.h"
#include "cli/task_json.h"
#include "report/runs.h"
#include "report/view.h"

static const char *const titles[] = {
    "ID",        "TASK",  "STATE", "REASON", "ATTEMPT", "REQUEST",
    "PREDICTED", "LIMIT", "PEAK",  "WALL",   "CPU"};

enum {
    COLUMNS = sizeof titles / sizeof *titles,
    FIRST_FIGURE = 4,
};

static void add_to_grid(void *arg, const struct gs_row *row)
{
    struct gs_grid *grid = arg;
    char text[GS_TEXT_ROOM];
    gs_grid_add(grid, row->id);
    gs_grid_add(grid, row->name ? row->name : row->process);
    gs_grid_add(grid, row->state);
    gs_grid_add(grid, row->reason);
    snprintf(text, sizeof text, "%lld", (long long)row->attempts);
    gs_grid_add(grid, text);
    gs_grid_add(grid, gs_show_size(row->requested_bytes, text));
    gs_grid_add(grid, gs_show_size(row->predicted_bytes, text));
    gs_grid_add(grid, gs_show_size(row->limit_bytes, text));
    gs_grid_add(grid, gs_show_size(row->peak_bytes, text));
    gs_grid_add(grid, gs_show_duration(row->wall_ms, text));
    gs_grid_add(grid, gs_show_duration(row->cpu_ms, text));
}

static void add_to_list(void *arg, const struct gs_row *row)
{
    cJSON_AddItemToArray(arg, gs_row_json(row));
}

static void tsv_text(const char *text, char end)
{
    gs_auto_free char *clean = gs_printable(text); /* no tab, no newline */
    printf("%s%c", clean ? clean : "", end);
}

static void tsv_int(int64_t value, char end)
{
    if (value >= 0)
        printf("%lld", (long long)value);
    putchar(end);
}

static void print_tsv(void *arg, const struct gs_row *row)
{
    (void)arg;
    tsv_text(row->id, '\t');
    tsv_text(row->process, '\t');
    tsv_text(row->name, '\t');
    tsv_text(row->chromosome, '\t');
    tsv_text(row->state, '\t');
    tsv_text(row->reason, '\t');
    tsv_int(row->attempts, '\t');
    tsv_int(row->exit_code, '\t');
    printf("%g\t", row->cpus);
    tsv_int(row->requested_bytes, '\t');
    tsv_int(row->predicted_bytes, '\t');
    tsv_int(row->limit_bytes, '\t');
    tsv_int(row->peak_bytes, '\t');
    tsv_int(row->wall_ms, '\t');
    tsv_int(row->cpu_ms, '\t');
    tsv_int(row->submitted_ms, '\t');
    tsv_int(row->started_ms, '\t');
    tsv_int(row->ended_ms, '\n');
}

static int check_states(const char *states)
{
    while (*states) {
        size_t len = strcspn(states, ",");
        gs_auto_free char *word = gs_format("%.*s", (int)len, states);
        const char *best = NULL;
        int distance = 0, i = 0;
        while (gs_view_states[i] && strcmp(gs_view_states[i], word) != 0)
            gs_suggest(word, gs_view_states[i++], &best, &distance);
        if (!gs_view_states[i])
            return best ? gs_cli_wrong("tasks: there is no state '%s'; did "
                                       "you mean '%s'?",
                                       word, best)
                        : gs_cli_wrong("tasks: there is no state '%s'; the "
                                       "states are pending, dispatched, "
                                       "running, succeeded, failed, "
                                       "cancelled, lost",
                                       word);
        states += len + (states[len] == ',');
    }
    return GS_CLI_GO;
}

static int print(const struct gs_cli_args *args, struct gs_view *view,
                 const char *run, struct gs_error *err)
{
    struct gs_filter filter = {
        gs_cli_value(args, "state"), gs_cli_value(args, "process"),
        gs_cli_value(args, "sort"), gs_cli_flag(args, "reverse")};
    if (gs_cli_flag(args, "json")) {
        cJSON *out = gs_cli_document("tasks");
        gs_json_add_string(out, "run", run);
        cJSON *list = cJSON_AddArrayToObject(out, "tasks");
        if (gs_view_tasks(view, &filter, add_to_list, list, err) == 0)
            return gs_cli_print_json(out);
        cJSON_Delete(out);
        return -1;
    }
    if (gs_cli_flag(args, "tsv")) {
        puts("id\tprocess\tname\tchromosome\tstate\treason\tattempts\t"
             "exit_code\tcpus\trequested_bytes\tpredicted_bytes\t"
             "limit_bytes\tpeak_bytes\twall_ms\tcpu_ms\tsubmitted\tstarted\t"
             "ended");
        return gs_view_tasks(view, &filter, print_tsv, NULL, err);
    }
    struct gs_grid *grid = gs_grid_create(titles, COLUMNS);
    for (int i = FIRST_FIGURE; i < COLUMNS; i++)
        gs_grid_right(grid, i);
    int rc = gs_view_tasks(view, &filter, add_to_grid, grid, err);
    if (rc == 0)
        gs_grid_print(grid);
    gs_grid_destroy(grid);
    return rc;
}

static int tasks(const struct gs_cli_args *args, const struct gs_config *config,
                 struct gs_error *err)
{
    struct gs_run_ref run = {0};
    int rc = gs_cli_flag(args, "state")
                 ? check_states(gs_cli_value(args, "state"))
                 : GS_CLI_GO;
    if (rc != GS_CLI_GO)
        return rc;
    rc = gs_runs_find(config, args->n_operands ? args->operands[0] : NULL, &run,
                      err);
    struct gs_view *view = rc == 0 ? gs_view_open(run.dir, err) : NULL;
    rc = view ? print(args, view, run.id, err) : -1;
    gs_view_close(view);
    free(run.id);
    free(run.dir);
    return rc;
}

int gs_cli_tasks(int argc, char **argv)
{
    return gs_cli_with_config(argc, argv, tasks);
}
