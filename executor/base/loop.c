/*
 * loop: watches and timers are doubly checked lists; an entry that a callback
 * removes is marked dead and freed at the end of the round, so that no
 * callback ever runs on freed memory.
 */
#include "base/loop.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    MAX_WAIT_MS = 60000,
};

struct gs_watch {
    struct gs_watch *next;
    gs_watch_f call;
    void *arg;
    int fd;
    short events;
    bool dead;
};

struct gs_timer {
    struct gs_timer *next;
    gs_timer_f call;
    void *arg;
    struct gs_mono due;
    bool dead;
};

struct gs_loop {
    CURLM *curl;
    struct gs_watch *watches;
    struct gs_timer *timers;
    struct curl_waitfd *waits;
    struct gs_watch **waiting; /* parallel to waits */
    unsigned room;
    bool stop;
};

struct gs_loop *gs_loop_create(struct gs_error *err)
{
    struct gs_loop *loop = gs_calloc(1, sizeof *loop);
    loop->curl = curl_multi_init();
    if (!loop->curl) {
        gs_fail(err, GS_ERR_SYSTEM, "cannot start libcurl");
        free(loop);
        return NULL;
    }
    return loop;
}

void gs_loop_destroy(struct gs_loop *loop)
{
    if (!loop)
        return;
    for (struct gs_watch *w = loop->watches, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    for (struct gs_timer *t = loop->timers, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    curl_multi_cleanup(loop->curl);
    free(loop->waits);
    free(loop->waiting);
    free(loop);
}

void *gs_loop_curl(struct gs_loop *loop)
{
    return loop->curl;
}

static struct gs_watch *watch(struct gs_loop *loop, int fd, short events,
                              gs_watch_f call, void *arg)
{
    struct gs_watch *w = gs_calloc(1, sizeof *w);
    *w = (struct gs_watch){loop->watches, call, arg, fd, events, false};
    loop->watches = w;
    return w;
}

struct gs_watch *gs_loop_watch(struct gs_loop *loop, int fd, gs_watch_f call,
                               void *arg)
{
    return watch(loop, fd, CURL_WAIT_POLLIN, call, arg);
}

struct gs_watch *gs_loop_watch_write(struct gs_loop *loop, int fd,
                                     gs_watch_f call, void *arg)
{
    return watch(loop, fd, CURL_WAIT_POLLOUT, call, arg);
}

void gs_loop_unwatch(struct gs_loop *loop, struct gs_watch *watch)
{
    (void)loop;
    if (watch)
        watch->dead = true;
}

struct gs_timer *gs_loop_timer(struct gs_loop *loop, int64_t wait_ms,
                               gs_timer_f call, void *arg)
{
    struct gs_timer *t = gs_calloc(1, sizeof *t);
    struct gs_mono due = gs_mono_now();
    due.ms += wait_ms > 0 ? wait_ms : 0;
    *t = (struct gs_timer){loop->timers, call, arg, due, false};
    loop->timers = t;
    return t;
}

void gs_loop_cancel(struct gs_loop *loop, struct gs_timer *timer)
{
    (void)loop;
    if (timer)
        timer->dead = true;
}

static void sweep(struct gs_loop *loop)
{
    for (struct gs_watch **slot = &loop->watches; *slot;) {
        struct gs_watch *w = *slot;
        if (w->dead) {
            *slot = w->next;
            free(w);
        } else {
            slot = &w->next;
        }
    }
    for (struct gs_timer **slot = &loop->timers; *slot;) {
        struct gs_timer *t = *slot;
        if (t->dead) {
            *slot = t->next;
            free(t);
        } else {
            slot = &t->next;
        }
    }
}

static unsigned gather(struct gs_loop *loop)
{
    unsigned n = 0;
    for (struct gs_watch *w = loop->watches; w; w = w->next) {
        if (n == loop->room) {
            loop->room = loop->room ? loop->room * 2 : 16;
            loop->waits =
                gs_realloc(loop->waits, loop->room * sizeof *loop->waits);
            loop->waiting =
                gs_realloc(loop->waiting, loop->room * sizeof *loop->waiting);
        }
        loop->waits[n] = (struct curl_waitfd){.fd = w->fd, .events = w->events};
        loop->waiting[n++] = w;
    }
    return n;
}

static int wait_ms(const struct gs_loop *loop)
{
    int64_t now = gs_mono_now().ms, wait = MAX_WAIT_MS;
    for (const struct gs_timer *t = loop->timers; t; t = t->next) {
        int64_t left = t->due.ms - now;
        if (left < wait)
            wait = left > 0 ? left : 0;
    }
    return (int)wait;
}

static void serve_timers(struct gs_loop *loop)
{
    int64_t now = gs_mono_now().ms;
    /* A timer set by a callback is put in front and waits for the next
     * round: the walk never meets it. */
    for (struct gs_timer *t = loop->timers; t; t = t->next) {
        if (t->dead || t->due.ms > now)
            continue;
        t->dead = true;
        t->call(t->arg);
    }
}

int gs_loop_round(struct gs_loop *loop, struct gs_error *err)
{
    sweep(loop);
    unsigned n = gather(loop);
    CURLMcode rc =
        curl_multi_poll(loop->curl, loop->waits, n, wait_ms(loop), NULL);
    if (rc != CURLM_OK)
        return gs_fail(err, GS_ERR_SYSTEM, "waiting for events: %s",
                       curl_multi_strerror(rc));
    int running;
    curl_multi_perform(loop->curl, &running);
    for (unsigned i = 0; i < n; i++)
        if (loop->waits[i].revents && !loop->waiting[i]->dead)
            loop->waiting[i]->call(loop->waiting[i]->arg, loop->waiting[i]->fd);
    serve_timers(loop);
    return 0;
}

int gs_loop_run(struct gs_loop *loop, struct gs_error *err)
{
    loop->stop = false;
    while (!loop->stop)
        if (gs_loop_round(loop, err) < 0)
            return -1;
    return 0;
}

void gs_loop_stop(struct gs_loop *loop)
{
    loop->stop = true;
}
