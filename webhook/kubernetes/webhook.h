/*
 * The cert-manager webhook solver: an aggregated API server that kube-apiserver asks in the name of
 * cert-manager (docs/kubernetes.md; facts about both sides in docs/decisions/0012).
 *
 * Happy path of a Present: the front proxy's certificate is checked, its headers say who asks, a
 * SubjectAccessReview says that they may; the Issuer's config and the policy say what is to be done;
 * the solver does it on the control loop; the answer goes back when the value is live.
 *
 * Threads: create, configure, listen, start, stop and destroy are called on the control loop; what
 *   they start runs on the front loop. d1_kube_ready may be called from any thread.
 * Memory: borrows what the options name until `stopped` was called.
 * Limits: D1_KUBE_* in core/limits.h.
 */
#ifndef D1_WEBHOOK_KUBERNETES_WEBHOOK_H
#define D1_WEBHOOK_KUBERNETES_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "webhook/kubernetes/serving.h"

struct d1_clock;
struct d1_kube;
struct d1_kube_access;
struct d1_kube_settings;
struct d1_log;
struct d1_loop;
struct d1_metrics;
struct d1_solver;
struct d1_tls;

struct d1_kube_options {
    struct d1_loop *loop;  /* The control loop. */
    struct d1_loop *front; /* The front loop; its owner starts and joins it. */
    const struct d1_clock *clock;
    struct d1_log *log;
    struct d1_solver *solver;
    struct d1_metrics *metrics;
    struct d1_tls *tls; /* Of the listeners. */
    const struct d1_kube_access *access;

    /* How the certificate is got; the webhook fills in from `groups` on. */
    struct d1_kube_serving_options serving;
};

int d1_kube_create(const struct d1_kube_options *options, struct d1_kube **ret_kube);

/* Take new settings (one reference, which is taken over): requests from now on use them. */
void d1_kube_configure(struct d1_kube *kube, struct d1_kube_settings *settings);

/* Listen on an address, before the front loop is started. As d1_http_server_listen_tls(). */
int d1_kube_listen(struct d1_kube *kube, const char *address, uint16_t *ret_port,
                   struct d1_error *error);

/*
 * Begin to watch the front proxy's authority and to get a certificate, before the front loop is
 * started and after the first configure. Returns 0 or -ENOMEM.
 */
int d1_kube_start(struct d1_kube *kube);

/*
 * Whether requests can be served: there is a certificate, and the front proxy's authority is known.
 * Writes one line ("webhook
 * ok") to `detail`, at most `size` octets with NUL.
 */
bool d1_kube_ready(const struct d1_kube *kube, char *detail, size_t size);

/*
 * Stop accepting, finish what is under way (grace_ms at most), then call stopped(arg) from the
 * control loop. Then destroy, after the front loop was joined.
 */
void d1_kube_stop(struct d1_kube *kube, uint64_t grace_ms, void (*stopped)(void *arg), void *arg);

/* NULL is allowed. */
void d1_kube_destroy(struct d1_kube *kube);

#endif /* D1_WEBHOOK_KUBERNETES_WEBHOOK_H */
