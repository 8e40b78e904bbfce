#include "providers/descriptor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/descriptor_read.h"
#include "providers/engine.h"
#include "providers/template.h"

#define NAME_BYTES 64

void d1_descriptor_setting_name(const char *key, char *ret_name, size_t size) {
    size_t i = 0;
    for (; key[i] != '\0' && i + 1 < size; i++) {
        ret_name[i] = key[i] == '_' ? '-' : key[i];
    }
    ret_name[i] = '\0';
}

/* Parse text as an object; the error names the line. */
static int parse(const char *text, size_t length, json_t **ret_root, struct d1_error *error) {
    json_error_t fault;
    if (length > D1_DESCRIPTOR_BYTES_MAX) {
        return d1_error_set(error, D1_ECONFIG, "larger than %d octets", D1_DESCRIPTOR_BYTES_MAX);
    }
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL && json_error_code(&fault) == json_error_out_of_memory) {
        return -ENOMEM;
    }
    if (root == NULL) {
        return d1_error_set(error, D1_ECONFIG, "line %d: %s", fault.line, fault.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return d1_error_set(error, D1_ECONFIG, "expected an object");
    }
    *ret_root = root;
    return 0;
}

int d1_descriptor_extends(const char *text, size_t length, char *ret_type, size_t size,
                          struct d1_error *error) {
    json_t *root = NULL;
    int status = parse(text, length, &root, error);
    if (status != 0) {
        return status;
    }
    const char *type = json_string_value(json_object_get(root, "extends"));
    snprintf(ret_type, size, "%s", type != NULL ? type : "");
    json_decref(root);
    return 0;
}

/* RFC 7396 to a bounded depth: members of `over` go into `under`, null removes. */
static int merge_into(json_t *under, const json_t *over, unsigned depth) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)over, key, value) {
        json_t *old = json_object_get(under, key);
        int status = 0;
        if (json_is_null(value)) {
            json_object_del(under, key);
        } else if (json_is_object(value) && json_is_object(old) && depth < 8) {
            status = merge_into(old, value, depth + 1);
        } else {
            json_t *copy = json_deep_copy(value);
            status = copy == NULL || json_object_set_new(under, key, copy) != 0 ? -ENOMEM : 0;
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int add_name(json_t *names, const char *prefix, const char *key) {
    char name[2 * NAME_BYTES];
    snprintf(name, sizeof(name), "%s%.63s", prefix, key);
    size_t length = strlen(name);
    if (length > 0 && name[length - 1] == '?') {
        name[length - 1] = '\0';
    }
    return json_object_set_new(names, name, json_true()) == 0 ? 0 : -ENOMEM;
}

/* All keys of an object that extracts something, as variables. */
static int add_keys(json_t *names, const json_t *object) {
    static const char *const prefixes[] = {"", "login.", "zone.", "sign."};
    int status = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        for (size_t i = 0; i < D1_ARRAY_LENGTH(prefixes) && status == 0; i++) {
            status = add_name(names, prefixes[i], key);
        }
    }
    return status;
}

/* The variables that any part of the descriptor makes. */
static int collect(json_t *names, const json_t *json, unsigned depth) {
    static const char *const makers[] = {"extract", "extract_header", "extract_cookie",
                                         "more",    "sign",           "vars"};
    int status = depth > D1_TEMPLATE_DEPTH_MAX ? D1_ETOOLARGE : 0;
    size_t index;
    const char *key;
    json_t *value;
    json_array_foreach(json, index, value) {
        status = status == 0 ? collect(names, value, depth + 1) : status;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        for (size_t i = 0; i < D1_ARRAY_LENGTH(makers) && status == 0; i++) {
            status = strcmp(key, makers[i]) == 0 ? add_keys(names, value) : 0;
        }
        status = status == 0 ? collect(names, value, depth + 1) : status;
    }
    return status;
}

/* What a setting that is JSON holds: cfg.SETTING.MEMBER. */
static int add_members(json_t *names, const char *key, const json_t *setting) {
    int status = 0;
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(setting, "members"), index, member) {
        char full[2 * NAME_BYTES];
        char name[NAME_BYTES];
        snprintf(full, sizeof(full), "%s.%.63s", key, json_string_value(member));
        full[strcspn(full, "?")] = '\0';
        d1_descriptor_setting_name(full, name, sizeof(name));
        status = status == 0 ? add_name(names, "cfg.", name) : status;
    }
    return status;
}

