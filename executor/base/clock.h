/*
 * clock: two clocks, two types, so that one is never taken for the other.
 * Monotonic is for timers and durations, wall (UTC, ms since the Unix epoch)
 * is for records. A wall clock may jump; nothing is timed by it.
 */
#ifndef GS_BASE_CLOCK_H
#define GS_BASE_CLOCK_H

#include <stdint.h>

struct gs_mono {
    int64_t ms;
};
struct gs_wall {
    int64_t ms;
};

struct gs_mono gs_mono_now(void);
struct gs_wall gs_wall_now(void);

#endif
