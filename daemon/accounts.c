#include "daemon/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cidr.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/builtin.h"

#define SECRET_FILE_MAX 65536 /* A service account's key file is the longest. */
#define ROUTES_MAX      65536
#define PATH_BYTES      256

const struct d1_account_setting d1_account_settings[] = {
    {"type", "the provider; `dns01ctl providers` lists them"},
    {"zone", "the zone at the provider, where it cannot find it by itself"},
    {"ttl", "TTL of the records in seconds; empty: the provider's default"},
    {"ca-file", "certificate authorities in place of the system's, PEM"},
    {"proxy", "HTTP proxy, like http://proxy.example:3128"},
    {"allow-networks", "private networks that it may reach, and without TLS"},
    {"look", "true: Present waits until the zone's own servers answer the value"},
    {"timeout", "of one request, like 30s"},
    {NULL, NULL},
};

struct reading {
    d1_setting_fault_fn on_fault;
    void *arg;
    struct d1_builtin *types;
    const struct d1_node *node; /* Of the account. */
    const struct d1_provider *type;
    json_t *message;
    json_t *settings;
    unsigned faults;
};

static void fault(struct reading *reading, const struct d1_node *node, const char *key,
                  const char *text) {
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "providers.%.100s%s%.100s", reading->node->key,
             key != NULL ? "." : "", key != NULL ? key : "");
    reading->faults++;
    reading->on_fault(reading->arg, node->line, path, text);
}

static bool is_common(const char *key) {
    for (const struct d1_account_setting *at = d1_account_settings; at->name != NULL; at++) {
        if (strcmp(at->name, key) == 0) {
            return true;
        }
    }
    return false;
}

static const struct d1_provider_setting *find_setting(const struct d1_provider *type,
                                                      const char *name, size_t length) {
    for (size_t i = 0; i < type->setting_count; i++) {
        const char *known = type->settings[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0) {
            return &type->settings[i];
        }
    }
    return NULL;
}

/* ---- The settings of the type ---- */

static int set_text(struct reading *reading, const char *name, const char *value) {
    return json_object_set_new(reading->settings, name, json_string(value)) == 0 ? D1_OK : -ENOMEM;
}

/* Set it to what a file holds, without the line ends behind it. */
static int set_from_file(struct reading *reading, const struct d1_node *node, const char *key,
                         const char *name, const char *path) {
    char *text = NULL;
    size_t length = 0;
    struct d1_error error = {0};
    int err = d1_file_read(path, SECRET_FILE_MAX, &text, &length, &error);
    if (err != D1_OK) {
        fault(reading, node, key, error.text);
        return err == -ENOMEM ? err : D1_OK;
    }
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        length--;
    }
    json_t *value = memchr(text, '\0', length) == NULL ? json_stringn(text, length) : NULL;
    d1_wipe(text, length);
    d1_free(text);
    if (value == NULL) {
        fault(reading, node, key, "holds what is no text (UTF-8)");
        return D1_OK;
    }
    return json_object_set_new(reading->settings, name, value) == 0 ? D1_OK : -ENOMEM;
}

static int take_own(struct reading *reading, const struct d1_node *node) {
    const char *key = node->key;
    size_t length = strlen(key);
    char text[320];
    const struct d1_provider_setting *setting = find_setting(reading->type, key, length);
    bool by_file = setting == NULL && length > 5 && strcmp(key + length - 5, "-file") == 0;
    if (by_file) {
        setting = find_setting(reading->type, key, length - 5);
    }
    if (setting == NULL) {
        snprintf(text, sizeof(text),
                 "is not a setting of %.60s; `dns01ctl providers %.60s` lists them",
                 reading->type->type, reading->type->type);
        fault(reading, node, key, text);
        return D1_OK;
    }
    if (node->kind != D1_NODE_TEXT || node->text[0] == '\0') {
        snprintf(text, sizeof(text), "is not a text, expected %.200s", setting->text);
        fault(reading, node, key, text);
        return D1_OK;
    }
    if (!by_file && setting->secret != 0) {
        snprintf(text, sizeof(text), "is a secret, expected %.100s-file with the path of a file",
                 key);
        fault(reading, node, key, text);
        return D1_OK;
    }
    return by_file ? set_from_file(reading, node, key, setting->name, node->text)
                   : set_text(reading, setting->name, node->text);
}

/* A setting that is not written may come from the environment, under lego's names. */
static int take_environment(struct reading *reading, const struct d1_provider_setting *setting) {
    const char *const *name = setting->environment;
    for (; name != NULL && *name != NULL; name++) {
        char file_name[128];
        const char *value = getenv(*name);
        if (value != NULL && value[0] != '\0') {
            return set_text(reading, setting->name, value);
        }
        snprintf(file_name, sizeof(file_name), "%.120s_FILE", *name);
        value = getenv(file_name);
        if (value != NULL && value[0] != '\0') {
            return set_from_file(reading, reading->node, setting->name, setting->name, value);
        }
    }
    return D1_OK;
}

