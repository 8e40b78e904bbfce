/*
 * A line is cut with one cursor from left to right. Whatever is not exactly of a known form ends
 * the attempt as "odd", and ldns judges the line; so nothing here says what is wrong with one.
 */
#include "dns/zonerecord.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "dns/wire.h"

#define TYPE_MX 15

/* Texts of names and numbers beyond these are left to ldns, with its own limits. */
#define NAME_TEXT_MAX   250
#define NUMBER_TEXT_MAX 10
#define TTL_MAX         0x7fffffff /* RFC 2181, 8. */

/* What an octet may be part of, as bits. */
enum kind {
    KIND_NAME = 1,    /* A label, unescaped. */
    KIND_WORD = 2,    /* A character string without quotes. */
    KIND_QUOTED = 4,  /* A character string in quotes. */
    KIND_COMMENT = 8, /* A comment. */
};

static void allow(struct d1_zone_scope *scope, const char *octets, unsigned kind) {
    for (const char *at = octets; *at != '\0'; at++) {
        scope->kind[(uint8_t)*at] |= (uint8_t)kind;
    }
}

void d1_zone_scope_init(struct d1_zone_scope *scope, const struct d1_name *origin, uint32_t ttl) {
    d1_name_copy(&scope->origin, origin);
    scope->has_previous = false;
    scope->ttl = ttl;
    memset(scope->kind, 0, sizeof(scope->kind));
    allow(scope, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/+",
          KIND_NAME | KIND_WORD);
    allow(scope, "!#$%&',.:<=>?@[]^`{|}~", KIND_WORD);
    for (unsigned octet = ' '; octet < 256; octet++) {
        scope->kind[octet] |= KIND_COMMENT;
        if (octet != '"' && octet != '\\' && octet != 0x7f) {
            scope->kind[octet] |= KIND_QUOTED;
        }
    }
    scope->kind['\t'] |= KIND_COMMENT;
}

/* The line, and how far it is read. */
struct cursor {
    const struct d1_zone_scope *scope;
    const char *at;
    const char *end;
};

static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static inline bool is_kind(const struct cursor *cursor, char c, unsigned kind) {
    return (cursor->scope->kind[(uint8_t)c] & kind) != 0;
}

/* Skip blanks. Returns whether anything is left. */
static inline bool skip_blanks(struct cursor *cursor) {
    while (cursor->at < cursor->end && is_blank(*cursor->at)) {
        cursor->at++;
    }
    return cursor->at < cursor->end;
}

/* Whether the field that was just read ends here: a blank or the end of the line. */
static inline bool at_field_end(const struct cursor *cursor) {
    return cursor->at == cursor->end || is_blank(*cursor->at);
}

/* Whether only blanks and a comment are left. */
static bool at_line_end(struct cursor *cursor) {
    if (!skip_blanks(cursor)) {
        return true;
    }
    if (*cursor->at != ';') {
        return false;
    }
    while (cursor->at < cursor->end && is_kind(cursor, *cursor->at, KIND_COMMENT)) {
        cursor->at++;
    }
    return cursor->at == cursor->end;
}

/* A decimal number of at most `max`, as one field. */
static bool read_number(struct cursor *cursor, uint32_t max, uint32_t *ret_value) {
    uint64_t value = 0;
    const char *start = cursor->at;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        value = value * 10 + (uint64_t)(*cursor->at - '0');
        if (value > max || cursor->at - start >= NUMBER_TEXT_MAX) {
            return false;
        }
    }
    *ret_value = (uint32_t)value;
    return cursor->at > start && at_field_end(cursor);
}

/* A name as one field, in the case it is written in, made absolute with the origin. */
static bool read_name(struct cursor *cursor, struct d1_name *ret_name) {
    const struct d1_name *origin = &cursor->scope->origin;
    const char *end = cursor->end;
    size_t label = 0; /* Where the length octet of the current label stands. */
    size_t length = 1;
    if (end - cursor->at > NAME_TEXT_MAX) {
        end = cursor->at + NAME_TEXT_MAX;
    }
    if (cursor->at < end && *cursor->at == '@') {
        cursor->at++;
        d1_name_copy(ret_name, origin);
        return at_field_end(cursor);
    }
    for (; cursor->at < end && !is_blank(*cursor->at); cursor->at++) {
        if (is_kind(cursor, *cursor->at, KIND_NAME)) {
            ret_name->octets[length++] = (uint8_t)*cursor->at;
            continue;
        }
        size_t octets = length - label - 1;
        if (*cursor->at != '.' || octets == 0 || octets > D1_LABEL_OCTETS_MAX) {
            return false;
        }
        ret_name->octets[label] = (uint8_t)octets;
        label = length++;
    }
    size_t octets = length - label - 1;
    if (!at_field_end(cursor) || length == 1 || octets > D1_LABEL_OCTETS_MAX) {
        return false;
    }
    if (octets == 0) { /* It ended with a dot. */
        ret_name->octets[label] = 0;
        ret_name->length = (uint8_t)length;
        return true;
    }
    if (length + origin->length > D1_NAME_OCTETS_MAX) {
        return false;
    }
    ret_name->octets[label] = (uint8_t)octets;
    memcpy(ret_name->octets + length, origin->octets, origin->length);
    ret_name->length = (uint8_t)(length + origin->length);
    return true;
}