static int collect_names(struct d1_descriptor *descriptor) {
    static const char *const own[] = {
        "name",      "fqdn",    "domain",    "value", "qvalue", "ttl",  "record_id",
        "rrset",     "values",  "candidate", "now",   "nonce",  "uuid", "login.cookie",
        "zone.name", "zone.id", "doc",       "items", "item",   "verb", "ttl_was",
    };
    descriptor->names = json_object();
    int status = descriptor->names == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(own) && status == 0; i++) {
        status = add_name(descriptor->names, "", own[i]);
    }
    for (size_t i = 0; i < descriptor->provider.setting_count && status == 0; i++) {
        status = add_name(descriptor->names, "cfg.", descriptor->settings[i].name);
    }
    const char *key;
    json_t *setting;
    json_object_foreach(json_object_get(descriptor->root, "config"), key, setting) {
        status = status == 0 ? add_members(descriptor->names, key, setting) : status;
    }
    return status == 0 ? collect(descriptor->names, descriptor->root, 0) : status;
}

/* One setting of `config`. Its name and environment are the descriptor's to free. */
static int make_setting(struct d1_reading *reading, const char *key, const json_t *json,
                        struct d1_provider_setting *ret) {
    static const struct d1_field table[] = {
        {"help", D1_FIELD_WORD, offsetof(struct d1_provider_setting, text), NULL},
        {"default", D1_FIELD_WORD, offsetof(struct d1_provider_setting, fallback), NULL},
        {"env", D1_FIELD_ANY, 0, NULL},
        {"secret", D1_FIELD_ANY, 0, NULL},
        {"optional", D1_FIELD_ANY, 0, NULL},
        {"map", D1_FIELD_ANY, 0, NULL},
        {"members", D1_FIELD_ANY, 0, NULL},
        {"choices", D1_FIELD_ANY, 0, NULL},
    };
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), ret};
    char name[NAME_BYTES];
    d1_descriptor_setting_name(key, name, sizeof(name));
    ret->text = "";
    int status = d1_reading_object(reading, json, &group, 1);
    if (status != 0) {
        return status;
    }
    const json_t *env = json_object_get(json, "env");
    const json_t *members = json_object_get(json, "members");
    for (size_t i = 0; i < json_array_size(members); i++) {
        const char *member = json_string_value(json_array_get(members, i));
        if (member == NULL || strcspn(member, "?") + 1 < strlen(member)) {
            return d1_reading_fault(reading, "members: expected a list of names");
        }
    }
    ret->secret = json_is_true(json_object_get(json, "secret"));
    ret->required = !json_is_true(json_object_get(json, "optional")) && ret->fallback == NULL;
    ret->name = d1_strdup(name);
    const char **environment = d1_calloc(json_array_size(env) + 1, sizeof(*environment));
    ret->environment = environment;
    if (ret->name == NULL || environment == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < json_array_size(env); i++) {
        environment[i] = json_string_value(json_array_get(env, i));
        if (environment[i] == NULL) {
            return d1_reading_fault(reading, "env: expected a list of names");
        }
    }
    return 0;
}

/* What every type takes, unless the descriptor says more about it. */
static int add_common(struct d1_descriptor *descriptor, const char *name, const char *text,
                      bool required) {
    size_t count = descriptor->provider.setting_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(descriptor->settings[i].name, name) == 0) {
            return 0;
        }
    }
    descriptor->settings[count].name = d1_strdup(name);
    descriptor->settings[count].text = text;
    descriptor->settings[count].required = required;
    descriptor->provider.setting_count = count + 1;
    return descriptor->settings[count].name != NULL ? 0 : -ENOMEM;
}

