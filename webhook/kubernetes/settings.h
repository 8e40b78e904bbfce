/*
 * What of the webhook may change on reload, and the policy that decides who may use what we hold.
 *
 * Threads: immutable after create; references may be taken and dropped by any thread.
 * Memory: create copies names and takes the rights of its entries over.
 */
#ifndef D1_WEBHOOK_KUBERNETES_SETTINGS_H
#define D1_WEBHOOK_KUBERNETES_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/name.h"

struct d1_kube_settings;
struct d1_rights;

/* A group and solver that is served. */
struct d1_kube_name {
    const char *group;
    const char *solver;
    const char *alias; /* Whose config schema its Issuers use; NULL: ours. */
};

/* One entry of webhook.policy. */
struct d1_kube_grant {
    size_t namespaces_count;
    const char *const *namespaces; /* "*" is any. */
    size_t providers_count;
    const char *const *providers; /* Names of accounts. */
    struct d1_rights *rights;     /* Of its names and owners. */
};

struct d1_kube_settings_options {
    size_t names_count;
    const struct d1_kube_name *names;
    size_t grants_count;
    const struct d1_kube_grant *grants;
    int64_t lease_ms; /* leases.kubernetes */
};

/*
 * With one reference. The rights of the grants are owned by it from success on. Returns 0 or
 * -ENOMEM.
 */
int d1_kube_settings_create(const struct d1_kube_settings_options *options,
                            struct d1_kube_settings **ret_settings);
struct d1_kube_settings *d1_kube_settings_hold(struct d1_kube_settings *settings);
void d1_kube_settings_drop(struct d1_kube_settings *settings); /* NULL is allowed. */

size_t d1_kube_settings_names(const struct d1_kube_settings *settings);
const struct d1_kube_name *d1_kube_settings_name(const struct d1_kube_settings *settings, size_t i);
int64_t d1_kube_settings_lease_ms(const struct d1_kube_settings *settings);
bool d1_kube_settings_has_policy(const struct d1_kube_settings *settings);

/*
 * The rights with which that namespace may use what we hold (our zones, or the account of that name)
 * for an owner name; NULL: it may not. Borrowed as long as the settings are held. `ambient` is the
 * request's allowAmbientCredentials; without a policy it decides alone.
 */
const struct d1_rights *d1_kube_settings_grant(const struct d1_kube_settings *settings,
                                               const char *name_space, bool ambient,
                                               const struct d1_name *owner, const char *account);

/* The rights of who brings credentials of its own: any name. Borrowed as above. */
const struct d1_rights *d1_kube_settings_any(const struct d1_kube_settings *settings);

#endif /* D1_WEBHOOK_KUBERNETES_SETTINGS_H */