static int fill_settings(struct reading *reading) {
    int err = D1_OK;
    for (size_t i = 0; err == D1_OK && i < reading->type->setting_count; i++) {
        const struct d1_provider_setting *setting = &reading->type->settings[i];
        if (json_object_get(reading->settings, setting->name) == NULL) {
            err = take_environment(reading, setting);
        }
        if (err == D1_OK && setting->required != 0 && setting->fallback == NULL &&
            json_object_get(reading->settings, setting->name) == NULL && reading->faults == 0) {
            char text[320];
            snprintf(text, sizeof(text), "needs %.100s%s: %.160s", setting->name,
                     setting->secret != 0 ? "-file" : "", setting->text);
            fault(reading, reading->node, NULL, text);
        }
    }
    return err;
}

/* ---- What every account takes ---- */

static int set_member(struct reading *reading, const char *name, json_t *value) {
    return json_object_set_new(reading->message, name, value) == 0 ? D1_OK : -ENOMEM;
}

static int take_networks(struct reading *reading, const struct d1_node *node) {
    json_t *list = json_array();
    if (node->kind != D1_NODE_LIST) {
        fault(reading, node, node->key, "is not a list of CIDRs");
    }
    for (const struct d1_node *item = node->first; item != NULL; item = item->next) {
        struct d1_cidr cidr;
        if (item->kind != D1_NODE_TEXT ||
            d1_cidr_parse(item->text, strlen(item->text), &cidr) != D1_OK) {
            fault(reading, item, node->key, "is not a CIDR, expected like 10.0.0.0/8");
        } else {
            json_array_append_new(list, json_string(item->text));
        }
    }
    return set_member(reading, "networks", list);
}

static int take_number(struct reading *reading, const struct d1_node *node) {
    uint64_t value = 0;
    if (d1_number_parse(node->text, 1, INT32_MAX, &value) != D1_OK) {
        fault(reading, node, node->key, "is not a number of seconds");
        return D1_OK;
    }
    return set_member(reading, node->key, json_integer((json_int_t)value));
}

static int take_timeout(struct reading *reading, const struct d1_node *node) {
    int64_t ms = 0;
    if (d1_duration_parse(node->text, &ms) != D1_OK || ms < 100 || ms > 600000) {
        fault(reading, node, node->key, "is not a duration from 100ms to 10m");
        return D1_OK;
    }
    return set_member(reading, "limit-ms", json_integer(ms));
}

static int take_zone(struct reading *reading, const struct d1_node *node) {
    struct d1_name name;
    char text[D1_NAME_TEXT_MAX];
    if (d1_name_from_text(node->text, &name) != D1_OK) {
        fault(reading, node, node->key, "is not a domain name");
        return D1_OK;
    }
    d1_name_to_text(&name, text);
    return set_member(reading, "zone", json_string(text));
}

static int take_look(struct reading *reading, const struct d1_node *node) {
    if (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0) {
        fault(reading, node, node->key, "is not true or false");
    }
    return set_member(reading, "look", json_boolean(strcmp(node->text, "true") == 0));
}

static int take_common(struct reading *reading, const struct d1_node *node) {
    const char *key = node->key;
    if (strcmp(key, "allow-networks") == 0) {
        return take_networks(reading, node);
    }
    if (node->kind != D1_NODE_TEXT || node->text[0] == '\0') {
        fault(reading, node, key, "is not a text");
        return D1_OK;
    }
    if (strcmp(key, "ttl") == 0) {
        return take_number(reading, node);
    }
    if (strcmp(key, "timeout") == 0) {
        return take_timeout(reading, node);
    }
    if (strcmp(key, "zone") == 0) {
        return take_zone(reading, node);
    }
    if (strcmp(key, "look") == 0) {
        return take_look(reading, node);
    }
    return set_member(reading, key, json_string(node->text)); /* type, ca-file, proxy */
}

/* ---- One account ---- */

static int find_type(struct reading *reading) {
    struct d1_error error = {0};
    const struct d1_node *type = d1_node_find(reading->node, "type");
    if (type == NULL || type->kind != D1_NODE_TEXT || type->text[0] == '\0') {
        fault(reading, reading->node, NULL,
              "needs type: the provider; `dns01ctl providers` lists them");
        return D1_OK;
    }
    int err = d1_builtin_find(reading->types, type->text, &reading->type, &error);
    if (err == D1_ENOTFOUND) {
        fault(reading, type, "type", "is no provider type; `dns01ctl providers` lists them");
        return D1_OK;
    }
    if (err != D1_OK && err != -ENOMEM) {
        fault(reading, type, "type", error.text);
        return D1_OK;
    }
    return err;
}

static int read_members(struct reading *reading) {
    int err = D1_OK;
    for (const struct d1_node *node = reading->node->first; node != NULL && err == D1_OK;
         node = node->next) {
        /* What a type itself calls `ttl`, say, is its own. */
        bool own = find_setting(reading->type, node->key, strlen(node->key)) != NULL;
        err = !own && is_common(node->key) ? take_common(reading, node) : take_own(reading, node);
    }
    return err == D1_OK ? fill_settings(reading) : err;
}