static int make_settings(struct d1_reading *reading) {
    struct d1_descriptor *descriptor = reading->descriptor;
    const json_t *config = json_object_get(descriptor->root, "config");
    size_t back = d1_reading_enter(reading, "config");
    if (config != NULL && !json_is_object(config)) {
        return d1_reading_fault(reading, "expected an object");
    }
    if (json_object_size(config) > D1_DESCRIPTOR_SETTINGS_MAX) {
        return d1_reading_fault(reading, "at most %d settings", D1_DESCRIPTOR_SETTINGS_MAX);
    }
    descriptor->settings = d1_calloc(D1_DESCRIPTOR_SETTINGS_MAX + 2, sizeof(*descriptor->settings));
    if (descriptor->settings == NULL) {
        return -ENOMEM;
    }
    descriptor->provider.settings = descriptor->settings;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        size_t inner = d1_reading_enter(reading, key);
        size_t count = descriptor->provider.setting_count++;
        int status = make_setting(reading, key, value, &descriptor->settings[count]);
        if (status != 0) {
            return status;
        }
        d1_reading_leave(reading, inner);
    }
    d1_reading_leave(reading, back);
    bool base = json_is_string(json_object_get(descriptor->root, "base"));
    int status = add_common(descriptor, "base-url", "URL of the API", !base);
    return status == 0 ? add_common(descriptor, "ttl", "TTL of the records, in seconds", false)
                       : status;
}

static int read_auth_entry(struct d1_reading *reading, const json_t *json, struct d1_auth *ret) {
    static const struct d1_field table[] = {
        {"if", D1_FIELD_IF, offsetof(struct d1_auth, only_if), NULL},
        {"basic", D1_FIELD_TEMPLATE, offsetof(struct d1_auth, basic), NULL},
        {"headers", D1_FIELD_OBJECT, offsetof(struct d1_auth, headers), NULL},
        {"query", D1_FIELD_OBJECT, offsetof(struct d1_auth, query), NULL},
        {"form", D1_FIELD_OBJECT, offsetof(struct d1_auth, form), NULL},
        {"json", D1_FIELD_OBJECT, offsetof(struct d1_auth, json), NULL},
        {"sign", D1_FIELD_SIGN, offsetof(struct d1_auth, sign), NULL},
        {"after", D1_FIELD_OBJECT, offsetof(struct d1_auth, after), NULL},
    };
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), ret};
    return d1_reading_object(reading, json, &group, 1);
}

