#include "providers/descriptor_read.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "providers/pointer.h"
#include "providers/sign.h"
#include "providers/template.h"

int d1_reading_fault(struct d1_reading *reading, const char *format, ...) {
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return d1_error_set(reading->error, D1_ECONFIG, "%s%s%s", reading->path,
                        reading->path[0] != '\0' ? ": " : "", text);
}

size_t d1_reading_enter(struct d1_reading *reading, const char *key) {
    size_t length = strlen(reading->path);
    snprintf(reading->path + length, sizeof(reading->path) - length, "%s%.60s",
             length > 0 ? "." : "", key);
    return length;
}

void d1_reading_leave(struct d1_reading *reading, size_t length) {
    reading->path[length] = '\0';
}

static bool is_known(void *arg, const char *name) {
    const struct d1_descriptor *descriptor = arg;
    char bare[D1_TEMPLATE_NAME_MAX + 1];
    snprintf(bare, sizeof(bare), "%s", name);
    size_t length = strlen(bare);
    if (length > 1 && (bare[length - 1] == '.' || bare[length - 1] == '@')) {
        bare[length - 1] = '\0';
    }
    if (strncmp(bare, "it.", 3) == 0 || strncmp(bare, "req.", 4) == 0) {
        return true;
    }
    if (strncmp(bare, "cfg.", 4) == 0) {
        char setting[D1_TEMPLATE_NAME_MAX + 1];
        d1_descriptor_setting_name(bare + 4, setting, sizeof(setting));
        snprintf(bare, sizeof(bare), "cfg.%.58s", setting);
    }
    return json_object_get(descriptor->names, bare) != NULL;
}

int d1_reading_template(struct d1_reading *reading, const json_t *json) {
    struct d1_template_fault fault;
    int status = d1_template_check_json(json, is_known, reading->descriptor, &fault);
    return status == 0 ? 0 : d1_reading_fault(reading, "%s", fault.text);
}

static int read_word(struct d1_reading *reading, const json_t *json, const char **ret) {
    if (!json_is_string(json)) {
        return d1_reading_fault(reading, "expected a text");
    }
    *ret = json_string_value(json);
    return 0;
}

/* Variables with spaces between, each with `!` before it or not. */
static int read_if(struct d1_reading *reading, const json_t *json, const char **ret) {
    int status = read_word(reading, json, ret);
    const char *at = status == 0 ? *ret : "";
    while (*at != '\0') {
        char name[D1_TEMPLATE_NAME_MAX + 1];
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        bool negated = at[0] == '!';
        snprintf(name, sizeof(name), "%.*s", (int)(length - negated), at + negated);
        if (length > 0 && !is_known(reading->descriptor, name)) {
            return d1_reading_fault(reading, "no such variable: %s", name);
        }
        at += length;
    }
    return status;
}

static int read_regex(struct d1_reading *reading, const json_t *json, const char **ret) {
    int status = read_word(reading, json, ret);
    regex_t regex;
    if (status == 0 && regcomp(&regex, *ret, REG_EXTENDED | REG_NOSUB) != 0) {
        return d1_reading_fault(reading, "expected an extended regular expression");
    }
    if (status == 0) {
        regfree(&regex);
    }
    return status;
}

static int read_pointer(struct d1_reading *reading, const json_t *json) {
    const char *text = json_string_value(json);
    if (text == NULL || (text[0] != '\0' && text[0] != '/') ||
        (strchr(text, '{') == NULL && !d1_pointer_valid(text, true))) {
        return d1_reading_fault(reading, "expected a JSON pointer (\"/a/b\")");
    }
    return d1_reading_template(reading, json);
}

/* A pointer or a list of pointers. */
static int read_pointers(struct d1_reading *reading, const json_t *json) {
    if (!json_is_array(json)) {
        return read_pointer(reading, json);
    }
    int status = 0;
    size_t index;
    json_t *value;
    json_array_foreach(json, index, value) {
        status = status == 0 ? read_pointer(reading, value) : status;
    }
    return status;
}

/* An object of names to pointers, or to words. */
static int read_named(struct d1_reading *reading, const json_t *json, bool pointers) {
    if (!json_is_object(json)) {
        return d1_reading_fault(reading, "expected an object");
    }
    int status = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        const char *word;
        size_t back = d1_reading_enter(reading, key);
        if (status == 0) {
            status = pointers ? read_pointer(reading, value) : read_word(reading, value, &word);
        }
        if (status == 0) {
            d1_reading_leave(reading, back);
        }
    }
    return status;
}

