/*
 * Guard: what a plugin may ask the host for. A plugin is trusted code, but a descriptor's templates
 * carry what strangers' APIs answered, so each request is looked at before it is carried out.
 *
 * Threads: pure functions.
 */
#ifndef D1_PROVIDERS_GUARD_H
#define D1_PROVIDERS_GUARD_H

#include <stdbool.h>

#include "core/err.h"
#include "providers/provider.h"

/*
 * Whether the request is well formed, and its host is one of `hosts` (as in d1_provider_traits) by
 * https, or by http where `plain` says that this account may. Returns 0, or D1_ECONFIG and why.
 */
int d1_guard_http(const struct d1_action_http *request, const char *const *hosts, bool plain,
                  struct d1_error *error);

/* The same for a DNS message and for a program. */
int d1_guard_dns(const struct d1_action_dns *request, struct d1_error *error);
int d1_guard_run(const struct d1_action_run *request, struct d1_error *error);

#endif /* D1_PROVIDERS_GUARD_H */
