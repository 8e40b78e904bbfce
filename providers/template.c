#include "providers/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/filter.h"
#include "providers/pointer.h"

#define CAST_MAX 7

/* One `{name|filter:argument#cast}`. */
struct placeholder {
    char name[D1_TEMPLATE_NAME_MAX + 1];
    size_t count;
    struct d1_filter_use filters[D1_TEMPLATE_FILTERS_MAX];
    char cast[CAST_MAX + 1];
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || strchr("_.@-[]", c) != NULL;
}

/* Copy octets up to one of `ends` (a backslash takes the next one as it is). False: too long. */
static bool read_until(const char **at, const char *ends, char *ret, size_t max) {
    size_t length = 0;
    const char *from = *at;
    while (*from != '\0' && strchr(ends, *from) == NULL) {
        if (from[0] == '\\' && from[1] != '\0') {
            from++;
        }
        if (length == max) {
            return false;
        }
        ret[length++] = *from++;
    }
    ret[length] = '\0';
    *at = from;
    return *from != '\0';
}

static bool read_filter(const char **at, struct d1_filter_use *ret) {
    char name[D1_TEMPLATE_ARGUMENT_MAX + 1];
    if (!read_until(at, ":|#}", name, D1_TEMPLATE_ARGUMENT_MAX)) {
        return false;
    }
    ret->filter = d1_filter_find(name);
    ret->count = 0;
    while (ret->filter != NULL && **at == ':') {
        (*at)++;
        if (ret->count == D1_TEMPLATE_ARGUMENTS_MAX ||
            !read_until(at, ":|#}", ret->arguments[ret->count++], D1_TEMPLATE_ARGUMENT_MAX)) {
            return false;
        }
    }
    return ret->filter != NULL && ret->count >= ret->filter->least &&
           ret->count <= ret->filter->most;
}

/* Whether a placeholder begins at the `{` of text. */
static bool begins(const char *text) {
    return text[0] == '{' && is_letter(text[1]);
}

/* Read the placeholder at *at, which then is behind its `}`. Returns 0 or D1_EPARSE. */
static int read_placeholder(const char **at, struct placeholder *ret) {
    const char *from = *at + 1;
    size_t length = 0;
    while (is_name(*from) && *from != '\0' && length < D1_TEMPLATE_NAME_MAX) {
        ret->name[length++] = *from++;
    }
    ret->name[length] = '\0';
    ret->count = 0;
    ret->cast[0] = '\0';
    while (*from == '|') {
        from++;
        if (ret->count == D1_TEMPLATE_FILTERS_MAX ||
            !read_filter(&from, &ret->filters[ret->count++])) {
            return D1_EPARSE;
        }
    }
    if (*from == '#') {
        from++;
        if (!read_until(&from, "}", ret->cast, CAST_MAX) || ret->cast[0] == '\0') {
            return D1_EPARSE;
        }
    }
    if (*from != '}') {
        return D1_EPARSE;
    }
    *at = from + 1;
    return 0;
}

int d1_template_percent(const void *octets, size_t length, const char *also, struct d1_bytes *out) {
    const unsigned char *at = octets;
    int status = 0;
    for (size_t i = 0; i < length && status == 0; i++) {
        char c = (char)at[i];
        bool plain = is_letter(c) || (c >= '0' && c <= '9') ||
                     (c != '\0' && (strchr("-._~", c) != NULL || strchr(also, c) != NULL));
        status = plain ? d1_bytes_add(out, &c, 1) : d1_bytes_printf(out, "%%%02X", at[i]);
    }
    return status;
}

static int add_dump(const char *text, size_t length, void *arg) {
    return d1_bytes_add(arg, text, length);
}

int d1_template_dump(const json_t *json, struct d1_bytes *out) {
    /* Not json_dumps(): that of jansson 2.14 drops what it has no memory for. */
    int status = json_dump_callback(json, add_dump, out, JSON_COMPACT | JSON_ENCODE_ANY);
    if (out->failed) {
        return d1_bytes_add(out, "", 0);
    }
    return status == 0 ? 0 : -ENOMEM;
}

