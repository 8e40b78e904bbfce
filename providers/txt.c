#include "providers/txt.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/limits.h"

int d1_txt_quote(const char *value, struct d1_bytes *out) {
    size_t in_string = 0;
    int status = d1_bytes_add(out, "\"", 1);
    for (; *value != '\0' && status == 0; value++) {
        if (in_string == D1_TXT_STRING_MAX) {
            status = d1_bytes_add(out, "\" \"", 3);
            in_string = 0;
        }
        if (status == 0 && (*value == '"' || *value == '\\')) {
            status = d1_bytes_add(out, "\\", 1);
        }
        status = status == 0 ? d1_bytes_add(out, value, 1) : status;
        in_string++;
    }
    return status == 0 ? d1_bytes_add(out, "\"", 1) : status;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* One octet of a quoted string, escaped or not; *at moves behind it. */
static unsigned char read_octet(const char **at) {
    const char *from = *at;
    if (from[0] != '\\' || from[1] == '\0') {
        *at = from + 1;
        return (unsigned char)from[0];
    }
    if (is_digit(from[1]) && is_digit(from[2]) && is_digit(from[3])) {
        int code = (from[1] - '0') * 100 + (from[2] - '0') * 10 + (from[3] - '0');
        if (code <= 255) {
            *at = from + 4;
            return (unsigned char)code;
        }
    }
    *at = from + 2;
    return (unsigned char)from[1];
}

/* Append the string whose opening quote is at *at. False when it has no end. */
static bool read_string(const char **at, struct d1_bytes *out) {
    const char *from = *at + 1;
    while (*from != '"' && *from != '\0') {
        unsigned char octet = read_octet(&from);
        if (d1_bytes_add(out, &octet, 1) != 0) {
            return false;
        }
    }
    *at = from + 1;
    return *from == '"';
}

int d1_txt_unquote(const char *text, struct d1_bytes *out) {
    size_t before = out->length;
    const char *at = text;
    while (*at == '"') {
        if (!read_string(&at, out)) {
            break;
        }
        while (*at == ' ' || *at == '\t') {
            at++;
        }
        if (*at == '\0') {
            return 0;
        }
    }
    if (out->failed) {
        return d1_bytes_add(out, "", 0);
    }
    out->length = before;
    return d1_bytes_add_text(out, text);
}