static bool read_owner(struct cursor *cursor, struct d1_name *ret_owner) {
    const struct d1_zone_scope *scope = cursor->scope;
    if (is_blank(*cursor->at)) {
        d1_name_copy(ret_owner, scope->has_previous ? &scope->previous : &scope->origin);
        return true;
    }
    if (!read_name(cursor, ret_owner)) {
        return false;
    }
    for (size_t i = 0; i < ret_owner->length; i++) { /* Length octets are below 'A'. */
        ret_owner->octets[i] = d1_name_fold(ret_owner->octets[i]);
    }
    return true;
}

/* A word of letters and digits as one field. */
static bool read_word(struct cursor *cursor, const char **ret_word, size_t *ret_length) {
    const char *start = cursor->at;
    while (cursor->at < cursor->end && is_kind(cursor, *cursor->at, KIND_NAME)) {
        cursor->at++;
    }
    *ret_word = start;
    *ret_length = (size_t)(cursor->at - start);
    return cursor->at > start && at_field_end(cursor);
}

static uint16_t find_type(const char *word, size_t length) {
    static const struct {
        const char *text;
        uint16_t type;
    } types[] = {{"TXT", D1_TYPE_TXT},     {"A", D1_TYPE_A},   {"AAAA", D1_TYPE_AAAA},
                 {"CNAME", D1_TYPE_CNAME}, {"NS", D1_TYPE_NS}, {"CAA", D1_TYPE_CAA},
                 {"MX", TYPE_MX}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(types); i++) {
        if (strncasecmp(word, types[i].text, length) == 0 && types[i].text[length] == '\0') {
            return types[i].type;
        }
    }
    return 0;
}

/* TTL and class, each at most once and in either order (RFC 1035, 5.1), then the type. */
static bool read_head(struct cursor *cursor, struct d1_zone_record *record) {
    bool has_ttl = false;
    bool has_class = false;
    record->ttl = cursor->scope->ttl;
    record->class = D1_CLASS_IN;
    for (;;) {
        const char *word = NULL;
        size_t length = 0;
        if (!skip_blanks(cursor)) {
            return false;
        }
        if (*cursor->at >= '0' && *cursor->at <= '9') {
            if (has_ttl || !read_number(cursor, TTL_MAX, &record->ttl)) {
                return false;
            }
            has_ttl = true;
            continue;
        }
        if (!read_word(cursor, &word, &length)) {
            return false;
        }
        if (!has_class && length == 2 && strncasecmp(word, "IN", 2) == 0) {
            has_class = true;
            continue;
        }
        record->type = length <= 5 ? find_type(word, length) : 0;
        return record->type != 0;
    }
}

static bool read_address4(struct cursor *cursor, struct d1_writer *writer) {
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = 0;
        const char *start = cursor->at;
        while (cursor->at < cursor->end && cursor->at - start < 3 && *cursor->at >= '0' &&
               *cursor->at <= '9') {
            value = value * 10 + (unsigned)(*cursor->at++ - '0');
        }
        if (cursor->at == start || value > 255 || (*start == '0' && cursor->at - start > 1)) {
            return false;
        }
        d1_write_u8(writer, (uint8_t)value);
        if (i < 3 && (cursor->at == cursor->end || *cursor->at++ != '.')) {
            return false;
        }
    }
    return at_field_end(cursor);
}

static bool read_address6(struct cursor *cursor, struct d1_writer *writer) {
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    const char *start = cursor->at;
    while (!at_field_end(cursor)) {
        cursor->at++;
    }
    size_t length = (size_t)(cursor->at - start);
    if (length >= sizeof(text)) {
        return false;
    }
    memcpy(text, start, length);
    text[length] = '\0';
    if (strlen(text) != length || inet_pton(AF_INET6, text, address) != 1) {
        return false;
    }
    d1_write_bytes(writer, address, sizeof(address));
    return true;
}

