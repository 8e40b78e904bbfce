/*
 * Happy path: the prefilter takes the head octet by octet into `head`; when it has ended, llhttp
 * reads it in one piece and check_head() decides what its fields mean; then the body follows,
 * counted (CONTENT-LENGTH octets) or chunked (size line, data, CRLF, ..., trailer), framed here and
 * read by llhttp as well. The request is complete when both say so.
 *
 * Failure modes: the prefilter, check_head() or llhttp refuses, always at the same octet however
 * the input was split: llhttp has seen all octets before one that the prefilter refuses. Should
 * llhttp and the framing here ever disagree on where a request ends, it is refused too.
 */
#include "http/parser.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <llhttp.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/prefilter.h"
#include "http/server.h"

enum framing { IN_HEAD, IN_BODY, IN_SIZE, IN_DATA, IN_DATA_END, IN_TRAILER, AT_END };

/* A head or body that took more than this gives its memory back when the next request begins. */
enum { KEEP_BYTES = 8192 };

struct field {
    char *name;
    char *name_end;
    char *value;
    char *value_end;
};

struct d1_http_parser {
    llhttp_t llhttp;
    struct d1_http_prefilter filter;
    enum framing framing;
    int status;
    uint64_t left; /* Octets of the body, or of a chunk's data, still to come. */
    struct d1_bytes head;
    struct d1_bytes body;
    char *path;
    char *query;
    bool message_complete; /* llhttp's view. */
    bool chunk_begun;      /* llhttp has read a chunk size into `left`. */
    bool chunked;
    bool keeps_alive;
    bool expectation;
    size_t fields_count;
    struct field field[D1_HTTP_HEADERS_MAX]; /* Into head. */
    struct d1_http_header header[D1_HTTP_HEADERS_MAX];
};

static bool field_is(const struct field *field, const char *name) {
    size_t length = (size_t)(field->name_end - field->name);
    return length == strlen(name) && strncasecmp(field->name, name, length) == 0;
}

static bool value_is(const struct field *field, const char *value) {
    size_t length = (size_t)(field->value_end - field->value);
    return length == strlen(value) && strncasecmp(field->value, value, length) == 0;
}

static void trim(struct field *field) {
    while (field->value < field->value_end && (field->value[0] == ' ' || field->value[0] == '\t')) {
        field->value++;
    }
    while (field->value < field->value_end &&
           (field->value_end[-1] == ' ' || field->value_end[-1] == '\t')) {
        field->value_end--;
    }
}

/* 1*DIGIT (RFC 9110, 8.6); above the limit 413, also where it would overflow. */
static int read_content_length(const struct field *field, uint64_t *ret_length) {
    uint64_t length = 0;
    if (field->value == field->value_end) {
        return 400;
    }
    for (const char *at = field->value; at < field->value_end; at++) {
        if (*at < '0' || *at > '9') {
            return 400;
        }
        if (length <= D1_HTTP_BODY_BYTES_MAX) {
            length = length * 10 + (uint64_t)(*at - '0');
        }
    }
    *ret_length = length;
    return length <= D1_HTTP_BODY_BYTES_MAX ? 0 : 413;
}

/* uri-host [":" port] (RFC 9110, 7.2) by its characters; what it names is not our business. */
static bool is_host(const struct field *field) {
    static const char others[] = "-._~!$&'()*+,;=%[]:";
    for (const char *at = field->value; at < field->value_end; at++) {
        bool plain =
            (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!plain && (*at == '\0' || strchr(others, *at) == NULL)) {
            return false;
        }
    }
    return true;
}

/* What the fields that decide about framing and connection were seen to say. */
struct framing_fields {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    uint64_t length;
};

