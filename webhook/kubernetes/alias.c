/*
 * One table per webhook, one row per key of its config; the rest is the same for all. Keys that only
 * tune the other program (time limits) are taken and mean nothing here.
 */
#include "webhook/kubernetes/alias.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"

enum kind {
    COPY,     /* As it is, to the key `to` of our config. */
    SETTING,  /* A text, to the setting `to`. */
    DECODED,  /* The same, in base64. */
    CHOICE,   /* A text or boolean, one of `choices`, to the setting `to`. */
    REF,      /* {name, key}: a key of a Secret, to the setting `to`. */
    NAMED,    /* The name of a Secret, whose key is `to`. */
    WHOLE,    /* {name, namespace}: all keys of a Secret. */
    WRAPPED,  /* {secret: {name, namespace}}: the same. */
    SETTINGS, /* An object of settings. */
    NOTHING,
};

/* What a value of theirs is in ours; NULL: the default. */
struct choice {
    const char *from;
    const char *to;
};

struct row {
    const char *key; /* NULL ends a table. */
    enum kind kind;
    const char *to;
    const struct choice *choices;
};

struct schema {
    const char *provider; /* NULL: a key gives it. */
    const char *split;    /* The one secret is "A:B", and gives these two settings. */
    const struct row *rows;
};

static const struct row hetzner[] = {
    {"tokenSecretKeyRef", REF, "", NULL}, {"httpTimeout", NOTHING, NULL, NULL}, {.key = NULL}};
static const struct row hetzner_legacy[] = {{"secretName", NAMED, "api-key", NULL},
                                            {"zoneName", COPY, "zone", NULL},
                                            {"apiUrl", SETTING, "base-url", NULL},
                                            {.key = NULL}};
static const struct choice ovh_endpoints[] = {{"ovh-eu", NULL},
                                              {"ovh-ca", "https://ca.api.ovh.com/1.0"},
                                              {"ovh-us", "https://api.us.ovhcloud.com/1.0"},
                                              {NULL, NULL}};
static const struct choice ovh_methods[] = {{"application", NULL}, {NULL, NULL}};
static const struct row ovh[] = {{"endpoint", CHOICE, "base-url", ovh_endpoints},
                                 {"authenticationMethod", CHOICE, NULL, ovh_methods},
                                 {"applicationKeyRef", REF, "application-key", NULL},
                                 {"applicationSecretRef", REF, "application-secret", NULL},
                                 {"applicationConsumerKeyRef", REF, "consumer-key", NULL},
                                 {.key = NULL}};
static const struct row pdns[] = {{"host", SETTING, "base-url", NULL},
                                  {"apiKeySecretRef", REF, "api-key", NULL},
                                  {"serverID", SETTING, "server", NULL},
                                  {"caBundle", DECODED, "ca-bundle", NULL},
                                  {"ttl", COPY, "ttl", NULL},
                                  {"timeout", NOTHING, NULL, NULL},
                                  {.key = NULL}};
static const struct row gandi[] = {
    {"apiKeySecretRef", REF, "api-key", NULL}, {"patSecretRef", REF, "pat", NULL}, {.key = NULL}};
static const struct choice godaddy_production[] = {
    {"true", NULL}, {"false", "https://api.ote-godaddy.com"}, {NULL, NULL}};
static const struct row godaddy[] = {{"apiKeySecretRef", REF, "", NULL},
                                     {"production", CHOICE, "base-url", godaddy_production},
                                     {"ttl", COPY, "ttl", NULL},
                                     {.key = NULL}};
static const struct row infomaniak[] = {{"apiTokenSecretRef", REF, "", NULL}, {.key = NULL}};
static const struct row scaleway[] = {{"accessKeySecretRef", REF, "access-key", NULL},
                                      {"secretKeySecretRef", REF, "secret-key", NULL},
                                      {.key = NULL}};
static const struct row libdns[] = {{"provider", COPY, "provider", NULL},
                                    {"secretRef", WHOLE, NULL, NULL},
                                    {"zone", COPY, "zone", NULL},
                                    {"ttl", COPY, "ttl", NULL},
                                    {.key = NULL}};
