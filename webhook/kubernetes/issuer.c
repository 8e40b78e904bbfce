#include "webhook/kubernetes/issuer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"
#include "webhook/kubernetes/names.h"

#define TTL_MAX 86400

/* Settings that would reach beyond the Issuer: files and programs of the host. */
static bool is_ours_alone(const char *name) {
    size_t length = strlen(name);
    return strcasecmp(name, "exec") == 0 || strcmp(name, "plugin") == 0 ||
           strcmp(name, "allow-networks") == 0 ||
           (length > 5 && strcasecmp(name + length - 5, "-file") == 0) ||
           (length > 5 && strcasecmp(name + length - 5, "_file") == 0);
}

/* Letters, digits, '-' and '_', as settings are named; or as lego's environment names them. */
static bool is_setting_name(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length <= D1_KUBE_LABEL_MAX &&
           (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length ||
            strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length);
}

/* A text member: 0 and NULL when it is absent. */
static int take_text(const json_t *object, const char *name, const char **ret_text,
                     struct d1_error *error) {
    const json_t *value = json_object_get(object, name);
    if (value == NULL) {
        return D1_OK;
    }
    if (!json_is_string(value) || json_string_length(value) == 0 ||
        json_string_length(value) > D1_ISSUER_TEXT_MAX) {
        return d1_error_set(error, D1_ECONFIG, "%s must be a text that is not empty", name);
    }
    *ret_text = json_string_value(value);
    return D1_OK;
}

static int check_keys(const json_t *object, const char *const *known, const char *where,
                      struct d1_error *error) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], name) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            return d1_error_set(error, D1_ECONFIG,
                                "unknown key \"%.64s\"%s; see the solver config in "
                                "docs/kubernetes.md",
                                name, where);
        }
    }
    return D1_OK;
}

static int check_setting(const char *name, const json_t *value, struct d1_error *error) {
    if (!is_setting_name(name)) {
        return d1_error_set(error, D1_ECONFIG, "settings: \"%.64s\" is not a setting's name", name);
    }
    if (is_ours_alone(name)) {
        return d1_error_set(error, D1_ECONFIG,
                            "settings.%s: an Issuer cannot name files, programs or networks of "
                            "dns01d; put the value into a Secret and name it in secretRef",
                            name);
    }
    bool scalar = json_is_string(value) || json_is_integer(value) || json_is_boolean(value);
    if (!scalar || (json_is_string(value) && json_string_length(value) > D1_ISSUER_TEXT_MAX)) {
        return d1_error_set(error, D1_ECONFIG,
                            "settings.%s must be a text, a whole number or a boolean", name);
    }
    return D1_OK;
}

static int take_settings(const json_t *object, struct d1_issuer_config *config,
                         struct d1_error *error) {
    const json_t *settings = json_object_get(object, "settings");
    if (settings == NULL) {
        return D1_OK;
    }
    if (!json_is_object(settings) || json_object_size(settings) > D1_ISSUER_SETTINGS_MAX) {
        return d1_error_set(error, D1_ECONFIG, "settings must be an object with at most %d keys",
                            D1_ISSUER_SETTINGS_MAX);
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)settings, name, value) {
        int err = check_setting(name, value, error);
        if (err != D1_OK) {
            return err;
        }
    }
    config->settings = settings;
    return D1_OK;
}

static int take_secret_keys(const json_t *keys, struct d1_error *error) {
    if (!json_is_object(keys) || json_object_size(keys) == 0 ||
        json_object_size(keys) > D1_ISSUER_SETTINGS_MAX) {
        return d1_error_set(error, D1_ECONFIG,
                            "secretRef.keys must be an object of setting names and keys of the "
                            "Secret");
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)keys, name, value) {
        if (!is_setting_name(name) || is_ours_alone(name)) {
            return d1_error_set(error, D1_ECONFIG,
                                "secretRef.keys: \"%.64s\" is not a setting's name", name);
        }
        if (!json_is_string(value) || !d1_kube_is_key(json_string_value(value))) {
            return d1_error_set(error, D1_ECONFIG,
                                "secretRef.keys.%s must be the name of a key of the Secret", name);
        }
    }
    return D1_OK;
}