static int find_it(struct d1_template *vars, const char *name, struct d1_bytes *out) {
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(json_object_get(vars->it, name), room);
    return text == NULL ? D1_ENOTFOUND : d1_bytes_add_text(out, text);
}

/* Whether a variable that is not set is empty to this filter. */
static bool is_fallback(const struct d1_filter *filter) {
    return strcmp(filter->name, "or") == 0 || strcmp(filter->name, "else") == 0;
}

/* The variable's octets with its filters applied. */
static int evaluate(struct d1_template *vars, const struct placeholder *place,
                    struct d1_bytes *value) {
    int status = vars->it != NULL && strncmp(place->name, "it.", 3) == 0
                     ? find_it(vars, place->name + 3, value)
                     : vars->find(vars->arg, place->name, value);
    if (status == D1_ENOTFOUND && place->count > 0 && is_fallback(place->filters[0].filter)) {
        d1_bytes_clear(value);
        status = 0;
    }
    if (status == D1_ENOTFOUND) {
        memcpy(vars->missing, place->name, sizeof(place->name));
    }
    for (size_t i = 0; i < place->count && status == 0; i++) {
        status = place->filters[i].filter->apply(vars, &place->filters[i], value);
    }
    return status;
}

static int escape_value(const struct placeholder *place, enum d1_template_escape escape,
                        struct d1_bytes *value) {
    static const char *const names[] = {"", "segment", "xml", "pointer"};
    if (escape == D1_TEMPLATE_PLAIN ||
        (place->count > 0 && place->filters[place->count - 1].filter->escapes)) {
        return 0;
    }
    struct d1_filter_use use = {.filter = d1_filter_find(names[escape])};
    return use.filter->apply(NULL, &use, value);
}

static int expand_placeholder(struct d1_template *vars, const char **at,
                              enum d1_template_escape escape, struct d1_bytes *out) {
    struct placeholder place;
    int status = read_placeholder(at, &place);
    if (status != 0) {
        return status;
    }
    struct d1_bytes value;
    d1_bytes_init(&value, D1_TEMPLATE_VALUE_MAX);
    status = evaluate(vars, &place, &value);
    if (status == 0) {
        status = escape_value(&place, escape, &value);
    }
    if (status == 0) {
        status = d1_bytes_add(out, value.data, value.length);
    }
    if (value.data != NULL) {
        d1_wipe(value.data, value.length);
    }
    d1_bytes_close(&value);
    return status;
}

int d1_template_text(struct d1_template *vars, const char *text, enum d1_template_escape escape,
                     struct d1_bytes *out) {
    int status = 0;
    while (*text != '\0' && status == 0) {
        if (begins(text)) {
            status = expand_placeholder(vars, &text, escape, out);
            continue;
        }
        size_t plain = 1 + strcspn(text + 1, "{");
        status = d1_bytes_add(out, text, plain);
        text += plain;
    }
    return status;
}

