/* The parts of server.h that only look at a request: headers, query parameters, percent escapes. */
#include <stdbool.h>
#include <string.h>

#include "core/err.h"
#include "http/server.h"

const char *d1_http_header_find(const struct d1_http_request *request, const char *name) {
    for (size_t i = 0; i < request->headers_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The octet at text[*at], which moves on; -1 for a bad escape or a NUL. */
static int next_octet(const char *text, size_t length, bool form, size_t *at) {
    char c = text[*at];
    if (c != '%') {
        (*at)++;
        return c == '\0' ? -1 : form && c == '+' ? ' ' : (unsigned char)c;
    }
    if (length - *at < 3) {
        return -1;
    }
    int high = hex_digit(text[*at + 1]);
    int low = hex_digit(text[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 || (high == 0 && low == 0) ? -1 : high * 16 + low;
}

/* Nothing is written unless all of it fits. */
static int unescape(const char *text, size_t length, bool form, char *ret_text, size_t size) {
    size_t octets = 0;
    for (size_t at = 0; at < length; octets++) {
        if (next_octet(text, length, form, &at) < 0) {
            return D1_EPARSE;
        }
    }
    if (octets >= size) {
        return D1_EPARSE;
    }
    size_t to = 0;
    for (size_t at = 0; at < length; to++) {
        ret_text[to] = (char)next_octet(text, length, form, &at);
    }
    ret_text[to] = '\0';
    return D1_OK;
}

int d1_http_unescape(const char *text, size_t length, char *ret_text, size_t size) {
    return unescape(text, length, false, ret_text, size);
}

/* Whether the escaped text is that name. One with a bad escape is no name at all. */
static bool name_is(const char *text, size_t length, const char *name) {
    size_t i = 0;
    for (size_t at = 0; at < length; i++) {
        int octet = next_octet(text, length, true, &at);
        if (octet < 0 || name[i] == '\0' || octet != (unsigned char)name[i]) {
            return false;
        }
    }
    return name[i] == '\0';
}

int d1_http_query_find(const char *query, const char *name, char *ret_text, size_t size) {
    const char *value = NULL;
    size_t value_length = 0;
    for (const char *at = query; *at != '\0'; at += *at == '&') {
        size_t length = strcspn(at, "&");
        size_t name_length = strcspn(at, "=&");
        if (name_is(at, name_length, name)) {
            if (value != NULL) {
                return D1_EPARSE;
            }
            value = at + name_length + (name_length < length);
            value_length = length - (size_t)(value - at);
        }
        at += length;
    }
    return value != NULL ? unescape(value, value_length, true, ret_text, size) : D1_ENOTFOUND;
}