static const struct row lego[] = {{"provider", COPY, "provider", NULL},
                                  {"envFrom", WRAPPED, NULL, NULL},
                                  {"envs", SETTINGS, NULL, NULL},
                                  {.key = NULL}};

const char *const d1_alias_names[] = {"dns01d",   "hetzner", "hetzner-legacy", "ovh",
                                      "pdns",     "gandi",   "godaddy",        "infomaniak",
                                      "scaleway", "libdns",  "lego",           NULL};

/* In the order of the names. */
static const struct schema schemas[] = {
    {.rows = NULL},
    {"hetzner", NULL, hetzner},
    {"hetzner-legacy", NULL, hetzner_legacy},
    {"ovh", NULL, ovh},
    {"pdns", NULL, pdns},
    {"gandiv5", NULL, gandi},
    {"godaddy", "key:secret", godaddy},
    {"infomaniak", NULL, infomaniak},
    {"scaleway", NULL, scaleway},
    {NULL, NULL, libdns},
    {NULL, NULL, lego},
};
_Static_assert(D1_ARRAY_LENGTH(d1_alias_names) == D1_ARRAY_LENGTH(schemas) + 1, "one for each");

struct translation {
    const struct schema *schema;
    const char *name_space;
    json_t *config; /* Ours. */
    json_t *settings;
    json_t *reference; /* secretRef */
    json_t *keys;      /* secretRef.keys */
    struct d1_error *error;
};

static int set(json_t *object, const char *name, json_t *value) {
    return json_object_set_new(object, name, value) == 0 ? D1_OK : -ENOMEM;
}

