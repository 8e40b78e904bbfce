#include "providers/engine_account.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/engine_job.h"

#define HOSTS_MAX   16
#define TTL_MAX     604800
#define SETTING_MAX 65536 /* Octets of one value. */

static int refuse(struct d1_provider_error *error, const char *format, ...) D1_PRINTF(2, 3);

static int refuse(struct d1_provider_error *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -1;
}

bool d1_url_split(const char *url, struct d1_url *ret_url) {
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0) {
        return false;
    }
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127 || *c == '\\') {
            return false;
        }
    }
    const char *host = url + scheme;
    size_t authority = strcspn(host, "/?#");
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (length == 0 || length > authority || memchr(host, '@', authority) != NULL) {
        return false;
    }
    *ret_url = (struct d1_url){host, length, host, authority, host + authority};
    return true;
}

bool d1_account_allows(const struct d1_account *account, const char *host, size_t length) {
    for (size_t i = 0; i < account->host_count; i++) {
        const char *allowed = account->hosts[i];
        size_t size = strlen(allowed);
        if (strncmp(allowed, "*.", 2) == 0) {
            const char *tail = allowed + 1;
            size_t tail_length = size - 1;
            if (length > tail_length &&
                strncasecmp(host + length - tail_length, tail, tail_length) == 0) {
                return true;
            }
        } else if (size == length && strncasecmp(allowed, host, length) == 0) {
            return true;
        }
    }
    return false;
}

static int add_host(struct d1_account *account, const char *host, size_t length) {
    if (d1_account_allows(account, host, length)) {
        return 0;
    }
    if (account->host_count == HOSTS_MAX) {
        return D1_ELIMIT;
    }
    char *copy = d1_strndup(host, length);
    if (copy == NULL) {
        return -ENOMEM;
    }
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    }
    account->hosts[account->host_count++] = copy;
    return 0;
}

/* Variables while there is no job: the settings. */
static int find_setting(void *arg, const char *name, struct d1_bytes *out) {
    const struct d1_account *account = arg;
    char setting[D1_TEMPLATE_NAME_MAX + 1];
    if (strncmp(name, "cfg.", 4) != 0) {
        return D1_ENOTFOUND;
    }
    d1_descriptor_setting_name(name + 4, setting, sizeof(setting));
    const char *text = json_string_value(json_object_get(account->settings, setting));
    return text == NULL ? D1_ENOTFOUND : d1_bytes_add_text(out, text);
}

/* Expand a text that needs settings only. D1_ENOTFOUND when it needs more. */
static int expand(struct d1_account *account, const char *text, struct d1_bytes *out,
                  char ret_missing[D1_TEMPLATE_NAME_MAX + 1]) {
    struct d1_template vars = {.find = find_setting, .arg = account};
    int status = d1_template_text(&vars, text, D1_TEMPLATE_PLAIN, out);
    if (status == D1_ENOTFOUND && ret_missing != NULL) {
        memcpy(ret_missing, vars.missing, sizeof(vars.missing));
    }
    if (status == 0 && d1_bytes_text(out) == NULL) {
        return -ENOMEM;
    }
    return status;
}

static const struct d1_provider_setting *find_declared(const struct d1_provider *provider,
                                                       const char *name) {
    for (size_t i = 0; i < provider->setting_count; i++) {
        if (strcmp(provider->settings[i].name, name) == 0) {
            return &provider->settings[i];
        }
    }
    return NULL;
}

static int set(struct d1_account *account, const char *name, const char *value,
               struct d1_provider_error *error) {
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == '\n' || value[length - 1] == '\r')) {
        length--;
    }
    if (length > SETTING_MAX) {
        return refuse(error, "%s: longer than 65536 octets", name);
    }
    json_t *text = json_stringn(value, length);
    if (text == NULL) {
        return refuse(error, "%s: expected text in UTF-8", name);
    }
    return json_object_set_new(account->settings, name, text) == 0 ? 0 : refuse(error, "no memory");
}

