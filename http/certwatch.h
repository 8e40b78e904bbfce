/*
 * Watches the two files of a serving certificate and takes them when they have changed. Kubernetes
 * and cert-manager replace them without telling.
 *
 * Threads: the loop's thread; files are read in libuv's pool.
 * Memory: the paths are copied; the TLS object is borrowed until `closed`.
 */
#ifndef D1_HTTP_CERTWATCH_H
#define D1_HTTP_CERTWATCH_H

#include <stdbool.h>
#include <stdint.h>

struct d1_certwatch;
struct d1_loop;
struct d1_tls;

struct d1_certwatch_options {
    struct d1_loop *loop;
    struct d1_tls *tls; /* Gets the new context. */
    const char *certificate;
    const char *key;
    uint64_t period_ms;
    bool asks_client; /* See d1_tls_context_ask_client(). */

    /* They have changed: taken (NULL), or not, and why; then those before stay. */
    void (*on_change)(void *arg, const char *fault);
    void *arg;
};

/* Watch from now on; what the files hold now was taken already. Returns 0 or -ENOMEM. */
int d1_certwatch_create(const struct d1_certwatch_options *options,
                        struct d1_certwatch **ret_watch);

/* Other paths (a reload), whose contents were taken already. Returns 0 or -ENOMEM. */
int d1_certwatch_set(struct d1_certwatch *watch, const char *certificate, const char *key);

/* Stop; `closed(arg)` follows from the loop, and the watch is gone then. */
void d1_certwatch_close(struct d1_certwatch *watch, void (*closed)(void *arg), void *arg);

#endif /* D1_HTTP_CERTWATCH_H */
