/*
 * explain: one task, from its acceptance to its end: every attempt with the
 * four figures of memory kept apart, why it got that memory, why it waits.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/format.h"
#include "cli/live.h"
#include "cli/task_json.h"
#include "report/runs.h"
#include "report/view.h"
#include "store/store.h"

struct explain {
    struct gs_view *view;
    struct gs_run_ref run;
    char *id;
    cJSON *task;     /* as `tasks` prints it */
    cJSON *attempts; /* array */
    cJSON *events;   /* array */
    cJSON *spec;     /* as accepted, may be NULL */
    char *waiting;   /* for a pending task */
};

static void take_row(void *arg, const struct gs_row *row)
{
    struct explain *x = arg;
    x->task = gs_row_json(row);
}

static void take_attempt(void *arg, const struct gs_attempt_row *row)
{
    struct explain *x = arg;
    cJSON_AddItemToArray(x->attempts, gs_attempt_json(row));
}

static void take_event(void *arg, const struct gs_event_row *row)
{
    struct explain *x = arg;
    cJSON *out = cJSON_CreateObject();
    gs_json_add_int(out, "sequence", row->seq);
    gs_json_add_int(out, "time", row->time_ms);
    gs_json_add_int(out, "attempt", row->attempt);
    gs_json_add_text(out, "kind", row->kind);
    cJSON *body = gs_json_parse(row->body, strlen(row->body), NULL);
    cJSON_AddItemToObject(out, "body", body ? body : cJSON_CreateObject());
    cJSON_AddItemToArray(x->events, out);
}

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(gs_json_get(object, key));
}

static int64_t int_of(const cJSON *object, const char *key)
{
    const cJSON *v = gs_json_get(object, key);
    return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : -1;
}

static int64_t memory_of(const cJSON *object, const char *key)
{
    return int_of(gs_json_get(object, "memory"), key);
}

/* From what the store shows: the serving process itself knows more, but a
 * reader cannot ask it. */
static char *why_waiting(struct explain *x, struct gs_error *err)
{
    struct gs_summary sum;
    char a[GS_TEXT_ROOM], b[GS_TEXT_ROOM], c[GS_TEXT_ROOM], d[GS_TEXT_ROOM];
    const char *said = text_of(x->task, "waiting");
    if (said)
        return gs_strdup(said);
    if (!gs_store_is_live(x->run.dir))
        return gs_strdup("no genosched serves the run now; it goes on when "
                         "the engine resumes it");
    if (gs_view_summary(x->view, 0, &sum, err) < 0)
        return NULL;
    int64_t pool = gs_view_meta_int(x->view, "pool_memory_bytes", -1);
    gs_auto_free char *cpus_text = gs_view_meta(x->view, "pool_cpus");
    double cpus = cpus_text ? strtod(cpus_text, NULL) : -1;
    const cJSON *own = gs_json_get(x->task, "cpus");
    int64_t need = memory_of(x->task, "requested_bytes");
    if (need >= 0 && sum.reserved_bytes + need > pool)
        return gs_format("memory: it asks for %s, and %s of %s are reserved "
                         "by what runs",
                         gs_show_size(need, a),
                         gs_show_size(sum.reserved_bytes, b),
                         gs_show_size(pool, c));
    struct gs_others others = gs_live_others(x->run.dir);
    if (need >= 0 && sum.reserved_bytes + others.memory_bytes + need > pool)
        return gs_format("memory: it asks for %s, and of %s this run has "
                         "reserved %s and other runs on this machine %s",
                         gs_show_size(need, a), gs_show_size(pool, b),
                         gs_show_size(sum.reserved_bytes, c),
                         gs_show_size(others.memory_bytes, d));
    if (own && sum.reserved_cpus + own->valuedouble <= cpus &&
        sum.reserved_cpus + others.cpus + own->valuedouble > cpus)
        return gs_format("CPUs: it asks for %g, and of %g this run has "
                         "reserved %g and other runs on this machine %g",
                         own->valuedouble, cpus, sum.reserved_cpus,
                         others.cpus);
    if (own && sum.reserved_cpus + own->valuedouble > cpus)
        return gs_format("CPUs: it asks for %g, and %g of %g are reserved by "
                         "what runs",
                         own->valuedouble, sum.reserved_cpus, cpus);
    return gs_format("its turn: %lld tasks were there before it",
                     (long long)gs_view_ahead(x->view, x->id));
}

