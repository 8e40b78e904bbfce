#include "ctl/hook.h"

#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/text.h"
#include "ctl/commands.h"

/* Base64url of a SHA-256 without padding: every value of a dns-01 challenge (RFC 8555, 8.4). */
#define CHALLENGE_VALUE_LENGTH 43

#define VERB_LENGTH_MAX 255

static bool is_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool is(const char *word, const char *text) {
    return strcmp(word, text) == 0;
}

static bool is_challenge_value(const char *text) {
    static const char base64url[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return strlen(text) == CHALLENGE_VALUE_LENGTH &&
           strspn(text, base64url) == CHALLENGE_VALUE_LENGTH;
}

static struct d1_hook_call change_one(enum d1_hook_action action, const char *const *domain,
                                      const char *const *value) {
    return (struct d1_hook_call){.action = action, .count = 1, .domains = domain, .values = value};
}

/*
 * certbot (2.1.0, manual.py) calls both hooks alike; the second time with what the first has
 * written. It never takes that out of its environment, so that one order later the first call has
 * the output of an earlier one: it counts only when it is about this value.
 */
static int recognise_certbot(const struct d1_hook_environment *environment,
                             struct d1_hook_call *ret_call, struct d1_error *error) {
    if (!is_set(environment->domain) || !is_set(environment->validation)) {
        return D1_ENOTFOUND;
    }
    if (is_set(environment->token)) {
        return d1_error_set(error, D1_EPARSE,
                            "certbot asks for http-01; give it --preferred-challenges dns");
    }
    bool presented = is_set(environment->auth_output) &&
                     strstr(environment->auth_output, environment->validation) != NULL;
    *ret_call = change_one(presented ? D1_HOOK_CLEANUP : D1_HOOK_PRESENT, &environment->domain,
                           &environment->validation);
    ret_call->echo = presented ? NULL : environment->validation;
    return D1_OK;
}

/* One change with HOOK_CHAIN=no, all of an order with yes. */
static int recognise_dehydrated(size_t count, const char *const *words,
                                struct d1_hook_call *ret_call, struct d1_error *error) {
    size_t rest = count - 1;
    if (rest == 0 || rest % 3 != 0) {
        return d1_error_set(error, D1_EPARSE, "usage: dns01ctl %s {DOMAIN TOKEN VALUE}...",
                            words[0]);
    }
    if (!is_challenge_value(words[3])) {
        *ret_call = (struct d1_hook_call){.action = D1_HOOK_NOTHING}; /* http-01 or tls-alpn-01. */
        return D1_OK;
    }
    *ret_call = change_one(is(words[0], "deploy_challenge") ? D1_HOOK_PRESENT : D1_HOOK_CLEANUP,
                           &words[1], &words[3]);
    ret_call->count = rest / 3;
    ret_call->stride = 3;
    return D1_OK;
}

static int recognise_uacme(const char *const *words, struct d1_hook_call *ret_call) {
    if (!is(words[1], "dns-01")) {
        *ret_call = (struct d1_hook_call){.action = D1_HOOK_DECLINE};
        return D1_OK;
    }
    *ret_call =
        change_one(is(words[0], "begin") ? D1_HOOK_PRESENT : D1_HOOK_CLEANUP, &words[2], &words[4]);
    return D1_OK;
}

static int recognise_lego_raw(const char *const *words, struct d1_hook_call *ret_call,
                              struct d1_error *error) {
    size_t token_length = strlen(words[3]);
    if (token_length == 0 || strncmp(words[4], words[3], token_length) != 0 ||
        words[4][token_length] != '.') {
        return d1_error_set(error, D1_EPARSE, "usage: dns01ctl %s -- DOMAIN TOKEN TOKEN.THUMBPRINT",
                            words[0]);
    }
    *ret_call = change_one(is(words[0], "present") ? D1_HOOK_PRESENT : D1_HOOK_CLEANUP, &words[2],
                           &words[4]);
    ret_call->hash_values = true;
    return D1_OK;
}

/* Older releases of getssl add the name server as a third word. */
static int recognise_getssl(size_t count, const char *const *words, struct d1_hook_call *ret_call,
                            struct d1_error *error) {
    if (count < 3 || count > 4) {
        return d1_error_set(error, D1_EPARSE, "usage: dns01ctl %s DOMAIN VALUE", words[0]);
    }
    *ret_call = change_one(is(words[0], "dns_add") ? D1_HOOK_PRESENT : D1_HOOK_CLEANUP, &words[1],
                           &words[2]);
    return D1_OK;
}

/*
 * dehydrated wants verbs that a hook does not know to be ignored, and tries that out. Its own are
 * words in lower case joined by underscores; so is no command of ours, but what is one but for its
 * hyphens was meant as one.
 */
static bool is_verb_to_ignore(const char *word) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    char command[VERB_LENGTH_MAX + 1];
    size_t length = strlen(word);
    if (length > VERB_LENGTH_MAX || word[0] == '_' || strspn(word, letters) != length ||
        strchr(word, '_') == NULL) {
        return false;
    }
    for (size_t i = 0; i <= length; i++) {
        command[i] = word[i];
        if (word[i] == '_') {
            command[i] = '-';
        }
    }
    return d1_ctl_command_find(command) == NULL;
}