/* An object of pointers to wanted texts, each one or a list. */
static int read_wanted(struct d1_reading *reading, const json_t *json) {
    if (!json_is_object(json)) {
        return d1_reading_fault(reading, "expected an object of pointers");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        if ((key[0] != '\0' && key[0] != '/') ||
            (strchr(key, '{') == NULL && !d1_pointer_valid(key, true))) {
            return d1_reading_fault(reading, "\"%.80s\" is not a JSON pointer", key);
        }
        if (json_is_object(value)) {
            return d1_reading_fault(reading, "expected a text or a list of texts at %.80s", key);
        }
    }
    return d1_reading_template(reading, json);
}

static int read_number(struct d1_reading *reading, const json_t *json, int64_t *ret) {
    if (!json_is_integer(json) || json_integer_value(json) < 0 ||
        json_integer_value(json) > INT32_MAX) {
        return d1_reading_fault(reading, "expected a whole number, 0 or more");
    }
    *ret = json_integer_value(json);
    return 0;
}

static int read_choice(struct d1_reading *reading, const json_t *json, const char *const *choices,
                       unsigned *ret) {
    char list[160] = "";
    for (unsigned i = 0; choices[i] != NULL; i++) {
        if (json_is_string(json) && strcmp(json_string_value(json), choices[i]) == 0) {
            *ret = i;
            return 0;
        }
        size_t length = strlen(list);
        snprintf(list + length, sizeof(list) - length, "%s%s", length > 0 ? ", " : "", choices[i]);
    }
    return d1_reading_fault(reading, "expected one of %s", list);
}

static int check_status(struct d1_reading *reading, const json_t *value) {
    const char *text = json_string_value(value);
    bool class = text != NULL && strlen(text) == 3 && text[0] >= '1' && text[0] <= '5' &&
                 strcmp(text + 1, "xx") == 0;
    bool number = json_is_integer(value) && json_integer_value(value) >= 100 &&
                  json_integer_value(value) <= 599;
    return class || number ? 0 : d1_reading_fault(reading, "expected HTTP statuses: 404, \"2xx\"");
}

int d1_reading_match(struct d1_reading *reading, const json_t *json, struct d1_match *ret_match) {
    static const struct d1_field table[] = {
        {"status", D1_FIELD_JSON, offsetof(struct d1_match, status), NULL},
        {"all", D1_FIELD_WANTED, offsetof(struct d1_match, all), NULL},
        {"any", D1_FIELD_WANTED, offsetof(struct d1_match, any), NULL},
        {"none", D1_FIELD_WANTED, offsetof(struct d1_match, none), NULL},
        {"text", D1_FIELD_REGEX, offsetof(struct d1_match, text), NULL},
    };
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), ret_match};
    *ret_match = (struct d1_match){.given = true};
    int status = 0;
    const char *first = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)json));
    if (first != NULL && first[0] == '/') {
        ret_match->all = json;
        status = read_wanted(reading, json);
    } else if (json_is_object(json)) {
        status = d1_reading_object(reading, json, &group, 1);
    } else {
        ret_match->status = json;
    }
    const json_t *list = ret_match->status;
    if (status == 0 && list != NULL && !json_is_array(list)) {
        return check_status(reading, list);
    }
    size_t index;
    json_t *value;
    json_array_foreach(list, index, value) {
        status = status == 0 ? check_status(reading, value) : status;
    }
    return status;
}

static int read_then(struct d1_reading *reading, const json_t *json, struct d1_call *call) {
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_is_array(json) ? json_array_get(json, i) : json);
        if (word == NULL || (strcmp(word, "publish") != 0 && strcmp(word, "wait") != 0)) {
            return d1_reading_fault(reading, "expected \"publish\", \"wait\" or a list of them");
        }
        call->publish = call->publish || strcmp(word, "publish") == 0;
        call->wait = call->wait || strcmp(word, "wait") == 0;
    }
    return 0;
}

