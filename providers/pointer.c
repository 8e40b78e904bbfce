#include "providers/pointer.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

struct segment {
    char text[D1_POINTER_TEXT_MAX];
    bool star;
    char *equals; /* Of `[member=value]`: the `=`, a NUL; else NULL. */
};

/* Read the segment behind the slash at *at. Returns false when it is malformed. */
static bool read_segment(const char **at, struct segment *ret) {
    const char *from = *at + 1;
    size_t length = 0;
    while (*from != '\0' && *from != '/') {
        char octet = *from++;
        if (octet == '~') {
            if (*from != '0' && *from != '1') {
                return false;
            }
            octet = *from++ == '0' ? '~' : '/';
        }
        if (length + 1 >= sizeof(ret->text)) {
            return false;
        }
        ret->text[length++] = octet;
    }
    ret->text[length] = '\0';
    ret->star = strcmp(ret->text, "*") == 0;
    ret->equals = NULL;
    if (length > 2 && ret->text[0] == '[' && ret->text[length - 1] == ']') {
        ret->equals = strchr(ret->text, '=');
        if (ret->equals == NULL || ret->equals == ret->text + 1) {
            return false;
        }
        ret->text[length - 1] = '\0';
        *ret->equals = '\0';
    }
    *at = from;
    return true;
}

bool d1_pointer_valid(const char *text, bool stars) {
    if (strlen(text) >= D1_POINTER_TEXT_MAX) {
        return false;
    }
    unsigned count = 0;
    while (*text != '\0') {
        struct segment segment;
        if (*text != '/' || ++count > D1_POINTER_SEGMENTS_MAX || !read_segment(&text, &segment) ||
            (segment.star && !stars)) {
            return false;
        }
    }
    return true;
}

/* An array index: digits, without a leading zero. Returns -1 when it is none. */
static long index_of(const char *text) {
    long index = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0') || strlen(text) > 7) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        index = index * 10 + (*text - '0');
    }
    return index;
}

static json_t *element_with(const json_t *array, const struct segment *segment) {
    size_t index;
    json_t *element;
    json_array_foreach(array, index, element) {
        char room[D1_POINTER_NUMBER_BYTES];
        const char *text = d1_pointer_text(json_object_get(element, segment->text + 1), room);
        if (text != NULL && strcmp(text, segment->equals + 1) == 0) {
            return element;
        }
    }
    return NULL;
}

/* One step down; `*` takes the first. */
static json_t *descend(const json_t *value, const struct segment *segment) {
    if (segment->equals != NULL) {
        return element_with(value, segment);
    }
    if (json_is_object(value)) {
        if (segment->star) {
            return json_object_iter_value(json_object_iter((json_t *)(uintptr_t)value));
        }
        return json_object_get(value, segment->text);
    }
    long index = segment->star ? 0 : index_of(segment->text);
    return json_is_array(value) && index >= 0 ? json_array_get(value, (size_t)index) : NULL;
}

json_t *d1_pointer_get(const json_t *document, const char *text) {
    json_t *value = (json_t *)(uintptr_t)document;
    unsigned count = 0;
    while (*text != '\0' && value != NULL) {
        struct segment segment;
        if (*text != '/' || ++count > D1_POINTER_SEGMENTS_MAX || !read_segment(&text, &segment)) {
            return NULL;
        }
        value = descend(value, &segment);
    }
    return value;
}

static int append(json_t *list, json_t *value) {
    if (value == NULL) {
        return 0;
    }
    if (json_array_size(list) >= D1_POINTER_FOUND_MAX) {
        return D1_ELIMIT;
    }
    return json_array_append(list, value) == 0 ? 0 : -ENOMEM;
}

/* What `segment` leads to from `value`, appended to next. */
static int spread(json_t *value, const struct segment *segment, json_t *next) {
    if (!segment->star) {
        return append(next, descend(value, segment));
    }
    int status = 0;
    size_t index;
    json_t *element;
    const char *key;
    json_array_foreach(value, index, element) {
        status = status == 0 ? append(next, element) : status;
    }
    json_object_foreach(value, key, element) {
        status = status == 0 ? append(next, element) : status;
    }
    return status;
}

int d1_pointer_all(const json_t *document, const char *text, json_t *list) {
    json_t *now = json_array();
    int status = now == NULL ? -ENOMEM : append(now, (json_t *)(uintptr_t)document);
    unsigned count = 0;
    while (status == 0 && *text != '\0') {
        struct segment segment;
        json_t *next = json_array();
        if (next == NULL) {
            status = -ENOMEM;
            break;
        }
        if (*text != '/' || ++count > D1_POINTER_SEGMENTS_MAX || !read_segment(&text, &segment)) {
            json_decref(next);
            status = D1_EPARSE;
            break;
        }
        size_t index;
        json_t *value;
        json_array_foreach(now, index, value) {
            status = status == 0 ? spread(value, &segment, next) : status;
        }
        json_decref(now);
        now = next;
    }
    if (status == 0 && json_array_extend(list, now) != 0) {
        status = -ENOMEM;
    }
    json_decref(now);
    return status;
}

const char *d1_pointer_text(const json_t *value, char room[D1_POINTER_NUMBER_BYTES]) {
    if (value == NULL) {
        return NULL;
    }
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_value(value);
    case JSON_INTEGER:
        snprintf(room, D1_POINTER_NUMBER_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return room;
    case JSON_REAL:
        snprintf(room, D1_POINTER_NUMBER_BYTES, "%.15g", json_real_value(value));
        return room;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return NULL;
    }
}
