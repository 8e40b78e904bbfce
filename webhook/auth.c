#include "webhook/auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/err.h"
#include "core/mem.h"
#include "http/server.h"
#include "solver/tokens.h"
#include "webhook/seal.h"

#define BASIC_BYTES_MAX (D1_TOKEN_NAME_MAX + 1 + D1_SECRET_BYTES_MAX)

/* The only header of that name; *ret_twice tells of a second one. */
static const char *find_only(const struct d1_http_request *request, const char *name,
                             bool *ret_twice) {
    const char *value = NULL;
    *ret_twice = false;
    for (size_t i = 0; i < request->headers_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            *ret_twice = value != NULL;
            value = request->headers[i].value;
        }
    }
    return value;
}

/* What follows "Scheme " (RFC 9110, 11.1: the scheme in any case, blanks after it), or NULL. */
static const char *after_scheme(const char *value, const char *scheme) {
    size_t length = strlen(scheme);
    if (strncasecmp(value, scheme, length) != 0 || value[length] != ' ') {
        return NULL;
    }
    value += length;
    return value + strspn(value, " ");
}

/* What an Authorization header holds; `pair` backs name and secret of Basic. */
struct shown {
    enum d1_offer_kind kind; /* SECRET, NAMED; NONE; BAD. */
    const char *name;        /* NAMED; not terminated. */
    size_t name_length;
    const char *secret;
    size_t secret_length;
    char pair[BASIC_BYTES_MAX];
};

static void read_basic(const char *text, struct shown *shown) {
    size_t length;
    if (d1_base64_decode(text, strlen(text), shown->pair, sizeof(shown->pair), &length) != D1_OK) {
        return;
    }
    const char *colon = memchr(shown->pair, ':', length);
    size_t name_length = colon != NULL ? (size_t)(colon - shown->pair) : 0;
    bool is_name = name_length > 0 && name_length <= D1_TOKEN_NAME_MAX &&
                   memchr(shown->pair, '\0', name_length) == NULL;
    if (is_name && length > name_length + 1) {
        shown->kind = D1_OFFER_NAMED;
        shown->name = shown->pair;
        shown->name_length = name_length;
        shown->secret = colon + 1;
        shown->secret_length = length - name_length - 1;
    }
}

/* The caller wipes *shown. */
static void read_authorization(const struct d1_http_request *request, struct shown *shown) {
    bool twice;
    const char *value = find_only(request, "authorization", &twice);
    shown->kind = value != NULL ? D1_OFFER_BAD : D1_OFFER_NONE;
    if (value == NULL || twice) {
        return;
    }
    const char *bearer = after_scheme(value, "bearer");
    const char *basic = after_scheme(value, "basic");
    if (bearer != NULL && bearer[0] != '\0' && strlen(bearer) <= D1_SECRET_BYTES_MAX) {
        shown->kind = D1_OFFER_SECRET;
        shown->secret = bearer;
        shown->secret_length = strlen(bearer);
    } else if (basic != NULL) {
        read_basic(basic, shown);
    }
}

void d1_offer_read_token(const struct d1_http_request *request, struct d1_offer *ret_offer) {
    struct shown shown;
    read_authorization(request, &shown);
    *ret_offer = (struct d1_offer){.kind = shown.kind};
    if (shown.kind == D1_OFFER_NAMED) {
        memcpy(ret_offer->name, shown.name, shown.name_length);
    }
    bool has_secret = shown.kind == D1_OFFER_NAMED || shown.kind == D1_OFFER_SECRET;
    if (has_secret && d1_sha256(D1_TOKEN_DIGEST_DOMAIN, shown.secret, shown.secret_length,
                                ret_offer->digest) != D1_OK) {
        ret_offer->kind = D1_OFFER_BAD;
    }
    d1_wipe(&shown, sizeof(shown));
}

int d1_offer_read_root(const struct d1_http_request *request, struct d1_seal_root *ret_root) {
    struct shown shown;
    read_authorization(request, &shown);
    int err = D1_EUNAUTHORIZED;
    if (shown.kind == D1_OFFER_NAMED || shown.kind == D1_OFFER_SECRET) {
        err = d1_seal_root(shown.secret, shown.secret_length, ret_root);
    }
    d1_wipe(&shown, sizeof(shown));
    return err;
}

bool d1_account_key_is_valid(const char *key) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return strlen(key) == D1_ACCOUNT_KEY_LENGTH && strspn(key, alphabet) == D1_ACCOUNT_KEY_LENGTH;
}

void d1_offer_read_account(const struct d1_http_request *request, struct d1_offer *ret_offer) {
    _Static_assert(D1_UUID_TEXT_BYTES <= D1_TOKEN_NAME_MAX, "a username fits the offer's name");
    *ret_offer = (struct d1_offer){.kind = D1_OFFER_BAD};
    bool user_twice;
    bool key_twice;
    const char *user = find_only(request, "x-api-user", &user_twice);
    const char *key = find_only(request, "x-api-key", &key_twice);
    if (user == NULL && key == NULL) {
        ret_offer->kind = D1_OFFER_NONE;
        return;
    }
    if (user == NULL || key == NULL || user_twice || key_twice || !d1_account_key_is_valid(key)) {
        return;
    }
    if (d1_uuid_parse(user, strlen(user), ret_offer->name) == D1_OK &&
        d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, key, strlen(key), ret_offer->digest) == D1_OK) {
        ret_offer->kind = D1_OFFER_ACCOUNT;
        memcpy(ret_offer->key, key, sizeof(ret_offer->key));
    }
}

void d1_offer_read_socket(const struct d1_http_request *request, struct d1_offer *ret_offer) {
    uint32_t uid = request->peer.uid;
    bool is_admin = request->peer.address.ss_family == AF_UNIX && (uid == 0 || uid == geteuid());
    *ret_offer = (struct d1_offer){.kind = is_admin ? D1_OFFER_SOCKET : D1_OFFER_STRANGER};
}

int d1_offer_find(const struct d1_offer *offer, const struct d1_solver *solver,
                  const struct d1_rights *admin, struct d1_credential *ret_credential) {
    const struct d1_credential *found = NULL;
    switch (offer->kind) {
    case D1_OFFER_SOCKET:
        *ret_credential = (struct d1_credential){.owner = "socket", .rights = admin};
        return D1_OK;
    case D1_OFFER_STRANGER:
        return D1_EFORBIDDEN;
    case D1_OFFER_SECRET:
        found = d1_solver_token_by_digest(solver, offer->digest);
        break;
    case D1_OFFER_NAMED:
        found = d1_solver_token_by_name(solver, offer->name, offer->digest);
        break;
    case D1_OFFER_NONE:
    case D1_OFFER_BAD:
    case D1_OFFER_ACCOUNT:
        break;
    }
    if (found == NULL) {
        return D1_EUNAUTHORIZED;
    }
    *ret_credential = *found;
    return D1_OK;
}
