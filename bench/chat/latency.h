/* A histogram of times: 64 steps for each doubling, so that a figure is at most 1.6 % too high. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "../common.h"

#define STEPS 64
#define DOUBLINGS 40

typedef struct {
    uint64_t counts[DOUBLINGS * STEPS];
    uint64_t total, longest_ns;
} histogram;

/* Where a time in nanoseconds stands. */
static inline size_t step_of(uint64_t ns)
{
    if (ns < STEPS)
        return ns;
    int doubling = 63 - __builtin_clzll(ns) - 6;
    size_t step = (size_t)(doubling + 1) * STEPS + (size_t)((ns >> doubling) - STEPS);
    return step < DOUBLINGS * STEPS ? step : DOUBLINGS * STEPS - 1;
}

static inline void note(histogram *h, uint64_t ns)
{
    h->counts[step_of(ns)]++;
    h->total++;
    if (ns > h->longest_ns)
        h->longest_ns = ns;
}

/* The time in milliseconds within which this part of all came; 0 if none came. */
static inline double within_ms(const histogram *h, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)h->total), seen = 0;
    if (h->total && wanted >= h->total)
        wanted = h->total - 1;
    for (size_t step = 0; step < DOUBLINGS * STEPS && h->total; step++) {
        seen += h->counts[step];
        if (seen > wanted) {
            uint64_t doubling = step / STEPS ? step / STEPS - 1 : 0;
            uint64_t above = step < STEPS ? step + 1 : (STEPS + step % STEPS + 1) << doubling;
            return (double)(above < h->longest_ns ? above : h->longest_ns) / 1e6;
        }
    }
    return 0;
}

/* Prints the usual figures as members of a JSON object, in milliseconds. */
static inline void print_times(const histogram *h)
{
    printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"longest_ms\": %.3f, \"timed\": %llu",
           within_ms(h, 0.50), within_ms(h, 0.99), within_ms(h, 0.999), (double)h->longest_ns / 1e6,
           (unsigned long long)h->total);
}

#endif