static int check_choice(const struct d1_descriptor *descriptor, const char *name, const char *value,
                        struct d1_provider_error *error) {
    const json_t *config = json_object_get(descriptor->root, "config");
    const char *key;
    json_t *setting;
    json_object_foreach((json_t *)(uintptr_t)config, key, setting) {
        char kebab[D1_TEMPLATE_NAME_MAX + 1];
        d1_descriptor_setting_name(key, kebab, sizeof(kebab));
        const json_t *choices = json_object_get(setting, "choices");
        if (choices == NULL || strcmp(kebab, name) != 0) {
            continue;
        }
        size_t index;
        json_t *choice;
        json_array_foreach(choices, index, choice) {
            if (json_is_string(choice) && strcmp(json_string_value(choice), value) == 0) {
                return 0;
            }
        }
        char *list = json_dumps(choices, JSON_COMPACT);
        snprintf(error->text, sizeof(error->text), "%s: expected one of %.400s", name,
                 list != NULL ? list : "its choices");
        json_free_t release;
        json_get_alloc_funcs(NULL, &release);
        release(list);
        return -1;
    }
    return 0;
}

/* A setting that is a JSON object: its members are settings too, as `setting.member`. */
static int take_members(struct d1_account *account, const char *key, const json_t *members,
                        struct d1_provider_error *error) {
    char name[D1_TEMPLATE_NAME_MAX + 1];
    d1_descriptor_setting_name(key, name, sizeof(name));
    const char *text = json_string_value(json_object_get(account->settings, name));
    if (text == NULL || members == NULL) {
        return 0;
    }
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    int status = json_is_object(object) ? 0 : refuse(error, "%s: expected a JSON object", name);
    size_t index;
    json_t *member;
    json_array_foreach(members, index, member) {
        char bare[D1_TEMPLATE_NAME_MAX + 1];
        char full[2 * D1_TEMPLATE_NAME_MAX + 2];
        char setting[D1_TEMPLATE_NAME_MAX + 1];
        const char *wanted = json_string_value(member);
        size_t length = strcspn(wanted, "?");
        snprintf(bare, sizeof(bare), "%.*s", (int)length, wanted);
        snprintf(full, sizeof(full), "%s.%s", name, bare);
        d1_descriptor_setting_name(full, setting, sizeof(setting));
        const char *value = json_string_value(json_object_get(object, bare));
        if (status == 0 && value == NULL && wanted[length] == '\0') {
            status = refuse(error, "%s: expected a JSON object with the text \"%s\"", name, bare);
        } else if (status == 0 && value != NULL) {
            status = set(account, setting, value, error);
        }
    }
    json_decref(object);
    return status;
}

static int take_all_members(struct d1_account *account, struct d1_provider_error *error) {
    const char *key;
    json_t *setting;
    int status = 0;
    json_object_foreach(json_object_get(account->descriptor->root, "config"), key, setting) {
        const json_t *members = json_object_get(setting, "members");
        status = status == 0 ? take_members(account, key, members, error) : status;
    }
    return status;
}

