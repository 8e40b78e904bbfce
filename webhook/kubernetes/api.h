/*
 * Client of the Kubernetes API: JSON calls with time limit, retries and our identity; and watches.
 *
 * The token and the other files are read again each minute, and once more when the API answers 401:
 * kubelet replaces them. 429 and 5xx answers that say Retry-After are repeated as long as the time
 * limit of the call allows.
 *
 * Threads: all on the loop's thread (before it runs: by anyone). Callback law as in http/client.h.
 * Memory: a call is the caller's until its `done`.
 * Limits: D1_KUBE_REPLY_BYTES_MAX octets of reply; D1_KUBE_CALL_MS unless the call says otherwise.
 */
#ifndef D1_WEBHOOK_KUBERNETES_API_H
#define D1_WEBHOOK_KUBERNETES_API_H

#include <jansson.h>
#include <stdint.h>

#include "core/err.h"

struct d1_clock;
struct d1_kube_access;
struct d1_kube_api;
struct d1_kube_call;
struct d1_kube_watch;
struct d1_loop;

/* The access is borrowed. Returns 0 or -ENOMEM. Files that cannot be read fail the calls, not this. */
int d1_kube_api_create(struct d1_loop *loop, const struct d1_clock *clock,
                       const struct d1_kube_access *access, struct d1_kube_api **ret_api);

/* Cancel all calls, end all watches, then call closed(arg); the API is gone then. */
void d1_kube_api_close(struct d1_kube_api *api, void (*closed)(void *arg), void *arg);

struct d1_kube_call {
    const char *method;
    const char *path;   /* With its query; names in it were checked (names.h). Copied. */
    const json_t *body; /* NULL: none. Only read while call starts. */
    const char *type;   /* Of the body; NULL: application/json. */
    uint32_t total_ms;  /* 0: D1_KUBE_CALL_MS. */

    /* 0 when the API answered, whatever the status: see it. */
    void (*done)(struct d1_kube_call *call, int err);

    /* Results, for done. */
    int status;
    json_t *reply; /* Borrowed until done returns, then wiped; NULL: no JSON, or none. */
    struct d1_error error;
};

/* Start it. Returns 0, D1_ELIMIT, D1_ESTOPPING, D1_ECONFIG (our files: call->error) or -ENOMEM. */
int d1_kube_api_call(struct d1_kube_api *api, struct d1_kube_call *call);

/*
 * "message" of the Status that the API answered, or a text for the HTTP status. Writes to call->error
 * and returns D1_EFORBIDDEN for 401 and 403, D1_ENOTFOUND for 404, D1_EEXIST for 409, else
 * D1_EINTERNAL; 0 for 2xx.
 */
int d1_kube_call_check(struct d1_kube_call *call);

struct d1_kube_watch {
    const char *path;     /* Of the collection: "/api/v1/namespaces/a/configmaps". */
    const char *selector; /* "metadata.name%3Dfoo", escaped. */

    /* An object is there, or has changed; or it is gone (NULL). Borrowed. */
    void (*on_object)(struct d1_kube_watch *watch, const json_t *object);
    /* The API did not answer as it should; it is asked again by itself. `story` is borrowed. */
    void (*on_trouble)(struct d1_kube_watch *watch, const char *story);
    void *arg;

    void *state; /* The API's own. */
};

/* Watch one object from now on, until the API is closed. The watch is borrowed. Returns 0 or -ENOMEM. */
int d1_kube_api_watch(struct d1_kube_api *api, struct d1_kube_watch *watch);

#endif /* D1_WEBHOOK_KUBERNETES_API_H */
