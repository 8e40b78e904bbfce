/*
 * What an Issuer says in `webhook.config`: served by us (`{}`), an account of ours, or a provider
 * with the Issuer's own credentials. Nothing in it can name a file, a program or a plugin.
 *
 * Threads: pure functions.
 * Memory: what is read borrows from the JSON value.
 * Limits: D1_ISSUER_SETTINGS_MAX settings; D1_ISSUER_TEXT_MAX octets each.
 */
#ifndef D1_WEBHOOK_KUBERNETES_ISSUER_H
#define D1_WEBHOOK_KUBERNETES_ISSUER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dns/name.h"

struct d1_error;

enum d1_issuer_kind {
    D1_ISSUER_SERVED,   /* {}: in a zone of ours. */
    D1_ISSUER_ACCOUNT,  /* An account of the configuration, by name. */
    D1_ISSUER_PROVIDER, /* A provider, with what the Issuer and its Secret say. */
};

struct d1_issuer_config {
    enum d1_issuer_kind kind;
    const char *account;  /* ACCOUNT. */
    const char *provider; /* PROVIDER. */
    bool zone_set;
    struct d1_name zone;
    uint32_t ttl;           /* Seconds; 0: not given. */
    const json_t *settings; /* Object of texts, numbers and booleans, or NULL. */
    const char *secret;     /* Name of the Secret, in the Issuer's own namespace; NULL: none. */
    const char *key;        /* The one key of it that is taken, or NULL. */
    const char *split;      /* "A:B": `key` holds two settings with ':' between; NULL: one. */
    const json_t *keys;     /* Object: setting name to key of the Secret, or NULL. */
};

/*
 * Read it; NULL and null are `{}`. Returns 0, or D1_ECONFIG with what is wrong and what to change in
 * *error: the same text each time.
 */
int d1_issuer_read(const json_t *value, struct d1_issuer_config *ret_config,
                   struct d1_error *error);

/*
 * What the Secret gives, as an object of texts: setting name to value; with `key`, the name is "".
 * `data` is the Secret's: key to base64. Returns 0, D1_ECONFIG with what is missing in *error, or
 * -ENOMEM. *ret_values is wiped with d1_issuer_wipe().
 */
int d1_issuer_secret(const struct d1_issuer_config *config, const json_t *data, json_t **ret_values,
                     struct d1_error *error);

/* Wipe and release what d1_issuer_secret() gave, or a Secret that was read. NULL is allowed. */
void d1_issuer_wipe(json_t *values);

#endif /* D1_WEBHOOK_KUBERNETES_ISSUER_H */
