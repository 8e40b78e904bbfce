/*
 * Pace: how fast one account may ask its vendor, and whether it is worth asking at all.
 *
 * A token bucket after the vendor's limit (as a virtual schedule: GCRA), pauses that the vendor asks
 * for (Retry-After), and a circuit breaker: after D1_PACE_FAILURES jobs in a row that found nobody,
 * jobs fail at once for a while, then one is let through to see.
 *
 * Threads: plain values of one thread. Time comes from the caller: microseconds, monotonic.
 */
#ifndef D1_PROVIDERS_PACE_H
#define D1_PROVIDERS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define D1_PACE_FAILURES    5
#define D1_PACE_OPEN_MS     15000 /* The first time; doubled each time after. */
#define D1_PACE_OPEN_MAX_MS 600000

struct d1_pace {
    int64_t interval_us; /* Between requests in the long run; 0: no limit. */
    int64_t burst_us;    /* How far ahead of the schedule requests may be. */
    int64_t next_us;     /* Virtual schedule: when the next one is due. */
    int64_t paused_us;   /* Nothing before: the vendor said so. */
    unsigned failures;   /* Jobs in a row. */
    int64_t open_ms;     /* How long the breaker opens next time. */
    int64_t closed_us;   /* Breaker: nothing before. */
    bool probing;        /* Half open: one job is looking. */
};

/* `requests` in `per_ms`; 0 requests: no limit. A quarter of them may come at once. */
void d1_pace_init(struct d1_pace *pace, uint32_t requests, uint32_t per_ms);

/* Take the right to send one request. Returns 0 (send it), or after how many microseconds to ask. */
int64_t d1_pace_take(struct d1_pace *pace, int64_t now_us);

/* Nothing for so long: a 429 with Retry-After. Never shortens a pause. */
void d1_pace_pause(struct d1_pace *pace, int64_t now_us, int64_t for_ms);

/* Whether a job may begin: the breaker is closed, or this job is the one that looks. */
bool d1_pace_admit(struct d1_pace *pace, int64_t now_us);

/* A job that was admitted has ended; `reached`: the vendor gave an answer, of whatever kind. */
void d1_pace_ended(struct d1_pace *pace, int64_t now_us, bool reached);

/*
 * How long to wait before repetition number `attempt` (from 1) of one request: `first_ms`, doubled
 * each time, 60 s at most, and up to a quarter more by `random`, so that many do not come back
 * together.
 */
int64_t d1_pace_backoff_ms(int64_t first_ms, unsigned attempt, uint32_t random);

#endif /* D1_PROVIDERS_PACE_H */