static int check_field(struct d1_http_parser *parser, const struct field *field,
                       struct framing_fields *seen) {
    if (field_is(field, "host")) {
        seen->hosts++;
        return is_host(field) ? 0 : 400;
    }
    if (field_is(field, "content-length")) {
        seen->lengths++;
        return read_content_length(field, &seen->length);
    }
    if (field_is(field, "transfer-encoding")) {
        seen->codings++;
        parser->chunked = true;
        return value_is(field, "chunked") ? 0 : 501;
    }
    if (field_is(field, "expect") && parser->filter.minor > 0) {
        parser->expectation = true;
        return value_is(field, "100-continue") ? 0 : 417;
    }
    return 0;
}

/* Framing and connection (RFC 9112, 3.2, 6.1 to 6.3). Returns 0 or the status to refuse with. */
static int check_fields(struct d1_http_parser *parser) {
    struct framing_fields seen = {0};
    int status = 0;
    for (size_t i = 0; i < parser->fields_count; i++) {
        int found = check_field(parser, &parser->field[i], &seen);
        status = status == 0 || found == 400 ? found : status;
    }
    bool http10 = parser->filter.minor == 0;
    if (seen.hosts > 1 || (seen.hosts == 0 && !http10) || seen.lengths > 1 || seen.codings > 1 ||
        (seen.codings > 0 && (seen.lengths > 0 || http10))) {
        return 400;
    }
    parser->left = seen.length;
    parser->expectation = parser->expectation && (parser->chunked || seen.length > 0);
    return status;
}

/*
 * Find path and query in the target (RFC 9112, 3.2): origin form, or absolute form whose scheme and
 * authority are dropped. The target ends with a blank in `head`, so that there is always one octet
 * behind it to put a NUL on. Returns 0 or the status to refuse with.
 */
static int check_target(struct d1_http_parser *parser) {
    const struct d1_http_prefilter *filter = &parser->filter;
    char *text = (char *)parser->head.data;
    char *target = text + filter->method_end + 1;
    char *end = text + filter->target_end;
    size_t length = (size_t)(end - target);
    bool options = filter->method_end == 7 && memcmp(text, "OPTIONS", 7) == 0;
    if (parser->llhttp.method == HTTP_CONNECT || (options && length == 1 && target[0] == '*')) {
        return 501;
    }
    if (memchr(target, '#', length) != NULL) {
        return 400;
    }
    if (target[0] != '/') {
        size_t scheme = length >= 8 && strncasecmp(target, "https://", 8) == 0  ? 8
                        : length >= 7 && strncasecmp(target, "http://", 7) == 0 ? 7
                                                                                : 0;
        size_t host = 0;
        while (scheme + host < length && strchr("/?", target[scheme + host]) == NULL) {
            host++;
        }
        if (scheme == 0 || host == 0 || memchr(target + scheme, '@', host) != NULL) {
            return 400;
        }
        target += scheme + host;
        if (target == end || target[0] == '?') {
            *--target = '/'; /* On the last octet of the authority, which nobody reads. */
        }
    }
    parser->path = target;
    parser->query = memchr(target, '?', (size_t)(end - target));
    return 0;
}

static struct d1_http_parser *owner(llhttp_t *llhttp) {
    return llhttp->data;
}

/* llhttp has const pointers into `head`, which is ours to write. */
static char *in_head(struct d1_http_parser *parser, const char *at) {
    return (char *)parser->head.data + (at - (const char *)parser->head.data);
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t length) {
    struct d1_http_parser *parser = owner(llhttp);
    if (parser->framing != IN_HEAD) {
        return 0; /* A trailer: forgotten. */
    }
    if (parser->fields_count == D1_HTTP_HEADERS_MAX) {
        return -1;
    }
    struct field *field = &parser->field[parser->fields_count];
    if (field->name == NULL) {
        field->name = in_head(parser, at);
    }
    field->name_end = in_head(parser, at) + length;
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t length) {
    struct d1_http_parser *parser = owner(llhttp);
    if (parser->framing != IN_HEAD || length == 0) {
        return 0; /* llhttp finds an empty value at the beginning of the next line. */
    }
    struct field *field = &parser->field[parser->fields_count];
    if (field->value == NULL) {
        field->value = in_head(parser, at);
    }
    field->value_end = in_head(parser, at) + length;
    return 0;
}

