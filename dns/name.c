#include "dns/name.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/err.h"

/* One character of presentation form: a plain one, `\X` or `\DDD`. Returns octets used or 0. */
static size_t parse_octet(const char *text, size_t length, uint8_t *ret_octet) {
    if (text[0] != '\\') {
        *ret_octet = (uint8_t)text[0];
        return 1;
    }
    if (length < 2) {
        return 0;
    }
    if (!isdigit((unsigned char)text[1])) {
        *ret_octet = (uint8_t)text[1];
        return 2;
    }
    if (length < 4 || !isdigit((unsigned char)text[2]) || !isdigit((unsigned char)text[3])) {
        return 0;
    }
    int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
    *ret_octet = (uint8_t)value;
    return value <= 255 ? 4 : 0;
}

int d1_name_parse(const char *text, size_t length, struct d1_name *ret_name) {
    struct d1_name name = {.length = 1};
    size_t at = 0;
    size_t label = 0; /* Where the length octet of the current label stands. */
    if (length == 1 && text[0] == '.') {
        name.octets[0] = 0;
        d1_name_copy(ret_name, &name);
        return D1_OK;
    }
    while (at < length) {
        if (text[at] == '.') {
            size_t octets = name.length - label - 1U;
            if (octets == 0 || name.length >= D1_NAME_OCTETS_MAX) {
                return D1_ENAME;
            }
            name.octets[label] = (uint8_t)octets;
            label = name.length++;
            at++;
            continue;
        }
        uint8_t octet = 0;
        size_t used = parse_octet(text + at, length - at, &octet);
        if (used == 0 || name.length >= D1_NAME_OCTETS_MAX ||
            name.length - label > D1_LABEL_OCTETS_MAX) {
            return D1_ENAME;
        }
        name.octets[name.length++] = d1_name_fold(octet);
        at += used;
    }
    size_t octets = name.length - label - 1U;
    if (octets > 0) { /* No final dot: end the last label and add the root. */
        if (name.length >= D1_NAME_OCTETS_MAX) {
            return D1_ENAME;
        }
        name.octets[label] = (uint8_t)octets;
        label = name.length++;
    }
    if (label == 0) {
        return D1_ENAME;
    }
    name.octets[label] = 0;
    d1_name_copy(ret_name, &name);
    return D1_OK;
}

int d1_name_from_text(const char *text, struct d1_name *ret_name) {
    return d1_name_parse(text, strlen(text), ret_name);
}

static size_t format_octet(uint8_t octet, char *ret_text) {
    if (octet == '.' || octet == '\\' || octet == '"' || octet == ';' || octet == '(' ||
        octet == ')' || octet == '@' || octet == '$') {
        ret_text[0] = '\\';
        ret_text[1] = (char)octet;
        return 2;
    }
    if (octet <= ' ' || octet >= 0x7f) {
        ret_text[0] = '\\';
        ret_text[1] = (char)('0' + octet / 100);
        ret_text[2] = (char)('0' + octet / 10 % 10);
        ret_text[3] = (char)('0' + octet % 10);
        return 4;
    }
    ret_text[0] = (char)octet;
    return 1;
}

size_t d1_name_to_text(const struct d1_name *name, char ret_text[D1_NAME_TEXT_MAX]) {
    static_assert(D1_NAME_TEXT_MAX > 4 * D1_NAME_OCTETS_MAX, "every octet may need four");
    size_t length = 0;
    for (size_t at = 0; name->octets[at] != 0; at += name->octets[at] + 1U) {
        if (length > 0) {
            ret_text[length++] = '.';
        }
        for (size_t i = 1; i <= name->octets[at]; i++) {
            length += format_octet(name->octets[at + i], ret_text + length);
        }
    }
    if (length == 0) {
        ret_text[length++] = '.';
    }
    ret_text[length] = '\0';
    return length;
}

int d1_name_read(struct d1_reader *reader, struct d1_name *ret_name) {
    struct d1_name name;
    size_t length = 0;
    for (;;) {
        uint8_t label = d1_read_u8(reader);
        if (label > D1_LABEL_OCTETS_MAX || length + label + 1U > D1_NAME_OCTETS_MAX) {
            return D1_EPARSE;
        }
        const uint8_t *octets = d1_read_bytes(reader, label);
        if (octets == NULL) {
            return D1_EPARSE;
        }
        name.octets[length++] = label;
        for (size_t i = 0; i < label; i++) {
            name.octets[length++] = d1_name_fold(octets[i]);
        }
        if (label == 0) {
            break;
        }
    }
    name.length = (uint8_t)length;
    d1_name_copy(ret_name, &name);
    return D1_OK;
}

unsigned d1_name_labels(const struct d1_name *name) {
    unsigned labels = 0;
    for (size_t at = 0; name->octets[at] != 0; at += name->octets[at] + 1U) {
        labels++;
    }
    return labels;
}

bool d1_name_is_under(const struct d1_name *name, const struct d1_name *zone) {
    if (name->length < zone->length) {
        return false;
    }
    size_t tail = (size_t)name->length - zone->length;
    if (memcmp(name->octets + tail, zone->octets, zone->length) != 0) {
        return false;
    }
    size_t at = 0;
    while (at < tail) {
        at += name->octets[at] + 1U;
    }
    return at == tail; /* Else the tail began inside a label. */
}

bool d1_name_parent(const struct d1_name *name, struct d1_name *ret_parent) {
    size_t skip = name->octets[0] + 1U;
    if (name->length == 1) {
        return false;
    }
    assert(skip < name->length);
    size_t length = name->length - skip;
    memmove(ret_parent->octets, name->octets + skip, length);
    ret_parent->length = (uint8_t)length;
    return true;
}

int d1_name_prepend(const char *label, size_t length, const struct d1_name *name,
                    struct d1_name *ret_name) {
    if (length == 0 || length > D1_LABEL_OCTETS_MAX ||
        name->length + length + 1 > D1_NAME_OCTETS_MAX) {
        return D1_ENAME;
    }
    struct d1_name made;
    made.length = (uint8_t)(name->length + length + 1);
    made.octets[0] = (uint8_t)length;
    for (size_t i = 0; i < length; i++) {
        made.octets[1 + i] = d1_name_fold((uint8_t)label[i]);
    }
    memcpy(made.octets + 1 + length, name->octets, name->length);
    d1_name_copy(ret_name, &made);
    return D1_OK;
}

bool d1_name_first_label_is(const struct d1_name *name, const char *label) {
    size_t length = strlen(label);
    return name->octets[0] == length && memcmp(name->octets + 1, label, length) == 0;
}
