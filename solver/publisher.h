/*
 * Publisher: what can make a challenge visible. The zones we serve are one; provider accounts will
 * be others. A publisher registers with the solver, which asks each in turn whether a name is its.
 *
 * Threads: all on the control loop.
 * Memory: the struct is embedded in the publisher's own object and borrowed by the solver.
 */
#ifndef D1_SOLVER_PUBLISHER_H
#define D1_SOLVER_PUBLISHER_H

#include "store/challenge.h"

/* What publish returns besides 0 (live now) and errors: `done` will be called when it is live. */
#define D1_PUBLISH_LATER 1

struct d1_publication {
    void (*done)(struct d1_publication *publication, int err);
    /* Of D1_EPROVIDER: what was wrong, for people; borrowed until done (or publish) returns. */
    const char *why;
};

struct d1_publisher {
    /*
     * Whether this owner name is the publisher's, by way of `via`: the provider account that the
     * request names, "" where it names none. Returns 0 (yes), D1_ENOTSERVED (ask the next
     * one) or D1_ESTATIC (it holds a static TXT or CNAME, so a challenge there is refused).
     */
    int (*serves)(struct d1_publisher *publisher, const struct d1_name *name, const char *via);

    /*
     * Make exactly these values the challenge values of the name; none withdraws them. Returns 0:
     * from now on every answer shows them; D1_PUBLISH_LATER; or an error, and nothing changed.
     * D1_EPROVIDER (from here or from `done`) is final until the next request for the name; after
     * other errors the solver tries again by itself.
     */
    int (*publish)(struct d1_publisher *publisher, const struct d1_name *name, const char *via,
                   const struct d1_txt_value *const *values, size_t count,
                   struct d1_publication *publication);

    /*
     * Make the name known (NODATA while it has no value) or not. Never fails visibly: without
     * memory the name stays NXDOMAIN until the next call for it. `live` tells workers that a lease
     * stands there. Only for names without `via`.
     */
    int (*know)(struct d1_publisher *publisher, const struct d1_name *name, bool known);

    /* During load: what it has written elsewhere. NULL is allowed. Returns 0 or -ENOMEM. */
    int (*placed)(struct d1_publisher *publisher, const struct d1_placement *placement);

    struct d1_publisher *next; /* The solver's own. */
};

#endif /* D1_SOLVER_PUBLISHER_H */
