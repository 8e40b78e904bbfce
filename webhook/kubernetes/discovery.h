/*
 * What we say of ourselves as an aggregated API: groups, resources, OpenAPI, version, and health.
 * None of it is secret; it is answered to anybody.
 *
 * Threads: pure functions.
 */
#ifndef D1_WEBHOOK_KUBERNETES_DISCOVERY_H
#define D1_WEBHOOK_KUBERNETES_DISCOVERY_H

#include <stdbool.h>

struct d1_bytes;
struct d1_kube_settings;

/*
 * Append the document at `path`; `accept` is the Accept field or NULL. Returns its content type
 * (static), or NULL when there is none at that path.
 */
const char *d1_kube_discovery(const struct d1_kube_settings *settings, const char *path,
                              const char *accept, struct d1_bytes *body);

/* The solver that is served at "/apis/GROUP/v1alpha1/SOLVER", or NULL. */
const struct d1_kube_name *d1_kube_find(const struct d1_kube_settings *settings, const char *path);

#endif /* D1_WEBHOOK_KUBERNETES_DISCOVERY_H */
