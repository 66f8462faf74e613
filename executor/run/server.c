/*
 * server: one function a method. Replies are queued while requests are
 * handled and leave after gs_run_settle has made durable what they say. When
 * the store fails they turn into errors, and the run is opened anew from
 * what is durable: recovery is the one way back, also without a crash.
 */
#include "run/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "protocol/rpc.h"
#include "protocol/task_spec.h"
#include "run/control.h"
#include "run/run.h"
#include "run/status.h"

enum {
    MAX_WAIT_MS = 60000,
    MAX_POLLS = 256,
    REOPEN_MS = 1000,
    GIVE_UP_MS = 10000, /* a closing that the store does not let come true */
    DRAIN_MS = 2000,
    MAX_SHUTDOWNS = 8,
};

enum closing {
    OPEN,
    CLOSING_CANCEL,
    CLOSING_DRAIN,
    CLOSING_DETACH,
};

/* A poll that waits for a change. */
struct waiting {
    struct waiting *next;
    struct gs_server *server;
    char *id;
    int64_t after;
    cJSON *ids;
    struct gs_timer *timer;
    bool due;
};

struct gs_server {
    struct gs_loop *loop;
    struct gs_config *config;
    struct gs_rpc *rpc;
    struct gs_run *run; /* NULL: not initialized, or being opened anew */
    struct gs_control *control;
    char *run_id, *run_name, *workdir, *engine, *engine_version, *session;
    bool initialized, done;
    enum closing closing;
    struct gs_mono closing_since;
    char *shutdown_ids[MAX_SHUTDOWNS]; /* to be answered when closed */
    int n_shutdowns;
    struct waiting *polls;
    int n_polls;
    struct gs_timer *reopen_timer;
    struct gs_error store_error; /* while there is no run: why */
};

typedef void (*method_f)(struct gs_server *s,
                         const struct gs_rpc_request *request);

static void drop_poll(struct waiting *w)
{
    gs_loop_cancel(w->server->loop, w->timer);
    cJSON_Delete(w->ids);
    free(w->id);
    free(w);
}

static void poll_due(void *arg)
{
    struct waiting *w = arg;
    w->timer = NULL;
    w->due = true;
}

static cJSON *empty_poll(const struct gs_run *run, int64_t after)
{
    int64_t sequence = gs_run_sequence(run);
    cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "sequence", sequence > after ? sequence : after);
    cJSON_AddItemToObject(o, "tasks", cJSON_CreateArray());
    cJSON_AddItemToObject(o, "counts", gs_status_counts(gs_run_table(run)));
    return o;
}

/* What can be said while there is no run to ask. */
static cJSON *no_news(int64_t after)
{
    cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "sequence", after);
    cJSON_AddItemToObject(o, "tasks", cJSON_CreateArray());
    cJSON_AddItemToObject(o, "counts", cJSON_CreateObject());
    return o;
}

/* Answers the polls that have something to say, or may wait no longer. Those
 * that find the pipe full wait until the engine has read. */
static void answer_polls(struct gs_server *s, bool all)
{
    for (struct waiting **slot = &s->polls; *slot;) {
        struct waiting *w = *slot;
        if (gs_rpc_is_full(s->rpc) && !all)
            return;
        cJSON *reply = s->run ? gs_status_poll(s->run, w->after, w->ids) : NULL;
        if (!reply && (w->due || all))
            reply = s->run ? empty_poll(s->run, w->after) : no_news(w->after);
        if (!reply) {
            slot = &w->next;
            continue;
        }
        gs_rpc_reply(s->rpc, w->id, reply);
        *slot = w->next;
        s->n_polls--;
        drop_poll(w);
    }
}

/* initialize */

static void bad_param(struct gs_server *s, const char *id, const char *path,
                      const char *problem)
{
    struct gs_error err = {0};
    gs_fail_at(&err, GS_ERR_INVALID, path, "%s", problem);
    gs_rpc_fail_error(s->rpc, id, &err);
}

static int open_run(struct gs_server *s, struct gs_error *err)
{
    struct gs_run_options o = {
        .id = s->run_id,
        .name = s->run_name,
        .workdir = s->workdir,
        .engine = s->engine,
        .engine_version = s->engine_version,
        .session = s->session,
    };
    s->run = gs_run_open(s->loop, s->config, &o, err);
    if (!s->run)
        return -1;
    gs_auto_free char *dir = gs_run_dir(s->config, s->run_id);
    s->control = gs_control_open(s->loop, s->run, dir);
    return 0;
}

