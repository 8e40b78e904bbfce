#include "webhook/json.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/text.h"

/* Whether brackets nest deeper than jansson may recurse. Strings are skipped, nothing else checked. */
static bool is_too_deep(const uint8_t *text, size_t length) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (depth > D1_JSON_DEPTH_MAX) {
            return true;
        }
    }
    return false;
}

int d1_json_read(const void *text, size_t length, json_t **ret_value, struct d1_error *error) {
    if (is_too_deep(text, length)) {
        return d1_error_set(error, D1_EPARSE, "JSON nests deeper than %d levels",
                            D1_JSON_DEPTH_MAX);
    }
    json_error_t story;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &story);
    /* Without memory jansson says nothing, or now and then "invalid token". */
    if (value == NULL && story.text[0] == '\0') {
        return d1_error_set(error, -ENOMEM, "out of memory");
    }
    if (value == NULL) {
        return d1_error_set(error, D1_EPARSE, "not valid JSON at line %d, column %d: %s",
                            story.line, story.column, story.text);
    }
    *ret_value = value;
    return D1_OK;
}

/* At most D1_JSON_KEYS_MAX keys, so that comparing each with each stays cheap. */
static int check_keys(json_t *object, struct d1_error *error) {
    if (json_object_size(object) > D1_JSON_KEYS_MAX) {
        return d1_error_set(error, D1_EPARSE, "JSON object has more than %d keys",
                            D1_JSON_KEYS_MAX);
    }
    for (void *a = json_object_iter(object); a != NULL; a = json_object_iter_next(object, a)) {
        void *b = json_object_iter_next(object, a);
        for (; b != NULL; b = json_object_iter_next(object, b)) {
            if (strcasecmp(json_object_iter_key(a), json_object_iter_key(b)) == 0) {
                return d1_error_set(error, D1_EPARSE, "JSON key \"%.64s\" is given twice",
                                    json_object_iter_key(b));
            }
        }
    }
    return D1_OK;
}

int d1_json_check_object(json_t *value, struct d1_error *error) {
    if (!json_is_object(value)) {
        return d1_error_set(error, D1_EPARSE, "the body must be a JSON object");
    }
    return check_keys(value, error);
}

int d1_json_read_object(const void *text, size_t length, json_t **ret_object,
                        struct d1_error *error) {
    json_t *value = NULL;
    int err = d1_json_read(text, length, &value, error);
    if (err == D1_OK) {
        err = d1_json_check_object(value, error);
    }
    if (err != D1_OK) {
        json_decref(value);
        return err;
    }
    *ret_object = value;
    return D1_OK;
}

json_t *d1_json_find(const json_t *object, const char *key) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (strcasecmp(name, key) == 0) {
            return value;
        }
    }
    return NULL;
}

int d1_json_only(const json_t *object, const char *const *keys, struct d1_error *error) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], name) != 0) {
            i++;
        }
        if (keys[i] == NULL) {
            return d1_error_set(error, D1_EPARSE, "unknown JSON key \"%.64s\"", name);
        }
    }
    return D1_OK;
}

/* Length of the UTF-8 sequence at `at` (RFC 3629, 4), or 0 when there is none. */
static size_t utf8_length(const uint8_t *at, size_t left) {
    static const struct {
        uint8_t first_low, first_high, second_low, second_high, length;
    } forms[] = {
        {0x00, 0x7F, 0x00, 0xFF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t f = 0; f < D1_ARRAY_LENGTH(forms); f++) {
        if (at[0] < forms[f].first_low || at[0] > forms[f].first_high) {
            continue;
        }
        size_t length = forms[f].length;
        if (length > left) {
            return 0;
        }
        if (length > 1 && (at[1] < forms[f].second_low || at[1] > forms[f].second_high)) {
            return 0;
        }
        for (size_t i = 2; i < length; i++) {
            if ((at[i] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return length;
    }
    return 0;
}

void d1_json_add(struct d1_bytes *out, const void *octets, size_t length) {
    const uint8_t *at = octets;
    d1_bytes_add(out, "\"", 1);
    size_t step = 1;
    for (size_t i = 0; i < length; i += step) {
        uint8_t c = at[i];
        step = utf8_length(at + i, length - i);
        if (step == 0) {
            d1_bytes_add_text(out, "\\ufffd");
            step = 1;
        } else if (c == '"' || c == '\\') {
            d1_bytes_printf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7F) {
            d1_bytes_printf(out, "\\u%04x", c);
        } else {
            d1_bytes_add(out, at + i, step);
        }
    }
    d1_bytes_add(out, "\"", 1);
}

void d1_json_add_text(struct d1_bytes *out, const char *text) {
    d1_json_add(out, text, strlen(text));
}

void d1_json_add_time(struct d1_bytes *out, int64_t wall_ms) {
    if (wall_ms == 0) {
        d1_bytes_add_text(out, "null");
        return;
    }
    char text[D1_RFC3339_BYTES];
    d1_time_format(wall_ms, text);
    d1_json_add_text(out, text);
}