static int take_secret(const json_t *object, struct d1_issuer_config *config,
                       struct d1_error *error) {
    static const char *const known[] = {"name", "key", "keys", "split", NULL};
    const json_t *reference = json_object_get(object, "secretRef");
    if (reference == NULL) {
        return D1_OK;
    }
    if (json_object_get(reference, "namespace") != NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "secretRef.namespace: Secrets are read in the Issuer's own namespace "
                            "only (for a ClusterIssuer: cert-manager's cluster resource "
                            "namespace); remove it");
    }
    if (!json_is_object(reference)) {
        return d1_error_set(error, D1_ECONFIG, "secretRef must be an object with `name`");
    }
    int err = check_keys(reference, known, " in secretRef", error);
    err = err != D1_OK ? err : take_text(reference, "name", &config->secret, error);
    err = err != D1_OK ? err : take_text(reference, "key", &config->key, error);
    err = err != D1_OK ? err : take_text(reference, "split", &config->split, error);
    if (err != D1_OK) {
        return err;
    }
    if (config->secret == NULL || !d1_kube_is_name(config->secret)) {
        return d1_error_set(error, D1_ECONFIG, "secretRef.name must be the name of a Secret");
    }
    if (config->key != NULL && !d1_kube_is_key(config->key)) {
        return d1_error_set(error, D1_ECONFIG, "secretRef.key must be the name of a key");
    }
    config->keys = json_object_get(reference, "keys");
    const char *colon = config->split != NULL ? strchr(config->split, ':') : NULL;
    if (config->split != NULL && (config->key == NULL || colon == NULL || colon == config->split ||
                                  colon[1] == '\0' || strchr(colon + 1, ':') != NULL)) {
        return d1_error_set(error, D1_ECONFIG,
                            "secretRef.split must be two settings like key:secret, beside key");
    }
    if (config->keys != NULL && config->key != NULL) {
        return d1_error_set(error, D1_ECONFIG, "secretRef has both key and keys; expected one");
    }
    return config->keys != NULL ? take_secret_keys(config->keys, error) : D1_OK;
}

static int take_zone(const json_t *object, struct d1_issuer_config *config,
                     struct d1_error *error) {
    const char *zone = NULL;
    int err = take_text(object, "zone", &zone, error);
    if (err == D1_OK && zone != NULL) {
        config->zone_set = true;
        if (d1_name_from_text(zone, &config->zone) != D1_OK) {
            err = d1_error_set(error, D1_ECONFIG, "zone must be a domain name like example.org");
        }
    }
    const json_t *ttl = json_object_get(object, "ttl");
    if (err == D1_OK && ttl != NULL) {
        json_int_t seconds = json_integer_value(ttl);
        if (!json_is_integer(ttl) || seconds < 1 || seconds > TTL_MAX) {
            return d1_error_set(error, D1_ECONFIG, "ttl must be a number of seconds, 1 to %d",
                                TTL_MAX);
        }
        config->ttl = (uint32_t)seconds;
    }
    return err;
}

/* Which of the three it is, and whether the rest goes with it. */
static int settle_kind(struct d1_issuer_config *config, struct d1_error *error) {
    bool more = config->settings != NULL || config->secret != NULL;
    if (config->account != NULL && (config->provider != NULL || more)) {
        return d1_error_set(error, D1_ECONFIG,
                            "account cannot be used together with provider, settings or "
                            "secretRef; an account is set up in dns01d's own configuration");
    }
    if (config->account != NULL) {
        config->kind = D1_ISSUER_ACCOUNT;
        return d1_kube_is_name(config->account)
                   ? D1_OK
                   : d1_error_set(error, D1_ECONFIG,
                                  "account must be the name of an account in dns01d's `providers`");
    }
    if (config->provider != NULL) {
        config->kind = D1_ISSUER_PROVIDER;
        if (!d1_kube_is_name(config->provider)) {
            return d1_error_set(error, D1_ECONFIG,
                                "provider must be the name of a provider like cloudflare");
        }
        return config->secret != NULL
                   ? D1_OK
                   : d1_error_set(error, D1_ECONFIG,
                                  "provider needs secretRef, which names the Secret with its "
                                  "credentials");
    }
    config->kind = D1_ISSUER_SERVED;
    return !more && !config->zone_set && config->ttl == 0
               ? D1_OK
               : d1_error_set(error, D1_ECONFIG,
                              "provider is missing: expected {}, for names that dns01d serves, or "
                              "provider and secretRef, or account");
}

int d1_issuer_read(const json_t *value, struct d1_issuer_config *ret_config,
                   struct d1_error *error) {
    static const char *const known[] = {"provider", "account",   "zone", "ttl",
                                        "settings", "secretRef", NULL};
    struct d1_issuer_config config = {.kind = D1_ISSUER_SERVED};
    if (value != NULL && !json_is_null(value)) {
        if (!json_is_object(value)) {
            return d1_error_set(error, D1_ECONFIG,
                                "must be an object; {} is for names that "
                                "dns01d serves");
        }
        int err = check_keys(value, known, "", error);
        err = err != D1_OK ? err : take_text(value, "provider", &config.provider, error);
        err = err != D1_OK ? err : take_text(value, "account", &config.account, error);
        err = err != D1_OK ? err : take_zone(value, &config, error);
        err = err != D1_OK ? err : take_settings(value, &config, error);
        err = err != D1_OK ? err : take_secret(value, &config, error);
        err = err != D1_OK ? err : settle_kind(&config, error);
        if (err != D1_OK) {
            return err;
        }
    }
    *ret_config = config;
    return D1_OK;
}