/* The octets of one character string, with or without quotes, as one field. */
static bool read_string(struct cursor *cursor, const char **ret_start, size_t *ret_length) {
    bool quoted = *cursor->at == '"';
    unsigned kind = quoted ? KIND_QUOTED : KIND_WORD;
    cursor->at += quoted;
    const char *start = cursor->at;
    while (cursor->at < cursor->end && is_kind(cursor, *cursor->at, kind)) {
        cursor->at++;
    }
    *ret_start = start;
    *ret_length = (size_t)(cursor->at - start);
    if (quoted && (cursor->at == cursor->end || *cursor->at++ != '"')) {
        return false;
    }
    return *ret_length > 0 && at_field_end(cursor);
}

static bool read_strings(struct cursor *cursor, struct d1_writer *writer) {
    do {
        const char *start = NULL;
        size_t length = 0;
        if (!read_string(cursor, &start, &length) || length > UINT8_MAX) {
            return false;
        }
        d1_write_u8(writer, (uint8_t)length);
        d1_write_bytes(writer, start, length);
    } while (skip_blanks(cursor) && *cursor->at != ';');
    return true;
}

static bool write_name(struct cursor *cursor, struct d1_writer *writer) {
    struct d1_name name;
    if (!read_name(cursor, &name)) {
        return false;
    }
    d1_write_bytes(writer, name.octets, name.length);
    return true;
}

static bool read_mx(struct cursor *cursor, struct d1_writer *writer) {
    uint32_t preference = 0;
    if (!read_number(cursor, UINT16_MAX, &preference) || !skip_blanks(cursor)) {
        return false;
    }
    d1_write_u16(writer, (uint16_t)preference);
    return write_name(cursor, writer);
}

/* RFC 8659, 4.1: flags, tag, value; the value in quotes. */
static bool read_caa(struct cursor *cursor, struct d1_writer *writer) {
    uint32_t flags = 0;
    const char *tag = NULL;
    const char *value = NULL;
    size_t tag_length = 0;
    size_t value_length = 0;
    if (!read_number(cursor, UINT8_MAX, &flags) || !skip_blanks(cursor) ||
        !read_word(cursor, &tag, &tag_length) || tag_length > UINT8_MAX || !skip_blanks(cursor) ||
        *cursor->at != '"' || !read_string(cursor, &value, &value_length)) {
        return false;
    }
    for (size_t i = 0; i < tag_length; i++) {
        char folded = (char)d1_name_fold((uint8_t)tag[i]);
        if ((folded < 'a' || folded > 'z') && (folded < '0' || folded > '9')) {
            return false;
        }
    }
    d1_write_u8(writer, (uint8_t)flags);
    d1_write_u8(writer, (uint8_t)tag_length);
    d1_write_bytes(writer, tag, tag_length);
    d1_write_bytes(writer, value, value_length);
    return true;
}

static bool read_rdata(struct cursor *cursor, uint16_t type, struct d1_writer *writer) {
    if (!skip_blanks(cursor)) {
        return false;
    }
    switch (type) {
    case D1_TYPE_A:
        return read_address4(cursor, writer);
    case D1_TYPE_AAAA:
        return read_address6(cursor, writer);
    case D1_TYPE_TXT:
        return read_strings(cursor, writer);
    case D1_TYPE_NS:
    case D1_TYPE_CNAME:
        return write_name(cursor, writer);
    case TYPE_MX:
        return read_mx(cursor, writer);
    case D1_TYPE_CAA:
        return read_caa(cursor, writer);
    default:
        return false;
    }
}

enum d1_zone_plain d1_zone_read_plain(struct d1_zone_scope *scope, const char *line, size_t length,
                                      struct d1_zone_record *ret_record) {
    struct cursor cursor = {.scope = scope, .at = line, .end = line + length};
    if (length > 0 && line[length - 1] == '\r') {
        cursor.end--;
    }
    if (cursor.at == cursor.end || is_blank(*line) || *line == ';') {
        if (at_line_end(&cursor)) {
            return D1_ZONE_PLAIN_EMPTY;
        }
        cursor.at = line;
    }
    struct d1_writer writer = d1_writer_over(scope->rdata, sizeof(scope->rdata));
    if (!read_owner(&cursor, &ret_record->owner) || !read_head(&cursor, ret_record) ||
        !read_rdata(&cursor, ret_record->type, &writer) || !at_line_end(&cursor) || writer.failed) {
        return D1_ZONE_PLAIN_ODD;
    }
    ret_record->rdata = scope->rdata;
    ret_record->rdata_length = (uint16_t)d1_writer_length(&writer);
    d1_name_copy(&scope->previous, &ret_record->owner);
    scope->has_previous = true;
    return D1_ZONE_PLAIN_RECORD;
}
