/*
 * Served: zones and record table together, the data set the workers answer from; and the publisher
 * that the solver writes challenges through.
 *
 * A reload builds a new one beside the old, has the solver publish into it, and swaps one pointer
 * (d1_served_current); the old one is retired.
 *
 * Threads: made by any one thread (with a NULL epoch: see d1_table_adopt), then changed by the control
 *   thread; workers read `zones` and `table`.
 * Memory: owns both.
 */
#ifndef D1_DNSD_SERVED_H
#define D1_DNSD_SERVED_H

#include "dnsd/table.h"
#include "dnsd/zone.h"
#include "solver/publisher.h"

struct d1_epoch;

struct d1_served {
    const struct d1_zones *zones;
    struct d1_table *table;
};

/*
 * Load all zones: SOA and NS made from the configuration or read from the file, static records,
 * empty non-terminals. Returns 0 or an error whose story names zone, file and line. Checked: records
 * within their zone, one SOA, CNAME alone at its name (RFC 1034, 3.6.2), class IN, no repeated zone.
 */
int d1_served_create(struct d1_epoch *epoch, const struct d1_zone_config *configs, size_t count,
                     struct d1_served **ret_served, struct d1_error *error);
void d1_served_destroy(struct d1_served *served);

/* Whether the name is at or below a delegation of the zone, which holds it. */
bool d1_served_is_delegated(const struct d1_served *served, const struct d1_zone *zone,
                            const struct d1_name *name);

/* The pointer that workers load once per batch; changed by the control thread only. */
struct d1_served_current {
    _Atomic(struct d1_served *) served;
};

/*
 * The publisher over `current`: challenges are merged with the static records of their name.
 * `publisher` is what d1_solver_add_publisher takes. All on the control loop.
 */
struct d1_served_publisher;
int d1_served_publisher_create(struct d1_served_current *current,
                               struct d1_served_publisher **ret_publisher);
void d1_served_publisher_destroy(struct d1_served_publisher *publisher);
struct d1_publisher *d1_served_publisher_base(struct d1_served_publisher *publisher);

/*
 * Publish into `target` from now on, which no worker sees yet (reload): afterwards the caller has
 * the solver publish everything again, then swaps `current`. NULL: into what is current.
 */
void d1_served_publisher_target(struct d1_served_publisher *publisher, struct d1_served *target);

#endif /* D1_DNSD_SERVED_H */
