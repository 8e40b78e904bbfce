/*
 * Happy path of a head:  METHOD SP TARGET SP VERSION CR LF (NAME ':' VALUE CR LF)* CR LF
 * of a chunk:            SIZE [';' EXTENSION] CR LF, later CR LF behind the data
 * of a trailer:          (NAME ':' VALUE CR LF)* CR LF
 * Failure: the first octet that has no place there ends it with a status; nothing is skipped.
 */
#include "http/prefilter.h"

#include <string.h>

#include "core/limits.h"

enum state {
    METHOD,
    TARGET,
    VERSION,
    LINE_START,
    NAME,
    VALUE,
    VALUE_LF,
    EMPTY_LF,
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA_CR,
    DATA_LF,
};

enum { CHUNK_SIZE_DIGITS_MAX = 8 };

static bool is_token(uint8_t c) {
    /* RFC 9110, 5.6.2: tchar. One bit per octet of 0x20..0x7f. */
    static const uint32_t bits[3] = {0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
    return c >= 0x20 && c < 0x80 && (bits[c / 32 - 1] >> c % 32 & 1) != 0;
}

static bool is_text(uint8_t c) {
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_hex(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void d1_http_prefilter_start(struct d1_http_prefilter *filter) {
    *filter = (struct d1_http_prefilter){.state = METHOD, .bytes_max = D1_HTTP_HEADER_BYTES_MAX};
}

void d1_http_prefilter_chunk(struct d1_http_prefilter *filter) {
    filter->state = SIZE;
    filter->digits = 0;
}

void d1_http_prefilter_chunk_end(struct d1_http_prefilter *filter) {
    filter->state = DATA_CR;
}

void d1_http_prefilter_trailer(struct d1_http_prefilter *filter) {
    filter->state = LINE_START;
    filter->bytes = 0;
    filter->bytes_max = D1_HTTP_TRAILER_BYTES_MAX;
}

static int take_method(struct d1_http_prefilter *filter, uint8_t c) {
    if (c == ' ' && filter->bytes > 0) {
        filter->method_end = filter->bytes;
        filter->state = TARGET;
        return 0;
    }
    if (!is_token(c)) {
        return 400;
    }
    return filter->bytes < D1_HTTP_METHOD_BYTES_MAX ? 0 : 501;
}

static int take_target(struct d1_http_prefilter *filter, uint8_t c) {
    uint32_t length = filter->bytes - filter->method_end - 1;
    if (c == ' ' && length > 0) {
        filter->target_end = filter->bytes;
        filter->state = VERSION;
        return 0;
    }
    if (c <= 0x20 || c >= 0x7f) {
        return 400;
    }
    return length < D1_HTTP_TARGET_BYTES_MAX ? 0 : 414;
}

/* "HTTP/", a digit, ".", a digit, CR (RFC 9112, 2.3). Well-formed others than 1.0 and 1.1: 505. */
static int take_version(struct d1_http_prefilter *filter, uint8_t c) {
    static const char form[] = "HTTP/d.d\r";
    uint8_t at = filter->version_seen++;
    if (form[at] == 'd') {
        if (c < '0' || c > '9') {
            return 400;
        }
        if (at == 5) {
            filter->major = (uint8_t)(c - '0');
        } else {
            filter->minor = (uint8_t)(c - '0');
        }
        return 0;
    }
    if (c != (uint8_t)form[at]) {
        return 400;
    }
    if (c != '\r') {
        return 0;
    }
    filter->state = VALUE_LF;
    return filter->major == 1 && filter->minor <= 1 ? 0 : 505;
}

static int take_line_start(struct d1_http_prefilter *filter, uint8_t c) {
    if (c == '\r') {
        filter->state = EMPTY_LF;
        return 0;
    }
    if (!is_token(c)) {
        return 400;
    }
    filter->state = NAME;
    return ++filter->headers <= D1_HTTP_HEADERS_MAX ? 0 : 431;
}

static int take_header_octet(struct d1_http_prefilter *filter, uint8_t c) {
    switch (filter->state) {
    case LINE_START:
        return take_line_start(filter, c);
    case NAME:
        if (c == ':') {
            filter->state = VALUE;
            return 0;
        }
        return is_token(c) ? 0 : 400;
    case VALUE:
        if (c == '\r') {
            filter->state = VALUE_LF;
            return 0;
        }
        return is_text(c) ? 0 : 400;
    case VALUE_LF:
        filter->state = LINE_START;
        return c == '\n' ? 0 : 400;
    default: /* EMPTY_LF */
        filter->ended = c == '\n';
        return filter->ended ? 0 : 400;
    }
}

static int take_head_octet(struct d1_http_prefilter *filter, uint8_t c) {
    if (filter->bytes >= filter->bytes_max) {
        return 431;
    }
    int status;
    switch (filter->state) {
    case METHOD:
        status = take_method(filter, c);
        break;
    case TARGET:
        status = take_target(filter, c);
        break;
    case VERSION:
        status = take_version(filter, c);
        break;
    default:
        status = take_header_octet(filter, c);
        break;
    }
    filter->bytes++;
    return status;
}

static int take_size(struct d1_http_prefilter *filter, uint8_t c) {
    if (is_hex(c)) {
        return ++filter->digits <= CHUNK_SIZE_DIGITS_MAX ? 0 : 413;
    }
    if (filter->digits == 0 || (c != '\r' && c != ';')) {
        return 400;
    }
    filter->state = c == ';' ? EXTENSION : SIZE_LF;
    return 0;
}

static int take_chunk_octet(struct d1_http_prefilter *filter, uint8_t c) {
    switch (filter->state) {
    case SIZE:
        return take_size(filter, c);
    case EXTENSION:
        if (c == '\r') {
            filter->state = SIZE_LF;
            return 0;
        }
        return is_text(c) && ++filter->extensions <= D1_HTTP_CHUNK_EXTENSION_BYTES_MAX ? 0 : 400;
    case DATA_CR:
        filter->state = DATA_LF;
        return c == '\r' ? 0 : 400;
    default: /* SIZE_LF, DATA_LF */
        filter->ended = c == '\n';
        return filter->ended ? 0 : 400;
    }
}

int d1_http_prefilter_take(struct d1_http_prefilter *filter, const uint8_t *data, size_t length,
                           size_t *ret_used) {
    filter->ended = false;
    for (size_t i = 0; i < length; i++) {
        int status = filter->state < SIZE ? take_head_octet(filter, data[i])
                                          : take_chunk_octet(filter, data[i]);
        if (status != 0) {
            *ret_used = i;
            return status;
        }
        if (filter->ended) {
            *ret_used = i + 1;
            return 0;
        }
    }
    *ret_used = length;
    return 0;
}
