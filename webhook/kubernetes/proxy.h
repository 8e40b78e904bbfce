/*
 * The front proxy: how kube-apiserver proves itself to us, and in whose name it asks. The ConfigMap
 * kube-system/extension-apiserver-authentication says what to believe.
 *
 * Threads: immutable after read.
 * Memory: read copies everything.
 * Limits: D1_KUBE_HEADERS_MAX items per list.
 */
#ifndef D1_WEBHOOK_KUBERNETES_PROXY_H
#define D1_WEBHOOK_KUBERNETES_PROXY_H

#include <jansson.h>
#include <stdint.h>

struct d1_error;
struct d1_http_request;
struct d1_kube_proxy;

/*
 * Read the `data` of the ConfigMap. Returns 0, D1_ECONFIG with what is wrong in *error, -ENOMEM or
 * -errno. An empty list of allowed names is refused when users' certificates have the same authority.
 */
int d1_kube_proxy_read(const json_t *data, struct d1_kube_proxy **ret_proxy,
                       struct d1_error *error);

/* NULL is allowed. */
void d1_kube_proxy_destroy(struct d1_kube_proxy *proxy);

/*
 * Who asks, through the front proxy. Returns 0 and the user as {user, uid, groups, extra} of a
 * SubjectAccessReview (the caller's); D1_EUNAUTHORIZED when the connection is not the front proxy's
 * (wrong authority, wrong name, no certificate) or it names no user; or -ENOMEM. No header is looked
 * at before the certificate was found good.
 */
int d1_kube_proxy_identify(const struct d1_kube_proxy *proxy, const struct d1_http_request *request,
                           int64_t wall_ms, json_t **ret_user);

#endif /* D1_WEBHOOK_KUBERNETES_PROXY_H */