static int read_auth(struct d1_reading *reading, const json_t *json) {
    struct d1_descriptor *descriptor = reading->descriptor;
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    if (json == NULL) {
        return 0;
    }
    size_t back = d1_reading_enter(reading, "auth");
    if (count == 0 || count > D1_DESCRIPTOR_STEPS_MAX) {
        return d1_reading_fault(reading, "expected 1 to %d entries", D1_DESCRIPTOR_STEPS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_is_array(json) ? json_array_get(json, i) : json;
        int status = read_auth_entry(reading, entry, &descriptor->auth[i]);
        if (status != 0) {
            return status;
        }
    }
    descriptor->auth_count = count;
    d1_reading_leave(reading, back);
    return 0;
}

/* An object that is one step itself or holds `steps`, with further keys beside. */
static int read_sequence(struct d1_reading *reading, const char *key, const struct d1_fields *more,
                         struct d1_steps *ret_steps) {
    const json_t *json = json_object_get(reading->descriptor->root, key);
    if (json == NULL) {
        return 0;
    }
    size_t back = d1_reading_enter(reading, key);
    int status;
    if (json_object_get(json, "steps") != NULL) {
        static const struct d1_field table[] = {{"steps", D1_FIELD_STEPS, 0, NULL}};
        struct d1_fields groups[2] = {{table, 1, ret_steps}, *more};
        status = d1_reading_object(reading, json, groups, 2);
    } else {
        ret_steps->count = 1;
        status = d1_reading_call(reading, json, &ret_steps->calls[0], more);
    }
    if (status == 0) {
        d1_reading_leave(reading, back);
    }
    return status;
}

#define AT(member) offsetof(struct d1_descriptor, member)

static int read_session(struct d1_reading *reading) {
    static const struct d1_field login[] = {
        {"expires_in", D1_FIELD_POINTER, AT(login_expires), NULL},
        {"expires_s", D1_FIELD_NUMBER, AT(login_expires_s), NULL},
        {"retry_on", D1_FIELD_MATCH, AT(login_retry), NULL},
    };
    static const struct d1_field clock[] = {
        {"unix", D1_FIELD_POINTER, AT(clock_pointer), NULL},
        {"cache_s", D1_FIELD_NUMBER, AT(clock_cache_s), NULL},
    };
    static const struct d1_field setup[] = {
        {"cache_s", D1_FIELD_NUMBER, AT(setup_cache_s), NULL},
    };
    struct d1_descriptor *descriptor = reading->descriptor;
    struct d1_fields more = {login, D1_ARRAY_LENGTH(login), descriptor};
    int status = read_sequence(reading, "login", &more, &descriptor->login);
    struct d1_steps steps = {.count = 0};
    if (status == 0) {
        more = (struct d1_fields){clock, D1_ARRAY_LENGTH(clock), descriptor};
        status = read_sequence(reading, "clock", &more, &steps);
        descriptor->clock = steps.calls[0];
    }
    if (status == 0 && descriptor->clock.given && descriptor->clock_pointer == NULL) {
        return d1_reading_fault(reading, "clock: \"unix\" is missing: where the time stands");
    }
    if (status == 0) {
        more = (struct d1_fields){setup, D1_ARRAY_LENGTH(setup), descriptor};
        status = read_sequence(reading, "setup", &more, &descriptor->setup);
    }
    return status;
}

static int read_zone(struct d1_reading *reading) {
    static const char *const modes[] = {"none", "soa",    "probe",      "query",
                                        "list", "config", "lastlabels", NULL};
    static const struct d1_field table[] = {
        {"mode", D1_FIELD_CHOICE, AT(zone_mode), modes},
        {"request", D1_FIELD_CALL, AT(zone), NULL},
        {"labels", D1_FIELD_NUMBER, AT(zone_labels), NULL},
        {"min_labels", D1_FIELD_NUMBER, AT(zone_min_labels), NULL},
        {"cache_s", D1_FIELD_NUMBER, AT(zone_cache_s), NULL},
    };
    struct d1_descriptor *d = reading->descriptor;
    struct d1_fields groups[] = {
        {table, D1_ARRAY_LENGTH(table), d},
        {d1_listing_fields, d1_listing_field_count, &d->zone_list},
    };
    const json_t *json = json_object_get(d->root, "zone");
    size_t back = d1_reading_enter(reading, "zone");
    if (json == NULL) {
        return d1_reading_fault(reading, "is missing");
    }
    int status = d1_reading_object(reading, json, groups, 2);
    if (status != 0) {
        return status;
    }
    bool asks = d->zone_mode == D1_ZONE_PROBE || d->zone_mode == D1_ZONE_QUERY ||
                d->zone_mode == D1_ZONE_LIST;
    if (asks && !d->zone.given) {
        return d1_reading_fault(reading, "\"request\" is missing");
    }
    bool several = d->zone_mode == D1_ZONE_QUERY || d->zone_mode == D1_ZONE_LIST;
    if (several && d->zone_list.name == NULL) {
        return d1_reading_fault(reading, "\"name\" is missing: where an item has its name");
    }
    if (d->zone_mode == D1_ZONE_LASTLABELS && d->zone_labels == 0) {
        return d1_reading_fault(reading, "\"labels\" is missing");
    }
    d1_reading_leave(reading, back);
    return 0;
}

/* list, get or detail: a step and the list in its reply. */
static int read_listing(struct d1_reading *reading, const char *key, struct d1_call *call,
                        struct d1_listing *listing) {
    struct d1_fields more = {d1_listing_fields, d1_listing_field_count, listing};
    const json_t *json = json_object_get(reading->descriptor->root, key);
    size_t back = d1_reading_enter(reading, key);
    int status = json == NULL ? 0 : d1_reading_call(reading, json, call, &more);
    if (status == 0) {
        d1_reading_leave(reading, back);
    }
    return status;
}

static int read_wait(struct d1_reading *reading) {
    static const struct d1_field table[] = {
        {"until", D1_FIELD_MATCH, AT(until), NULL},
        {"fail", D1_FIELD_MATCH, AT(failed), NULL},
        {"interval_s", D1_FIELD_NUMBER, AT(wait_interval_s), NULL},
        {"timeout_s", D1_FIELD_NUMBER, AT(wait_timeout_s), NULL},
    };
    struct d1_descriptor *descriptor = reading->descriptor;
    struct d1_fields more = {table, D1_ARRAY_LENGTH(table), descriptor};
    const json_t *json = json_object_get(descriptor->root, "wait");
    if (json == NULL) {
        return 0;
    }
    size_t back = d1_reading_enter(reading, "wait");
    int status = d1_reading_call(reading, json, &descriptor->wait, &more);
    if (status == 0 && !descriptor->until.given) {
        return d1_reading_fault(reading, "\"until\" is missing: what says that it is done");
    }
    if (status == 0) {
        d1_reading_leave(reading, back);
    }
    return status;
}

static int read_limits(struct d1_reading *reading) {
    static const char *const orders[] = {"mode", "none", "name", "zone", "account", NULL};
    static const char *const units[] = {"s", "min", NULL};
    static const struct d1_field rate[] = {
        {"requests", D1_FIELD_NUMBER, AT(rate_requests), NULL},
        {"per_s", D1_FIELD_NUMBER, AT(rate_per_s), NULL},
    };
    static const struct d1_field table[] = {
        {"ttl_min", D1_FIELD_NUMBER, AT(ttl_min), NULL},
        {"ttl_max", D1_FIELD_NUMBER, AT(ttl_max), NULL},
        {"ttl_default", D1_FIELD_NUMBER, AT(ttl_default), NULL},
        {"ttl_allowed", D1_FIELD_JSON, AT(ttl_allowed), NULL},
        {"ttl_unit", D1_FIELD_CHOICE, AT(ttl_unit), units},
        {"rate", D1_FIELD_JSON, AT(rate), NULL},
        {"together", D1_FIELD_NUMBER, AT(together), NULL},
        {"serialize", D1_FIELD_CHOICE, AT(serialize), orders},
        {"propagation_s", D1_FIELD_NUMBER, AT(propagation_s), NULL},
        {"slot_s", D1_FIELD_NUMBER, AT(slot_s), NULL},
    };
    struct d1_descriptor *descriptor = reading->descriptor;
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), descriptor};
    struct d1_fields rates = {rate, D1_ARRAY_LENGTH(rate), descriptor};
    const json_t *json = json_object_get(descriptor->root, "limits");
    size_t back = d1_reading_enter(reading, "limits");
    int status = json == NULL ? 0 : d1_reading_object(reading, json, &group, 1);
    if (status == 0 && descriptor->rate != NULL) {
        status = d1_reading_object(reading, descriptor->rate, &rates, 1);
    }
    size_t index;
    json_t *value;
    json_array_foreach(descriptor->ttl_allowed, index, value) {
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return d1_reading_fault(reading, "ttl_allowed: expected whole numbers");
        }
    }
    if (status == 0) {
        d1_reading_leave(reading, back);
    }
    return status;
}

