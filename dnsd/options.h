/*
 * Options: what the configuration says about answering, besides the zones. Immutable, and replaced
 * whole by a reload, as what is served is.
 *
 * Threads: the control thread makes and swaps them; workers read them while online in the epoch.
 * Memory: d1_options_create copies what `from` points at.
 * Limits: those of core/limits.h, which the configuration has checked.
 */
#ifndef D1_DNSD_OPTIONS_H
#define D1_DNSD_OPTIONS_H

#include <stdatomic.h>

#include "core/epoch.h"
#include "core/limits.h"
#include "dns/cookie.h"
#include "dnsd/rate.h"

struct d1_options {
    struct d1_epoch_item item; /* Of d1_options_swap. */
    struct d1_cookie_secrets cookies;
    uint8_t nsid_length; /* 0: NSID is not answered. */
    uint8_t nsid[D1_NSID_OCTETS_MAX];
    struct d1_rate_limit rate;
    size_t exempt_count; /* Clients that are not limited. */
    const struct d1_cidr *exempt;
    size_t proxies_count; /* Peers whose PROXY header is required and believed. */
    const struct d1_cidr *proxies;
};

/* Returns 0 or -ENOMEM. */
int d1_options_create(const struct d1_options *from, struct d1_options **ret_options);

/* Wipes the secrets. NULL is allowed. */
void d1_options_destroy(struct d1_options *options);

/* The pointer that workers load once per batch; NULL: no options. */
struct d1_options_current {
    _Atomic(struct d1_options *) options;
};

/* Have workers use `fresh`, which is owned from now on; the old ones are retired in the epoch. */
void d1_options_swap(struct d1_options_current *current, struct d1_epoch *epoch,
                     struct d1_options *fresh);

#endif /* D1_DNSD_OPTIONS_H */