static int read_account(struct reading *reading, struct d1_provider_accounts *accounts) {
    const char *name = reading->node->key;
    reading->type = NULL;
    reading->faults = 0;
    if (strlen(name) == 0 || strlen(name) > 64 || name[0] == '~') {
        fault(reading, reading->node, NULL,
              "is no name for an account: 1 to 64 octets, not with ~");
    }
    int err = find_type(reading);
    if (err != D1_OK || reading->type == NULL) {
        return err;
    }
    reading->settings = json_object();
    reading->message =
        json_pack("{s:s, s:O, s:b}", "name", name, "settings", reading->settings, "look", 1);
    err = reading->message == NULL ? -ENOMEM : read_members(reading);
    json_decref(reading->settings);
    if (err != D1_OK || reading->faults > 0) {
        json_decref(reading->message);
        return err;
    }
    accounts->account[accounts->count++] = reading->message;
    return D1_OK;
}

/* ---- Routes and folders ---- */

static int read_routes(const struct d1_node *root, struct reading *reading,
                       struct d1_provider_accounts *accounts) {
    const struct d1_node *list = d1_node_find(root, "routes");
    const struct d1_node *providers = d1_node_find(root, "providers");
    accounts->route = d1_calloc(list->count + 1, sizeof(*accounts->route));
    if (accounts->route == NULL) {
        return -ENOMEM;
    }
    size_t index = 0;
    for (const struct d1_node *node = list->first; node != NULL; node = node->next, index++) {
        struct d1_outside_route *route = &accounts->route[accounts->route_count];
        const struct d1_node *provider = d1_node_find(node, "provider");
        char path[64];
        snprintf(path, sizeof(path), "routes[%zu].provider", index);
        if (d1_node_find(providers, provider->text) == NULL) {
            reading->on_fault(reading->arg, provider->line, path,
                              "is not the name of an account in providers");
            continue;
        }
        route->account = provider->text;
        if (d1_name_from_text(d1_node_find(node, "under")->text, &route->under) == D1_OK) {
            accounts->route_count++;
        }
    }
    return D1_OK;
}

struct folder_fault {
    struct reading *reading;
    unsigned line;
};

static void on_folder_fault(void *arg, const char *file, unsigned line, const char *text) {
    const struct folder_fault *where = arg;
    char what[512];
    snprintf(what, sizeof(what), "%.200s:%u: %.250s", file, line, text);
    where->reading->on_fault(where->reading->arg, where->line, "provider-dirs", what);
}

static int read_folders(const struct d1_node *root, struct reading *reading,
                        struct d1_provider_accounts *accounts) {
    const struct d1_node *list = d1_node_find(root, "provider-dirs");
    accounts->folders = json_array();
    for (const struct d1_node *node = list->first; node != NULL; node = node->next) {
        struct folder_fault where = {reading, node->line};
        int err = d1_builtin_load(reading->types, node->text, on_folder_fault, &where);
        if (err == -ENOMEM ||
            json_array_append_new(accounts->folders, json_string(node->text)) != 0) {
            return -ENOMEM;
        }
        if (err < 0 && err > -1000) {
            reading->on_fault(reading->arg, node->line, "provider-dirs", d1_err_text(err));
        }
    }
    return accounts->folders == NULL ? -ENOMEM : D1_OK;
}

static int read_all(const struct d1_node *root, struct reading *reading,
                    struct d1_provider_accounts *accounts) {
    const struct d1_node *map = d1_node_find(root, "providers");
    int err = read_folders(root, reading, accounts);
    if (err != D1_OK) {
        return err;
    }
    accounts->account = d1_calloc(map->count + 1, sizeof(json_t *));
    if (accounts->account == NULL) {
        return -ENOMEM;
    }
    for (const struct d1_node *node = map->first; node != NULL && err == D1_OK; node = node->next) {
        reading->node = node;
        err = read_account(reading, accounts);
    }
    return err == D1_OK ? read_routes(root, reading, accounts) : err;
}

int d1_provider_accounts_read(const struct d1_node *root, d1_setting_fault_fn on_fault, void *arg,
                              struct d1_provider_accounts *ret_accounts) {
    struct reading reading = {.on_fault = on_fault, .arg = arg};
    struct d1_provider_accounts accounts = {0};
    int err = d1_builtin_create(&reading.types);
    err = err == D1_OK ? read_all(root, &reading, &accounts) : err;
    d1_builtin_destroy(reading.types);
    if (err != D1_OK) {
        d1_provider_accounts_close(&accounts);
        return err;
    }
    *ret_accounts = accounts;
    return D1_OK;
}

static void wipe_settings(json_t *account) {
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(account, "settings"), name, value) {
        d1_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
}

void d1_provider_accounts_close(struct d1_provider_accounts *accounts) {
    for (size_t i = 0; i < accounts->count; i++) {
        if (accounts->account[i]->refcount == 1) { /* Nobody else uses it any more. */
            wipe_settings(accounts->account[i]);
        }
        json_decref(accounts->account[i]);
    }
    d1_free(accounts->account);
    d1_free(accounts->route);
    json_decref(accounts->folders);
    *accounts = (struct d1_provider_accounts){0};
}
