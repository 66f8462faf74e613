/*
 * server: joins the protocol and the run: one engine on two descriptors.
 */
#ifndef GS_RUN_SERVER_H
#define GS_RUN_SERVER_H

#include "base/config.h"
#include "base/error.h"
#include "base/loop.h"

struct gs_server;

/* `config` is taken over by use: initialize.config is laid over it; it stays
 * the caller's to destroy, after the server. */
struct gs_server *gs_server_create(struct gs_loop *loop,
                                   struct gs_config *config, int in_fd,
                                   int out_fd);
void gs_server_destroy(struct gs_server *server);

/* Serves until shutdown, or until the engine is gone and what
 * on_engine_exit says is done. Returns 0 or -1. */
int gs_server_run(struct gs_server *server, struct gs_error *err);

/* SIGTERM: as if the engine had gone. May be called from the loop. */
void gs_server_terminate(struct gs_server *server);

#endif
