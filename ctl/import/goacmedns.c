/*
 * goacmedns' storage file: {"example.org": {"username": ..., "password": ..., "fulldomain": ...,
 * "subdomain": ..., "server_url": ...}}; older ones spell the keys FullDomain and so on.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "ctl/import/read.h"

static const char *find(const json_t *object, const char *key) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (strcasecmp(name, key) == 0) {
            return json_string_value(value);
        }
    }
    return NULL;
}

static bool is_same(const struct d1_import_account *account, const json_t *object) {
    const char *username = find(object, "username");
    const char *full = find(object, "fulldomain");
    return username != NULL && full != NULL && account->username != NULL &&
           account->fulldomain != NULL && strcmp(account->username, username) == 0 &&
           strcmp(account->fulldomain, full) == 0;
}

/* Several domains may share an account. */
static bool is_there(const struct d1_import_set *set, const json_t *object) {
    for (size_t i = 0; i < set->accounts_count; i++) {
        if (is_same(&set->accounts[i], object)) {
            return true;
        }
    }
    return false;
}

static char *copy(const json_t *object, const char *key, bool *good) {
    const char *text = find(object, key);
    char *made = text != NULL ? d1_strdup(text) : NULL;
    *good = *good && (text == NULL || made != NULL);
    return made;
}

static int take_account(struct d1_import_set *set, const char *domain, const json_t *object,
                        struct d1_error *error) {
    bool good = true;
    if (!json_is_object(object)) {
        return d1_error_set(error, D1_EPARSE,
                            "%.200s: not an account; the file must map domains to accounts",
                            domain);
    }
    if (is_there(set, object)) {
        return D1_OK;
    }
    struct d1_import_account account = {
        .username = copy(object, "username", &good),
        .secret = copy(object, "password", &good),
        .subdomain = copy(object, "subdomain", &good),
        .fulldomain = copy(object, "fulldomain", &good),
        .where = d1_strndup(domain, strnlen(domain, D1_IMPORT_WHERE_BYTES - 1)),
    };
    int err = d1_import_set_account(set, &account, error);
    if (err == D1_OK && (!good || account.where == NULL)) {
        err = d1_error_set(error, -ENOMEM, "out of memory");
    }
    return err;
}

/* jansson recurses: no deeper than a file of this kind needs. */
static bool is_shallow(const char *text, size_t length) {
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted) {
            quoted = text[i] != '"';
            i += text[i] == '\\' ? 1 : 0;
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > D1_JSON_DEPTH_MAX) {
                return false;
            }
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

int d1_import_read_goacmedns(struct d1_import_set *set, const char *text, size_t length,
                             struct d1_error *error) {
    json_error_t fault;
    json_t *object = NULL;
    if (!is_shallow(text, length)) {
        return d1_error_set(error, D1_EPARSE, "nested too deeply for a file of accounts");
    }
    object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (object == NULL) {
        return d1_error_set(error, D1_EPARSE, "line %d: %.200s", fault.line, fault.text);
    }
    int err = D1_OK;
    if (!json_is_object(object)) {
        err = d1_error_set(error, D1_EPARSE, "not a JSON object of domains and accounts");
    }
    set->plain = true;
    set->has_records = true;
    const char *domain;
    json_t *account;
    json_object_foreach(object, domain, account) {
        if (err == D1_OK) {
            err = take_account(set, domain, account, error);
        }
    }
    json_decref(object);
    return err;
}