static int read_retry(struct d1_reading *reading) {
    static const struct d1_field table[] = {
        {"status", D1_FIELD_MATCH, AT(retry_status), NULL},
        {"when", D1_FIELD_MATCH, AT(retry), NULL},
        {"header", D1_FIELD_WORD, AT(retry_header), NULL},
    };
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), reading->descriptor};
    const json_t *json = json_object_get(reading->descriptor->root, "retry");
    size_t back = d1_reading_enter(reading, "retry");
    int status = json == NULL ? 0 : d1_reading_object(reading, json, &group, 1);
    if (status == 0) {
        d1_reading_leave(reading, back);
    }
    return status;
}

static int read_fails(struct d1_reading *reading) {
    static const char *const kinds[] = {"other",   "credentials", "no_zone", "ambiguous",
                                        "refused", "reply",       "busy",    NULL};
    struct d1_descriptor *descriptor = reading->descriptor;
    const json_t *list = json_object_get(descriptor->root, "fail");
    size_t back = d1_reading_enter(reading, "fail");
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > D1_DESCRIPTOR_STEPS_MAX)) {
        return d1_reading_fault(reading, "expected a list of at most %d", D1_DESCRIPTOR_STEPS_MAX);
    }
    size_t index;
    json_t *rule;
    json_array_foreach(list, index, rule) {
        static const struct d1_field table[] = {
            {"kind", D1_FIELD_CHOICE, offsetof(struct d1_fail_rule, kind), kinds},
            {"hint", D1_FIELD_WORD, offsetof(struct d1_fail_rule, hint), NULL},
            {"when", D1_FIELD_MATCH, offsetof(struct d1_fail_rule, match), NULL},
        };
        struct d1_fail_rule *target = &descriptor->fails[index];
        struct d1_fields group = {table, D1_ARRAY_LENGTH(table), target};
        int status = d1_reading_object(reading, rule, &group, 1);
        if (status == 0 && !target->match.given) {
            status = d1_reading_fault(reading, "\"when\" is missing");
        }
        if (status != 0) {
            return status;
        }
    }
    descriptor->fail_count = json_array_size(list);
    d1_reading_leave(reading, back);
    return 0;
}

