/*
 * loop: the one event loop, on curl_multi_poll, so that HTTP transfers and
 * file descriptors are waited for in one place. One thread.
 *
 * Callbacks may add and remove watches and timers, their own included.
 */
#ifndef GS_BASE_LOOP_H
#define GS_BASE_LOOP_H

#include <stdint.h>

#include "base/error.h"

struct gs_loop;
struct gs_watch;
struct gs_timer;

typedef void (*gs_watch_f)(void *arg, int fd);
typedef void (*gs_timer_f)(void *arg);

struct gs_loop *gs_loop_create(struct gs_error *err);
void gs_loop_destroy(struct gs_loop *loop);

/* Calls `call` while `fd` is readable or hung up. The fd stays the caller's
 * and must outlive the watch. */
struct gs_watch *gs_loop_watch(struct gs_loop *loop, int fd, gs_watch_f call,
                               void *arg);
/* As gs_loop_watch, for writing. */
struct gs_watch *gs_loop_watch_write(struct gs_loop *loop, int fd,
                                     gs_watch_f call, void *arg);
/* NULL is fine. */
void gs_loop_unwatch(struct gs_loop *loop, struct gs_watch *watch);

/* Calls once, after at least `wait_ms` of monotonic time; the timer is gone
 * when `call` begins. 0 calls it in the loop's next round. */
struct gs_timer *gs_loop_timer(struct gs_loop *loop, int64_t wait_ms,
                               gs_timer_f call, void *arg);
/* NULL is fine. */
void gs_loop_cancel(struct gs_loop *loop, struct gs_timer *timer);

/* The curl multi handle for backends that speak HTTP (CURLM *). */
void *gs_loop_curl(struct gs_loop *loop);

/* Waits for events and serves them once. Returns 0 or -1. */
int gs_loop_round(struct gs_loop *loop, struct gs_error *err);

/* Rounds until gs_loop_stop. */
int gs_loop_run(struct gs_loop *loop, struct gs_error *err);
void gs_loop_stop(struct gs_loop *loop);

#endif
