/*
 * Solver configs of other webhooks, read as ours: `webhook.also-serve[].config` names one, so that
 * their Issuers stay as they are.
 *
 * Threads: pure functions.
 */
#ifndef D1_WEBHOOK_KUBERNETES_ALIAS_H
#define D1_WEBHOOK_KUBERNETES_ALIAS_H

#include <jansson.h>

struct d1_error;

/* The first is our own schema; ends with NULL. */
extern const char *const d1_alias_names[];

/*
 * The config that says the same in our schema (the caller's). `name_space` is the Issuer's: a Secret
 * elsewhere is refused. Returns 0; D1_ECONFIG with what is wrong, naming the key, in *error; or
 * -ENOMEM.
 */
int d1_alias_translate(const char *alias, const json_t *config, const char *name_space,
                       json_t **ret_config, struct d1_error *error);

#endif /* D1_WEBHOOK_KUBERNETES_ALIAS_H */
