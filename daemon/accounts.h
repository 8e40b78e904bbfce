/*
 * Provider accounts and routes of the configuration: `providers`, `provider-dirs`, `routes`. Each
 * account is checked against the settings of its type, its files are read, and it becomes the message
 * that the provider process gets.
 *
 * Threads: as daemon/config.h.
 * Memory: the result owns everything; secrets in it are wiped when it is closed.
 */
#ifndef D1_DAEMON_ACCOUNTS_H
#define D1_DAEMON_ACCOUNTS_H

#include <jansson.h>

#include "core/setting.h"
#include "providers/outside.h"

struct d1_builtin;

struct d1_provider_accounts {
    json_t **account; /* References are owned. */
    size_t count;
    struct d1_outside_route *route; /* Texts borrowed from the tree. */
    size_t route_count;
    json_t *folders; /* Of provider-dirs: a list of paths. */
};

/* Read them from a checked tree. Faults are told. Returns 0 or -ENOMEM. */
int d1_provider_accounts_read(const struct d1_node *root, d1_setting_fault_fn on_fault, void *arg,
                              struct d1_provider_accounts *ret_accounts);
void d1_provider_accounts_close(struct d1_provider_accounts *accounts);

/* What every account takes, beside the settings of its type. NULL at the end. */
struct d1_account_setting {
    const char *name;
    const char *help;
};
extern const struct d1_account_setting d1_account_settings[];

#endif /* D1_DAEMON_ACCOUNTS_H */