static int gather(struct explain *x, const char *which, struct gs_error *err)
{
    x->attempts = cJSON_CreateArray();
    x->events = cJSON_CreateArray();
    x->id = gs_view_find_task(x->view, which, err);
    if (!x->id || gs_view_task(x->view, x->id, take_row, x, err) < 0)
        return -1;
    const char *adopted = text_of(x->task, "adopted");
    if (gs_view_attempts(x->view, adopted ? adopted : x->id, take_attempt, x,
                         err) < 0 ||
        gs_view_events(x->view, x->id, take_event, x, err) < 0)
        return -1;
    gs_auto_free char *spec = gs_view_spec(x->view, x->id);
    x->spec = spec ? gs_json_parse(spec, strlen(spec), err) : NULL;
    if (strcmp(text_of(x->task, "state"), "pending") == 0 &&
        !(x->waiting = why_waiting(x, err)))
        return -1;
    return 0;
}

static void line(const char *title, const char *text)
{
    gs_auto_free char *clean = gs_printable(text);
    if (clean && *clean)
        printf("%s%-12s%s%s\n", gs_style(GS_STYLE_BOLD), title, gs_plain(),
               clean);
}

static enum gs_style state_style(const char *state)
{
    if (strcmp(state, "succeeded") == 0)
        return GS_STYLE_GOOD;
    if (strcmp(state, "failed") == 0 || strcmp(state, "lost") == 0)
        return GS_STYLE_BAD;
    return GS_STYLE_WARN;
}

static void print_head(const struct explain *x)
{
    const char *name = text_of(x->task, "name");
    const char *state = text_of(x->task, "state");
    const char *reason = text_of(x->task, "reason");
    const char *adopted = text_of(x->task, "adopted");
    int64_t code = int_of(x->task, "exit_code");
    line("Task", name ? name : text_of(x->task, "process"));
    line("Id", x->id);
    line("Run", x->run.id);
    line("Process", text_of(x->task, "process"));
    line("Chromosome", text_of(x->task, "chromosome"));
    printf("%s%-12s%s%s%s%s", gs_style(GS_STYLE_BOLD), "State", gs_plain(),
           gs_style(state_style(state)), state, gs_plain());
    if (reason)
        printf(" (%s%s", reason, code >= 0 ? "" : ")");
    if (reason && code >= 0)
        printf(", exit code %lld)", (long long)code);
    putchar('\n');
    line("Message", text_of(x->task, "message"));
    line("Waits for", x->waiting);
    line("Adopted", adopted);
    line("Repeats", text_of(x->spec, "retry_of"));
    line("Work folder", text_of(x->spec, "workdir"));
}

static void print_attempts(const struct explain *x)
{
    static const char *const titles[] = {
        "ATTEMPT", "STATE", "REASON", "REQUEST", "PREDICTED",
        "LIMIT",   "PEAK",  "WALL",   "CPU",     "NODE"};
    struct gs_grid *grid = gs_grid_create(titles, 10);
    char text[GS_TEXT_ROOM];
    for (int i = 3; i < 9; i++)
        gs_grid_right(grid, i);
    for (const cJSON *a = x->attempts->child; a; a = a->next) {
        snprintf(text, sizeof text, "%lld", (long long)int_of(a, "n"));
        gs_grid_add(grid, text);
        gs_grid_add(grid, text_of(a, "state"));
        gs_grid_add(grid, text_of(a, "reason"));
        gs_grid_add(grid, gs_show_size(memory_of(a, "requested_bytes"), text));
        gs_grid_add(grid, gs_show_size(memory_of(a, "predicted_bytes"), text));
        gs_grid_add(grid, gs_show_size(memory_of(a, "limit_bytes"), text));
        gs_grid_add(grid, gs_show_size(memory_of(a, "peak_bytes"), text));
        gs_grid_add(grid, gs_show_duration(int_of(a, "wall_ms"), text));
        gs_grid_add(grid, gs_show_duration(int_of(a, "cpu_ms"), text));
        gs_grid_add(grid, text_of(a, "node"));
    }
    putchar('\n');
    gs_grid_print(grid);
    gs_grid_destroy(grid);
    for (const cJSON *a = x->attempts->child; a; a = a->next) {
        gs_auto_free char *why = gs_printable(text_of(a, "why"));
        gs_auto_free char *message = gs_printable(text_of(a, "message"));
        if (why)
            printf("Attempt %lld, why this memory: %s\n",
                   (long long)int_of(a, "n"), why);
        if (message)
            printf("Attempt %lld: %s\n", (long long)int_of(a, "n"), message);
    }
}