static int on_header_value_complete(llhttp_t *llhttp) {
    struct d1_http_parser *parser = owner(llhttp);
    if (parser->framing != IN_HEAD) {
        return 0;
    }
    struct field *field = &parser->field[parser->fields_count];
    if (field->name == NULL) {
        return -1;
    }
    if (field->value == NULL) {
        field->value = field->name_end + 1; /* Behind the colon. */
        field->value_end = field->value;
    }
    trim(field);
    parser->fields_count++;
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp) {
    struct d1_http_parser *parser = owner(llhttp);
    llhttp->upgrade = 0; /* An offer to upgrade is not taken up (RFC 9110, 7.8). */
    parser->status = check_fields(parser);
    if (parser->status == 0) {
        parser->status = check_target(parser);
    }
    parser->keeps_alive =
        (llhttp->flags & F_CONNECTION_CLOSE) == 0 &&
        (parser->filter.minor > 0 || (llhttp->flags & F_CONNECTION_KEEP_ALIVE) != 0);
    return parser->status == 0 ? 0 : -1;
}

static int on_chunk_header(llhttp_t *llhttp) {
    struct d1_http_parser *parser = owner(llhttp);
    parser->chunk_begun = true;
    parser->left = llhttp->content_length;
    if (parser->left > D1_HTTP_BODY_BYTES_MAX - parser->body.length) {
        parser->status = 413;
        return -1;
    }
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t length) {
    struct d1_http_parser *parser = owner(llhttp);
    int err = d1_bytes_add(&parser->body, at, length);
    if (err != D1_OK) {
        parser->status = err == D1_ETOOLARGE ? 413 : 503;
        return -1;
    }
    return 0;
}

static int on_message_complete(llhttp_t *llhttp) {
    owner(llhttp)->message_complete = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

int d1_http_parser_create(struct d1_http_parser **ret_parser) {
    struct d1_http_parser *parser = d1_calloc(1, sizeof(*parser));
    if (parser == NULL) {
        return -ENOMEM;
    }
    d1_bytes_init(&parser->head, D1_HTTP_HEADER_BYTES_MAX);
    d1_bytes_init(&parser->body, D1_HTTP_BODY_BYTES_MAX);
    d1_http_parser_reset(parser);
    *ret_parser = parser;
    return D1_OK;
}

static void wipe(struct d1_bytes *bytes, size_t keep) {
    d1_wipe(bytes->data, bytes->length);
    d1_bytes_clear(bytes);
    if (bytes->capacity > keep) {
        d1_bytes_close(bytes);
    }
}

void d1_http_parser_destroy(struct d1_http_parser *parser) {
    if (parser == NULL) {
        return;
    }
    wipe(&parser->head, 0);
    wipe(&parser->body, 0);
    d1_free(parser);
}

void d1_http_parser_reset(struct d1_http_parser *parser) {
    wipe(&parser->head, KEEP_BYTES);
    wipe(&parser->body, KEEP_BYTES);
    /* Only the fields in use, and the one that was being read, were written. */
    size_t used = parser->fields_count + (parser->fields_count < D1_HTTP_HEADERS_MAX);
    memset(parser->field, 0, used * sizeof(parser->field[0]));
    parser->fields_count = 0;
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    d1_http_prefilter_start(&parser->filter);
    parser->framing = IN_HEAD;
    parser->status = 0;
    parser->left = 0;
    parser->path = NULL;
    parser->query = NULL;
    parser->message_complete = false;
    parser->chunk_begun = false;
    parser->chunked = false;
    parser->keeps_alive = false;
    parser->expectation = false;
}

static enum d1_http_verdict refuse(struct d1_http_parser *parser, int status) {
    parser->framing = AT_END;
    parser->status = status;
    parser->keeps_alive = false;
    parser->expectation = false;
    return D1_HTTP_REFUSED;
}

/* Let llhttp read what the framing has accepted. Returns 0 or the status to refuse with. */
static int run_llhttp(struct d1_http_parser *parser, const void *data, size_t length) {
    llhttp_errno_t err = llhttp_execute(&parser->llhttp, data, length);
    if (err == HPE_OK) {
        return 0;
    }
    if (parser->status != 0) {
        return parser->status; /* A callback of ours has decided. */
    }
    switch (err) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT: /* Methods of other protocols; the version was checked before. */
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        return 501;
    default:
        return 400;
    }
}

