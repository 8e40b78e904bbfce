#include "providers/xml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/err.h"

#define TEXT_MAX 1048576 /* Of one element or attribute. */

/* An element that is open. */
struct element {
    char name[D1_XML_NAME_MAX + 1];
    json_t *members; /* Owned. */
    struct d1_bytes text;
};

struct parser {
    const char *at;
    const char *end;
    struct element open[D1_XML_DEPTH_MAX];
    size_t depth;
    size_t elements;
    json_t *document;
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-.:", c) != NULL) || ((unsigned char)c & 0x80) != 0;
}

static bool starts(const struct parser *parser, const char *text) {
    size_t length = strlen(text);
    return (size_t)(parser->end - parser->at) >= length && memcmp(parser->at, text, length) == 0;
}

static void skip_space(struct parser *parser) {
    while (parser->at < parser->end && is_space(*parser->at)) {
        parser->at++;
    }
}

/* Move behind the next `mark`. */
static int skip_past(struct parser *parser, const char *mark) {
    const char *found = memmem(parser->at, (size_t)(parser->end - parser->at), mark, strlen(mark));
    if (found == NULL) {
        return D1_EPARSE;
    }
    parser->at = found + strlen(mark);
    return 0;
}

/* A name, kept without its prefix. */
static int read_name(struct parser *parser, char ret_name[D1_XML_NAME_MAX + 1]) {
    const char *from = parser->at;
    while (parser->at < parser->end && is_name(*parser->at)) {
        from = *parser->at == ':' ? parser->at + 1 : from;
        parser->at++;
    }
    size_t length = (size_t)(parser->at - from);
    if (length == 0 || length > D1_XML_NAME_MAX) {
        return length == 0 ? D1_EPARSE : D1_ETOOLARGE;
    }
    memcpy(ret_name, from, length);
    ret_name[length] = '\0';
    return 0;
}

/* A character by its number, as UTF-8. */
static int add_number(unsigned long number, struct d1_bytes *out) {
    char octets[4];
    size_t length = number < 0x80 ? 1 : number < 0x800 ? 2 : number < 0x10000 ? 3 : 4;
    if (number == 0 || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff)) {
        return D1_EPARSE;
    }
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i > 1; i--) {
        octets[i - 1] = (char)(0x80 | (number & 0x3f));
        number >>= 6;
    }
    octets[0] = (char)(first[length] | number);
    return d1_bytes_add(out, octets, length);
}