/* The value that `{name#cast}` stands for, when that is the whole text; else NULL and *ret_no. */
static int cast_value(struct d1_template *vars, const struct placeholder *place,
                      json_t **ret_json) {
    if (strcmp(place->cast, "json") == 0) {
        json_t *json = vars->it != NULL && strncmp(place->name, "it.", 3) == 0
                           ? json_object_get(vars->it, place->name + 3)
                       : vars->find_json != NULL ? vars->find_json(vars->arg, place->name)
                                                 : NULL;
        if (json == NULL) {
            memcpy(vars->missing, place->name, sizeof(place->name));
            return D1_ENOTFOUND;
        }
        *ret_json = json_deep_copy(json);
        return *ret_json != NULL ? 0 : -ENOMEM;
    }
    struct d1_bytes value;
    d1_bytes_init(&value, 128);
    int status = evaluate(vars, place, &value);
    const char *text = status == 0 ? d1_bytes_text(&value) : NULL;
    if (status == 0 && text == NULL) {
        status = -ENOMEM;
    }
    if (status == 0 && strcmp(place->cast, "bool") == 0) {
        *ret_json = json_boolean(strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
    } else if (status == 0) {
        char *end = NULL;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        bool good = end != text && *end == '\0' && errno == 0;
        *ret_json = good ? json_integer(number) : NULL;
        status = !good ? D1_EPARSE : *ret_json == NULL ? -ENOMEM : 0;
    }
    d1_bytes_close(&value);
    return status;
}

/* Whether text is one placeholder with a cast, and nothing else. */
static bool is_cast(const char *text, struct placeholder *ret_place) {
    return begins(text) && strchr(text, '#') != NULL && read_placeholder(&text, ret_place) == 0 &&
           *text == '\0' && ret_place->cast[0] != '\0';
}

static int expand_string(struct d1_template *vars, const char *text, json_t **ret_json) {
    struct placeholder place;
    if (is_cast(text, &place)) {
        return cast_value(vars, &place, ret_json);
    }
    struct d1_bytes out;
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    int status = d1_template_text(vars, text, D1_TEMPLATE_PLAIN, &out);
    if (status == 0) {
        *ret_json = json_stringn(out.data != NULL ? (const char *)out.data : "", out.length);
        status = *ret_json != NULL ? 0 : D1_EPARSE;
    }
    if (out.data != NULL) {
        d1_wipe(out.data, out.length);
    }
    d1_bytes_close(&out);
    return status;
}

static int expand(struct d1_template *vars, const json_t *json, unsigned depth, json_t **ret_json);

/* An element of a list that is kept as it came, when $each says so. */
static json_t *kept(const json_t *each, json_t *element) {
    json_t *raw = json_object_get(element, "raw");
    bool keep = json_is_true(json_object_get(each, "keep")) && raw != NULL;
    return keep ? raw : NULL;
}

static int expand_each(struct d1_template *vars, const json_t *json, unsigned depth,
                       json_t **ret_json) {
    const char *name = json_string_value(json_object_get(json, "$each"));
    const json_t *item = json_object_get(json, "item");
    json_t *list = vars->find_json != NULL ? vars->find_json(vars->arg, name) : NULL;
    json_t *array = json_array();
    int status = array == NULL ? -ENOMEM : json_is_array(list) ? 0 : D1_ENOTFOUND;
    if (status == 0 && json_array_size(list) > D1_TEMPLATE_EACH_MAX) {
        status = D1_ETOOLARGE;
    }
    json_t *outer = vars->it;
    size_t index;
    json_t *element;
    json_array_foreach(list, index, element) {
        json_t *made = NULL;
        if (status != 0) {
            break;
        }
        vars->it = element;
        made = json_incref(kept(json, element));
        status = made != NULL ? 0 : expand(vars, item, depth + 1, &made);
        if (status == 0 && json_array_append_new(array, made) != 0) {
            status = -ENOMEM;
        }
    }
    vars->it = outer;
    if (status != 0) {
        json_decref(array);
        return status;
    }
    *ret_json = array;
    return 0;
}

/* `$json`: the value as compact JSON text. */
static int expand_dump(struct d1_template *vars, const json_t *json, unsigned depth,
                       json_t **ret_json) {
    json_t *value = NULL;
    int status = expand(vars, json_object_get(json, "$json"), depth + 1, &value);
    if (status != 0) {
        return status;
    }
    struct d1_bytes out;
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    status = d1_template_dump(value, &out);
    json_decref(value);
    if (status == 0) {
        *ret_json = json_stringn((const char *)out.data, out.length);
        status = *ret_json != NULL ? 0 : -ENOMEM;
    }
    if (out.data != NULL) {
        d1_wipe(out.data, out.length);
    }
    d1_bytes_close(&out);
    return status;
}

/* Expand one member into `object`, or leave it out. */
static int expand_member(struct d1_template *vars, const char *key, const json_t *value,
                         unsigned depth, json_t *object) {
    struct d1_bytes name;
    json_t *made = NULL;
    d1_bytes_init(&name, D1_POINTER_TEXT_MAX);
    int status = d1_template_text(vars, key, D1_TEMPLATE_PLAIN, &name);
    const char *text = status == 0 ? d1_bytes_text(&name) : NULL;
    if (status == 0) {
        status = text == NULL ? -ENOMEM : expand(vars, value, depth + 1, &made);
    }
    if (status == 0 && json_object_set_new(object, text, made) != 0) {
        status = -ENOMEM;
    }
    d1_bytes_close(&name);
    bool left_out =
        status == D1_ENOTFOUND && strncmp(vars->missing, "cfg.", 4) == 0 && json_is_string(value);
    return left_out ? 0 : status;
}

/* `$merge`: a copy of what a variable holds, with the other members put over it. */
static int begin_object(struct d1_template *vars, const json_t *json, json_t **ret_object) {
    const char *name = json_string_value(json_object_get(json, "$merge"));
    json_t *under =
        name != NULL && vars->find_json != NULL ? vars->find_json(vars->arg, name) : NULL;
    *ret_object = json_is_object(under) ? json_deep_copy(under) : json_object();
    return *ret_object != NULL ? 0 : -ENOMEM;
}

static int expand_object(struct d1_template *vars, const json_t *json, unsigned depth,
                         json_t **ret_json) {
    if (json_object_get(json, "$each") != NULL) {
        return expand_each(vars, json, depth, ret_json);
    }
    if (json_object_get(json, "$json") != NULL) {
        return expand_dump(vars, json, depth, ret_json);
    }
    json_t *object = NULL;
    int status = begin_object(vars, json, &object);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        if (status == 0 && strcmp(key, "$merge") != 0) {
            status = expand_member(vars, key, value, depth, object);
        }
    }
    if (status != 0) {
        json_decref(object);
        return status;
    }
    *ret_json = object;
    return 0;
}