static void close_run(struct gs_server *s)
{
    gs_control_close(s->control);
    gs_run_close(s->run);
    s->control = NULL;
    s->run = NULL;
}

static void forget_engine(struct gs_server *s)
{
    char **texts[] = {&s->run_id, &s->run_name,       &s->workdir,
                      &s->engine, &s->engine_version, &s->session};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
}

/* A text of the object `of`; an error names both. */
static int member(const cJSON *object, const char *of, const char *key,
                  size_t max, const char **out, struct gs_error *err)
{
    if (gs_json_string(object, key, max, out, err) >= 0)
        return 0;
    snprintf(err->path, sizeof err->path, "%s.%s", of, key);
    return -1;
}

/* Reads the params into the server; -1 with *err. */
static int read_engine(struct gs_server *s, const cJSON *params,
                       struct gs_error *err)
{
    const cJSON *engine = gs_json_get(params, "engine");
    const cJSON *run = gs_json_get(params, "run");
    const char *id = NULL, *name = NULL, *workdir = NULL, *ename = NULL,
               *eversion = NULL, *session = NULL;
    if (!cJSON_IsObject(run))
        return gs_fail_at(err, GS_ERR_INVALID, "run", "must be an object");
    if (!cJSON_IsObject(engine))
        return gs_fail_at(err, GS_ERR_INVALID, "engine", "must be an object");
    if (member(run, "run", "id", 4096, &id, err) < 0)
        return -1;
    if (!id || !gs_run_id_is_valid(id))
        return gs_fail_at(err, GS_ERR_INVALID, "run.id",
                          "must be 1 to 64 of A-Z a-z 0-9 . _ -");
    if (member(run, "run", "name", 1024, &name, err) < 0 ||
        member(run, "run", "workdir", 4096, &workdir, err) < 0 ||
        member(engine, "engine", "name", 256, &ename, err) < 0 ||
        member(engine, "engine", "version", 256, &eversion, err) < 0 ||
        member(engine, "engine", "session", 256, &session, err) < 0)
        return -1;
    forget_engine(s);
    s->run_id = gs_strdup(id);
    s->run_name = gs_strdup(name);
    s->workdir = gs_strdup(workdir);
    s->engine = gs_strdup(ename);
    s->engine_version = gs_strdup(eversion);
    /* Without one, this initialize is a life of its own: one name for it,
     * however often the run is opened anew. */
    s->session = session ? gs_strdup(session)
                         : gs_format("%ld-%lld", (long)getpid(),
                                     (long long)gs_wall_now().ms);
    return 0;
}

static cJSON *initialized(struct gs_server *s, struct gs_error *err)
{
    struct gs_resources total;
    if (gs_run_pool(s->run, &total, NULL, NULL, err) < 0)
        return NULL;
    cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "protocol", GS_PROTOCOL);
    cJSON *server = cJSON_AddObjectToObject(o, "server");
    gs_json_add_string(server, "name", "genosched");
    gs_json_add_string(server, "version", GS_VERSION);
    gs_json_add_string(o, "run", s->run_id);
    gs_json_add_string(o, "backend", gs_run_backend(s->run));
    cJSON_AddItemToObject(o, "pool", gs_status_resources(&total));
    gs_json_add_int(o, "recovered", (int64_t)gs_run_recovered(s->run));
    return o;
}

static int check_protocol(const cJSON *params, struct gs_error *err)
{
    int64_t protocol = 0;
    if (gs_json_int(params, "protocol", 0, GS_JSON_MAX_INT, &protocol, err) < 0)
        return -1;
    if (protocol != GS_PROTOCOL)
        return gs_fail_at(err, GS_ERR_INVALID, "protocol",
                          "this is genosched " GS_VERSION
                          " and it speaks protocol %d; install the plugin of "
                          "the same version",
                          GS_PROTOCOL);
    return 0;
}

static void apply_log_level(const struct gs_config *config)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    const char *level = gs_config_string(config, "log.level");
    for (int i = 0; i < 4; i++)
        if (strcmp(level, names[i]) == 0)
            gs_log_set_level((enum gs_log_level)i);
}

static void on_initialize(struct gs_server *s,
                          const struct gs_rpc_request *request)
{
    struct gs_error err = {0};
    const cJSON *config = gs_json_get(request->params, "config");
    cJSON *reply = NULL;
    if (s->initialized) {
        gs_rpc_fail(s->rpc, request->id, GS_RPC_REQUEST,
                    "initialize comes once, and has been", NULL);
        return;
    }
    if (check_protocol(request->params, &err) == 0 &&
        read_engine(s, request->params, &err) == 0 &&
        (!config || cJSON_IsNull(config) ||
         gs_config_merge(s->config, config, "initialize.config", &err) == 0)) {
        apply_log_level(s->config);
        if (open_run(s, &err) == 0 && !(reply = initialized(s, &err)))
            close_run(s);
    }
    if (!reply) {
        gs_rpc_fail_error(s->rpc, request->id, &err);
        return;
    }
    s->initialized = true;
    gs_rpc_reply(s->rpc, request->id, reply);
}

