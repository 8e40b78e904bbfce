/*
 * Credentials from the configuration: tokens for the HTTP front doors, and the rights of TSIG keys
 * (their secrets are with those who check signatures: dnsd/keys.h). An immutable set, replaced whole
 * on reload.
 *
 * Threads: made by the control thread, then immutable.
 * Memory: the set owns its tokens; secrets are kept only as SHA-256 (d1_sha256, domain "dns01d
 *   token").
 */
#ifndef D1_SOLVER_CREDENTIAL_H
#define D1_SOLVER_CREDENTIAL_H

#include <stdbool.h>

#include "core/text.h"
#include "solver/rights.h"

#define D1_TOKEN_OWNER_PREFIX "token:"
#define D1_KEY_OWNER_PREFIX   "tsig:"

#define D1_TOKEN_DIGEST_DOMAIN   "dns01d token"
#define D1_ACCOUNT_DIGEST_DOMAIN "dns01d account"

/* Who asks: by what name its values are owned, and what it may do. */
struct d1_credential {
    const char *owner; /* "token:lego"; what d1_challenge.owner will say. */
    const struct d1_rights *rights;
    int64_t lease_ms;      /* Default and longest lease of its values; 0: those of the settings. */
    uint32_t quota;        /* Values it may hold at a time; 0: any number. */
    const char *algorithm; /* Of its TSIG secret, "hmac-sha256"; NULL: it has none. Static. */
};

struct d1_credentials;

int d1_credentials_create(struct d1_credentials **ret_set);
void d1_credentials_destroy(struct d1_credentials *set);

/*
 * Add a token. The rights are owned by the set from success on. Returns 0, D1_EEXIST (the name, or
 * another token with the same secret), D1_ELIMIT or -ENOMEM.
 */
int d1_credentials_add(struct d1_credentials *set, const char *name,
                       const uint8_t digest[D1_SHA256_BYTES], struct d1_rights *rights);

/* By secret alone (Bearer). NULL when there is none. Borrowed while the set lives. */
const struct d1_credential *d1_credentials_by_digest(const struct d1_credentials *set,
                                                     const uint8_t digest[D1_SHA256_BYTES]);

/* By name and secret (Basic). NULL for an unknown name and for a wrong secret alike. */
const struct d1_credential *d1_credentials_by_name(const struct d1_credentials *set,
                                                   const char *name,
                                                   const uint8_t digest[D1_SHA256_BYTES]);

/* Whether there is a token of that name. */
bool d1_credentials_has(const struct d1_credentials *set, const char *name);

/* Call visit with each token, then with each TSIG key, in no order. */
void d1_credentials_each(const struct d1_credentials *set,
                         void (*visit)(const struct d1_credential *credential, void *arg),
                         void *arg);

/*
 * Add the rights of a TSIG key, whose name is given as text without the final dot: its owner is
 * "tsig:NAME". Otherwise as d1_credentials_add().
 */
int d1_credentials_add_key(struct d1_credentials *set, const char *name, const char *algorithm,
                           struct d1_rights *rights);

/* The TSIG key of that name. NULL when there is none. Borrowed while the set lives. */
const struct d1_credential *d1_credentials_key(const struct d1_credentials *set, const char *name);

/* Every exact owner name of every token and key (see d1_rights_each_exact). */
void d1_credentials_each_exact(const struct d1_credentials *set,
                               void (*visit)(const struct d1_name *owner, void *arg), void *arg);

#endif /* D1_SOLVER_CREDENTIAL_H */