/* Take what is given, and the defaults of what is not. */
static int take_settings(struct d1_account *account, const struct d1_pair *given, size_t count,
                         struct d1_provider_error *error) {
    const struct d1_provider *provider = &account->descriptor->provider;
    for (size_t i = 0; i < count; i++) {
        char name[D1_TEMPLATE_NAME_MAX + 1];
        d1_descriptor_setting_name(given[i].name, name, sizeof(name));
        if (find_declared(provider, name) == NULL) {
            return refuse(error, "%s: this type has no such setting", name);
        }
        if (given[i].value[0] == '\0') {
            continue;
        }
        if (check_choice(account->descriptor, name, given[i].value, error) != 0 ||
            set(account, name, given[i].value, error) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < provider->setting_count; i++) {
        const struct d1_provider_setting *setting = &provider->settings[i];
        if (json_object_get(account->settings, setting->name) != NULL) {
            continue;
        }
        if (setting->required) {
            return refuse(error, "%s: is needed", setting->name);
        }
        if (setting->fallback != NULL &&
            set(account, setting->name, setting->fallback, error) != 0) {
            return -1;
        }
    }
    return take_all_members(account, error);
}

/* The first entry of `auth` whose condition holds. */
static bool holds(const struct d1_account *account, const char *only_if) {
    char name[D1_TEMPLATE_NAME_MAX + 1];
    const char *at = only_if;
    while (at != NULL && *at != '\0') {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        bool wanted = at[0] != '!';
        const char *from = wanted ? at : at + 1;
        size_t skip = strncmp(from, "cfg.", 4) == 0 ? 4 : 0;
        char key[D1_TEMPLATE_NAME_MAX + 1];
        snprintf(key, sizeof(key), "%.*s", (int)(length - (size_t)(from - at) - skip), from + skip);
        d1_descriptor_setting_name(key, name, sizeof(name));
        if ((json_object_get(account->settings, name) != NULL) != wanted) {
            return false;
        }
        at += length;
    }
    return true;
}

/* The setting that a template needs and that is not set, into ret_name; untouched when none. */
static void missing_setting(struct d1_account *account, const json_t *template,
                            char ret_name[D1_TEMPLATE_NAME_MAX + 1]) {
    char missing[D1_TEMPLATE_NAME_MAX + 1] = "";
    struct d1_bytes out;
    if (!json_is_string(template)) {
        return;
    }
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    int status = expand(account, json_string_value(template), &out, missing);
    if (status == D1_ENOTFOUND && strncmp(missing, "cfg.", 4) == 0) {
        memcpy(ret_name, missing, sizeof(missing));
    }
    d1_bytes_close(&out);
}

/* What stands in headers and in basic of the chosen way cannot be left out. */
static int check_auth(struct d1_account *account, struct d1_provider_error *error) {
    char missing[D1_TEMPLATE_NAME_MAX + 1] = "";
    const char *key;
    json_t *value;
    size_t index;
    json_object_foreach((json_t *)(uintptr_t)account->auth->headers, key, value) {
        missing_setting(account, value, missing);
    }
    json_array_foreach(account->auth->basic, index, value) {
        missing_setting(account, value, missing);
    }
    if (missing[0] == '\0') {
        return 0;
    }
    char name[D1_TEMPLATE_NAME_MAX + 1];
    d1_descriptor_setting_name(missing + strlen("cfg."), name, sizeof(name));
    return refuse(error, "%s: is needed", name);
}

static int choose_auth(struct d1_account *account, struct d1_provider_error *error) {
    const struct d1_descriptor *descriptor = account->descriptor;
    for (size_t i = 0; i < descriptor->auth_count && account->auth == NULL; i++) {
        if (holds(account, descriptor->auth[i].only_if)) {
            account->auth = &descriptor->auth[i];
        }
    }
    if (descriptor->auth_count > 0 && account->auth == NULL) {
        return refuse(error, "no way to authenticate is complete: see the settings of %s",
                      descriptor->provider.type);
    }
    return account->auth == NULL ? 0 : check_auth(account, error);
}

static int take_base(struct d1_account *account, struct d1_provider_error *error) {
    const char *given = json_string_value(json_object_get(account->settings, "base-url"));
    const char *text = given != NULL ? given : account->descriptor->base;
    struct d1_bytes out;
    char missing[D1_TEMPLATE_NAME_MAX + 1] = "";
    d1_bytes_init(&out, D1_PROVIDER_URL_MAX);
    int status = text == NULL    ? D1_EPARSE
                 : given != NULL ? d1_bytes_add_text(&out, text)
                                 : expand(account, text, &out, missing);
    if (status == D1_ENOTFOUND) {
        d1_bytes_close(&out);
        char name[D1_TEMPLATE_NAME_MAX + 1];
        d1_descriptor_setting_name(missing + strlen("cfg."), name, sizeof(name));
        return refuse(error, "%s: is needed", name);
    }
    const char *base = status == 0 ? d1_bytes_text(&out) : NULL;
    struct d1_url url;
    if (base == NULL || !d1_url_split(base, &url) || strpbrk(url.rest, "?#") != NULL) {
        d1_bytes_close(&out);
        return refuse(error, "base-url: expected a URL, https://host/path");
    }
    size_t length = out.length;
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    account->base = d1_strndup(base, length);
    status = account->base == NULL ? -ENOMEM : add_host(account, url.host, url.host_length);
    d1_bytes_close(&out);
    return status == 0 ? 0 : refuse(error, "no memory");
}

/* The host of an absolute `url` of a step, where settings alone say which it is. */
static int take_url_host(struct d1_account *account, const struct d1_call *call) {
    struct d1_bytes out;
    struct d1_url url;
    int status = 0;
    if (!call->given || call->url == NULL) {
        return 0;
    }
    d1_bytes_init(&out, D1_PROVIDER_URL_MAX);
    if (expand(account, call->url, &out, NULL) == 0 && d1_url_split((const char *)out.data, &url)) {
        status = add_host(account, url.host, url.host_length);
    }
    d1_bytes_close(&out);
    return status;
}

static int take_hosts(struct d1_account *account, struct d1_provider_error *error) {
    const struct d1_descriptor *d = account->descriptor;
    const struct d1_call *calls[] = {&d->logout, &d->clock, &d->zone,   &d->list,    &d->detail,
                                     &d->create, &d->put,   &d->remove, &d->publish, &d->wait};
    const struct d1_steps *lists[] = {&d->login, &d->setup, &d->prepare};
    int status = 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(calls) && status == 0; i++) {
        status = take_url_host(account, calls[i]);
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lists); i++) {
        for (size_t j = 0; j < lists[i]->count && status == 0; j++) {
            status = take_url_host(account, &lists[i]->calls[j]);
        }
    }
    size_t index;
    json_t *host;
    json_array_foreach(d->hosts, index, host) {
        struct d1_bytes out;
        d1_bytes_init(&out, D1_PROVIDER_URL_MAX);
        if (status == 0 && json_is_string(host) &&
            expand(account, json_string_value(host), &out, NULL) == 0) {
            status = add_host(account, (const char *)out.data, out.length);
        }
        d1_bytes_close(&out);
    }
    return status == 0 ? 0 : refuse(error, "%s: too many hosts", d->provider.type);
}

