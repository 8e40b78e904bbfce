/*
 * Names as Kubernetes writes them. They end up in paths of its API, so that nothing else may.
 *
 * Threads: pure functions.
 */
#ifndef D1_WEBHOOK_KUBERNETES_NAMES_H
#define D1_WEBHOOK_KUBERNETES_NAMES_H

#include <stdbool.h>

/* A namespace: one label of RFC 1123, lower case. */
bool d1_kube_is_label(const char *text);

/* Of an object, or an API group: such labels with dots between, 253 octets at most. */
bool d1_kube_is_name(const char *text);

/* A key of a Secret or ConfigMap: letters, digits, '-', '_' and '.', 253 octets at most. */
bool d1_kube_is_key(const char *text);

#endif /* D1_WEBHOOK_KUBERNETES_NAMES_H */