/* The entity at the `&`. */
static int read_entity(struct parser *parser, struct d1_bytes *out) {
    static const struct {
        const char *name;
        const char *text;
    } entities[] = {
        {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(entities); i++) {
        if (starts(parser, entities[i].name)) {
            parser->at += strlen(entities[i].name);
            return d1_bytes_add_text(out, entities[i].text);
        }
    }
    char digits[12];
    size_t length = 0;
    const char *at = parser->at + 2;
    if (!starts(parser, "&#")) {
        return D1_EPARSE;
    }
    while (at < parser->end && *at != ';' && length + 1 < sizeof(digits)) {
        digits[length++] = *at++;
    }
    digits[length] = '\0';
    char *stop = NULL;
    bool hex = digits[0] == 'x';
    unsigned long number = strtoul(hex ? digits + 1 : digits, &stop, hex ? 16 : 10);
    if (at == parser->end || *at != ';' || length == 0 || *stop != '\0') {
        return D1_EPARSE;
    }
    parser->at = at + 1;
    return add_number(number, out);
}

/* Text up to `stop`, which is not taken. */
static int read_text(struct parser *parser, char stop, struct d1_bytes *out) {
    int status = 0;
    while (status == 0 && parser->at < parser->end && *parser->at != stop) {
        if (*parser->at == '&') {
            status = read_entity(parser, out);
        } else if (*parser->at == '\0') {
            status = D1_EPARSE;
        } else {
            status = d1_bytes_add(out, parser->at++, 1);
        }
    }
    return status;
}

static json_t *text_of(struct d1_bytes *bytes) {
    return json_stringn(bytes->data != NULL ? (const char *)bytes->data : "", bytes->length);
}

/* Put a member into an object; a second one of the same name makes a list. Takes `value`. */
static int put(json_t *object, const char *name, json_t *value) {
    json_t *old = json_object_get(object, name);
    int status;
    if (value == NULL) {
        return D1_EPARSE;
    }
    if (old == NULL) {
        status = json_object_set_new(object, name, value);
    } else if (json_is_array(old)) {
        status = json_array_append_new(old, value);
    } else {
        json_t *list = json_pack("[O, o]", old, value);
        status = list == NULL ? -1 : json_object_set_new(object, name, list);
    }
    return status == 0 ? 0 : -ENOMEM;
}

static int read_attribute(struct parser *parser, json_t *members) {
    char name[D1_XML_NAME_MAX + 2];
    struct d1_bytes text;
    name[0] = '@';
    int status = read_name(parser, name + 1);
    skip_space(parser);
    if (status == 0 && !starts(parser, "=")) {
        return D1_EPARSE;
    }
    if (status != 0) {
        return status;
    }
    parser->at++;
    skip_space(parser);
    if (!starts(parser, "\"") && !starts(parser, "'")) {
        return D1_EPARSE;
    }
    char quote = *parser->at++;
    d1_bytes_init(&text, TEXT_MAX);
    status = read_text(parser, quote, &text);
    if (status == 0 && parser->at == parser->end) {
        status = D1_EPARSE;
    }
    if (status == 0) {
        parser->at++;
        status =
            json_object_get(members, name) == NULL ? put(members, name, text_of(&text)) : D1_EPARSE;
    }
    d1_bytes_close(&text);
    return status;
}

/* The element that ends: its text, or its members. Takes what the element owns. */
static int close_element(struct parser *parser) {
    struct element *element = &parser->open[--parser->depth];
    json_t *holder = parser->depth > 0 ? parser->open[parser->depth - 1].members : parser->document;
    size_t blank = 0;
    while (blank < element->text.length && is_space((char)element->text.data[blank])) {
        blank++;
    }
    size_t end = element->text.length;
    while (end > blank && is_space((char)element->text.data[end - 1])) {
        end--;
    }
    json_t *text =
        json_stringn(end > blank ? (const char *)element->text.data + blank : "", end - blank);
    int status = text == NULL ? D1_EPARSE : 0;
    if (status == 0 && json_object_size(element->members) == 0) {
        status = put(holder, element->name, text);
        json_decref(element->members);
    } else if (status == 0) {
        status = end > blank ? put(element->members, "#text", json_incref(text)) : 0;
        json_decref(text);
        int placed = put(holder, element->name, element->members);
        status = status == 0 ? placed : status;
    } else {
        json_decref(element->members);
    }
    element->members = NULL;
    d1_bytes_close(&element->text);
    return status;
}

static int open_element(struct parser *parser) {
    if (parser->depth == D1_XML_DEPTH_MAX || parser->elements++ == D1_XML_ELEMENTS_MAX) {
        return D1_ETOOLARGE;
    }
    struct element *element = &parser->open[parser->depth];
    element->members = json_object();
    d1_bytes_init(&element->text, TEXT_MAX);
    if (element->members == NULL) {
        return -ENOMEM;
    }
    parser->depth++;
    parser->at++;
    int status = read_name(parser, element->name);
    skip_space(parser);
    while (status == 0 && parser->at < parser->end && is_name(*parser->at)) {
        status = read_attribute(parser, element->members);
        skip_space(parser);
    }
    if (status != 0) {
        return status;
    }
    if (starts(parser, "/>")) {
        parser->at += 2;
        return close_element(parser);
    }
    if (!starts(parser, ">")) {
        return D1_EPARSE;
    }
    parser->at++;
    return 0;
}

static int end_element(struct parser *parser) {
    char name[D1_XML_NAME_MAX + 1];
    parser->at += 2;
    int status = read_name(parser, name);
    skip_space(parser);
    if (status == 0 && (!starts(parser, ">") || parser->depth == 0 ||
                        strcmp(name, parser->open[parser->depth - 1].name) != 0)) {
        return D1_EPARSE;
    }
    if (status != 0) {
        return status;
    }
    parser->at++;
    return close_element(parser);
}

static int read_cdata(struct parser *parser) {
    const char *from = parser->at + 9;
    int status = skip_past(parser, "]]>");
    if (status != 0 || parser->depth == 0) {
        return D1_EPARSE;
    }
    size_t length = (size_t)(parser->at - 3 - from);
    if (parser->at - 3 < from || memchr(from, '\0', length) != NULL) {
        return D1_EPARSE;
    }
    return d1_bytes_add(&parser->open[parser->depth - 1].text, from, length);
}

static int read_markup(struct parser *parser) {
    if (starts(parser, "<?")) {
        return skip_past(parser, "?>");
    }
    if (starts(parser, "<!--")) {
        return skip_past(parser, "-->");
    }
    if (starts(parser, "<![CDATA[")) {
        return read_cdata(parser);
    }
    if (starts(parser, "<!")) {
        return D1_EPARSE;
    }
    if (starts(parser, "</")) {
        return end_element(parser);
    }
    bool second_root = parser->depth == 0 && json_object_size(parser->document) > 0;
    return second_root ? D1_EPARSE : open_element(parser);
}

static int read_content(struct parser *parser) {
    if (*parser->at == '<') {
        return read_markup(parser);
    }
    if (parser->depth > 0) {
        return read_text(parser, '<', &parser->open[parser->depth - 1].text);
    }
    if (!is_space(*parser->at)) {
        return D1_EPARSE;
    }
    parser->at++;
    return 0;
}

int d1_xml_parse(const char *text, size_t length, json_t **ret_document) {
    struct parser parser = {.at = text, .end = text + length, .document = json_object()};
    int status = parser.document == NULL ? -ENOMEM : 0;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        parser.at += 3;
    }
    while (status == 0 && parser.at < parser.end) {
        status = read_content(&parser);
    }
    if (status == 0 && (parser.depth > 0 || json_object_size(parser.document) != 1)) {
        status = D1_EPARSE;
    }
    for (size_t i = 0; i < parser.depth; i++) {
        json_decref(parser.open[i].members);
        d1_bytes_close(&parser.open[i].text);
    }
    if (status != 0) {
        json_decref(parser.document);
        return status;
    }
    *ret_document = parser.document;
    return 0;
}