static int take_ttl(struct d1_account *account, struct d1_provider_error *error) {
    const char *text = json_string_value(json_object_get(account->settings, "ttl"));
    uint64_t ttl = 0;
    if (text != NULL && d1_number_parse(text, 1, TTL_MAX, &ttl) != 0) {
        return refuse(error, "ttl: expected seconds, 1 to 604800");
    }
    account->ttl = (uint32_t)ttl;
    return 0;
}

int d1_account_open(const struct d1_provider *provider, const struct d1_pair *settings,
                    size_t count, void **ret_account, struct d1_provider_error *ret_error) {
    struct d1_account *account = d1_calloc(1, sizeof(*account));
    if (account == NULL) {
        return refuse(ret_error, "no memory");
    }
    account->descriptor = provider->data;
    account->settings = json_object();
    account->zones = json_object();
    account->slots = json_object();
    account->hosts = d1_calloc(HOSTS_MAX + 1, sizeof(*account->hosts));
    int status = 0;
    if (account->settings == NULL || account->zones == NULL || account->slots == NULL ||
        account->hosts == NULL) {
        status = refuse(ret_error, "no memory");
    }
    status = status == 0 ? take_settings(account, settings, count, ret_error) : status;
    status = status == 0 ? choose_auth(account, ret_error) : status;
    status = status == 0 ? take_base(account, ret_error) : status;
    status = status == 0 ? take_hosts(account, ret_error) : status;
    status = status == 0 ? take_ttl(account, ret_error) : status;
    if (status != 0) {
        d1_account_close(account);
        return status;
    }
    *ret_account = account;
    return 0;
}

/* Overwrite all texts of an object before it is freed: secrets are among them. */
static void wipe_texts(json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (json_is_string(value)) {
            d1_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
        }
    }
    json_decref(object);
}

void d1_account_close(void *opaque) {
    struct d1_account *account = opaque;
    if (account == NULL) {
        return;
    }
    wipe_texts(account->settings);
    wipe_texts(account->login);
    wipe_texts(account->setup);
    json_decref(account->zones);
    json_decref(account->slots);
    for (size_t i = 0; i < account->host_count; i++) {
        d1_free(account->hosts[i]);
    }
    d1_free(account->hosts);
    d1_free(account->base);
    d1_free(account);
}

void d1_account_traits(const void *opaque, struct d1_provider_traits *ret_traits) {
    const struct d1_account *account = opaque;
    const struct d1_descriptor *descriptor = account->descriptor;
    ret_traits->hosts = (const char *const *)account->hosts;
    ret_traits->requests = (uint32_t)descriptor->rate_requests;
    ret_traits->per_ms = (uint32_t)descriptor->rate_per_s * 1000;
    ret_traits->together = (uint32_t)descriptor->together;
    ret_traits->propagation_s = (uint32_t)descriptor->propagation_s;
    ret_traits->ttl_min = (uint32_t)descriptor->ttl_min;
}
