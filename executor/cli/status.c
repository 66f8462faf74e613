/*
 * status: one screen about a run. -w draws it again whenever the store has
 * changed: in place on a terminal, one line a change elsewhere.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/format.h"
#include "cli/live.h"
#include "report/runs.h"
#include "report/view.h"
#include "store/store.h"

enum {
    LOOK_MS = 500,
    BAR_MAX = 40,
};

struct status {
    struct gs_run_ref run;
    struct gs_view *view;
    struct gs_summary sum;
    bool live;
    int64_t now_ms, elapsed_ms, pool_bytes, in_use_bytes;
    double pool_cpus;
    struct gs_others others;
};

static int look(struct status *s, struct gs_error *err)
{
    s->live = gs_store_is_live(s->run.dir);
    s->now_ms = gs_wall_now().ms;
    if (gs_view_summary(s->view, s->now_ms, &s->sum, err) < 0)
        return -1;
    s->pool_bytes = gs_view_meta_int(s->view, "pool_memory_bytes", -1);
    gs_auto_free char *cpus = gs_view_meta(s->view, "pool_cpus");
    s->pool_cpus = cpus ? strtod(cpus, NULL) : -1;
    const int64_t *n = s->sum.count;
    bool open =
        n[GS_VIEW_PENDING] + n[GS_VIEW_DISPATCHED] + n[GS_VIEW_RUNNING] > 0;
    int64_t end = s->live && open ? s->now_ms : s->sum.last_ms;
    s->elapsed_ms =
        s->sum.first_ms && end > s->sum.first_ms ? end - s->sum.first_ms : 0;
    s->in_use_bytes = gs_live_memory(s->run.dir);
    if (s->live)
        s->others = gs_live_others(s->run.dir);
    return 0;
}

static int64_t waiting(const struct status *s)
{
    return s->sum.count[GS_VIEW_PENDING];
}

static int64_t running(const struct status *s)
{
    return s->sum.count[GS_VIEW_DISPATCHED] + s->sum.count[GS_VIEW_RUNNING];
}

static int64_t finished(const struct status *s)
{
    return s->sum.tasks - waiting(s) - running(s);
}

static cJSON *document(struct status *s)
{
    cJSON *out = gs_cli_document("status");
    static const char *const texts[] = {"name",    "engine", "engine_version",
                                        "backend", "limits", "workdir"};
    gs_json_add_string(out, "run", s->run.id);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gs_auto_free char *value = gs_view_meta(s->view, texts[i]);
        gs_json_add_text(out, texts[i], value);
    }
    gs_json_add_string(out, "folder", s->run.dir);
    cJSON_AddBoolToObject(out, "live", s->live);
    gs_json_add_int(out, "tasks", s->sum.tasks);
    cJSON *counts = cJSON_AddObjectToObject(out, "counts");
    for (int i = 0; i < GS_VIEW_N_STATES; i++)
        gs_json_add_int(counts, gs_view_states[i], s->sum.count[i]);
    gs_json_add_int(out, "failed_for_good", s->sum.broken);
    gs_json_add_int(out, "repeats", s->sum.repeats);
    gs_json_add_int(out, "oom", s->sum.oom);
    cJSON *pool = cJSON_AddObjectToObject(out, "pool");
    gs_json_add_known(pool, "memory_bytes", s->pool_bytes);
    cJSON_AddNumberToObject(pool, "cpus", s->pool_cpus);
    cJSON *reserved = cJSON_AddObjectToObject(out, "reserved");
    gs_json_add_int(reserved, "memory_bytes", s->sum.reserved_bytes);
    cJSON_AddNumberToObject(reserved, "cpus", s->sum.reserved_cpus);
    cJSON *in_use = cJSON_AddObjectToObject(out, "in_use");
    gs_json_add_known(in_use, "memory_bytes", s->in_use_bytes);
    cJSON *others = cJSON_AddObjectToObject(out, "other_runs");
    gs_json_add_int(others, "attempts", s->others.attempts);
    gs_json_add_int(others, "memory_bytes", s->others.memory_bytes);
    cJSON_AddNumberToObject(others, "cpus", s->others.cpus);
    gs_json_add_known(out, "peak_bytes", s->sum.peak_bytes);
    gs_json_add_int(out, "started", s->sum.first_ms);
    gs_json_add_int(out, "elapsed_ms", s->elapsed_ms);
    gs_json_add_known(out, "left_ms", s->live ? s->sum.left_ms : -1);
    return out;
}

static const char *mood(const struct status *s)
{
    if (s->live)
        return "running";
    return waiting(s) + running(s) > 0 ? "interrupted: no genosched serves it"
                                       : "ended";
}

static int draw_head(struct status *s)
{
    gs_auto_free char *raw = gs_view_meta(s->view, "name");
    gs_auto_free char *name = gs_printable(raw);
    gs_auto_free char *engine = gs_view_meta(s->view, "engine");
    gs_auto_free char *version = gs_view_meta(s->view, "engine_version");
    gs_auto_free char *backend = gs_view_meta(s->view, "backend");
    printf("%sRun      %s%s", gs_style(GS_STYLE_BOLD), s->run.id, gs_plain());
    if (name && strcmp(name, s->run.id) != 0)
        printf(" (%s)", name);
    printf(", %s %s on %s, %s\n", engine ? engine : "?", version ? version : "",
           backend ? backend : "?", mood(s));
    return 1;
}

static int draw(struct status *s)
{
    char a[GS_TEXT_ROOM], b[GS_TEXT_ROOM], c[GS_TEXT_ROOM];
    int bar = gs_terminal_width() - 50;
    int lines = draw_head(s);
    bar = bar < 10 ? 10 : bar > BAR_MAX ? BAR_MAX : bar;
    bool bad = s->sum.broken > 0;
    fputs("Tasks    ", stdout);
    gs_show_bar((double)finished(s), (double)(finished(s) + running(s)),
                (double)s->sum.tasks, bar);
    printf(" %lld of %lld done\n", (long long)finished(s),
           (long long)s->sum.tasks);
    printf("         %lld running, %lld waiting, %lld succeeded, %s%lld "
           "failed%s, %lld cancelled, %lld lost\n",
           (long long)running(s), (long long)waiting(s),
           (long long)s->sum.count[GS_VIEW_SUCCEEDED],
           bad ? gs_style(GS_STYLE_BAD) : "",
           (long long)s->sum.count[GS_VIEW_FAILED], bad ? gs_plain() : "",
           (long long)s->sum.count[GS_VIEW_CANCELLED],
           (long long)s->sum.count[GS_VIEW_LOST]);
    lines += 2;
    if (s->live) {
        double used = s->in_use_bytes > 0 ? (double)s->in_use_bytes : 0;
        fputs("Memory   ", stdout);
        gs_show_bar(used, (double)s->sum.reserved_bytes, (double)s->pool_bytes,
                    bar);
        printf(" %s in use, %s reserved of %s\n",
               gs_show_size(s->in_use_bytes, a),
               gs_show_size(s->sum.reserved_bytes, b),
               gs_show_size(s->pool_bytes, c));
        fputs("CPUs     ", stdout);
        gs_show_bar(s->sum.reserved_cpus, 0, s->pool_cpus, bar);
        printf(" %g of %g\n", s->sum.reserved_cpus, s->pool_cpus);
        lines += 2;
    }
    if (s->others.attempts > 0) {
        printf("Others   %d tasks of other runs on this machine have %s and "
               "%g CPUs reserved\n",
               s->others.attempts, gs_show_size(s->others.memory_bytes, a),
               s->others.cpus);
        lines++;
    }
    printf("Time     started %s, elapsed %s", gs_show_time(s->sum.first_ms, a),
           gs_show_duration(s->elapsed_ms, b));
    if (s->live && s->sum.left_ms > 0)
        printf(", about %s left for the tasks known so far",
               gs_show_duration(s->sum.left_ms, c));
    putchar('\n');
    lines++;
    if (s->sum.oom > 0) {
        printf("Repairs  %lld attempts ran out of memory, %lld repeated "
               "here\n",
               (long long)s->sum.oom, (long long)s->sum.repeats);
        lines++;
    }
    if (s->sum.broken > 0) {
        printf("%sgenosched tasks %s --state failed,lost%s shows what went "
               "wrong\n",
               gs_style(GS_STYLE_DIM), s->run.id, gs_plain());
        lines++;
    }
    return lines;
}

static void draw_line(struct status *s)
{
    char a[GS_TEXT_ROOM], b[GS_TEXT_ROOM], c[GS_TEXT_ROOM];
    printf("%s  %lld running, %lld waiting, %lld of %lld done, %lld failed, "
           "%s reserved of %s\n",
           gs_show_time(s->now_ms, a), (long long)running(s),
           (long long)waiting(s), (long long)finished(s),
           (long long)s->sum.tasks, (long long)s->sum.count[GS_VIEW_FAILED],
           gs_show_size(s->sum.reserved_bytes, b),
           gs_show_size(s->pool_bytes, c));
}

static void print_line_json(struct status *s)
{
    gs_auto_json cJSON *out = document(s);
    gs_auto_free char *text = gs_json_print(out);
    puts(text);
}

static int watch(struct status *s, bool json, struct gs_error *err)
{
    bool terminal = isatty(STDOUT_FILENO) && !json;
    int lines = 0;
    for (bool first = true;; first = false) {
        int changed = gs_view_refresh(s->view, err);
        if (changed < 0 || look(s, err) < 0)
            return -1;
        gs_view_rest(s->view);
        if (terminal) {
            if (lines)
                printf("\033[%dA\033[J", lines);
            lines = draw(s);
        } else if (first || changed) {
            json ? print_line_json(s) : draw_line(s);
        }
        fflush(stdout);
        if (!s->live || ferror(stdout))
            return 0;
        usleep(LOOK_MS * 1000);
    }
}

static int list_runs(const struct gs_config *config, bool json,
                     struct gs_error *err)
{
    static const char *const titles[] = {"RUN",    "NAME", "ENGINE", "TASKS",
                                         "FAILED", "LIVE", "CHANGED"};
    struct gs_run_ref *list;
    size_t n;
    if (gs_runs_list(config, &list, &n, err) < 0)
        return -1;
    cJSON *out = gs_cli_document("runs");
    cJSON *runs = cJSON_AddArrayToObject(out, "runs");
    struct gs_grid *grid = gs_grid_create(titles, 7);
    for (size_t i = 0; i < n; i++) {
        struct status s = {.run = list[i],
                           .view = gs_view_open(list[i].dir, NULL)};
        if (!s.view || look(&s, NULL) < 0) {
            gs_cli_note("%s: cannot be read as a run; passed over",
                        list[i].dir);
            gs_view_close(s.view);
            continue;
        }
        char number[32], when[GS_TEXT_ROOM];
        gs_auto_free char *name = gs_view_meta(s.view, "name");
        gs_auto_free char *engine = gs_view_meta(s.view, "engine");
        if (json) {
            cJSON_AddItemToArray(runs, document(&s));
        } else {
            gs_grid_add(grid, list[i].id);
            gs_grid_add(grid, name);
            gs_grid_add(grid, engine);
            snprintf(number, sizeof number, "%lld", (long long)s.sum.tasks);
            gs_grid_add(grid, number);
            snprintf(number, sizeof number, "%lld", (long long)s.sum.broken);
            gs_grid_add(grid, number);
            gs_grid_add(grid, s.live ? "yes" : "no");
            gs_grid_add(grid, gs_show_time(list[i].changed_ms, when));
        }
        gs_view_close(s.view);
    }
    if (json)
        gs_cli_print_json(out);
    else
        gs_grid_print(grid);
    if (!json)
        cJSON_Delete(out);
    gs_grid_destroy(grid);
    gs_runs_free(list, n);
    return 0;
}

static int show_run(const struct gs_cli_args *args,
                    const struct gs_config *config, struct gs_error *err)
{
    struct status s = {0};
    bool json = gs_cli_flag(args, "json");
    int rc = -1;
    if (gs_runs_find(config, args->n_operands ? args->operands[0] : NULL,
                     &s.run, err) < 0)
        return -1;
    s.view = gs_view_open(s.run.dir, err);
    if (s.view && gs_cli_flag(args, "watch"))
        rc = watch(&s, json, err);
    else if (s.view)
        rc = look(&s, err);
    if (rc == 0 && !gs_cli_flag(args, "watch")) {
        if (json)
            gs_cli_print_json(document(&s));
        else
            draw(&s);
    }
    gs_view_close(s.view);
    free(s.run.id);
    free(s.run.dir);
    return rc < 0 ? -1 : s.sum.broken > 0 ? GS_EXIT_NO : GS_EXIT_OK;
}

static int status(const struct gs_cli_args *args,
                  const struct gs_config *config, struct gs_error *err)
{
    return gs_cli_flag(args, "list")
               ? list_runs(config, gs_cli_flag(args, "json"), err)
               : show_run(args, config, err);
}

int gs_cli_status(int argc, char **argv)
{
    return gs_cli_with_config(argc, argv, status);
}