/* submit */

static void on_submit(struct gs_server *s, const struct gs_rpc_request *request)
{
    const cJSON *tasks = gs_json_get(request->params, "tasks");
    struct gs_error err = {0};
    if (!cJSON_IsArray(tasks)) {
        bad_param(s, request->id, "tasks", "must be a list of tasks");
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON *accepted = cJSON_AddArrayToObject(o, "accepted");
    cJSON *rejected = cJSON_AddArrayToObject(o, "rejected");
    for (const cJSON *t = tasks->child; t; t = t->next) {
        char id[129], why[1200] = "";
        int rc = gs_run_submit(s->run, t, id, why, sizeof why, &err);
        if (rc < 0)
            break; /* settle turns the reply into an error */
        if (rc == 1) {
            cJSON_AddItemToArray(accepted, cJSON_CreateString(id));
        } else {
            cJSON *r = cJSON_CreateObject();
            gs_json_add_string(r, "id", id);
            gs_json_add_string(r, "reason", why);
            cJSON_AddItemToArray(rejected, r);
        }
    }
    gs_rpc_reply(s->rpc, request->id, o);
}

/* poll */

static bool strings_or_absent(struct gs_server *s,
                              const struct gs_rpc_request *request,
                              const char *key, const cJSON **out)
{
    const cJSON *v = gs_json_get(request->params, key);
    *out = v && !cJSON_IsNull(v) ? v : NULL;
    bool good = !*out || cJSON_IsArray(*out);
    for (const cJSON *c = *out ? (*out)->child : NULL; c && good; c = c->next)
        good = cJSON_IsString(c);
    if (!good)
        bad_param(s, request->id, key, "must be a list of task ids");
    return good;
}

static void on_poll(struct gs_server *s, const struct gs_rpc_request *request)
{
    struct gs_error err = {0};
    int64_t after = 0, wait_ms = 0;
    const cJSON *ids;
    if (gs_json_int(request->params, "after", 0, GS_JSON_MAX_INT, &after,
                    &err) < 0 ||
        gs_json_int(request->params, "wait_ms", 0, MAX_WAIT_MS, &wait_ms,
                    &err) < 0) {
        gs_rpc_fail_error(s->rpc, request->id, &err);
        return;
    }
    if (!strings_or_absent(s, request, "ids", &ids))
        return;
    if (wait_ms > 0 && s->n_polls >= MAX_POLLS) {
        bad_param(s, request->id, "wait_ms", "too many polls wait at once");
        return;
    }
    struct waiting *w = gs_calloc(1, sizeof *w);
    w->server = s;
    w->id = gs_strdup(request->id);
    w->after = after;
    w->ids = ids ? cJSON_Duplicate(ids, true) : NULL;
    w->due = wait_ms == 0;
    if (!w->due)
        w->timer = gs_loop_timer(s->loop, wait_ms, poll_due, w);
    w->next = s->polls;
    s->polls = w;
    s->n_polls++;
}

/* kill, status, shutdown */

static void on_kill(struct gs_server *s, const struct gs_rpc_request *request)
{
    static const char *const names[] = {"stopping", "finished", "unknown"};
    const cJSON *ids;
    bool all = false;
    struct gs_error err = {0};
    if (!strings_or_absent(s, request, "ids", &ids))
        return;
    if (gs_json_bool(request->params, "all", &all, &err) < 0) {
        gs_rpc_fail_error(s->rpc, request->id, &err);
        return;
    }
    if (!ids && !all) {
        bad_param(s, request->id, "ids", "ids or all:true is due");
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON *lists[3];
    for (int i = 0; i < 3; i++)
        lists[i] = cJSON_AddArrayToObject(o, names[i]);
    if (all) {
        const struct gs_task *t = gs_table_oldest(gs_run_table(s->run));
        for (; t; t = t->seq_next)
            if (!gs_task_state_is_final((t->target ? t->target : t)->state))
                cJSON_AddItemToArray(lists[GS_KILL_STOPPING],
                                     cJSON_CreateString(t->id));
        gs_run_kill_all(s->run, &err);
    }
    for (const cJSON *c = ids && !all ? ids->child : NULL; c; c = c->next) {
        int rc = gs_run_kill(s->run, c->valuestring, &err);
        if (rc >= 0)
            cJSON_AddItemToArray(lists[rc], cJSON_CreateString(c->valuestring));
    }
    gs_rpc_reply(s->rpc, request->id, o);
}

static void on_status(struct gs_server *s, const struct gs_rpc_request *request)
{
    struct gs_error err = {0};
    cJSON *o = gs_status_run(s->run, &err);
    if (o)
        gs_rpc_reply(s->rpc, request->id, o);
    else
        gs_rpc_fail_error(s->rpc, request->id, &err);
}

static void begin_closing(struct gs_server *s, enum closing how)
{
    if (s->closing == OPEN)
        s->closing_since = gs_mono_now();
    s->closing = how;
    if (!s->run)
        return;
    gs_run_drain(s->run);
    if (how == CLOSING_CANCEL)
        gs_run_kill_all(s->run, NULL);
}

static void on_shutdown(struct gs_server *s,
                        const struct gs_rpc_request *request)
{
    const char *mode = "cancel";
    struct gs_error err = {0};
    if (gs_json_string(request->params, "mode", 16, &mode, &err) < 0) {
        gs_rpc_fail_error(s->rpc, request->id, &err);
        return;
    }
    enum closing how = strcmp(mode, "cancel") == 0   ? CLOSING_CANCEL
                       : strcmp(mode, "drain") == 0  ? CLOSING_DRAIN
                       : strcmp(mode, "detach") == 0 ? CLOSING_DETACH
                                                     : OPEN;
    if (how == OPEN) {
        bad_param(s, request->id, "mode", "must be cancel, drain or detach");
        return;
    }
    /* Drain may be cut short by cancel or detach; nothing else changes. */
    if (s->n_shutdowns == MAX_SHUTDOWNS ||
        (s->closing != OPEN && s->closing != how &&
         s->closing != CLOSING_DRAIN)) {
        gs_rpc_fail(s->rpc, request->id, GS_RPC_REQUEST,
                    "another shutdown is under way", NULL);
        return;
    }
    s->shutdown_ids[s->n_shutdowns++] = gs_strdup(request->id);
    if (s->closing != how)
        begin_closing(s, how);
}

static const struct {
    const char *name;
    method_f call;
    bool before_initialize, without_run;
    const char *params[6]; /* those known; NULL-terminated */
} methods[] = {
    {"initialize",
     on_initialize,
     true,
     true,
     {"protocol", "engine", "run", "config", "resume"}},
    {"submit", on_submit, false, false, {"tasks"}},
    {"poll", on_poll, false, true, {"after", "wait_ms", "ids"}},
    {"kill", on_kill, false, false, {"ids", "all"}},
    {"status", on_status, false, false, {NULL}},
    {"shutdown", on_shutdown, true, true, {"mode"}},
};

static void on_request(void *arg, const struct gs_rpc_request *request)
{
    struct gs_server *s = arg;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(methods[i].name, request->method) != 0)
            continue;
        gs_warn_unknown(request->params, methods[i].name, methods[i].params);
        if (!s->initialized && !methods[i].before_initialize)
            gs_rpc_fail(s->rpc, request->id, GS_RPC_UNINITIALIZED,
                        "not initialized: the first request is initialize",
                        NULL);
        else if (s->initialized && !s->run && !methods[i].without_run)
            gs_rpc_fail_error(s->rpc, request->id, &s->store_error);
        else
            methods[i].call(s, request);
        return;
    }
    gs_auto_free char *text = gs_format(
        "no such method '%.64s'; there are initialize, submit, poll, kill, "
        "status and shutdown",
        request->method);
    gs_rpc_fail(s->rpc, request->id, GS_RPC_METHOD, text, NULL);
}