static int read_paging(struct d1_reading *reading, const json_t *json, struct d1_paging *ret) {
    static const char *const kinds[] = {"none", "page", "offset", "cursor", "link", NULL};
    static const char *const places[] = {"query", "body", NULL};
    static const struct d1_field table[] = {
        {"kind", D1_FIELD_CHOICE, offsetof(struct d1_paging, kind), kinds},
        {"param", D1_FIELD_WORD, offsetof(struct d1_paging, param), NULL},
        {"in", D1_FIELD_CHOICE, offsetof(struct d1_paging, place), places},
        {"start", D1_FIELD_NUMBER, offsetof(struct d1_paging, start), NULL},
        {"size", D1_FIELD_NUMBER, offsetof(struct d1_paging, size), NULL},
        {"pages", D1_FIELD_POINTER, offsetof(struct d1_paging, pages), NULL},
        {"total", D1_FIELD_POINTER, offsetof(struct d1_paging, total), NULL},
        {"pointer", D1_FIELD_POINTER, offsetof(struct d1_paging, pointer), NULL},
        {"more", D1_FIELD_MATCH, offsetof(struct d1_paging, more), NULL},
    };
    struct d1_fields group = {table, D1_ARRAY_LENGTH(table), ret};
    *ret = (struct d1_paging){.start = -1};
    int status = d1_reading_object(reading, json, &group, 1);
    if (status != 0) {
        return status;
    }
    if (ret->start < 0) {
        ret->start = ret->kind == D1_PAGING_PAGE ? 1 : 0;
    }
    if (ret->param == NULL && ret->kind != D1_PAGING_LINK) {
        return d1_reading_fault(reading, "\"param\" is missing");
    }
    if (ret->pointer == NULL && ret->kind == D1_PAGING_CURSOR) {
        return d1_reading_fault(reading, "\"pointer\" is missing: where the next cursor stands");
    }
    if (ret->kind == D1_PAGING_OFFSET && ret->size == 0) {
        return d1_reading_fault(reading, "\"size\" is missing: how many items a page has");
    }
    return 0;
}

static int read_steps(struct d1_reading *reading, const json_t *json, struct d1_steps *ret) {
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    if (count == 0 || count > D1_DESCRIPTOR_STEPS_MAX) {
        return d1_reading_fault(reading, "expected 1 to %d steps", D1_DESCRIPTOR_STEPS_MAX);
    }
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        const json_t *step = json_is_array(json) ? json_array_get(json, i) : json;
        status = d1_reading_call(reading, step, &ret->calls[i], NULL);
        ret->count = i + 1;
    }
    return status;
}

/* Texts and pointers, all kept as they stand. */
static int read_text(struct d1_reading *reading, const json_t *json, enum d1_field_kind kind,
                     const char **target) {
    switch (kind) {
    case D1_FIELD_IF:
        return read_if(reading, json, target);
    case D1_FIELD_REGEX:
        return read_regex(reading, json, target);
    case D1_FIELD_POINTER:
        *target = json_string_value(json);
        return read_pointer(reading, json);
    case D1_FIELD_TEXT: {
        int status = read_word(reading, json, target);
        return status == 0 ? d1_reading_template(reading, json) : status;
    }
    default:
        return read_word(reading, json, target);
    }
}

static int check_sign(struct d1_reading *reading, const char *key, const json_t *json) {
    static const char *const keys[] = {"text", "alg", "key", "enc", "prefix", "method"};
    const char *name;
    json_t *value;
    size_t back = d1_reading_enter(reading, key);
    json_object_foreach((json_t *)(uintptr_t)json, name, value) {
        bool known = false;
        for (size_t i = 0; i < D1_ARRAY_LENGTH(keys); i++) {
            known = known || strcmp(keys[i], name) == 0;
        }
        if (!known || !json_is_string(value)) {
            return d1_reading_fault(reading, "\"%.40s\": no such key, or no text", name);
        }
    }
    const char *alg = json_string_value(json_object_get(json, "alg"));
    const char *enc = json_string_value(json_object_get(json, "enc"));
    bool keyed = false;
    if (json_object_get(json, "text") == NULL) {
        return d1_reading_fault(reading, "\"text\" is missing");
    }
    if (alg != NULL && !d1_sign_known(alg, &keyed)) {
        return d1_reading_fault(reading, "no algorithm \"%.40s\"", alg);
    }
    if (keyed != (json_object_get(json, "key") != NULL)) {
        return d1_reading_fault(reading, "\"key\" is %s", keyed ? "missing" : "not used");
    }
    if (enc != NULL && !d1_sign_form_known(enc)) {
        return d1_reading_fault(reading, "\"enc\": expected raw, hex, b64 or b64url");
    }
    d1_reading_leave(reading, back);
    return 0;
}

static int read_sign(struct d1_reading *reading, const json_t *json) {
    const char *key;
    json_t *value;
    int status = json_is_object(json) ? d1_reading_template(reading, json)
                                      : d1_reading_fault(reading, "expected an object");
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        status = status == 0 ? check_sign(reading, key, value) : status;
    }
    return status;
}

