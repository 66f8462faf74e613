/*
 * rpc: see the header. Input is bounded by GS_RPC_MAX_LINE; while the engine
 * does not read its replies (more than OUT_PAUSE bytes wait), no line is
 * served, so that output is bounded too: by that and one reply.
 */
#include "protocol/rpc.h"

#include <errno.h>
#include <htslib/kstring.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    READ_BYTES = 256 * 1024,
    WRITE_BYTES = 4096, /* PIPE_BUF: never blocks after POLLOUT */
    OUT_PAUSE = 32 * 1024 * 1024,
    LARGE = 2 * 1024 * 1024,
};

struct gs_rpc {
    struct gs_loop *loop;
    struct gs_rpc_handler handler;
    int in_fd, out_fd;
    struct gs_watch *in_watch, *out_watch;
    struct gs_timer *resume; /* lines were left in `in` */
    kstring_t in;     /* read and not served: lines, then a part of one */
    size_t in_seen;   /* up to here `in` holds no line feed */
    kstring_t queued; /* not yet allowed to leave */
    kstring_t out;    /* allowed to leave */
    size_t out_sent;
    char **queued_ids; /* of the replies in `queued` */
    size_t n_queued, queued_room;
    bool skipping; /* inside a line that is too long */
    bool ended, told_end;
};

static void on_readable(void *arg, int fd);
static void serve_lines(struct gs_rpc *rpc);
static void forget_queued(struct gs_rpc *rpc);

struct gs_rpc *gs_rpc_create(struct gs_loop *loop, int in_fd, int out_fd,
                             const struct gs_rpc_handler *handler)
{
    struct gs_rpc *rpc = gs_calloc(1, sizeof *rpc);
    rpc->loop = loop;
    rpc->handler = *handler;
    rpc->in_fd = in_fd;
    rpc->out_fd = out_fd;
    rpc->in_watch = gs_loop_watch(loop, in_fd, on_readable, rpc);
    return rpc;
}

void gs_rpc_destroy(struct gs_rpc *rpc)
{
    if (!rpc)
        return;
    gs_loop_unwatch(rpc->loop, rpc->in_watch);
    gs_loop_unwatch(rpc->loop, rpc->out_watch);
    gs_loop_cancel(rpc->loop, rpc->resume);
    forget_queued(rpc);
    free(rpc->queued_ids);
    ks_free(&rpc->in);
    ks_free(&rpc->queued);
    ks_free(&rpc->out);
    free(rpc);
}

static void add(kstring_t *to, const char *text, size_t len)
{
    if (kputsn(text, len, to) < 0)
        gs_malloc((size_t)-1);
}

/* A large buffer that is empty goes, and with it what the allocator has kept
 * of the documents that were in it. */
static void give_back(kstring_t *buffer)
{
    if (buffer->m <= LARGE)
        return;
    ks_free(buffer);
    malloc_trim(0);
}

static void queue(struct gs_rpc *rpc, const char *id, const char *member,
                  cJSON *value)
{
    gs_auto_free char *text = gs_json_print(value);
    gs_auto_free char *head = gs_format(
        "{\"jsonrpc\":\"2.0\",\"id\":%s,\"%s\":", id ? id : "null", member);
    cJSON_Delete(value);
    if (rpc->n_queued == rpc->queued_room) {
        rpc->queued_room = rpc->queued_room ? rpc->queued_room * 2 : 64;
        rpc->queued_ids =
            gs_realloc(rpc->queued_ids, rpc->queued_room * sizeof(char *));
    }
    rpc->queued_ids[rpc->n_queued++] = gs_strdup(id);
    add(&rpc->queued, head, strlen(head));
    add(&rpc->queued, text, strlen(text));
    add(&rpc->queued, "}\n", 2);
}

void gs_rpc_reply(struct gs_rpc *rpc, const char *id, cJSON *result)
{
    queue(rpc, id, "result", result);
}

void gs_rpc_fail(struct gs_rpc *rpc, const char *id, enum gs_rpc_code code,
                 const char *message, cJSON *data)
{
    cJSON *error = cJSON_CreateObject();
    gs_json_add_int(error, "code", code);
    gs_json_add_string(error, "message", message);
    if (data)
        cJSON_AddItemToObject(error, "data", data);
    queue(rpc, id, "error", error);
}

static enum gs_rpc_code code_of(enum gs_error_code code)
{
    switch (code) {
    case GS_ERR_INVALID:
    case GS_ERR_LIMIT:
    case GS_ERR_NOTFOUND:
        return GS_RPC_PARAMS;
    case GS_ERR_LOCKED:
        return GS_RPC_HELD;
    case GS_ERR_BACKEND:
    case GS_ERR_BUSY:
        return GS_RPC_BACKEND;
    case GS_ERR_CONFIG:
        return GS_RPC_CONFIG;
    case GS_ERR_STATE:
    case GS_ERR_FULL:
    case GS_ERR_SYSTEM:
        return GS_RPC_STATE;
    default:
        return GS_RPC_INTERNAL;
    }
}

