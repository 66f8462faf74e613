/*
 * rpc: JSON-RPC 2.0 as lines on two file descriptors (PROTOCOL.md, Framing).
 *
 * Replies are queued and leave the process only in gs_rpc_flush, which the
 * server calls when what they promise is durable. A bad line gets an error
 * reply and never ends the process.
 */
#ifndef GS_PROTOCOL_RPC_H
#define GS_PROTOCOL_RPC_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/loop.h"

enum {
    GS_PROTOCOL = 1, /* the number in PROTOCOL.md */
    GS_RPC_MAX_LINE = 16 * 1024 * 1024,
};

enum gs_rpc_code {
    GS_RPC_PARSE = -32700,
    GS_RPC_REQUEST = -32600,
    GS_RPC_METHOD = -32601,
    GS_RPC_PARAMS = -32602,
    GS_RPC_INTERNAL = -32603,
    GS_RPC_UNINITIALIZED = -32001,
    GS_RPC_HELD = -32002,
    GS_RPC_BACKEND = -32003,
    GS_RPC_CONFIG = -32004,
    GS_RPC_STATE = -32005,
};

struct gs_rpc;

struct gs_rpc_request {
    const char *id; /* the id as JSON text; borrowed, copy to keep */
    const char *method;
    const cJSON *params; /* an object, possibly empty; borrowed */
};

struct gs_rpc_handler {
    void (*request)(void *arg, const struct gs_rpc_request *request);
    void (*end)(void *arg); /* end of input, once */
    void *arg;
};

struct gs_rpc *gs_rpc_create(struct gs_loop *loop, int in_fd, int out_fd,
                             const struct gs_rpc_handler *handler);
void gs_rpc_destroy(struct gs_rpc *rpc);

/* Queues; takes ownership of `result`. */
void gs_rpc_reply(struct gs_rpc *rpc, const char *id, cJSON *result);
/* Queues an error; takes ownership of `data` (NULL is fine). */
void gs_rpc_fail(struct gs_rpc *rpc, const char *id, enum gs_rpc_code code,
                 const char *message, cJSON *data);
/* As gs_rpc_fail, with code and data made from *err. */
void gs_rpc_fail_error(struct gs_rpc *rpc, const char *id,
                       const struct gs_error *err);

/* Turns every reply queued since the last flush into this error: what they
 * promised could not be made durable. */
void gs_rpc_fail_queued(struct gs_rpc *rpc, const struct gs_error *err);
/* Lets the queue go; what the pipe does not take now is sent by the loop. */
void gs_rpc_flush(struct gs_rpc *rpc);
/* True while more waits for the reader than should: nothing that can wait
 * should be added. */
bool gs_rpc_is_full(const struct gs_rpc *rpc);
/* Sends what is flushed, waiting at most wait_ms for the reader. */
void gs_rpc_drain(struct gs_rpc *rpc, int wait_ms);

#endif
