/* What systemd is told: sd_notify's datagrams (sd_notify(3)), without its library. */
#ifndef D1_DAEMON_NOTIFY_H
#define D1_DAEMON_NOTIFY_H

/*
 * Send `state` ("READY=1") to the socket $NOTIFY_SOCKET names. Without it nothing is sent; failures
 * are not told, as there is nobody to tell.
 */
void d1_notify(const char *state);

#endif /* D1_DAEMON_NOTIFY_H */
