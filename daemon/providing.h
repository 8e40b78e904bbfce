/* The provider process and its accounts, wired to the solver. Private to daemon/. */
#ifndef D1_DAEMON_PROVIDING_H
#define D1_DAEMON_PROVIDING_H

#include "core/err.h"

struct d1_config;
struct d1_daemon;

/* Make the link and the publisher, and register that with the solver, before its load. */
int d1_providing_create(struct d1_daemon *daemon, struct d1_error *error);

/* Use the accounts and routes of a configuration; their references are taken out of it. */
int d1_providing_configure(struct d1_daemon *daemon, struct d1_config *config);

/* After the solver's load: leftovers are removed from now on. */
void d1_providing_start(struct d1_daemon *daemon);

/* After the store was closed. The loop must run until the process has ended. */
void d1_providing_close(struct d1_daemon *daemon);

#endif /* D1_DAEMON_PROVIDING_H */
