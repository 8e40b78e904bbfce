/*
 * Accounts of described types: settings checked, the base URL, the hosts that may see secrets.
 * These are the account functions of providers/provider.h.
 *
 * Threads, memory, limits: as there.
 */
#ifndef D1_PROVIDERS_ENGINE_ACCOUNT_H
#define D1_PROVIDERS_ENGINE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "providers/provider.h"

struct d1_account;

int d1_account_open(const struct d1_provider *provider, const struct d1_pair *settings,
                    size_t count, void **ret_account, struct d1_provider_error *ret_error);
void d1_account_close(void *account);
void d1_account_traits(const void *account, struct d1_provider_traits *ret_traits);

/* The parts of an absolute http or https URL, borrowed. */
struct d1_url {
    const char *host; /* With brackets, if it has them; without a port. */
    size_t host_length;
    const char *authority; /* With the port. */
    size_t authority_length;
    const char *rest; /* From the first slash behind the host, or "". */
};

/* False when it is none, or holds user information. */
bool d1_url_split(const char *url, struct d1_url *ret_url);

/* Whether the account's secrets may be sent to that host. */
bool d1_account_allows(const struct d1_account *account, const char *host, size_t length);

#endif /* D1_PROVIDERS_ENGINE_ACCOUNT_H */
