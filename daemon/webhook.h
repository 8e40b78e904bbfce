/* The cert-manager webhook as a part of the daemon. Private to daemon/. */
#ifndef D1_DAEMON_WEBHOOK_H
#define D1_DAEMON_WEBHOOK_H

#include <stdint.h>

#include "core/err.h"
#include "webhook/kubernetes/webhook.h"

struct d1_config;
struct d1_daemon;

/* Make it and listen, where the configuration wants it. Returns 0, or an error with its story. */
int d1_daemon_make_webhook(struct d1_daemon *daemon, struct d1_error *error);

/* Take what has changed. */
void d1_daemon_reload_webhook(struct d1_daemon *daemon, struct d1_config *fresh);

/*
 * Stop what runs of it: `stopped(daemon)` is called from the control loop as often as the result
 * says.
 */
unsigned d1_daemon_stop_webhook(struct d1_daemon *daemon, uint64_t grace_ms,
                                void (*stopped)(void *arg));

/* Free it, after the front loop was joined. */
void d1_daemon_drop_webhook(struct d1_daemon *daemon);

#endif /* D1_DAEMON_WEBHOOK_H */