/* The event in words. */
static void say_event(const cJSON *event)
{
    const char *kind = text_of(event, "kind");
    const cJSON *body = gs_json_get(event, "body");
    char size[GS_TEXT_ROOM];
    gs_auto_free char *adopted = gs_printable(text_of(body, "adopted"));
    const char *reason = text_of(body, "reason");
    int64_t code = int_of(body, "exit_code");
    if (strcmp(kind, "accepted") == 0 && adopted)
        printf("accepted, as task %s of an earlier session", adopted);
    else if (strcmp(kind, "accepted") == 0)
        printf("accepted");
    else if (strcmp(kind, "intent") == 0)
        printf("placed with a limit of %s",
               gs_show_size(int_of(body, "limit_bytes"), size));
    else if (strcmp(kind, "withdrawn") == 0)
        printf("not started after all, waits again");
    else if (strcmp(kind, "started") == 0)
        printf("started");
    else if (strcmp(kind, "ended") == 0) {
        printf("ended: %s", reason ? reason : "unknown");
        if (code >= 0)
            printf(", exit code %lld", (long long)code);
        if (int_of(body, "peak_bytes") >= 0)
            printf(", peak %s", gs_show_size(int_of(body, "peak_bytes"), size));
    } else if (strcmp(kind, "again") == 0) {
        printf("will be repeated");
        if (int_of(body, "floor_bytes") > 0)
            printf(" with at least %s",
                   gs_show_size(int_of(body, "floor_bytes"), size));
    } else if (strcmp(kind, "final") == 0)
        printf("final: %s", text_of(body, "state"));
    else if (strcmp(kind, "kill") == 0)
        printf("asked to stop");
    else
        printf("%s", kind);
}

static void print_timeline(const struct explain *x)
{
    int64_t first = -1, last = 0;
    char when[GS_TEXT_ROOM], since[GS_TEXT_ROOM];
    printf("\n%sTimeline%s\n", gs_style(GS_STYLE_BOLD), gs_plain());
    for (const cJSON *e = x->events->child; e; e = e->next) {
        int64_t time = int_of(e, "time"), attempt = int_of(e, "attempt");
        if (first < 0)
            first = last = time;
        printf("  %s  +%-12s ", gs_show_time(time, when),
               gs_show_duration(time > last ? time - last : 0, since));
        last = time;
        if (attempt > 0)
            printf("attempt %lld ", (long long)attempt);
        say_event(e);
        putchar('\n');
    }
}

static int print_json(struct explain *x)
{
    cJSON *out = gs_cli_document("explain");
    gs_json_add_string(out, "run", x->run.id);
    cJSON_AddItemToObject(out, "task", x->task);
    cJSON_AddItemToObject(out, "attempts", x->attempts);
    cJSON_AddItemToObject(out, "events", x->events);
    gs_json_add_text(out, "waiting", x->waiting);
    cJSON_AddItemToObject(out, "submitted_as",
                          x->spec ? x->spec : cJSON_CreateNull());
    x->task = x->attempts = x->events = x->spec = NULL;
    return gs_cli_print_json(out);
}

static int explain(const struct gs_cli_args *args,
                   const struct gs_config *config, struct gs_error *err)
{
    struct explain x = {0};
    int rc = gs_runs_find(config, gs_cli_value(args, "run"), &x.run, err);
    if (rc == 0)
        x.view = gs_view_open(x.run.dir, err);
    rc = x.view ? gather(&x, args->operands[0], err) : -1;
    if (rc == 0 && gs_cli_flag(args, "json")) {
        print_json(&x);
    } else if (rc == 0) {
        print_head(&x);
        if (x.attempts->child)
            print_attempts(&x);
        print_timeline(&x);
    }
    gs_view_close(x.view);
    cJSON_Delete(x.task);
    cJSON_Delete(x.attempts);
    cJSON_Delete(x.events);
    cJSON_Delete(x.spec);
    free(x.waiting);
    free(x.id);
    free(x.run.id);
    free(x.run.dir);
    return rc;
}

int gs_cli_explain(int argc, char **argv)
{
    return gs_cli_with_config(argc, argv, explain);
}
