/*
 * A serving certificate that the webhook gets by itself: from the cluster's certificates API, or from
 * an authority of our own.
 *
 * Threads: the front loop (create: before it runs).
 * Memory: borrows what the options name until `closed`.
 */
#ifndef D1_WEBHOOK_KUBERNETES_SERVING_H
#define D1_WEBHOOK_KUBERNETES_SERVING_H

#include <stdbool.h>

#include "core/err.h"

struct d1_clock;
struct d1_kube_api;
struct d1_kube_serving;
struct d1_log;
struct d1_loop;
struct d1_tls;

enum d1_kube_serving_mode {
    D1_KUBE_SERVING_FILES, /* Somebody else's business. */
    D1_KUBE_SERVING_CSR,   /* CertificateSigningRequest, signed by `signer` once it is approved. */
    D1_KUBE_SERVING_SELF,  /* Our own authority in a Secret, told to the APIServices. */
};

struct d1_kube_serving_options {
    enum d1_kube_serving_mode mode;
    const char *service;       /* Name of our Service, checked. */
    const char *name_space;    /* And its namespace, ours, checked. */
    const char *signer;        /* CSR: "example.com/serving". */
    const char *secret;        /* SELF: name of the Secret with the authority, checked. */
    const char *state_dir;     /* CSR: where the certificate is kept over restarts. */
    const char *const *groups; /* SELF: whose APIServices are told; NULL ends it. */

    struct d1_loop *loop;
    const struct d1_clock *clock;
    struct d1_log *log;
    struct d1_kube_api *api;
    struct d1_tls *tls;           /* Gets the certificates. */
    void (*on_served)(void *arg); /* A certificate is in place. */
    void *arg;
};

int d1_kube_serving_create(const struct d1_kube_serving_options *options,
                           struct d1_kube_serving **ret_serving);

/* Before the API is closed; what is under way ends with it. `closed(arg)` follows. */
void d1_kube_serving_close(struct d1_kube_serving *serving, void (*closed)(void *arg), void *arg);

#endif /* D1_WEBHOOK_KUBERNETES_SERVING_H */