static int expand_array(struct d1_template *vars, const json_t *json, unsigned depth,
                        json_t **ret_json) {
    json_t *array = json_array();
    int status = array == NULL ? -ENOMEM : 0;
    size_t index;
    json_t *value;
    json_array_foreach(json, index, value) {
        json_t *made = NULL;
        if (status == 0) {
            status = expand(vars, value, depth + 1, &made);
        }
        if (status == 0 && json_array_append_new(array, made) != 0) {
            status = -ENOMEM;
        }
    }
    if (status != 0) {
        json_decref(array);
        return status;
    }
    *ret_json = array;
    return 0;
}

/* As deep as the descriptor nests, which is bounded here. */
static int expand(struct d1_template *vars, const json_t *json, unsigned depth, json_t **ret_json) {
    if (depth > D1_TEMPLATE_DEPTH_MAX) {
        return D1_ETOOLARGE;
    }
    if (json_is_object(json)) {
        return expand_object(vars, json, depth, ret_json);
    }
    if (json_is_array(json)) {
        return expand_array(vars, json, depth, ret_json);
    }
    if (json_is_string(json)) {
        return expand_string(vars, json_string_value(json), ret_json);
    }
    *ret_json = json_copy((json_t *)(uintptr_t)json);
    return *ret_json != NULL ? 0 : -ENOMEM;
}

int d1_template_json(struct d1_template *vars, const json_t *json, json_t **ret_json) {
    return expand(vars, json, 0, ret_json);
}