static const char *const modes[] = {"record", "rrset", "value", "zone", "slot", NULL};

/* The keys of the descriptor itself; those read elsewhere are only named. */
static int read_top(struct d1_reading *reading) {
    static const struct d1_field table[] = {
        {"schema", D1_FIELD_ANY, 0, NULL},
        {"type", D1_FIELD_ANY, 0, NULL},
        {"extends", D1_FIELD_ANY, 0, NULL},
        {"about", D1_FIELD_ANY, 0, NULL},
        {"config", D1_FIELD_ANY, 0, NULL},
        {"limits", D1_FIELD_ANY, 0, NULL},
        {"auth", D1_FIELD_ANY, 0, NULL},
        {"login", D1_FIELD_ANY, 0, NULL},
        {"clock", D1_FIELD_ANY, 0, NULL},
        {"setup", D1_FIELD_ANY, 0, NULL},
        {"retry", D1_FIELD_ANY, 0, NULL},
        {"fail", D1_FIELD_ANY, 0, NULL},
        {"zone", D1_FIELD_ANY, 0, NULL},
        {"list", D1_FIELD_ANY, 0, NULL},
        {"get", D1_FIELD_ANY, 0, NULL},
        {"detail", D1_FIELD_ANY, 0, NULL},
        {"wait", D1_FIELD_ANY, 0, NULL},
        {"title", D1_FIELD_WORD, AT(provider.title), NULL},
        {"base", D1_FIELD_TEXT, AT(base), NULL},
        {"hosts", D1_FIELD_TEMPLATE, AT(hosts), NULL},
        {"vars", D1_FIELD_OBJECT, AT(vars), NULL},
        {"logout", D1_FIELD_CALL, AT(logout), NULL},
        {"prepare", D1_FIELD_STEPS, AT(prepare), NULL},
        {"ok", D1_FIELD_MATCH, AT(ok), NULL},
        {"error", D1_FIELD_POINTERS, AT(error), NULL},
        {"mode", D1_FIELD_CHOICE, AT(mode), modes},
        {"create", D1_FIELD_CALL, AT(create), NULL},
        {"put", D1_FIELD_CALL, AT(put), NULL},
        {"delete", D1_FIELD_CALL, AT(remove), NULL},
        {"document", D1_FIELD_POINTER, AT(document), NULL},
        {"item", D1_FIELD_TEMPLATE, AT(item), NULL},
        {"publish", D1_FIELD_CALL, AT(publish), NULL},
    };
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), reading->descriptor};
    return d1_reading_object(reading, reading->descriptor->root, &group, 1);
}