/* One value of the Secret under the name of its setting. */
static int add_value(json_t *values, const char *setting, const json_t *encoded) {
    const char *text = json_string_value(encoded);
    size_t length = json_string_length(encoded);
    uint8_t *octets = d1_malloc(length + 1);
    if (octets == NULL) {
        return -ENOMEM;
    }
    size_t used = 0;
    int err = d1_base64_decode(text, length, octets, length, &used);
    /* Editors and `echo` leave a line end behind secrets; no credential ends in one. */
    while (err == D1_OK && used > 0 && (octets[used - 1] == '\n' || octets[used - 1] == '\r')) {
        used--;
    }
    json_t *value = err == D1_OK ? json_stringn((const char *)octets, used) : NULL;
    d1_wipe(octets, length);
    d1_free(octets);
    if (value == NULL) {
        return D1_EPARSE;
    }
    return json_object_set_new(values, setting, value) == 0 ? D1_OK : -ENOMEM;
}

static int take_value(const struct d1_issuer_config *config, const json_t *data, const char *key,
                      const char *setting, json_t *values, struct d1_error *error) {
    const json_t *encoded = json_object_get(data, key);
    if (!json_is_string(encoded)) {
        return d1_error_set(error, D1_ECONFIG,
                            "Secret %s has no key \"%.64s\"; add it, or name another in secretRef",
                            config->secret, key);
    }
    int err = add_value(values, setting, encoded);
    return err != D1_EPARSE
               ? err
               : d1_error_set(error, D1_ECONFIG, "Secret %s: the value of \"%.64s\" is not a text",
                              config->secret, key);
}

/* One text "X:Y" as the settings A and B of "A:B". */
static int split_value(const struct d1_issuer_config *config, json_t *values,
                       struct d1_error *error) {
    const char *both = json_string_value(json_object_get(values, ""));
    const char *colon = strchr(both, ':');
    size_t first = strcspn(config->split, ":");
    char name[D1_KUBE_LABEL_MAX + 1];
    if (colon == NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "Secret %s: the value of \"%.64s\" has no ':', expected two parts",
                            config->secret, config->key);
    }
    if (first > D1_KUBE_LABEL_MAX) {
        return d1_error_set(error, D1_ECONFIG, "secretRef.split names no settings");
    }
    memcpy(name, config->split, first);
    name[first] = '\0';
    bool fine =
        json_object_set_new(values, name, json_stringn(both, (size_t)(colon - both))) == 0 &&
        json_object_set_new(values, config->split + first + 1, json_string(colon + 1)) == 0;
    d1_wipe((void *)(uintptr_t)both, strlen(both));
    json_object_del(values, "");
    return fine ? D1_OK : -ENOMEM;
}

int d1_issuer_secret(const struct d1_issuer_config *config, const json_t *data, json_t **ret_values,
                     struct d1_error *error) {
    json_t *values = json_object();
    int err = values == NULL ? -ENOMEM : D1_OK;
    const char *name;
    json_t *value;
    if (err == D1_OK && config->key != NULL) {
        err = take_value(config, data, config->key, "", values, error);
        err = err != D1_OK || config->split == NULL ? err : split_value(config, values, error);
    } else if (err == D1_OK && config->keys != NULL) {
        json_object_foreach((json_t *)(uintptr_t)config->keys, name, value) {
            if (err == D1_OK) {
                err = take_value(config, data, json_string_value(value), name, values, error);
            }
        }
    } else if (err == D1_OK) {
        json_object_foreach((json_t *)(uintptr_t)data, name, value) {
            if (err == D1_OK && (!is_setting_name(name) || is_ours_alone(name) ||
                                 json_object_size(values) == D1_ISSUER_SETTINGS_MAX)) {
                err = d1_error_set(error, D1_ECONFIG,
                                   "Secret %s: the key \"%.64s\" is not a setting's name; list "
                                   "what is needed in secretRef.keys",
                                   config->secret, name);
            } else if (err == D1_OK) {
                err = take_value(config, data, name, name, values, error);
            }
        }
    }
    if (err != D1_OK) {
        d1_issuer_wipe(values);
        return err;
    }
    *ret_values = values;
    return D1_OK;
}

void d1_issuer_wipe(json_t *values) {
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value) {
        if (json_is_string(value)) {
            d1_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
        }
    }
    json_decref(values);
}