static void engine_gone(struct gs_server *s, const char *why)
{
    if (!s->initialized) {
        s->done = true;
        return;
    }
    const char *mode = gs_config_string(s->config, "on_engine_exit");
    bool cancel = strcmp(mode, "cancel") == 0;
    gs_info("%s: %s", why,
            cancel ? "stopping every task"
                   : "leaving running tasks to be found again");
    begin_closing(s, cancel ? CLOSING_CANCEL : CLOSING_DETACH);
}

/* A drain that the engine has asked for goes on when its pipe is closed, but
 * not against a SIGTERM. */
void gs_server_terminate(struct gs_server *s)
{
    if (s->closing == OPEN || s->closing == CLOSING_DRAIN)
        engine_gone(s, "ended by SIGTERM");
}

static void on_end(void *arg)
{
    struct gs_server *s = arg;
    if (s->closing == OPEN)
        engine_gone(s, "end of input without shutdown");
}

/* The round */

static void reopen(void *arg)
{
    struct gs_server *s = arg;
    struct gs_error err = {0};
    s->reopen_timer = NULL;
    if (open_run(s, &err) == 0) {
        gs_warn("the state store could be opened again");
        if (s->closing != OPEN)
            begin_closing(s, s->closing);
        return;
    }
    gs_error_log("%s; trying again", err.text);
    s->store_error = err;
    s->reopen_timer = gs_loop_timer(s->loop, REOPEN_MS, reopen, s);
}