/* What a mode cannot do without. */
static int check_mode(struct d1_reading *reading) {
    struct d1_descriptor *d = reading->descriptor;
    const struct {
        const char *key;
        bool needed;
        bool given;
    } needs[] = {
        {"title", true, d->provider.title != NULL},
        {"mode", true, json_object_get(d->root, "mode") != NULL},
        {"list", d->mode == D1_MODE_RECORD, d->list.given},
        {"list.id", d->mode == D1_MODE_RECORD, d->listing.id != NULL || d->listing.keyed},
        {"list.items", d->mode == D1_MODE_RECORD, d->listing.items != NULL},
        {"list.value", d->mode == D1_MODE_RECORD && !d->detail.given, d->listing.value != NULL},
        {"create", d->mode != D1_MODE_RRSET && d->mode != D1_MODE_ZONE, d->create.given},
        {"delete", d->mode != D1_MODE_RRSET && d->mode != D1_MODE_ZONE, d->remove.given},
        {"get", d->mode == D1_MODE_RRSET || d->mode == D1_MODE_ZONE, d->list.given},
        {"put", d->mode == D1_MODE_RRSET || d->mode == D1_MODE_ZONE, d->put.given},
        {"get.items", d->mode == D1_MODE_ZONE, d->listing.items != NULL},
        {"get.value", d->mode == D1_MODE_ZONE, d->listing.value != NULL},
        {"item", d->mode == D1_MODE_ZONE, d->item != NULL},
        {"publish", d->create.publish || d->put.publish || d->remove.publish, d->publish.given},
        {"wait", d->create.wait || d->put.wait || d->remove.wait || d->publish.wait, d->wait.given},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(needs); i++) {
        if (needs[i].needed && !needs[i].given) {
            return d1_reading_fault(reading, "\"%s\" is missing", needs[i].key);
        }
    }
    return 0;
}

static void set_defaults(struct d1_descriptor *d) {
    d->ttl_default = 120;
    d->wait_interval_s = 2;
    d->wait_timeout_s = 60;
    d->zone_min_labels = 2;
    d->zone_cache_s = 600;
    d->setup_cache_s = 86400;
    d->clock_cache_s = 3600;
    d->login_expires_s = 600;
    d->slot_s = 900;
    d->retry_header = "Retry-After";
}

/* Defaults that depend on what a step is for. */
static void finish_calls(struct d1_descriptor *d) {
    struct {
        struct d1_call *call;
        const char *step;
        bool writes;
        bool gone;
    } calls[] = {
        {&d->logout, "logout", false, false},  {&d->clock, "clock", false, false},
        {&d->zone, "zone", false, true},       {&d->list, "list", false, d->mode == D1_MODE_RRSET},
        {&d->detail, "detail", false, true},   {&d->create, "create", true, false},
        {&d->put, "put", true, false},         {&d->remove, "delete", true, true},
        {&d->publish, "publish", true, false}, {&d->wait, "wait", false, false},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(calls); i++) {
        struct d1_call *call = calls[i].call;
        call->step = calls[i].step;
        call->writes = calls[i].writes;
        if (calls[i].gone && !call->gone.given) {
            call->gone = (struct d1_match){.given = true, .only = 404};
        }
    }
    struct {
        struct d1_steps *steps;
        const char *step;
    } lists[] = {{&d->login, "login"}, {&d->setup, "setup"}, {&d->prepare, "prepare"}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lists); i++) {
        for (size_t j = 0; j < lists[i].steps->count; j++) {
            lists[i].steps->calls[j].step = lists[i].step;
        }
    }
    d->clock.anonymous = true;
    for (size_t i = 0; i < d->login.count; i++) {
        d->login.calls[i].anonymous = true;
    }
}