/* `item` for each element of the list that `$each` names, one behind the other. */
static int add_each(struct d1_template *vars, const json_t *each, enum d1_template_escape escape,
                    struct d1_bytes *out) {
    const char *name = json_string_value(json_object_get(each, "$each"));
    const char *item = json_string_value(json_object_get(each, "item"));
    json_t *list =
        name != NULL && vars->find_json != NULL ? vars->find_json(vars->arg, name) : NULL;
    if (item == NULL || !json_is_array(list)) {
        return item == NULL ? D1_EPARSE : D1_ENOTFOUND;
    }
    int status = json_array_size(list) > D1_TEMPLATE_EACH_MAX ? D1_ETOOLARGE : 0;
    json_t *outer = vars->it;
    size_t index;
    json_t *element;
    json_array_foreach(list, index, element) {
        vars->it = element;
        status = status == 0 ? d1_template_text(vars, item, escape, out) : status;
    }
    vars->it = outer;
    return status;
}

int d1_template_parts(struct d1_template *vars, const json_t *parts, enum d1_template_escape escape,
                      struct d1_bytes *out) {
    if (json_is_string(parts)) {
        return d1_template_text(vars, json_string_value(parts), escape, out);
    }
    int status = 0;
    size_t index;
    json_t *part;
    json_array_foreach(parts, index, part) {
        if (status == 0) {
            status = json_is_string(part)
                         ? d1_template_text(vars, json_string_value(part), escape, out)
                         : add_each(vars, part, escape, out);
        }
    }
    return status;
}

static int fault(struct d1_template_fault *ret_fault, const char *what, const char *which) {
    snprintf(ret_fault->text, sizeof(ret_fault->text), "%s: %.120s", what, which);
    return D1_EPARSE;
}

static int check_placeholder(const struct placeholder *place, d1_template_known_fn known, void *arg,
                             struct d1_template_fault *ret_fault) {
    if (!known(arg, place->name)) {
        return fault(ret_fault, "no such variable", place->name);
    }
    for (size_t i = 0; i < place->count; i++) {
        const struct d1_filter_use *use = &place->filters[i];
        if (use->filter->key_variable && !known(arg, use->arguments[0])) {
            return fault(ret_fault, "no such variable", use->arguments[0]);
        }
    }
    if (place->cast[0] != '\0' && strcmp(place->cast, "int") != 0 &&
        strcmp(place->cast, "bool") != 0 && strcmp(place->cast, "json") != 0) {
        return fault(ret_fault, "expected #int, #bool or #json, not", place->cast);
    }
    return 0;
}

int d1_template_check(const char *text, d1_template_known_fn known, void *arg,
                      struct d1_template_fault *ret_fault) {
    while (*text != '\0') {
        struct placeholder place;
        const char *from = text;
        if (!begins(text)) {
            text++;
            continue;
        }
        if (read_placeholder(&text, &place) != 0) {
            return fault(ret_fault, "no such variable or filter, or a missing }", from);
        }
        int status = check_placeholder(&place, known, arg, ret_fault);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int check_json(const json_t *json, unsigned depth, d1_template_known_fn known, void *arg,
                      struct d1_template_fault *ret_fault) {
    if (depth > D1_TEMPLATE_DEPTH_MAX) {
        return fault(ret_fault, "nested too deep", "a JSON template");
    }
    if (json_is_string(json)) {
        return d1_template_check(json_string_value(json), known, arg, ret_fault);
    }
    int status = 0;
    size_t index;
    json_t *value;
    const char *key;
    json_array_foreach(json, index, value) {
        status = status == 0 ? check_json(value, depth + 1, known, arg, ret_fault) : status;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        if (status == 0) {
            status = d1_template_check(key, known, arg, ret_fault);
        }
        if (status == 0 && (strcmp(key, "$each") == 0 || strcmp(key, "$merge") == 0)) {
            bool named = json_is_string(value) && known(arg, json_string_value(value));
            status = named ? 0 : fault(ret_fault, "expected the name of a variable at", key);
        } else if (status == 0) {
            status = check_json(value, depth + 1, known, arg, ret_fault);
        }
    }
    return status;
}

int d1_template_check_json(const json_t *json, d1_template_known_fn known, void *arg,
                           struct d1_template_fault *ret_fault) {
    return check_json(json, 0, known, arg, ret_fault);
}
