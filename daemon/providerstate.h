/*
 * What is known of provider accounts: how their last jobs ended, tests that administrators begin,
 * and the metrics. Told by daemon/providing.c, shown by the native API.
 *
 * Threads: the control loop's; the metrics are read on any.
 * Limits: D1_PROVIDER_STATES_MAX accounts are remembered, the oldest is forgotten first.
 */
#ifndef D1_DAEMON_PROVIDERSTATE_H
#define D1_DAEMON_PROVIDERSTATE_H

#include <stdint.h>

#include "core/err.h"

struct d1_clock;
struct d1_host_job;
struct d1_metrics;
struct d1_name;
struct d1_outside;
struct d1_provider_states;
struct d1_provider_view;
struct d1_solver;

#define D1_PROVIDER_STATES_MAX  2048
#define D1_PROVIDER_STEPS_SHOWN 64 /* Of one test. */

/* All are borrowed. Returns 0 or -ENOMEM. */
int d1_provider_states_create(const struct d1_clock *clock, struct d1_solver *solver,
                              struct d1_outside *outside, struct d1_provider_states **ret_states);

/* After the solver has ended its requests. NULL is allowed. */
void d1_provider_states_destroy(struct d1_provider_states *states);

/* Add the families of metrics. Returns as d1_metrics_family(). */
int d1_provider_states_measure(struct d1_provider_states *states, struct d1_metrics *metrics);

/* What has happened. */
void d1_provider_states_ended(struct d1_provider_states *states, const struct d1_host_job *job);
void d1_provider_states_refused(struct d1_provider_states *states, const char *account, int err,
                                const char *text);
void d1_provider_states_step(struct d1_provider_states *states, const struct d1_name *name,
                             const char *account, const char *text);
void d1_provider_states_asked(struct d1_provider_states *states, const char *type, int32_t status);

const struct d1_provider_view *d1_provider_states_view(struct d1_provider_states *states);

#endif /* D1_DAEMON_PROVIDERSTATE_H */
