/*
 * How to reach the Kubernetes API: from a kubeconfig, or as a pod does.
 *
 * Memory: what is read is the caller's: d1_kube_access_close(), after an error too.
 */
#ifndef D1_DAEMON_KUBECONFIG_H
#define D1_DAEMON_KUBECONFIG_H

#include "core/err.h"

struct d1_kube_access;

/*
 * The current context of a kubeconfig. Returns 0, D1_ECONFIG with what is wrong and what was expected
 * in *error, or -ENOMEM. Programs that make credentials (exec, auth-provider) and unverified TLS are
 * refused.
 */
int d1_kubeconfig_read(const char *path, struct d1_kube_access *access, struct d1_error *error);

/* The environment and files that kubelet gives a pod. Returns 0, D1_ECONFIG or -ENOMEM. */
int d1_kubeconfig_pod(struct d1_kube_access *access, struct d1_error *error);

#endif /* D1_DAEMON_KUBECONFIG_H */