static int read_identity(struct d1_reading *reading) {
    struct d1_descriptor *descriptor = reading->descriptor;
    const json_t *schema = json_object_get(descriptor->root, "schema");
    const char *type = json_string_value(json_object_get(descriptor->root, "type"));
    if (!json_is_integer(schema) || json_integer_value(schema) != 1) {
        return d1_reading_fault(reading, "\"schema\": expected 1");
    }
    if (type == NULL || type[0] == '\0' || strlen(type) >= NAME_BYTES ||
        strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(type)) {
        return d1_reading_fault(reading, "\"type\": expected lower-case letters, digits and -");
    }
    descriptor->provider.type = type;
    return 0;
}

static int read_all(struct d1_reading *reading) {
    struct d1_descriptor *descriptor = reading->descriptor;
    bool whole = false;
    int status = read_identity(reading);
    status = status == 0 ? make_settings(reading) : status;
    status = status == 0 ? collect_names(descriptor) : status;
    status = status == 0 ? read_top(reading) : status;
    status = status == 0 ? read_limits(reading) : status;
    status = status == 0 ? read_auth(reading, json_object_get(descriptor->root, "auth")) : status;
    status = status == 0 ? read_session(reading) : status;
    status = status == 0 ? read_retry(reading) : status;
    status = status == 0 ? read_fails(reading) : status;
    status = status == 0 ? read_zone(reading) : status;
    whole = descriptor->mode == D1_MODE_RRSET || descriptor->mode == D1_MODE_ZONE;
    if (status == 0) {
        status =
            read_listing(reading, whole ? "get" : "list", &descriptor->list, &descriptor->listing);
    }
    if (status == 0) {
        status = read_listing(reading, "detail", &descriptor->detail, &descriptor->detail_list);
    }
    status = status == 0 ? read_wait(reading) : status;
    status = status == 0 ? check_mode(reading) : status;
    if (status == 0) {
        finish_calls(descriptor);
    }
    return status;
}

/* The JSON with that of `under` below it. */
static int make_root(const char *text, size_t length, const struct d1_descriptor *under,
                     json_t **ret_root, struct d1_error *error) {
    json_t *over = NULL;
    int status = parse(text, length, &over, error);
    if (status != 0 || under == NULL) {
        *ret_root = over;
        return status;
    }
    json_t *root = json_deep_copy(under->root);
    status = root == NULL ? -ENOMEM : merge_into(root, over, 0);
    json_decref(over);
    if (status != 0) {
        json_decref(root);
        return status;
    }
    *ret_root = root;
    return 0;
}

int d1_descriptor_create(const char *text, size_t length, const struct d1_descriptor *under,
                         struct d1_descriptor **ret_descriptor, struct d1_error *error) {
    struct d1_descriptor *descriptor = d1_calloc(1, sizeof(*descriptor));
    if (descriptor == NULL) {
        return -ENOMEM;
    }
    set_defaults(descriptor);
    int status = make_root(text, length, under, &descriptor->root, error);
    struct d1_reading reading = {.descriptor = descriptor, .error = error};
    status = status == 0 ? read_all(&reading) : status;
    if (status != 0) {
        d1_descriptor_destroy(descriptor);
        return status == D1_ETOOLARGE ? d1_error_set(error, D1_ECONFIG, "nested too deep") : status;
    }
    d1_engine_provider(&descriptor->provider);
    descriptor->provider.data = descriptor;
    *ret_descriptor = descriptor;
    return 0;
}

void d1_descriptor_destroy(struct d1_descriptor *descriptor) {
    if (descriptor == NULL) {
        return;
    }
    for (size_t i = 0; i < descriptor->provider.setting_count; i++) {
        d1_free((void *)(uintptr_t)descriptor->settings[i].name);
        d1_free((void *)(uintptr_t)descriptor->settings[i].environment);
    }
    d1_free(descriptor->settings);
    json_decref(descriptor->names);
    json_decref(descriptor->root);
    d1_free(descriptor);
}