int d1_hook_recognise(size_t words_count, const char *const *words,
                      const struct d1_hook_environment *environment, struct d1_hook_call *ret_call,
                      struct d1_error *error) {
    if (words_count == 0) {
        return recognise_certbot(environment, ret_call, error);
    }
    const char *verb = words[0];
    if (is(verb, "deploy_challenge") || is(verb, "clean_challenge")) {
        return recognise_dehydrated(words_count, words, ret_call, error);
    }
    if (words_count == 5 && (is(verb, "begin") || is(verb, "done") || is(verb, "failed"))) {
        return recognise_uacme(words, ret_call);
    }
    if (words_count == 5 && (is(verb, "present") || is(verb, "cleanup")) && is(words[1], "--")) {
        return recognise_lego_raw(words, ret_call, error);
    }
    if (is(verb, "dns_add") || is(verb, "dns_del")) {
        return recognise_getssl(words_count, words, ret_call, error);
    }
    if (is_verb_to_ignore(verb)) {
        *ret_call = (struct d1_hook_call){.action = D1_HOOK_NOTHING};
        return D1_OK;
    }
    return D1_ENOTFOUND;
}

static int make_name(const char *domain, struct d1_hook_change *ret_change,
                     struct d1_error *error) {
    const char *base = strncmp(domain, "*.", 2) == 0 ? domain + 2 : domain;
    int length = snprintf(ret_change->name, sizeof(ret_change->name), "_acme-challenge.%s", base);
    if (base[0] == '\0' || length < 0 || (size_t)length >= sizeof(ret_change->name)) {
        return d1_error_set(error, D1_ENAME, "the domain is empty or too long");
    }
    return D1_OK;
}

static int make_value(const char *given, bool hash, struct d1_hook_change *ret_change,
                      struct d1_error *error) {
    if (hash) {
        int err = d1_sha256_base64url(given, strlen(given), ret_change->value);
        return err == D1_OK ? err : d1_error_set(error, err, "OpenSSL has no SHA-256");
    }
    size_t length = strlen(given);
    if (length == 0 || length > D1_TXT_STRING_MAX) {
        return d1_error_set(error, D1_EVALUE, "the value must have 1 to %d octets",
                            D1_TXT_STRING_MAX);
    }
    memcpy(ret_change->value, given, length + 1);
    return D1_OK;
}

int d1_hook_change(const struct d1_hook_call *call, size_t index, struct d1_hook_change *ret_change,
                   struct d1_error *error) {
    struct d1_hook_change change;
    int err = make_name(call->domains[index * call->stride], &change, error);
    if (err == D1_OK) {
        err = make_value(call->values[index * call->stride], call->hash_values, &change, error);
    }
    if (err == D1_OK) {
        *ret_change = change;
    }
    return err;
}