/* NULs behind each part, names to lower case. llhttp has read the head and does not come back. */
static void terminate_parts(struct d1_http_parser *parser) {
    char *text = (char *)parser->head.data;
    text[parser->filter.method_end] = '\0';
    text[parser->filter.target_end] = '\0';
    if (parser->query != NULL) {
        *parser->query++ = '\0';
    } else {
        parser->query = text + parser->filter.target_end;
    }
    for (size_t i = 0; i < parser->fields_count; i++) {
        struct field *field = &parser->field[i];
        for (char *at = field->name; at < field->name_end; at++) {
            if (*at >= 'A' && *at <= 'Z') {
                *at = (char)(*at - 'A' + 'a');
            }
        }
        *field->name_end = '\0';
        *field->value_end = '\0';
        parser->header[i] = (struct d1_http_header){.name = field->name, .value = field->value};
    }
}

/* The framing has come to the end of the request. */
static enum d1_http_verdict complete(struct d1_http_parser *parser) {
    if (!parser->message_complete) {
        return refuse(parser, 400);
    }
    if (d1_bytes_text(&parser->body) == NULL) {
        return refuse(parser, 503);
    }
    parser->framing = AT_END;
    return D1_HTTP_COMPLETE;
}

static enum d1_http_verdict begin_body(struct d1_http_parser *parser) {
    int status = run_llhttp(parser, parser->head.data, parser->head.length);
    if (status != 0) {
        return refuse(parser, status);
    }
    terminate_parts(parser);
    if (!parser->chunked && parser->left == 0) {
        return complete(parser);
    }
    if (parser->message_complete) {
        return refuse(parser, 400);
    }
    parser->framing = parser->chunked ? IN_SIZE : IN_BODY;
    if (parser->chunked) {
        d1_http_prefilter_chunk(&parser->filter);
    }
    return D1_HTTP_MORE;
}

static enum d1_http_verdict take_head(struct d1_http_parser *parser, const uint8_t *data,
                                      size_t length, size_t *ret_used) {
    int status = d1_http_prefilter_take(&parser->filter, data, length, ret_used);
    int err = d1_bytes_add(&parser->head, data, *ret_used);
    if (err != D1_OK) {
        return refuse(parser, err == D1_ETOOLARGE ? 431 : 503);
    }
    if (status != 0) {
        return refuse(parser, status);
    }
    return parser->filter.ended ? begin_body(parser) : D1_HTTP_MORE;
}

/* Octets of the body or of a chunk: anything goes, so only the count matters. */
static enum d1_http_verdict take_data(struct d1_http_parser *parser, const uint8_t *data,
                                      size_t length, size_t *ret_used) {
    size_t take = length < parser->left ? length : (size_t)parser->left;
    *ret_used = take;
    int status = run_llhttp(parser, data, take);
    if (status != 0) {
        return refuse(parser, status);
    }
    parser->left -= take;
    if (parser->left > 0) {
        return D1_HTTP_MORE;
    }
    if (parser->framing == IN_BODY) {
        return complete(parser);
    }
    parser->framing = IN_DATA_END;
    d1_http_prefilter_chunk_end(&parser->filter);
    return D1_HTTP_MORE;
}