/* A text, or a list of texts and of `$each` with a text as its `item`. */
static int read_parts(struct d1_reading *reading, const json_t *json) {
    size_t index;
    json_t *part;
    bool good = json_is_string(json) || json_is_array(json);
    json_array_foreach(json, index, part) {
        bool each = json_object_size(part) == 2 && json_object_get(part, "$each") != NULL &&
                    json_is_string(json_object_get(part, "item"));
        good = good && (json_is_string(part) || each);
    }
    return good ? d1_reading_template(reading, json)
                : d1_reading_fault(reading, "expected a text, or a list of texts and of "
                                            "{\"$each\": \"values\", \"item\": \"text\"}");
}

/* What is kept as JSON. */
static int read_json(struct d1_reading *reading, const json_t *json, enum d1_field_kind kind,
                     const json_t **target) {
    *target = json;
    switch (kind) {
    case D1_FIELD_POINTERS:
        return read_pointers(reading, json);
    case D1_FIELD_NAMED:
        return read_named(reading, json, true);
    case D1_FIELD_WORDS:
        return read_named(reading, json, false);
    case D1_FIELD_WANTED:
        return read_wanted(reading, json);
    case D1_FIELD_SIGN:
        return read_sign(reading, json);
    case D1_FIELD_OBJECT:
        if (!json_is_object(json)) {
            return d1_reading_fault(reading, "expected an object");
        }
        return d1_reading_template(reading, json);
    case D1_FIELD_PARTS:
        return read_parts(reading, json);
    case D1_FIELD_TEMPLATE:
        return d1_reading_template(reading, json);
    default:
        return 0;
    }
}

static int read_bool(struct d1_reading *reading, const json_t *json, bool flip, bool *target) {
    if (!json_is_boolean(json)) {
        return d1_reading_fault(reading, "expected true or false");
    }
    *target = json_is_true(json) != flip;
    return 0;
}

static int read_field(struct d1_reading *reading, const json_t *json, const struct d1_field *field,
                      void *base) {
    void *target = (char *)base + field->offset;
    switch (field->kind) {
    case D1_FIELD_ANY:
        return 0;
    case D1_FIELD_WORD:
    case D1_FIELD_TEXT:
    case D1_FIELD_IF:
    case D1_FIELD_REGEX:
    case D1_FIELD_POINTER:
        return read_text(reading, json, field->kind, target);
    case D1_FIELD_BOOL:
    case D1_FIELD_NOT:
        return read_bool(reading, json, field->kind == D1_FIELD_NOT, target);
    case D1_FIELD_NUMBER:
        return read_number(reading, json, target);
    case D1_FIELD_CHOICE:
        return read_choice(reading, json, field->choices, target);
    case D1_FIELD_MATCH:
        return d1_reading_match(reading, json, target);
    case D1_FIELD_CALL:
        return d1_reading_call(reading, json, target, NULL);
    case D1_FIELD_STEPS:
        return read_steps(reading, json, target);
    case D1_FIELD_THEN:
        return read_then(reading, json, target);
    case D1_FIELD_PAGING:
        return read_paging(reading, json, target);
    default:
        return read_json(reading, json, field->kind, target);
    }
}

static const struct d1_field *find_field(const char *key, const struct d1_fields *groups,
                                         size_t group_count, void **ret_base) {
    for (size_t i = 0; i < group_count; i++) {
        for (size_t j = 0; j < groups[i].count; j++) {
            if (strcmp(groups[i].table[j].name, key) == 0) {
                *ret_base = groups[i].base;
                return &groups[i].table[j];
            }
        }
    }
    return NULL;
}

int d1_reading_object(struct d1_reading *reading, const json_t *json,
                      const struct d1_fields *groups, size_t group_count) {
    if (!json_is_object(json)) {
        return d1_reading_fault(reading, "expected an object");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        size_t back = d1_reading_enter(reading, key);
        void *base = NULL;
        const struct d1_field *field = find_field(key, groups, group_count, &base);
        int status = field == NULL ? d1_reading_fault(reading, "no such key")
                                   : read_field(reading, value, field, base);
        if (status != 0) {
            return status;
        }
        d1_reading_leave(reading, back);
    }
    return 0;
}

static const char *const value_forms[] = {"unquote", "raw", "b64", NULL};