static void store_failed(struct gs_server *s, const struct gs_error *err)
{
    gs_error_log("%s", err->text);
    s->store_error = *err;
    gs_rpc_fail_queued(s->rpc, err);
    close_run(s);
    s->reopen_timer = gs_loop_timer(s->loop, 0, reopen, s);
}

static bool closed(const struct gs_server *s)
{
    size_t active = 0;
    if (s->closing == OPEN || !s->run)
        return s->closing != OPEN && !s->initialized;
    gs_table_active(gs_run_table(s->run), &active);
    return s->closing == CLOSING_DETACH ||
           (s->closing == CLOSING_DRAIN && active == 0) ||
           (s->closing == CLOSING_CANCEL &&
            gs_table_live(gs_run_table(s->run)) == 0);
}

/* What was asked for could not be done, and waiting longer helps nobody. */
static bool must_give_up(const struct gs_server *s)
{
    return s->closing != OPEN && s->initialized && !s->run &&
           gs_mono_now().ms - s->closing_since.ms > GIVE_UP_MS;
}

static int give_up(struct gs_server *s, struct gs_error *err)
{
    gs_fail(err, GS_ERR_STATE,
            "run %s: the state store cannot be written, so its tasks could "
            "not be ended in order and may still run; make room and resume "
            "the run with the same id",
            s->run_id);
    for (int i = 0; i < s->n_shutdowns; i++)
        gs_rpc_fail_error(s->rpc, s->shutdown_ids[i], err);
    answer_polls(s, true);
    gs_rpc_flush(s->rpc);
    gs_rpc_drain(s->rpc, DRAIN_MS);
    return -1;
}

static void finish(struct gs_server *s)
{
    answer_polls(s, true);
    for (int i = 0; i < s->n_shutdowns; i++)
        gs_rpc_reply(s->rpc, s->shutdown_ids[i], cJSON_CreateObject());
    gs_rpc_flush(s->rpc);
    gs_rpc_drain(s->rpc, DRAIN_MS);
    s->done = true;
}

/* Replies leave after the commit of what they tell, starts come after the
 * commit of their intents, and what starting has appended is committed
 * before anybody waits. */
static void settle(struct gs_server *s)
{
    struct gs_error err = {0};
    if (s->run && gs_run_settle(s->run, &err) < 0)
        store_failed(s, &err);
    answer_polls(s, false);
    gs_rpc_flush(s->rpc);
    if (!s->run)
        return;
    gs_run_start_intended(s->run);
    if (gs_run_commit(s->run, &err) < 0)
        store_failed(s, &err);
    else
        gs_control_committed(s->control);
    answer_polls(s, false);
    gs_rpc_flush(s->rpc);
}

int gs_server_run(struct gs_server *s, struct gs_error *err)
{
    while (!s->done) {
        settle(s);
        if (must_give_up(s))
            return give_up(s, err);
        if (closed(s))
            finish(s);
        else if (gs_loop_round(s->loop, err) < 0)
            return -1;
    }
    return 0;
}

struct gs_server *gs_server_create(struct gs_loop *loop,
                                   struct gs_config *config, int in_fd,
                                   int out_fd)
{
    struct gs_server *s = gs_calloc(1, sizeof *s);
    struct gs_rpc_handler handler = {on_request, on_end, s};
    s->loop = loop;
    s->config = config;
    s->rpc = gs_rpc_create(loop, in_fd, out_fd, &handler);
    return s;
}

void gs_server_destroy(struct gs_server *s)
{
    if (!s)
        return;
    while (s->polls) {
        struct waiting *w = s->polls;
        s->polls = w->next;
        drop_poll(w);
    }
    gs_loop_cancel(s->loop, s->reopen_timer);
    close_run(s);
    gs_rpc_destroy(s->rpc);
    forget_engine(s);
    for (int i = 0; i < s->n_shutdowns; i++)
        free(s->shutdown_ids[i]);
    free(s);
}