/* Charts write what is not set as empty. */
static bool is_unset(const json_t *value) {
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_integer(value) && json_integer_value(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static int refuse(const struct translation *translation, const char *key, const char *expected) {
    return d1_error_set(translation->error, D1_ECONFIG, "%.64s: %s", key, expected);
}

/* All references must be to one Secret. */
static int take_name(struct translation *translation, const char *key, const json_t *name) {
    const char *known = json_string_value(json_object_get(translation->reference, "name"));
    if (!json_is_string(name)) {
        return refuse(translation, key, "expected the name of a Secret");
    }
    if (known != NULL && strcmp(known, json_string_value(name)) != 0) {
        return refuse(translation, key,
                      "names another Secret than the others do; dns01d takes all from one, put the "
                      "keys into the same");
    }
    return set(translation->reference, "name", json_incref((json_t *)(uintptr_t)name));
}

static int take_ref(struct translation *translation, const struct row *row, const json_t *ref) {
    const json_t *key = json_object_get(ref, "key");
    if (!json_is_object(ref) || !json_is_string(key)) {
        return refuse(translation, row->key, "expected name and key of a Secret");
    }
    int err = take_name(translation, row->key, json_object_get(ref, "name"));
    json_t *to = row->to[0] == '\0' ? translation->reference : translation->keys;
    const char *name = row->to[0] == '\0' ? "key" : row->to;
    return err != D1_OK ? err : set(to, name, json_incref((json_t *)(uintptr_t)key));
}

static int take_whole(struct translation *translation, const char *key, const json_t *ref) {
    const char *name_space = json_string_value(json_object_get(ref, "namespace"));
    if (name_space != NULL && name_space[0] != '\0' &&
        strcmp(name_space, translation->name_space) != 0) {
        return refuse(translation, key,
                      "names another namespace; Secrets are read in the Issuer's own only (for a "
                      "ClusterIssuer: cert-manager's cluster resource namespace)");
    }
    return take_name(translation, key, json_object_get(ref, "name"));
}

static int take_decoded(struct translation *translation, const struct row *row,
                        const json_t *value) {
    size_t length = json_string_length(value);
    char *text = d1_malloc(length + 1);
    if (text == NULL) {
        return -ENOMEM;
    }
    size_t used = 0;
    int err = !json_is_string(value)
                  ? D1_EPARSE
                  : d1_base64_decode(json_string_value(value), length, text, length, &used);
    json_t *decoded = err == D1_OK ? json_stringn(text, used) : NULL;
    d1_free(text);
    return decoded != NULL ? set(translation->settings, row->to, decoded)
                           : refuse(translation, row->key, "expected PEM in base64");
}

static int take_choice(struct translation *translation, const struct row *row,
                       const json_t *value) {
    const char *text = json_is_boolean(value) ? (json_is_true(value) ? "true" : "false")
                                              : json_string_value(value);
    for (const struct choice *choice = row->choices; text != NULL && choice->from != NULL;
         choice++) {
        if (strcmp(choice->from, text) == 0) {
            return choice->to == NULL
                       ? D1_OK
                       : set(translation->settings, row->to, json_string(choice->to));
        }
    }
    return refuse(translation, row->key, "this value is not supported by dns01d");
}

static int take_value(struct translation *translation, const struct row *row, const json_t *value) {
    json_t *shared = (json_t *)(uintptr_t)value;
    switch (row->kind) {
    case COPY:
        return set(translation->config, row->to, json_incref(shared));
    case SETTING:
        return json_is_string(value) ? set(translation->settings, row->to, json_incref(shared))
                                     : refuse(translation, row->key, "expected a text");
    case DECODED:
        return take_decoded(translation, row, value);
    case CHOICE:
        return take_choice(translation, row, value);
    case REF:
        return take_ref(translation, row, value);
    case NAMED: {
        int err = take_name(translation, row->key, value);
        return err != D1_OK ? err : set(translation->reference, "key", json_string(row->to));
    }
    case WHOLE:
        return take_whole(translation, row->key, value);
    case WRAPPED:
        return take_whole(translation, row->key, json_object_get(value, "secret"));
    case SETTINGS:
        return json_object_update(translation->settings, shared) == 0
                   ? D1_OK
                   : refuse(translation, row->key, "expected an object of texts");
    case NOTHING:
        break;
    }
    return D1_OK;
}

static int take_key(struct translation *translation, const char *key, const json_t *value) {
    for (const struct row *row = translation->schema->rows; row->key != NULL; row++) {
        if (strcmp(row->key, key) == 0) {
            return is_unset(value) ? D1_OK : take_value(translation, row, value);
        }
    }
    return refuse(translation, key, "unknown key, which dns01d does not have; remove it");
}

/* What was collected becomes our config. */
static int put_together(struct translation *translation) {
    const struct schema *schema = translation->schema;
    json_t *config = translation->config;
    int err =
        schema->provider != NULL ? set(config, "provider", json_string(schema->provider)) : D1_OK;
    if (err == D1_OK && schema->split != NULL) {
        err = set(translation->reference, "split", json_string(schema->split));
    }
    if (err == D1_OK && json_object_size(translation->keys) > 0) {
        err = set(translation->reference, "keys", json_incref(translation->keys));
    }
    if (err == D1_OK && json_object_size(translation->settings) > 0) {
        err = set(config, "settings", json_incref(translation->settings));
    }
    bool has_secret = json_object_get(translation->reference, "name") != NULL;
    return err != D1_OK || !has_secret
               ? err
               : set(config, "secretRef", json_incref(translation->reference));
}

static const struct schema *find_schema(const char *alias) {
    size_t at = 0;
    while (d1_alias_names[at + 1] != NULL && strcmp(d1_alias_names[at], alias) != 0) {
        at++;
    }
    return &schemas[at];
}

int d1_alias_translate(const char *alias, const json_t *config, const char *name_space,
                       json_t **ret_config, struct d1_error *error) {
    struct translation translation = {
        .schema = find_schema(alias),
        .name_space = name_space,
        .config = json_object(),
        .settings = json_object(),
        .reference = json_object(),
        .keys = json_object(),
        .error = error,
    };
    const char *key;
    json_t *value;
    int err = translation.config != NULL && translation.settings != NULL &&
                      translation.reference != NULL && translation.keys != NULL
                  ? D1_OK
                  : -ENOMEM;
    if (err == D1_OK && config != NULL && !json_is_null(config) && !json_is_object(config)) {
        err = d1_error_set(error, D1_ECONFIG, "must be an object");
    }
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        err = err != D1_OK ? err : take_key(&translation, key, value);
    }
    err = err != D1_OK ? err : put_together(&translation);
    json_decref(translation.settings);
    json_decref(translation.reference);
    json_decref(translation.keys);
    if (err != D1_OK) {
        json_decref(translation.config);
        return err;
    }
    *ret_config = translation.config;
    return D1_OK;
}
