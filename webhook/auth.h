/*
 * Who asks: what a request offers as its credential, read and hashed on the front loop, and looked
 * up on the control loop.
 *
 * Threads: the read functions are pure; d1_offer_find belongs to the control loop.
 * Memory: an offer is a plain value. It holds digests, and of secrets only the key of an account:
 *   who keeps it wipes it.
 */
#ifndef D1_WEBHOOK_AUTH_H
#define D1_WEBHOOK_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/limits.h"
#include "core/text.h"

struct d1_credential;
struct d1_http_request;
struct d1_rights;
struct d1_seal_root;
struct d1_solver;

enum d1_offer_kind {
    D1_OFFER_NONE,     /* Nothing offered. */
    D1_OFFER_BAD,      /* Something that cannot be a credential. */
    D1_OFFER_SECRET,   /* Bearer: the secret alone. */
    D1_OFFER_NAMED,    /* Basic: name and secret. */
    D1_OFFER_ACCOUNT,  /* X-Api-User and X-Api-Key. */
    D1_OFFER_SOCKET,   /* The control socket, root or our own user: administrator. */
    D1_OFFER_STRANGER, /* The control socket, any other user. */
};

struct d1_offer {
    enum d1_offer_kind kind;
    char name[D1_TOKEN_NAME_MAX + 1]; /* NAMED: token name; ACCOUNT: username. */
    uint8_t digest[D1_SHA256_BYTES];
    char key[D1_ACCOUNT_KEY_LENGTH + 1]; /* ACCOUNT: for one that was imported with a hash. */
};

/* Authorization: Bearer SECRET, or Basic base64(NAME:SECRET), either alphabet, padded or not. */
void d1_offer_read_token(const struct d1_http_request *request, struct d1_offer *ret_offer);

/* What seals for the holder of that token. Returns 0, D1_EUNAUTHORIZED (none) or D1_EINTERNAL. */
int d1_offer_read_root(const struct d1_http_request *request,
                       struct d1_seal_root *ret_root) D1_MUST_CHECK;

/* Whether a text has the form of an account's key. */
bool d1_account_key_is_valid(const char *key);

/* X-Api-User (any form of a UUID) and X-Api-Key. Anything amiss is D1_OFFER_BAD. */
void d1_offer_read_account(const struct d1_http_request *request, struct d1_offer *ret_offer);

/* The peer of the control socket. */
void d1_offer_read_socket(const struct d1_http_request *request, struct d1_offer *ret_offer);

/*
 * The credential of an offer that is no account. `admin` are the rights of the control socket.
 * Returns 0, D1_EUNAUTHORIZED (unknown name and wrong secret alike) or D1_EFORBIDDEN (a stranger at
 * the control socket). What the credential points at is borrowed until the loop goes on.
 */
int d1_offer_find(const struct d1_offer *offer, const struct d1_solver *solver,
                  const struct d1_rights *admin, struct d1_credential *ret_credential);

#endif /* D1_WEBHOOK_AUTH_H */
