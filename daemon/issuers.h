/*
 * Accounts that Issuers bring along: checked against the settings of their type and given to the
 * publisher of names at providers. An Issuer reaches no file and no program, and no network but the
 * public ones and webhook.allow-networks.
 *
 * Threads: the control loop's.
 * Memory: outside is borrowed; everything else is copied.
 */
#ifndef D1_DAEMON_ISSUERS_H
#define D1_DAEMON_ISSUERS_H

#include <jansson.h>

#include "solver/provider.h"

struct d1_issuers;
struct d1_outside;

int d1_issuers_create(struct d1_outside *outside, struct d1_issuers **ret_issuers);

/* NULL is allowed. */
void d1_issuers_destroy(struct d1_issuers *issuers);

/*
 * Use the types of these folders (list of paths, may be NULL) beside the packaged ones, and these
 * networks (list of CIDRs). The references stay the caller's. Returns 0, or -ENOMEM and nothing has
 * changed.
 */
int d1_issuers_configure(struct d1_issuers *issuers, json_t *folders, json_t *networks);

/* To be given to the solver. */
struct d1_provider_source *d1_issuers_source(struct d1_issuers *issuers);

/*
 * Make the message `account` of providers/process.h, without "networks". For bring, and for tests.
 * Returns 0, D1_ECONFIG with what is wrong in *error, or -ENOMEM.
 */
int d1_issuers_message(struct d1_issuers *issuers, const struct d1_provider_brought *brought,
                       json_t **ret_message, struct d1_error *error);

#endif /* D1_DAEMON_ISSUERS_H */
