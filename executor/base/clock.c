/*
 * clock: see the header.
 */
#include "base/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct gs_mono gs_mono_now(void)
{
    return (struct gs_mono){read_ms(CLOCK_MONOTONIC)};
}

struct gs_wall gs_wall_now(void)
{
    return (struct gs_wall){read_ms(CLOCK_REALTIME)};
}