void gs_rpc_fail_error(struct gs_rpc *rpc, const char *id,
                       const struct gs_error *err)
{
    enum gs_rpc_code code = code_of(err->code);
    cJSON *data = NULL;
    if (code == GS_RPC_PARAMS) {
        data = cJSON_CreateObject();
        gs_json_add_string(data, "path", err->path);
        gs_json_add_string(data, "problem", err->text);
    } else if (code == GS_RPC_CONFIG) {
        data = cJSON_CreateObject();
        gs_json_add_string(data, "file", err->path);
        gs_json_add_int(data, "line", err->line);
        gs_json_add_int(data, "column", err->column);
    }
    gs_auto_free char *text = code == GS_RPC_PARAMS && err->path[0]
                                  ? gs_format("%s: %s", err->path, err->text)
                                  : gs_strdup(err->text);
    gs_rpc_fail(rpc, id, code, text, data);
}

/* Output */

static size_t backlog(const struct gs_rpc *rpc)
{
    return rpc->queued.l + rpc->out.l - rpc->out_sent;
}

bool gs_rpc_is_full(const struct gs_rpc *rpc)
{
    return backlog(rpc) > OUT_PAUSE;
}

static void on_resume(void *arg)
{
    struct gs_rpc *rpc = arg;
    rpc->resume = NULL;
    serve_lines(rpc);
}

static void pause_input(struct gs_rpc *rpc)
{
    bool full = gs_rpc_is_full(rpc);
    if (full && rpc->in_watch) {
        gs_loop_unwatch(rpc->loop, rpc->in_watch);
        rpc->in_watch = NULL;
    } else if (!full && !rpc->in_watch && !rpc->ended) {
        rpc->in_watch = gs_loop_watch(rpc->loop, rpc->in_fd, on_readable, rpc);
    }
    if (!full && rpc->in_seen < rpc->in.l && !rpc->resume)
        rpc->resume = gs_loop_timer(rpc->loop, 0, on_resume, rpc);
}

/* Gives room back: what is sent goes, so that the buffer does not creep. */
static void close_up(struct gs_rpc *rpc)
{
    if (rpc->out_sent < rpc->out.l && rpc->out_sent < OUT_PAUSE / 4)
        return;
    memmove(rpc->out.s, rpc->out.s + rpc->out_sent, rpc->out.l - rpc->out_sent);
    rpc->out.l -= rpc->out_sent;
    rpc->out_sent = 0;
    if (rpc->out.l == 0)
        give_back(&rpc->out);
}

/* Writes what the pipe takes until `until`. Returns false when nothing more
 * can go now. */
static bool push(struct gs_rpc *rpc, struct gs_mono until)
{
    while (rpc->out_sent < rpc->out.l) {
        struct pollfd p = {.fd = rpc->out_fd, .events = POLLOUT};
        int64_t wait_ms = until.ms - gs_mono_now().ms;
        if (poll(&p, 1, wait_ms > 0 ? (int)wait_ms : 0) <= 0)
            return false;
        size_t left = rpc->out.l - rpc->out_sent;
        ssize_t n = write(rpc->out_fd, rpc->out.s + rpc->out_sent,
                          left < WRITE_BYTES ? left : WRITE_BYTES);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        /* An error: the reader is gone; end of input will follow. */
        rpc->out_sent = n < 0 ? rpc->out.l : rpc->out_sent + (size_t)n;
    }
    return true;
}

static bool push_now(struct gs_rpc *rpc)
{
    bool all = push(rpc, (struct gs_mono){0});
    if (rpc->out.l)
        close_up(rpc);
    return all;
}

static void on_writable(void *arg, int fd)
{
    struct gs_rpc *rpc = arg;
    (void)fd;
    if (push_now(rpc)) {
        gs_loop_unwatch(rpc->loop, rpc->out_watch);
        rpc->out_watch = NULL;
    }
    pause_input(rpc);
}

static void forget_queued(struct gs_rpc *rpc)
{
    for (size_t i = 0; i < rpc->n_queued; i++)
        free(rpc->queued_ids[i]);
    rpc->n_queued = 0;
    rpc->queued.l = 0;
}

void gs_rpc_fail_queued(struct gs_rpc *rpc, const struct gs_error *err)
{
    size_t n = rpc->n_queued;
    char **ids = rpc->queued_ids;
    rpc->queued_ids = NULL;
    rpc->n_queued = rpc->queued_room = 0;
    rpc->queued.l = 0;
    for (size_t i = 0; i < n; i++) {
        gs_rpc_fail_error(rpc, ids[i], err);
        free(ids[i]);
    }
    free(ids);
}