/* A line of the chunked coding has ended. */
static enum d1_http_verdict end_chunk_line(struct d1_http_parser *parser) {
    if (parser->framing == IN_TRAILER) {
        return complete(parser);
    }
    if (parser->framing == IN_DATA_END) {
        parser->framing = IN_SIZE;
        d1_http_prefilter_chunk(&parser->filter);
    } else if (!parser->chunk_begun) {
        return refuse(parser, 400);
    } else if (parser->left == 0) {
        parser->framing = IN_TRAILER;
        d1_http_prefilter_trailer(&parser->filter);
    } else {
        parser->framing = IN_DATA;
    }
    parser->chunk_begun = false;
    return parser->message_complete ? refuse(parser, 400) : D1_HTTP_MORE;
}

static enum d1_http_verdict take_chunk_line(struct d1_http_parser *parser, const uint8_t *data,
                                            size_t length, size_t *ret_used) {
    int filter_status = d1_http_prefilter_take(&parser->filter, data, length, ret_used);
    int status = run_llhttp(parser, data, *ret_used);
    if (status != 0 || filter_status != 0) {
        return refuse(parser, status != 0 ? status : filter_status);
    }
    return parser->filter.ended ? end_chunk_line(parser) : D1_HTTP_MORE;
}

enum d1_http_verdict d1_http_parser_feed(struct d1_http_parser *parser, const void *data,
                                         size_t length, size_t *ret_used) {
    const uint8_t *bytes = data;
    size_t at = 0;
    enum d1_http_verdict verdict = D1_HTTP_MORE;
    while (verdict == D1_HTTP_MORE && at < length) {
        size_t used = 0;
        switch (parser->framing) {
        case IN_HEAD:
            verdict = take_head(parser, bytes + at, length - at, &used);
            break;
        case IN_BODY:
        case IN_DATA:
            verdict = take_data(parser, bytes + at, length - at, &used);
            break;
        case IN_SIZE:
        case IN_DATA_END:
        case IN_TRAILER:
            verdict = take_chunk_line(parser, bytes + at, length - at, &used);
            break;
        case AT_END:
            verdict = parser->status != 0 ? D1_HTTP_REFUSED : D1_HTTP_COMPLETE;
            break;
        }
        at += used;
    }
    *ret_used = at;
    return verdict;
}

enum d1_http_stage d1_http_parser_stage(const struct d1_http_parser *parser) {
    switch (parser->framing) {
    case IN_HEAD:
        return parser->filter.bytes == 0 ? D1_HTTP_STAGE_EMPTY : D1_HTTP_STAGE_HEAD;
    case AT_END:
        return D1_HTTP_STAGE_END;
    default:
        return D1_HTTP_STAGE_BODY;
    }
}

int d1_http_parser_status(const struct d1_http_parser *parser) {
    return parser->status;
}

bool d1_http_parser_keeps_alive(const struct d1_http_parser *parser) {
    return parser->keeps_alive;
}

bool d1_http_parser_is_http10(const struct d1_http_parser *parser) {
    return parser->filter.version_seen > 0 && parser->filter.minor == 0;
}

bool d1_http_parser_is_head(const struct d1_http_parser *parser) {
    return parser->filter.method_end == 4 && parser->head.length > 4 &&
           memcmp(parser->head.data, "HEAD", 4) == 0;
}

bool d1_http_parser_take_expectation(struct d1_http_parser *parser) {
    bool waits =
        parser->expectation && parser->body.length == 0 &&
        (parser->framing == IN_BODY || (parser->framing == IN_SIZE && parser->filter.digits == 0));
    parser->expectation = false;
    return waits;
}

void d1_http_parser_request(const struct d1_http_parser *parser,
                            struct d1_http_request *ret_request) {
    ret_request->method = (const char *)parser->head.data;
    ret_request->path = parser->path;
    ret_request->query = parser->query;
    ret_request->headers = parser->header;
    ret_request->headers_count = parser->fields_count;
    ret_request->body = parser->body.data;
    ret_request->body_length = parser->body.length;
}
