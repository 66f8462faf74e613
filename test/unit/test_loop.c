/*
 * The event loop: timers, watches, and their removal from inside callbacks.
 * Under AddressSanitizer a callback on freed memory is seen.
 */
#include <fcntl.h>

#include "base/clock.h"
#include "base/loop.h"
#include "scratch.h"

struct fixture {
    struct gs_loop *loop;
    int calls;
    int order[16];
    struct gs_watch *watch[3];
    struct gs_timer *timer[3];
    int fds[3][2];
};

static int make(void **state)
{
    struct fixture *f = gs_calloc(1, sizeof *f);
    struct gs_error err;
    f->loop = gs_loop_create(&err);
    for (int i = 0; i < 3; i++)
        if (pipe2(f->fds[i], O_CLOEXEC | O_NONBLOCK) < 0)
            return -1;
    *state = f;
    return f->loop ? 0 : -1;
}

static int drop(void **state)
{
    struct fixture *f = *state;
    gs_loop_destroy(f->loop);
    for (int i = 0; i < 3; i++) {
        close(f->fds[i][0]);
        if (f->fds[i][1] >= 0)
            close(f->fds[i][1]);
    }
    free(f);
    return 0;
}

static void poke(struct fixture *f, int i)
{
    assert_int_equal(write(f->fds[i][1], "x", 1), 1);
}

static void eat(int fd)
{
    char c;
    while (read(fd, &c, 1) == 1)
        continue;
}

static void on_stop(void *arg)
{
    struct fixture *f = arg;
    f->calls++;
    gs_loop_stop(f->loop);
}

static void timers_wait_and_stop(void **state)
{
    struct fixture *f = *state;
    struct gs_error err;
    int64_t began = gs_mono_now().ms;
    gs_loop_timer(f->loop, 50, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, &err), 0);
    int64_t took = gs_mono_now().ms - began;
    assert_true(took >= 50 && took < 2000);
    assert_int_equal(f->calls, 1);
    /* It is gone: the next run ends by another one. */
    gs_loop_timer(f->loop, 0, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, &err), 0);
    assert_int_equal(f->calls, 2);
}

static void never(void *arg)
{
    (void)arg;
    fail_msg("a cancelled timer was called");
}

static void never_watch(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    fail_msg("a removed watch was called");
}

static void cancelled_timers_are_silent(void **state)
{
    struct fixture *f = *state;
    gs_loop_cancel(f->loop, NULL);
    gs_loop_unwatch(f->loop, NULL);
    gs_loop_cancel(f->loop, gs_loop_timer(f->loop, 0, never, f));
    struct gs_watch *w = gs_loop_watch(f->loop, f->fds[0][0], never_watch, f);
    poke(f, 0);
    gs_loop_unwatch(f->loop, w);
    gs_loop_timer(f->loop, 20, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 1);
}

/* All three are due: whichever is called first cancels the other two. */
static void cancel_others(void *arg)
{
    struct fixture *f = arg;
    f->calls++;
    for (int i = 0; i < 3; i++)
        gs_loop_cancel(f->loop, f->timer[i]); /* its own included */
}

static void timers_cancel_each_other(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        f->timer[i] = gs_loop_timer(f->loop, 0, cancel_others, f);
    assert_int_equal(gs_loop_round(f->loop, NULL), 0);
    gs_loop_timer(f->loop, 0, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 2); /* one of three, and the stop */
}

static void again(void *arg)
{
    struct fixture *f = arg;
    if (++f->calls < 5)
        gs_loop_timer(f->loop, 0, again, f);
    else
        gs_loop_stop(f->loop);
}

/* A timer set by a callback waits for the next round: the loop is not held
 * by timers of 0 ms. */
static void a_new_timer_waits_for_the_next_round(void **state)
{
    struct fixture *f = *state;
    gs_loop_timer(f->loop, 0, again, f);
    assert_int_equal(gs_loop_round(f->loop, NULL), 0);
    assert_int_equal(f->calls, 1);
    assert_int_equal(gs_loop_round(f->loop, NULL), 0);
    assert_int_equal(f->calls, 2);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 5);
}

static void unwatch_all(void *arg, int fd)
{
    struct fixture *f = arg;
    f->calls++;
    eat(fd);
    for (int i = 0; i < 3; i++)
        gs_loop_unwatch(f->loop, f->watch[i]);
}

static void watches_remove_each_other(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        f->watch[i] = gs_loop_watch(f->loop, f->fds[i][0], unwatch_all, f);
        poke(f, i);
    }
    assert_int_equal(gs_loop_round(f->loop, NULL), 0);
    assert_int_equal(f->calls, 1);
    gs_loop_timer(f->loop, 20, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 2);
}

static void swap_watch(void *arg, int fd)
{
    struct fixture *f = arg;
    eat(fd);
    f->calls++;
    gs_loop_unwatch(f->loop, f->watch[0]);
    f->watch[0] = gs_loop_watch(f->loop, fd, swap_watch, f);
    if (f->calls == 3)
        gs_loop_stop(f->loop);
    else
        poke(f, 0);
}

static void a_watch_replaces_itself(void **state)
{
    struct fixture *f = *state;
    f->watch[0] = gs_loop_watch(f->loop, f->fds[0][0], swap_watch, f);
    poke(f, 0);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 3);
}

static void on_hangup(void *arg, int fd)
{
    struct fixture *f = arg;
    char c;
    assert_int_equal(read(fd, &c, 1), 0);
    f->calls++;
    gs_loop_stop(f->loop);
}

/* The end of a pipe without a byte in it is POLLHUP alone. */
static void a_hangup_is_seen(void **state)
{
    struct fixture *f = *state;
    gs_loop_watch(f->loop, f->fds[0][0], on_hangup, f);
    gs_loop_timer(f->loop, 5000, never, f);
    close(f->fds[0][1]);
    f->fds[0][1] = -1;
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 1);
}

static void on_writable(void *arg, int fd)
{
    struct fixture *f = arg;
    assert_int_equal(write(fd, "y", 1), 1);
    gs_loop_stop(f->loop);
}

static void a_writer_is_called(void **state)
{
    struct fixture *f = *state;
    struct gs_watch *w =
        gs_loop_watch_write(f->loop, f->fds[1][1], on_writable, f);
    gs_loop_timer(f->loop, 5000, never, f);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    gs_loop_unwatch(f->loop, w);
    char c = 0;
    assert_int_equal(read(f->fds[1][0], &c, 1), 1);
    assert_int_equal(c, 'y');
}

/* More watches than the first table has room for. */
static void many_watches(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 200 };
    struct gs_watch *w[MANY];
    for (int i = 0; i < MANY; i++)
        w[i] = gs_loop_watch(f->loop, f->fds[1][0], never_watch, f);
    gs_loop_timer(f->loop, 10, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    for (int i = 0; i < MANY; i++)
        gs_loop_unwatch(f->loop, w[i]);
    poke(f, 1);
    gs_loop_timer(f->loop, 10, on_stop, f);
    assert_int_equal(gs_loop_run(f->loop, NULL), 0);
    assert_int_equal(f->calls, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_wait_and_stop),
        TEST(cancelled_timers_are_silent),
        TEST(timers_cancel_each_other),
        TEST(a_new_timer_waits_for_the_next_round),
        TEST(watches_remove_each_other),
        TEST(a_watch_replaces_itself),
        TEST(a_hangup_is_seen),
        TEST(a_writer_is_called),
        TEST(many_watches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