const struct d1_field d1_listing_fields[] = {
    {"rrsets", D1_FIELD_POINTER, offsetof(struct d1_listing, rrsets), NULL},
    {"items", D1_FIELD_POINTER, offsetof(struct d1_listing, items), NULL},
    {"keyed", D1_FIELD_BOOL, offsetof(struct d1_listing, keyed), NULL},
    {"absent_is_empty", D1_FIELD_BOOL, offsetof(struct d1_listing, absent_is_empty), NULL},
    {"where", D1_FIELD_WANTED, offsetof(struct d1_listing, where), NULL},
    {"item_where", D1_FIELD_WANTED, offsetof(struct d1_listing, item_where), NULL},
    {"value", D1_FIELD_POINTER, offsetof(struct d1_listing, value), NULL},
    {"value_form", D1_FIELD_CHOICE, offsetof(struct d1_listing, form), value_forms},
    {"id", D1_FIELD_POINTER, offsetof(struct d1_listing, id), NULL},
    {"name", D1_FIELD_POINTER, offsetof(struct d1_listing, name), NULL},
    {"ttl", D1_FIELD_POINTER, offsetof(struct d1_listing, ttl), NULL},
    {"more", D1_FIELD_NAMED, offsetof(struct d1_listing, more), NULL},
    {"next", D1_FIELD_PAGING, offsetof(struct d1_listing, next), NULL},
};
const size_t d1_listing_field_count = D1_ARRAY_LENGTH(d1_listing_fields);

static const char *const reply_forms[] = {"auto", "json", "xml", "text", NULL};

static const struct d1_field call_fields[] = {
    {"method", D1_FIELD_WORD, offsetof(struct d1_call, method), NULL},
    {"path", D1_FIELD_TEXT, offsetof(struct d1_call, path), NULL},
    {"url", D1_FIELD_TEXT, offsetof(struct d1_call, url), NULL},
    {"if", D1_FIELD_IF, offsetof(struct d1_call, only_if), NULL},
    {"auth", D1_FIELD_NOT, offsetof(struct d1_call, anonymous), NULL},
    {"query", D1_FIELD_OBJECT, offsetof(struct d1_call, query), NULL},
    {"headers", D1_FIELD_OBJECT, offsetof(struct d1_call, headers), NULL},
    {"basic", D1_FIELD_TEMPLATE, offsetof(struct d1_call, basic), NULL},
    {"json", D1_FIELD_TEMPLATE, offsetof(struct d1_call, json), NULL},
    {"form", D1_FIELD_OBJECT, offsetof(struct d1_call, form), NULL},
    {"text", D1_FIELD_TEXT, offsetof(struct d1_call, text), NULL},
    {"xml", D1_FIELD_PARTS, offsetof(struct d1_call, xml), NULL},
    {"sign", D1_FIELD_SIGN, offsetof(struct d1_call, sign), NULL},
    {"reply", D1_FIELD_CHOICE, offsetof(struct d1_call, reply), reply_forms},
    {"extract", D1_FIELD_NAMED, offsetof(struct d1_call, extract), NULL},
    {"extract_header", D1_FIELD_WORDS, offsetof(struct d1_call, extract_header), NULL},
    {"extract_cookie", D1_FIELD_WORDS, offsetof(struct d1_call, extract_cookie), NULL},
    {"ok", D1_FIELD_MATCH, offsetof(struct d1_call, ok), NULL},
    {"gone", D1_FIELD_MATCH, offsetof(struct d1_call, gone), NULL},
    {"exists", D1_FIELD_MATCH, offsetof(struct d1_call, exists), NULL},
    {"then", D1_FIELD_THEN, 0, NULL},
};

static int check_call(struct d1_reading *reading, struct d1_call *call) {
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    bool known = false;
    for (size_t i = 0; call->method != NULL && i < D1_ARRAY_LENGTH(methods); i++) {
        known = known || strcmp(call->method, methods[i]) == 0;
    }
    if (!known) {
        return d1_reading_fault(reading, "\"method\": expected GET, POST, PUT, PATCH or DELETE");
    }
    if ((call->path == NULL) == (call->url == NULL)) {
        return d1_reading_fault(reading, "expected either \"path\" or \"url\"");
    }
    if (call->path != NULL && call->path[0] != '/' && call->path[0] != '\0') {
        return d1_reading_fault(reading, "\"path\" begins with a slash");
    }
    int bodies =
        (call->json != NULL) + (call->form != NULL) + (call->text != NULL) + (call->xml != NULL);
    return bodies <= 1 ? 0
                       : d1_reading_fault(reading, "expected one of \"json\", \"form\", \"text\" "
                                                   "and \"xml\"");
}

int d1_reading_call(struct d1_reading *reading, const json_t *json, struct d1_call *ret_call,
                    const struct d1_fields *more) {
    struct d1_fields groups[2] = {{call_fields, D1_ARRAY_LENGTH(call_fields), ret_call}};
    if (more != NULL) {
        groups[1] = *more;
    }
    int status = d1_reading_object(reading, json, groups, more != NULL ? 2 : 1);
    if (status == 0) {
        status = check_call(reading, ret_call);
    }
    ret_call->given = status == 0;
    return status;
}
