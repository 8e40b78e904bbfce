/*
 * The records the store keeps: challenges (leases of one TXT value at one owner name), acme-dns
 * accounts, tokens made at run time, names that stay known for a while, and sealed accounts of ACME
 * clients.
 *
 * Threads: plain values.
 * Memory: the structs own nothing; they are how records travel. Who keeps many of them keeps them
 *   in a smaller form.
 * Limits: a value is 1 to 255 octets: one character-string, never split (RFC 1035, 3.3.14).
 */
#ifndef D1_STORE_CHALLENGE_H
#define D1_STORE_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/limits.h"
#include "core/text.h"
#include "dns/name.h"

struct d1_txt_value {
    uint8_t length;
    uint8_t octets[D1_TXT_STRING_MAX];
};

static inline bool d1_txt_value_equal(const struct d1_txt_value *a, const struct d1_txt_value *b) {
    return a->length == b->length && memcmp(a->octets, b->octets, a->length) == 0;
}

/* Copy 1 to 255 octets. Returns 0 or D1_EVALUE. */
int d1_txt_value_set(struct d1_txt_value *ret_value, const void *octets, size_t length);

/*
 * One value at one name, held by one owner. (via, name, value, owner) is its identity.
 */
struct d1_challenge {
    struct d1_name name;
    struct d1_txt_value value;
    char owner[D1_OWNER_TEXT_MAX + 1]; /* "token:lego", "account:UUID", "socket" ... */
    int64_t created_ms;                /* Unix time. */
    int64_t expires_ms;                /* Unix time; 0: never (an administrator asked for it). */

    /*
     * The name that was asked for, whose CNAMEs led to `name` then; length 0: `name` itself was. A
     * CleanUp for it finds the value, wherever the CNAMEs lead by then.
     */
    struct d1_name asked;

    /* The provider account it was presented through by name; "": where the name belongs. */
    char via[D1_VIA_TEXT_MAX + 1];
};

/* An acme-dns account: owner of exactly one name for now. */
struct d1_account {
    char username[D1_UUID_TEXT_BYTES];
    uint8_t key_digest[D1_SHA256_BYTES]; /* d1_sha256("dns01d account", key). */
    struct d1_name name;                 /* SUBDOMAIN.ACCOUNT-ZONE */
    int64_t created_ms;
    const char *allowfrom; /* CIDRs as the client wrote them, one blank between; "": everybody. */

    /*
     * NULL, or the bcrypt hash of the key as acme-dns had it: then nobody knows key_digest yet, and
     * it is not read. The first login that passes takes its place.
     */
    const char *bcrypt;
};

/*
 * An ACME client's account, kept for the client: sealed with a key that only the secret of its token
 * gives, so that nobody else can read it, not even who holds the database.
 */
struct d1_sealed_account {
    const char *token;  /* Its name. */
    const char *domain; /* As the client named it. */
    const uint8_t *box;
    size_t length; /* 1 to D1_SEALED_BYTES_MAX. */
};

/*
 * A token, or a TSIG key, made at run time. Lists are texts with one blank between their entries,
 * which have none; who uses them checks them.
 */
struct d1_token {
    char owner[D1_OWNER_TEXT_MAX + 1]; /* "token:NAME" or "tsig:NAME": what owns its values. */
    bool has_digest;
    uint8_t digest[D1_SHA256_BYTES]; /* d1_sha256("dns01d token", secret). */
    const char *algorithm;           /* Of its TSIG secret: "hmac-sha256"; "": it has none. */
    size_t key_length;
    uint8_t key[D1_TOKEN_KEY_BYTES_MAX]; /* The TSIG secret. */
    const char *names;
    const char *owners;
    const char *verbs;
    int64_t lease_ms; /* 0: leases.default */
    uint32_t quota;   /* Values it may hold at a time; 0: any number. */
    int64_t created_ms;
};

/*
 * A value that we have written, or are about to write, at a provider's: what is to be removed there
 * one day, whatever happens to us.
 */
struct d1_placement {
    char via[D1_VIA_TEXT_MAX + 1]; /* The provider account; never "". */
    struct d1_name name;
    struct d1_txt_value value;
    bool confirmed; /* The provider has taken it. */
    int64_t created_ms;
};

/* A name that is answered NODATA, never NXDOMAIN, until a moment (contract: "known"). */
struct d1_known_name {
    struct d1_name name;
    int64_t until_ms;
};

#endif /* D1_STORE_CHALLENGE_H */
