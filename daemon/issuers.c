#include "daemon/issuers.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/builtin.h"
#include "providers/outside.h"

#define DIGEST_DOMAIN "dns01d issuer's account"
#define DIGEST_ROUNDS 1000 /* The name is in logs: guessing a short secret from it takes longer. */
#define NAME_BYTES    64   /* Of a setting; longer ones do not exist. */

struct d1_issuers {
    struct d1_provider_source base;
    struct d1_outside *outside;
    struct d1_builtin *types;
    json_t *networks;
};

struct bringing {
    const struct d1_provider_brought *brought;
    const struct d1_provider *type;
    json_t *message;
    json_t *settings; /* Of the message. */
    struct d1_error *error;
};

/* ---- Settings ---- */

/* Issuers of lego's webhook name settings as lego's environment does. */
static bool has_lego_name(const struct d1_provider_setting *setting, const char *name) {
    for (const char *const *at = setting->environment; at != NULL && *at != NULL; at++) {
        if (strcmp(*at, name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct d1_provider_setting *find_setting(const struct d1_provider *type,
                                                      const char *name) {
    char plain[NAME_BYTES];
    snprintf(plain, sizeof(plain), "%s", name);
    for (char *c = plain; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    for (size_t i = 0; i < type->setting_count; i++) {
        if (strcmp(type->settings[i].name, plain) == 0 || has_lego_name(&type->settings[i], name)) {
            return &type->settings[i];
        }
    }
    return NULL;
}

/* The one secret setting: the only required one, else the only one. */
static const struct d1_provider_setting *find_secret(const struct d1_provider *type) {
    const struct d1_provider_setting *any = NULL;
    const struct d1_provider_setting *needed = NULL;
    size_t any_count = 0;
    size_t needed_count = 0;
    for (size_t i = 0; i < type->setting_count; i++) {
        const struct d1_provider_setting *setting = &type->settings[i];
        if (setting->secret != 0) {
            any = setting;
            any_count++;
            needed = setting->required != 0 ? setting : needed;
            needed_count += setting->required != 0;
        }
    }
    return needed_count == 1 ? needed : any_count == 1 ? any : NULL;
}

static int set(json_t *object, const char *name, json_t *value) {
    return json_object_set_new(object, name, value) == 0 ? D1_OK : -ENOMEM;
}

static json_t *text_of(const json_t *value) {
    char number[32];
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        return json_string(number);
    }
    if (json_is_boolean(value)) {
        return json_string(json_is_true(value) ? "true" : "false");
    }
    return json_copy((json_t *)(uintptr_t)value);
}

static int refuse_unknown(const struct bringing *bringing, const char *where, const char *name) {
    return d1_error_set(bringing->error, D1_ECONFIG,
                        "%s: %.64s has no setting \"%.64s\"; `dns01ctl providers %.64s` lists them",
                        where, bringing->type->type, name, bringing->type->type);
}

static int take_setting(struct bringing *bringing, const char *name, const json_t *value) {
    if (strcmp(name, "ca-bundle") == 0 || strcmp(name, "ca_bundle") == 0) {
        return json_is_string(value)
                   ? set(bringing->message, "ca-pem", json_incref((json_t *)(uintptr_t)value))
                   : d1_error_set(bringing->error, D1_ECONFIG,
                                  "settings.ca-bundle: expected certificates, PEM");
    }
    const struct d1_provider_setting *setting = find_setting(bringing->type, name);
    if (setting == NULL) {
        return refuse_unknown(bringing, "settings", name);
    }
    if (setting->secret != 0) {
        return d1_error_set(bringing->error, D1_ECONFIG,
                            "settings.%.64s is a secret: put it into a Secret and name it in "
                            "secretRef",
                            setting->name);
    }
    return set(bringing->settings, setting->name, text_of(value));
}

static int take_secret(struct bringing *bringing, const char *name, const json_t *value) {
    const struct d1_provider_setting *setting =
        name[0] == '\0' ? find_secret(bringing->type) : find_setting(bringing->type, name);
    if (setting == NULL && name[0] == '\0') {
        return d1_error_set(bringing->error, D1_ECONFIG,
                            "secretRef.key: %.64s takes more than one secret; name each in "
                            "secretRef.keys",
                            bringing->type->type);
    }
    if (setting == NULL) {
        return refuse_unknown(bringing, "secretRef", name);
    }
    if (strcmp(setting->name, "base-url") == 0) {
        return d1_error_set(bringing->error, D1_ECONFIG,
                            "secretRef: base-url is no secret; it stands in settings");
    }
    return set(bringing->settings, setting->name, text_of(value));
}

static int take_all(struct bringing *bringing) {
    const char *name;
    json_t *value;
    int err = D1_OK;
    json_object_foreach((json_t *)(uintptr_t)bringing->brought->settings, name, value) {
        err = err != D1_OK ? err : take_setting(bringing, name, value);
    }
    json_object_foreach((json_t *)(uintptr_t)bringing->brought->secrets, name, value) {
        err = err != D1_OK ? err : take_secret(bringing, name, value);
    }
    return err;
}

static int check_required(const struct bringing *bringing) {
    for (size_t i = 0; i < bringing->type->setting_count; i++) {
        const struct d1_provider_setting *setting = &bringing->type->settings[i];
        if (setting->required != 0 && setting->fallback == NULL &&
            json_object_get(bringing->settings, setting->name) == NULL) {
            return d1_error_set(bringing->error, D1_ECONFIG, "%.64s needs %.64s (%.160s) in %s",
                                bringing->type->type, setting->name, setting->text,
                                setting->secret != 0 ? "the Secret that secretRef names"
                                                     : "settings");
        }
    }
    return D1_OK;
}

static int find_type(struct d1_issuers *issuers, const char *name,
                     const struct d1_provider **ret_type, struct d1_error *error) {
    /* It runs programs of the host; and the one type that may. */
    bool known = strcmp(name, "exec") != 0;
    int err = known ? d1_builtin_find(issuers->types, name, ret_type, error) : D1_ENOTFOUND;
    return err == D1_ENOTFOUND
               ? d1_error_set(error, D1_ECONFIG,
                              "provider: there is no provider \"%.64s\" for Issuers; `dns01ctl "
                              "providers` lists them",
                              name)
               : err;
}

static int fill(struct bringing *bringing) {
    const struct d1_provider_brought *brought = bringing->brought;
    int err = set(bringing->message, "type", json_string(bringing->type->type));
    if (err == D1_OK && brought->zone != NULL) {
        char zone[D1_NAME_TEXT_MAX];
        d1_name_to_text(brought->zone, zone);
        err = set(bringing->message, "zone", json_string(zone));
    }
    if (err == D1_OK && brought->ttl != 0) {
        err = set(bringing->message, "ttl", json_integer(brought->ttl));
    }
    err = err != D1_OK ? err : take_all(bringing);
    return err != D1_OK ? err : check_required(bringing);
}

/* Secrets are texts of settings; others may be there, too. */
static void wipe(json_t *message) {
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(message, "settings"), name, value) {
        d1_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
    json_decref(message);
}

/* ---- The name ---- */

static int digest(const uint8_t *octets, size_t length, char ret_via[D1_VIA_TEXT_MAX + 1]) {
    uint8_t sum[D1_SHA256_BYTES];
    int err = d1_sha256(DIGEST_DOMAIN, octets, length, sum);
    for (int i = 1; i < DIGEST_ROUNDS && err == D1_OK; i++) {
        err = d1_sha256(DIGEST_DOMAIN, sum, sizeof(sum), sum);
    }
    ret_via[0] = '~';
    for (size_t i = 0; i < sizeof(sum) / 2; i++) {
        snprintf(ret_via + 1 + 2 * i, 3, "%02x", sum[i]);
    }
    return err;
}

static int make_name(json_t *message, char ret_via[D1_VIA_TEXT_MAX + 1]) {
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
    size_t length = json_dumpb(message, NULL, 0, flags);
    char *text = length > 0 ? d1_malloc(length) : NULL;
    if (text == NULL) {
        return -ENOMEM;
    }
    int err = json_dumpb(message, text, length, flags) == length
                  ? digest((const uint8_t *)text, length, ret_via)
                  : -ENOMEM;
    d1_wipe(text, length);
    d1_free(text);
    return err != D1_OK ? err : set(message, "name", json_string(ret_via));
}

int d1_issuers_message(struct d1_issuers *issuers, const struct d1_provider_brought *brought,
                       json_t **ret_message, struct d1_error *error) {
    struct bringing bringing = {.brought = brought, .error = error};
    int err = find_type(issuers, brought->type, &bringing.type, error);
    if (err != D1_OK) {
        return err;
    }
    bringing.settings = json_object();
    bringing.message = json_pack("{s:o, s:b}", "settings", bringing.settings, "look", 1);
    if (bringing.message == NULL) {
        return -ENOMEM;
    }
    char name[D1_VIA_TEXT_MAX + 1];
    err = fill(&bringing);
    err = err != D1_OK ? err : make_name(bringing.message, name);
    if (err != D1_OK) {
        wipe(bringing.message);
        return err;
    }
    *ret_message = bringing.message;
    return D1_OK;
}

static int bring(struct d1_provider_source *base, const struct d1_provider_brought *brought,
                 char ret_via[D1_VIA_TEXT_MAX + 1], struct d1_error *error) {
    struct d1_issuers *issuers = D1_CONTAINER_OF(base, struct d1_issuers, base);
    char name[D1_VIA_TEXT_MAX + 1];
    json_t *message = NULL;
    int err = d1_issuers_message(issuers, brought, &message, error);
    if (err != D1_OK) {
        return err;
    }
    snprintf(name, sizeof(name), "%s", json_string_value(json_object_get(message, "name")));
    err = set(message, "networks", json_incref(issuers->networks));
    if (err != D1_OK || d1_outside_has(issuers->outside, name)) {
        json_t *known = err == D1_OK ? json_pack("{s:s}", "name", name) : NULL;
        wipe(message); /* It is kept already: only its turn to go comes later. */
        err = known != NULL ? d1_outside_bring(issuers->outside, known) : -ENOMEM;
    } else {
        err = d1_outside_bring(issuers->outside, message);
    }
    if (err == D1_OK) {
        memcpy(ret_via, name, sizeof(name));
    }
    return err;
}

/* ---- The whole ---- */

static void ignore_fault(void *arg, const char *file, unsigned line, const char *text) {
    (void)arg;
    (void)file;
    (void)line;
    (void)text;
}

int d1_issuers_configure(struct d1_issuers *issuers, json_t *folders, json_t *networks) {
    struct d1_builtin *types = NULL;
    int err = d1_builtin_create(&types);
    for (size_t i = 0; err == D1_OK && i < json_array_size(folders); i++) {
        const char *path = json_string_value(json_array_get(folders, i));
        /* Faults were told when the configuration was read. */
        err = d1_builtin_load(types, path, ignore_fault, NULL) == -ENOMEM ? -ENOMEM : D1_OK;
    }
    if (err != D1_OK) {
        d1_builtin_destroy(types);
        return err;
    }
    d1_builtin_destroy(issuers->types);
    issuers->types = types;
    json_decref(issuers->networks);
    issuers->networks = json_incref(networks);
    return D1_OK;
}

int d1_issuers_create(struct d1_outside *outside, struct d1_issuers **ret_issuers) {
    struct d1_issuers *issuers = d1_calloc(1, sizeof(*issuers));
    if (issuers == NULL) {
        return -ENOMEM;
    }
    issuers->base.bring = bring;
    issuers->outside = outside;
    issuers->networks = json_array();
    int err = issuers->networks == NULL ? -ENOMEM : d1_builtin_create(&issuers->types);
    if (err != D1_OK) {
        d1_issuers_destroy(issuers);
        return err;
    }
    *ret_issuers = issuers;
    return D1_OK;
}

void d1_issuers_destroy(struct d1_issuers *issuers) {
    if (issuers != NULL) {
        d1_builtin_destroy(issuers->types);
        json_decref(issuers->networks);
        d1_free(issuers);
    }
}

struct d1_provider_source *d1_issuers_source(struct d1_issuers *issuers) {
    return &issuers->base;
}
