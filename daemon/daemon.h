/*
 * The daemon: all parts made, wired, run and stopped in order.
 *
 * Threads: the calling thread becomes the control loop.
 */
#ifndef D1_DAEMON_DAEMON_H
#define D1_DAEMON_DAEMON_H

#include "core/err.h"
#include "core/log.h"
#include "daemon/config.h"

struct d1_daemon;

/*
 * Make everything that can fail at start: state directory, zones, store, sockets. `config` is owned
 * from success on; `config_path` (NULL: built-in) is read again on reload. Returns 0 or an error
 * whose story is one line: what, where, what to do.
 */
int d1_daemon_create(struct d1_config *config, const char *config_path, struct d1_log *log,
                     struct d1_daemon **ret_daemon, struct d1_error *error);

/* Serve until SIGTERM or SIGINT; returns when all is stopped and freed. */
int d1_daemon_run(struct d1_daemon *daemon, struct d1_error *error);

/*
 * Load the zones of a configuration and throw them away: what --check does beyond the settings.
 */
int d1_daemon_check_zones(const struct d1_config *config, struct d1_error *error);

#endif /* D1_DAEMON_DAEMON_H */