void gs_rpc_flush(struct gs_rpc *rpc)
{
    if (rpc->queued.l) {
        add(&rpc->out, rpc->queued.s, rpc->queued.l);
        forget_queued(rpc);
        give_back(&rpc->queued);
    }
    if (rpc->out.l > rpc->out_sent && !rpc->out_watch && !push_now(rpc))
        rpc->out_watch =
            gs_loop_watch_write(rpc->loop, rpc->out_fd, on_writable, rpc);
    pause_input(rpc);
}

void gs_rpc_drain(struct gs_rpc *rpc, int wait_ms)
{
    push(rpc, (struct gs_mono){gs_mono_now().ms + wait_ms});
}

/* Input */

static char *request_id(const cJSON *json)
{
    const cJSON *id = gs_json_get(json, "id");
    if (!id || !(cJSON_IsString(id) || cJSON_IsNumber(id)))
        return NULL;
    return gs_json_print(id);
}

static void line(struct gs_rpc *rpc, const char *text, size_t len)
{
    struct gs_error err = {0};
    gs_auto_json cJSON *json = gs_json_parse(text, len, &err);
    if (!json) {
        gs_rpc_fail(rpc, NULL, GS_RPC_PARSE, err.text, NULL);
        return;
    }
    gs_auto_free char *id = cJSON_IsObject(json) ? request_id(json) : NULL;
    const cJSON *version = gs_json_get(json, "jsonrpc");
    const cJSON *method = gs_json_get(json, "method");
    const cJSON *params = gs_json_get(json, "params");
    if (!id || !cJSON_IsString(version) ||
        strcmp(version->valuestring, "2.0") != 0 || !cJSON_IsString(method) ||
        (params && !cJSON_IsObject(params))) {
        gs_rpc_fail(rpc, id, GS_RPC_REQUEST,
                    "not a request: an object with \"jsonrpc\":\"2.0\", an "
                    "id (number or string), a method and, if any, params as "
                    "an object is due",
                    NULL);
        return;
    }
    gs_auto_json cJSON *empty = params ? NULL : cJSON_CreateObject();
    struct gs_rpc_request request = {id, method->valuestring,
                                     params ? params : empty};
    rpc->handler.request(rpc->handler.arg, &request);
}

static void too_long(struct gs_rpc *rpc)
{
    gs_rpc_fail(rpc, NULL, GS_RPC_PARSE,
                "a line longer than 16 MiB was thrown away; send fewer tasks "
                "in one submit",
                NULL);
}

/* One whole line, without its line feed. */
static void whole(struct gs_rpc *rpc, const char *text, size_t len)
{
    if (rpc->skipping)
        rpc->skipping = false; /* the end of the long one */
    else if (len > GS_RPC_MAX_LINE)
        too_long(rpc);
    else if (len)
        line(rpc, text, len);
}

/* Takes the first `n` bytes, whole lines, off the input. */
static void consume(struct gs_rpc *rpc, size_t n)
{
    if (n) {
        memmove(rpc->in.s, rpc->in.s + n, rpc->in.l - n);
        rpc->in.l -= n;
        rpc->in_seen -= n;
    }
    if (rpc->in.l == 0)
        give_back(&rpc->in);
}

/* An engine that is gone, or that does not read, gets no more answers. */
static void tell_end(struct gs_rpc *rpc)
{
    if (rpc->in.l)
        gs_warn("input ended inside a line, or unanswered: %zu bytes of it "
                "are ignored",
                rpc->in.l);
    rpc->in.l = rpc->in_seen = 0;
    rpc->told_end = true;
    rpc->handler.end(rpc->handler.arg);
}

/* Serves the lines that are there, as long as replies have room. */
static void serve_lines(struct gs_rpc *rpc)
{
    size_t at = 0;
    while (rpc->in_seen < rpc->in.l && !gs_rpc_is_full(rpc)) {
        const char *lf =
            memchr(rpc->in.s + rpc->in_seen, '\n', rpc->in.l - rpc->in_seen);
        rpc->in_seen = lf ? (size_t)(lf - rpc->in.s) + 1 : rpc->in.l;
        if (lf) {
            whole(rpc, rpc->in.s + at, (size_t)(lf - rpc->in.s) - at);
            at = rpc->in_seen;
        }
    }
    consume(rpc, at);
    bool rest = rpc->in_seen < rpc->in.l; /* when replies have room again */
    if (!rest && !rpc->skipping && rpc->in.l > GS_RPC_MAX_LINE) {
        rpc->skipping = true;
        too_long(rpc);
    }
    if (!rest && rpc->skipping)
        consume(rpc, rpc->in.l);
    if (rpc->ended && !rpc->told_end && (!rest || gs_rpc_is_full(rpc)))
        tell_end(rpc);
}

static void on_readable(void *arg, int fd)
{
    struct gs_rpc *rpc = arg;
    static char buffer[READ_BYTES];
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0) {
        add(&rpc->in, buffer, (size_t)n);
    } else {
        gs_loop_unwatch(rpc->loop, rpc->in_watch);
        rpc->in_watch = NULL;
        rpc->ended = true;
    }
    serve_lines(rpc);
}
