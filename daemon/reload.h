/*
 * Reload: read the configuration again and take it whole, or keep the old one and say why.
 *
 * Threads: called on the control loop; files are read in libuv's thread pool.
 */
#ifndef D1_DAEMON_RELOAD_H
#define D1_DAEMON_RELOAD_H

#include "webhook/frontend.h"

struct d1_daemon;

/*
 * Begin a reload; the outcome is logged, and told to the asker (NULL: nobody, SIGHUP) from the loop,
 * or before this returns when there is no memory to begin. The askers of one reload share it.
 */
void d1_daemon_reload(struct d1_daemon *daemon, struct d1_reload *asker);

#endif /* D1_DAEMON_RELOAD_H */
