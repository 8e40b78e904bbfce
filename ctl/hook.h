/*
 * How ACME clients call the program that sets their DNS records: each has a convention of its own,
 * recognised here from the words after dns01ctl's own options, and from the environment.
 *
 *   certbot     no words; CERTBOT_DOMAIN and CERTBOT_VALIDATION in the environment
 *   dehydrated  deploy_challenge|clean_challenge {DOMAIN TOKEN VALUE}...; other_verbs are ignored
 *   uacme       begin|done|failed TYPE DOMAIN TOKEN VALUE
 *   lego        present|cleanup -- DOMAIN TOKEN KEYAUTH (its default mode, `present FQDN VALUE`, is
 *               the command of that name)
 *   getssl      dns_add|dns_del DOMAIN VALUE
 *
 * None of them is a command of dns01ctl: no command has an underscore in its name or takes four
 * words.
 *
 * Threads: pure functions.
 * Memory: a call borrows the words and the environment.
 * Limits: D1_NAME_TEXT_MAX and D1_TXT_STRING_MAX, checked by d1_hook_change().
 */
#ifndef D1_CTL_HOOK_H
#define D1_CTL_HOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"
#include "core/limits.h"

struct d1_error;

/* What certbot leaves in the environment; NULL where it is not set. */
struct d1_hook_environment {
    const char *domain;      /* CERTBOT_DOMAIN */
    const char *validation;  /* CERTBOT_VALIDATION */
    const char *token;       /* CERTBOT_TOKEN: set for http-01 only. */
    const char *auth_output; /* CERTBOT_AUTH_OUTPUT: what the auth hook wrote. */
};

enum d1_hook_action {
    D1_HOOK_PRESENT,
    D1_HOOK_CLEANUP,
    D1_HOOK_NOTHING, /* Not for us: succeed in silence. */
    D1_HOOK_DECLINE, /* Fail in silence: the client then tries another type of challenge. */
};

struct d1_hook_call {
    enum d1_hook_action action;
    bool hash_values; /* They are key authorizations (RFC 8555, 8.1). */
    const char *echo; /* To be written first on standard output, or NULL. */
    size_t count;     /* Changes; change i stands at domains[i * stride]. */
    size_t stride;    /* 0 for a single one. */
    const char *const *domains;
    const char *const *values;
};

/* One change, as dns01d wants it. */
struct d1_hook_change {
    char name[D1_NAME_TEXT_MAX]; /* Owner name. */
    char value[D1_TXT_STRING_MAX + 1];
};

/*
 * Returns 0 and *ret_call, D1_ENOTFOUND when this is no hook call, or D1_EPARSE when it is one that
 * lacks something, with what in *error.
 */
int d1_hook_recognise(size_t words_count, const char *const *words,
                      const struct d1_hook_environment *environment, struct d1_hook_call *ret_call,
                      struct d1_error *error) D1_MUST_CHECK;

/*
 * Change `index` of a call: "_acme-challenge." and the domain without "*." (RFC 8555, 8.4), and the
 * value, hashed where the client leaves that to us. Returns 0, or D1_ENAME, D1_EVALUE or
 * D1_EINTERNAL with what is wrong in *error.
 */
int d1_hook_change(const struct d1_hook_call *call, size_t index, struct d1_hook_change *ret_change,
                   struct d1_error *error) D1_MUST_CHECK;

#endif /* D1_CTL_HOOK_H */
