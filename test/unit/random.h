/*
 * random: numbers for property tests. The seed comes from GS_TEST_SEED or the
 * clock and is printed, so that a failure can be repeated.
 */
#ifndef GS_TEST_RANDOM_H
#define GS_TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

static inline void random_begin(const char *what)
{
    const char *set = getenv("GS_TEST_SEED");
    uint64_t seed =
        set ? strtoull(set, NULL, 10) : (uint64_t)time(NULL) * 1000003u;
    printf("%s: GS_TEST_SEED=%llu\n", what, (unsigned long long)seed);
    random_state = seed;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static inline uint64_t random_next(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to n - 1 */
static inline int random_below(int n)
{
    return (int)(random_next() % (uint64_t)n);
}

#endif
