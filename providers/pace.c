#include "providers/pace.h"

#define BACKOFF_LAST_MS 60000

void d1_pace_init(struct d1_pace *pace, uint32_t requests, uint32_t per_ms) {
    *pace = (struct d1_pace){.open_ms = D1_PACE_OPEN_MS};
    if (requests > 0 && per_ms > 0) {
        pace->interval_us = (int64_t)per_ms * 1000 / requests;
        pace->burst_us = pace->interval_us * (requests / 4);
    }
}

int64_t d1_pace_take(struct d1_pace *pace, int64_t now_us) {
    if (now_us < pace->paused_us) {
        return pace->paused_us - now_us;
    }
    if (pace->next_us - pace->burst_us > now_us) {
        return pace->next_us - pace->burst_us - now_us;
    }
    int64_t from_us = pace->next_us > now_us ? pace->next_us : now_us;
    pace->next_us = from_us + pace->interval_us;
    return 0;
}

void d1_pace_pause(struct d1_pace *pace, int64_t now_us, int64_t for_ms) {
    int64_t until_us = now_us + for_ms * 1000;
    if (until_us > pace->paused_us) {
        pace->paused_us = until_us;
    }
}

bool d1_pace_admit(struct d1_pace *pace, int64_t now_us) {
    if (pace->failures < D1_PACE_FAILURES) {
        return true;
    }
    if (pace->probing || now_us < pace->closed_us) {
        return false;
    }
    pace->probing = true;
    return true;
}

void d1_pace_ended(struct d1_pace *pace, int64_t now_us, bool reached) {
    if (reached) {
        pace->failures = 0;
        pace->open_ms = D1_PACE_OPEN_MS;
        pace->probing = false;
        return;
    }
    bool opens = pace->probing || pace->failures + 1 == D1_PACE_FAILURES;
    pace->probing = false;
    if (pace->failures < D1_PACE_FAILURES) {
        pace->failures++;
    }
    if (opens) {
        pace->closed_us = now_us + pace->open_ms * 1000;
        pace->open_ms =
            pace->open_ms * 2 < D1_PACE_OPEN_MAX_MS ? pace->open_ms * 2 : D1_PACE_OPEN_MAX_MS;
    }
}

int64_t d1_pace_backoff_ms(int64_t first_ms, unsigned attempt, uint32_t random) {
    int64_t wait_ms = first_ms;
    for (unsigned i = 1; i < attempt && wait_ms < BACKOFF_LAST_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < BACKOFF_LAST_MS ? wait_ms : BACKOFF_LAST_MS;
    return wait_ms + wait_ms * (int64_t)(random & 0xffff) / 0xffff / 4;
}
