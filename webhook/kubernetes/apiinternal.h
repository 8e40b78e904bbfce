/* What api.c and watch.c share. Nobody else includes it. */
#ifndef D1_WEBHOOK_KUBERNETES_APIINTERNAL_H
#define D1_WEBHOOK_KUBERNETES_APIINTERNAL_H

#include <stdbool.h>

#include <uv.h>

#include "core/buf.h"
#include "http/client.h"
#include "webhook/kubernetes/api.h"

/* Our identity as last read; calls that use it hold it. */
struct d1_kube_identity {
    unsigned references;
    struct d1_http_trust trust;
    char *ca;
    char *certificate;
    char *key;
    char *authorization; /* "Bearer TOKEN", or NULL. */
};

struct d1_kube_api {
    struct d1_loop *loop;
    const struct d1_clock *clock;
    const struct d1_kube_access *access;
    struct d1_http_client *client;
    struct d1_kube_identity *identity; /* NULL: read at the next call. */
    int64_t identity_us;               /* When it was read. */
    struct d1_kube_request *requests;  /* Calls under way. */
    struct d1_kube_watching *watches;
    unsigned handles_open; /* Timers of calls and watches, and the client. */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* The identity, read anew when it is old. Returns 0, D1_ECONFIG with the story, or -ENOMEM. */
int d1_kube_identity_hold(struct d1_kube_api *api, struct d1_kube_identity **ret_identity,
                          struct d1_error *error);
void d1_kube_identity_drop(struct d1_kube_identity *identity);

/* The API did not believe it: read it anew at the next call. */
void d1_kube_identity_forget(struct d1_kube_api *api);

/* One handle less: the last one ends the API's close. */
void d1_kube_api_drop(struct d1_kube_api *api);

void d1_kube_watching_close(struct d1_kube_watching *watching);
struct d1_kube_watching *d1_kube_watching_next(const struct d1_kube_watching *watching);

#endif /* D1_WEBHOOK_KUBERNETES_APIINTERNAL_H */
